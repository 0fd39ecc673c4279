//! `kubeconfig`: where the cluster's administrator configuration is, or what is in it.

use clap::{Args, ValueEnum};
use lab_engine::{ErrorKind, LabError};
use serde_json::json;

use crate::app::App;
use crate::cli::Output;
use crate::failure::{Context as _, Exit, Failure};
use crate::output;

/// What `kubeconfig` takes.
#[derive(Debug, Args)]
pub(crate) struct KubeconfigArgs {
    /// Print the configuration itself; it holds the cluster's administrator key
    #[arg(long)]
    raw: bool,
    /// Print its path, as without any of these words
    #[arg(value_enum, conflicts_with = "raw")]
    what: Option<What>,
}

/// What to print.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    /// The path.
    Path,
}

/// Prints it. Exit code 5 if the cluster was never verified, so that there is none.
pub(crate) fn run(app: &App, args: &KubeconfigArgs) -> Result<Exit, Failure> {
    let path = app.paths()?.kubeconfig();
    if !path.is_file() {
        let message = format!("there is no kubeconfig at {}", path.display());
        return Err(LabError::new(ErrorKind::NotReady, message)
            .help("`lab-cli up` fetches it once the cluster is ready")
            .into());
    }
    let raw = if args.raw {
        let what = format!("could not read {}", path.display());
        Some(std::fs::read_to_string(&path).context(ErrorKind::Failed, what)?)
    } else {
        None
    };
    match (app.output(), raw) {
        (Output::Text, Some(text)) => output::bytes(text.as_bytes())?,
        (Output::Text, None) => output::text(&format!("{}\n", path.display()))?,
        (Output::Json, raw) => output::json(&json!({ "path": path, "kubeconfig": raw }))?,
    }
    Ok(Exit::OK)
}
