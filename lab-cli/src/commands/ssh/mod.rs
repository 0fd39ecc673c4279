//! `ssh`: a shell on a node, through the lab's own key and the pinned host key; no ssh program is needed.

#[cfg(windows)]
mod console;
mod session;
mod terminal;

use std::sync::Arc;

use clap::Args;
use lab_engine::NoEvents;

use super::exec::{self, How};
use crate::app::App;
use crate::cli::Output;
use crate::failure::{Exit, Failure};

/// What `ssh` takes.
#[derive(Debug, Args)]
pub(crate) struct SshArgs {
    /// The node
    node: String,
    #[command(flatten)]
    how: How,
    /// A command to run instead of a shell
    #[arg(last = true, value_name = "COMMAND")]
    command: Vec<String>,
}

/// Opens the shell, or runs the command as `exec` does. Exit code: the shell's or the command's own.
pub(crate) fn run(app: &App, args: SshArgs) -> Result<Exit, Failure> {
    let lab = app.lab(Arc::new(NoEvents))?;
    if !args.command.is_empty() {
        return exec::on(app, &lab, &[args.node], args.how, args.command);
    }
    super::known_nodes(&lab, std::slice::from_ref(&args.node))?;
    if app.output() == Output::Json {
        return Err(Failure::usage(
            "the answer of a shell cannot be JSON",
            "give a command behind `--`, or leave out `--output json`",
        ));
    }
    let code = app.block_on(async {
        let access = lab.ssh_access(&args.node).await?;
        session::run(access).await.map_err(|e| e.node(&args.node))
    })?;
    Ok(Exit::of_guest(code))
}
