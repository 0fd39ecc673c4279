//! `man`: the manual pages, one per command.

use std::path::PathBuf;

use clap::{Args, CommandFactory as _};
use lab_engine::ErrorKind;
use serde_json::json;

use crate::app::App;
use crate::cli::Cli;
use crate::failure::{Context as _, Exit, Failure};

/// What `man` takes.
#[derive(Debug, Args)]
pub(crate) struct ManArgs {
    /// The directory to write them to, for example ~/.local/share/man/man1
    #[arg(value_name = "DIRECTORY")]
    directory: PathBuf,
}

/// Writes them.
pub(crate) fn run(app: &App, args: &ManArgs) -> Result<Exit, Failure> {
    let what = || format!("could not write the manual pages to {}", args.directory.display());
    std::fs::create_dir_all(&args.directory).context(ErrorKind::Failed, what())?;
    clap_mangen::generate_to(Cli::command(), &args.directory).context(ErrorKind::Failed, what())?;
    app.answer(&json!({ "written": &args.directory }), || {
        format!("{}: {}\n", app.words().written, args.directory.display())
    })?;
    Ok(Exit::OK)
}
