//! `completions`: a script that teaches a shell this command line.

use clap::{Args, CommandFactory as _};
use clap_complete::Shell;
use serde_json::json;

use crate::app::App;
use crate::cli::{Cli, Output};
use crate::failure::{Exit, Failure};
use crate::output;

/// What `completions` takes.
#[derive(Debug, Args)]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
}

/// Prints the script.
pub(crate) fn run(app: &App, args: &CompletionsArgs) -> Result<Exit, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "lab-cli", &mut script);
    if args.shell == Shell::Bash {
        // clap_complete 4.6 calls the parts of its script by two names where the program's own has a hyphen, so that nothing
        // behind a subcommand would be completed.
        script = String::from_utf8_lossy(&script)
            .replace("lab__subcmd__cli", "lab__cli")
            .into_bytes();
    }
    match app.output() {
        Output::Text => output::bytes(&script)?,
        Output::Json => {
            let script = String::from_utf8_lossy(&script);
            output::json(&json!({ "shell": args.shell.to_string(), "script": script }))?;
        }
    }
    Ok(Exit::OK)
}
