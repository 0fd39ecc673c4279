//! `schema`: the JSON Schema of lab.toml, or of the events of a run.

use clap::Args;

use crate::failure::{Exit, Failure};
use crate::{output, progress};

/// What `schema` takes.
#[derive(Debug, Args)]
pub(crate) struct SchemaArgs {
    /// Of the events that `--progress json` writes, one per line
    #[arg(long)]
    events: bool,
}

/// Prints it.
pub(crate) fn run(args: &SchemaArgs) -> Result<Exit, Failure> {
    if args.events {
        output::json(&progress::event_schema())?;
    } else {
        output::json(&lab_engine::config::schema())?;
    }
    Ok(Exit::OK)
}
