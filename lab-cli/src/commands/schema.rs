//! `schema`: the JSON Schema of lab.toml.

use crate::failure::{Exit, Failure};
use crate::output;

/// Prints it.
pub(crate) fn run() -> Result<Exit, Failure> {
    output::json(&lab_engine::config::schema())?;
    Ok(Exit::OK)
}
