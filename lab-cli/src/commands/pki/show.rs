//! `pki show`: what there is.

use clap::Args;
use registry_pki::store::{HistoryEntry, StoreSummary};
use serde::Serialize;

use super::store::{StoreArgs, failed};
use crate::app::App;
use crate::failure::{Exit, Failure};
use crate::table;

/// What `pki show` takes.
#[derive(Debug, Args)]
pub(crate) struct ShowArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// Every certificate that was ever issued here, too
    #[arg(long)]
    history: bool,
}

#[derive(Serialize)]
struct Shown {
    #[serde(flatten)]
    summary: StoreSummary,
    #[serde(skip_serializing_if = "Option::is_none")]
    history: Option<Vec<HistoryEntry>>,
}

/// Shows it. Exit code 5 if the certificate cannot be used as it is, or is over.
pub(crate) fn run(app: &App, args: &ShowArgs) -> Result<Exit, Failure> {
    let (store, summary) = args.store.look(app)?;
    let history = args
        .history
        .then(|| store.history().map_err(|e| failed(e, "look at", store.dir())))
        .transpose()?;
    let usable = summary.problem.is_none() && summary.leaf.not_after >= std::time::SystemTime::now();
    let shown = Shown { summary, history };
    app.answer(&shown, || {
        let history = shown.history.as_deref().map(|h| lines(app, h)).unwrap_or_default();
        format!("{}\n{history}", shown.summary)
    })?;
    Ok(if usable { Exit::OK } else { Exit::NOT_READY })
}

fn lines(app: &App, history: &[HistoryEntry]) -> String {
    let w = app.words();
    let rows: Vec<[String; 4]> = history
        .iter()
        .map(|entry| {
            [
                format!("{:04}", entry.generation),
                entry.created.clone().unwrap_or_default(),
                entry.names.join(", "),
                entry.action.clone().unwrap_or_default(),
            ]
        })
        .collect();
    format!("\n{}", table::draw(["#", w.started_at, w.names, w.action], &rows))
}
