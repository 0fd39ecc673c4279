//! `up`: brings the lab up, shows how, and says where the time went.

use std::path::Path;
use std::sync::Arc;

use clap::Args;
use lab_engine::{ClusterNode, EventSink, Lab, LabError, UpOptions, UpReport};
use serde_json::{Value, json};
use stage_timer::RunRecord;

use crate::app::{App, password};
use crate::cli::Output;
use crate::failure::{Exit, Failure};
use crate::output;
use crate::progress::Progress;
use crate::secret::Unlock;
use crate::{speech, table, words};

/// Which machines are made anew.
#[derive(Debug, Args)]
pub(crate) struct Recreate {
    /// Delete this node's machine and make it anew; its data is lost. May be repeated
    #[arg(long, value_name = "NODE", value_delimiter = ',')]
    recreate: Vec<String>,
    /// All of them
    #[arg(long, conflicts_with = "recreate")]
    recreate_all: bool,
}

impl Recreate {
    /// The same for the engine, if every node exists.
    pub(crate) fn options(&self, lab: &Lab) -> Result<UpOptions, Failure> {
        super::known_nodes(lab, &self.recreate)?;
        Ok(UpOptions {
            recreate: self.recreate.clone(),
            recreate_all: self.recreate_all,
        })
    }
}

/// What `up` takes.
#[derive(Debug, Args)]
pub(crate) struct UpArgs {
    #[command(flatten)]
    recreate: Recreate,
    /// Take over the lab of this name, with its machines, from the lab.toml that it belongs to
    #[arg(long)]
    adopt: bool,
    #[command(flatten)]
    unlock: Unlock,
}

/// Runs it. The first interrupt ends it between two steps.
pub(crate) fn run(app: &App, args: &UpArgs) -> Result<Exit, Failure> {
    let progress = app.progress();
    let mut lab = app.lab(Arc::clone(&progress) as Arc<dyn EventSink>)?;
    let options = args.recreate.options(&lab)?;
    // Asked for before anything is drawn.
    let passphrase = args.unlock.given_or_asked(app, || Ok(lab.needs_ca_passphrase()?))?;
    if let Some(passphrase) = passphrase {
        lab = lab.with_ca_passphrase(passphrase);
    }
    if args.adopt {
        lab.adopt()?;
    }
    progress.log_runs_in(lab.paths().runs());
    let report = app.with_cancel(async |cancel| lab.up(&options, password(), &cancel).await);
    progress.finish();
    finish(app, &lab, &progress, report?)
}

/// The table of nodes, the summary of stages and the paths of what was written; then the error, if there is one.
fn finish(app: &App, lab: &Lab, progress: &Progress, report: UpReport) -> Result<Exit, Failure> {
    let kubeconfig = Some(lab.paths().kubeconfig()).filter(|p| report.result.is_ok() && p.exists());
    let log = progress.log_path();
    let summary = speech::summary(&report.record, app.lang());
    for line in summary.lines() {
        progress.log_line(line);
    }
    if let Err(error) = &report.result {
        progress.log_line(&format!("{}: {}", app.words().error, app.say(&error.one_line())));
        for line in error.detail_lines() {
            progress.log_line(&format!("  | {line}"));
        }
    }
    match app.output() {
        Output::Json => output::json(&answer(lab, &report, kubeconfig.as_deref(), log.as_deref()))?,
        Output::Text => {
            let w = app.words();
            let mut parts = Vec::new();
            if let Ok(nodes) = &report.result {
                parts.push(node_table(app, lab, nodes));
            }
            parts.push(summary);
            let timeline = report.picture.as_ref().unwrap_or(&report.record_path);
            let paths = [
                (w.timeline, Some(timeline)),
                (w.log, log.as_ref()),
                (w.kubeconfig, kubeconfig.as_ref()),
            ];
            let paths = paths
                .into_iter()
                .filter_map(|(name, path)| Some(format!("{name}: {}\n", path?.display())));
            parts.push(paths.collect());
            let ready = report.result.is_ok();
            parts.push(words::run_ended(&lab.config().lab.name, ready, report.record.wall, app.lang()) + "\n");
            output::text(&parts.join("\n"))?;
        }
    }
    report.result?;
    Ok(Exit::OK)
}

fn node_table(app: &App, lab: &Lab, nodes: &[ClusterNode]) -> String {
    let (lang, w) = (app.lang(), app.words());
    let rows: Vec<[String; 5]> = nodes
        .iter()
        .map(|node| {
            let known = lab.config().node(&node.name);
            [
                node.name.clone(),
                known.map(|n| words::role(n.role, lang).to_owned()).unwrap_or_default(),
                node.address
                    .clone()
                    .or_else(|| known.map(|n| n.address.to_string()))
                    .unwrap_or_default(),
                if node.ready { w.ready } else { w.not_ready }.to_owned(),
                node.version.clone().unwrap_or_default(),
            ]
        })
        .collect();
    table::draw([w.node, w.role, w.address, w.cluster, w.version], &rows)
}

fn answer(lab: &Lab, report: &UpReport, kubeconfig: Option<&Path>, log: Option<&Path>) -> Value {
    json!({
        "lab": &lab.config().lab.name,
        "ready": report.result.is_ok(),
        "hypervisor": lab.chosen(),
        "nodes": report.result.as_deref().unwrap_or_default(),
        "seconds": seconds(report.record.wall),
        "stages": stages(&report.record),
        "record": &report.record_path,
        "picture": &report.picture,
        "log": log,
        "kubeconfig": kubeconfig,
        "error": report.result.as_ref().err().map(LabError::one_line),
    })
}

/// The outermost stages.
pub(super) fn stages(record: &RunRecord) -> Vec<Value> {
    let outermost = record.stages.iter().filter(|stage| stage.parent.is_none());
    outermost
        .map(|stage| {
            json!({
                "stage": &stage.name,
                "outcome": stage.outcome.id(),
                "reason": stage.outcome.reason(),
                "seconds": seconds(stage.duration()),
            })
        })
        .collect()
}

pub(super) fn seconds(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 1000.0).round() / 1000.0
}
