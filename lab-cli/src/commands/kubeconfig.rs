//! `kubeconfig`: where the cluster's administrator configuration is, what is in it, and into the files of other tools.

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use lab_engine::NoEvents;
use serde_json::json;

use crate::app::App;
use crate::cli::Output;
use crate::failure::{Exit, Failure};
use crate::{output, phrases};

/// What `kubeconfig` takes.
#[derive(Debug, Args)]
pub(crate) struct KubeconfigArgs {
    /// Print the configuration itself; it holds the cluster's administrator key
    #[arg(long)]
    raw: bool,
    /// Write it to this file, in place of what is there
    #[arg(long, value_name = "FILE", conflicts_with = "raw")]
    write: Option<PathBuf>,
    /// Merge it into this kubeconfig; without a file, into the one that kubectl uses
    #[arg(long, value_name = "FILE", num_args = 0..=1, conflicts_with_all = ["raw", "write"])]
    #[expect(
        clippy::option_option,
        reason = "clap's form of an option whose value can be left out"
    )]
    merge: Option<Option<PathBuf>>,
    /// What the context, cluster and user are called in it; the lab's name if none is given
    #[arg(long, value_name = "CONTEXT", requires = "merge")]
    name: Option<String>,
    /// Make it the current context
    #[arg(long, requires = "merge")]
    switch: bool,
    /// Print its path, as without any of these words
    #[arg(value_enum, conflicts_with_all = ["raw", "write", "merge"])]
    what: Option<What>,
}

/// What to print.
#[derive(Debug, Clone, Copy, ValueEnum)]
enum What {
    /// The path.
    Path,
}

/// Prints, writes or merges it. Exit code 5 if the cluster was never verified, so that there is none.
pub(crate) fn run(app: &App, args: &KubeconfigArgs) -> Result<Exit, Failure> {
    let lab = app.offline_lab(Arc::new(NoEvents))?;
    // Also the error if there is none.
    let text = lab.kubeconfig()?;
    if let Some(path) = &args.write {
        lab.kubeconfig_write(path)?;
        let answer = json!({ "path": path });
        app.answer(&answer, || format!("{}: {}\n", app.words().written, path.display()))?;
        return Ok(Exit::OK);
    }
    if let Some(file) = &args.merge {
        let file = file.clone().map_or_else(kubectls, Ok)?;
        let merged = lab.kubeconfig_merge(&file, args.name.as_deref(), args.switch)?;
        app.answer(&merged, || format!("{}\n", phrases::merged(&merged, app.lang())))?;
        return Ok(Exit::OK);
    }
    let path = lab.paths().kubeconfig();
    match app.output() {
        Output::Text if args.raw => output::bytes(text.as_bytes())?,
        Output::Text => output::text(&format!("{}\n", path.display()))?,
        Output::Json => output::json(&json!({ "path": path, "kubeconfig": args.raw.then_some(text) }))?,
    }
    Ok(Exit::OK)
}

/// The file that kubectl would change: the first of `KUBECONFIG`, else `~/.kube/config`.
fn kubectls() -> Result<PathBuf, Failure> {
    let named = std::env::var_os("KUBECONFIG").unwrap_or_default();
    let first = std::env::split_paths(&named).find(|p| !p.as_os_str().is_empty());
    if let Some(path) = first.or_else(|| std::env::home_dir().map(|home| home.join(".kube").join("config"))) {
        return Ok(path);
    }
    Err(Failure::usage(
        "this user has no home directory, and so no kubeconfig",
        "name a file: `--merge FILE`",
    ))
}
