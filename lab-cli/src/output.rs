//! Writing to standard output.

use std::io::{ErrorKind as IoErrorKind, Write as _};

use lab_engine::{ErrorKind, LabError};
use serde::Serialize;

use crate::failure::Failure;

/// Writes text; colours go where standard output shows none. A reader that went away (`| head`) is no error.
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Writes bytes as they are.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    let mut out = std::io::stdout().lock();
    written(out.write_all(bytes).and_then(|()| out.flush()))
}

/// Writes one indented JSON document.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    let text = serde_json::to_string_pretty(value)
        .map_err(|e| LabError::new(ErrorKind::Failed, "the answer cannot be written as JSON").source(e))?;
    bytes(format!("{text}\n").as_bytes())
}

fn written(result: std::io::Result<()>) -> Result<(), Failure> {
    match result {
        Err(e) if e.kind() != IoErrorKind::BrokenPipe => {
            Err(LabError::new(ErrorKind::Failed, "could not write to standard output")
                .source(e)
                .into())
        }
        _ => Ok(()),
    }
}
