//! Writing to standard output.

use std::borrow::Cow;
use std::io::{ErrorKind as IoErrorKind, IsTerminal as _, Write as _};
use std::path::Path;

use lab_engine::{ErrorKind, LabError};
use registry_pki::store::write_public;
use serde::Serialize;

use crate::failure::{Context as _, Failure};

/// Writes text; colours go where standard output shows none. A reader that went away (`| head`) is no error.
pub(crate) fn text(text: &str) -> Result<(), Failure> {
    let mut out = anstream::stdout().lock();
    written(out.write_all(text.as_bytes()).and_then(|()| out.flush()))
}

/// Writes bytes as they are, as far as standard output takes them.
pub(crate) fn bytes(bytes: &[u8]) -> Result<(), Failure> {
    written(put(bytes))
}

/// Writes bytes as they are to somebody who may have gone; whether anybody still reads.
pub(crate) fn still_read(bytes: &[u8]) -> Result<bool, Failure> {
    match put(bytes) {
        Err(e) if e.kind() == IoErrorKind::BrokenPipe => Ok(false),
        result => written(result).map(|()| true),
    }
}

fn put(bytes: &[u8]) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let bytes = taken(bytes, out.is_terminal());
    out.write_all(&bytes).and_then(|()| out.flush())
}

/// Writes bytes to standard error as they are, as far as it takes them.
pub(crate) fn error_bytes(bytes: &[u8]) {
    let mut err = std::io::stderr().lock();
    let bytes = taken(bytes, err.is_terminal());
    // When standard error is gone there is nobody left to tell.
    let _ = err.write_all(&bytes);
}

/// A console of Windows shows text: it refuses bytes that are not UTF-8.
fn taken(bytes: &[u8], terminal: bool) -> Cow<'_, [u8]> {
    if cfg!(windows) && terminal && std::str::from_utf8(bytes).is_err() {
        return Cow::Owned(String::from_utf8_lossy(bytes).into_owned().into_bytes());
    }
    Cow::Borrowed(bytes)
}

/// Writes a file that the user names, in place of what is there, as a whole. A link stays a link: what it leads to is replaced.
pub(crate) fn file(path: &Path, contents: &[u8]) -> Result<(), Failure> {
    let real = path.canonicalize();
    let written = write_public(real.as_deref().unwrap_or(path), contents);
    Ok(written.context(ErrorKind::Failed, format!("could not write {}", path.display()))?)
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
