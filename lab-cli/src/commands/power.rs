//! `stop`, `start`, `restart`: the machines of a lab, all at once.

use clap::Args;
use lab_engine::{Lab, LabError, PowerChange, Report};
use serde_json::json;
use tokio_util::sync::CancellationToken;
use vmrun_rs::hypervisor::StopMode;

use super::recorded;
use crate::app::{App, password};
use crate::failure::{Exit, Failure};
use crate::phrases;

/// What `start` takes.
#[derive(Debug, Args)]
pub(crate) struct StartArgs {
    /// The nodes; all of them if none is named
    #[arg(value_name = "NODE")]
    nodes: Vec<String>,
}

/// What `stop` and `restart` take.
#[derive(Debug, Args)]
pub(crate) struct StopArgs {
    /// The nodes; all of them if none is named
    #[arg(value_name = "NODE")]
    nodes: Vec<String>,
    /// Cut the power instead of letting the guests shut down; they lose what they have not written yet
    #[arg(long)]
    hard: bool,
}

impl StopArgs {
    fn mode(&self) -> StopMode {
        if self.hard { StopMode::Hard } else { StopMode::Soft }
    }
}

/// Stops machines.
pub(crate) fn stop(app: &App, args: &StopArgs) -> Result<Exit, Failure> {
    change(app, async |lab, cancel| {
        lab.stop(&args.nodes, args.mode(), &cancel).await
    })
}

/// Starts machines and waits until their guests answer.
pub(crate) fn start(app: &App, args: &StartArgs) -> Result<Exit, Failure> {
    change(app, async |lab, cancel| {
        lab.start(&args.nodes, password(), &cancel).await
    })
}

/// Stops and starts machines.
pub(crate) fn restart(app: &App, args: &StopArgs) -> Result<Exit, Failure> {
    change(app, async |lab, cancel| {
        lab.restart(&args.nodes, args.mode(), password(), &cancel).await
    })
}

fn change(
    app: &App,
    work: impl AsyncFnOnce(&Lab, CancellationToken) -> Result<Report<PowerChange>, LabError>,
) -> Result<Exit, Failure> {
    recorded::run(app, work, |change| (json!(change), text(app, change)))
}

fn text(app: &App, change: &PowerChange) -> String {
    let lang = app.lang();
    let mut lines = Vec::new();
    if change.stopped.is_empty() && change.started.is_empty() {
        lines.push(phrases::nothing_to_do(lang).to_owned());
    }
    if !change.stopped.is_empty() {
        lines.push(phrases::stopped(&change.stopped, lang));
    }
    if !change.started.is_empty() {
        lines.push(phrases::started(&change.started, lang));
    }
    if change.cluster.is_some() {
        lines.push(phrases::cluster_ready(lang).to_owned());
    }
    lines.into_iter().map(|line| line + "\n").collect()
}
