//! `snapshot`: the whole lab at a moment.

use std::fmt::Write as _;
use std::sync::Arc;

use clap::{Args, Subcommand};
use lab_engine::{Lab, LabError, NoEvents, Report, SnapshotChange, SnapshotSet, SnapshotStatus};
use serde_json::json;
use stage_timer::Lang;
use tokio_util::sync::CancellationToken;

use super::{confirm, recorded};
use crate::app::{App, password};
use crate::failure::{Exit, Failure};
use crate::{phrases, table};

/// What can be done with snapshots.
#[derive(Debug, Subcommand)]
pub(crate) enum SnapshotCommand {
    /// Take a snapshot of every machine, all at once; machines that run are shut down for it and started again
    Create {
        /// The snapshot's name; the time if none is given
        #[arg(value_name = "SNAPSHOT")]
        name: Option<String>,
        #[command(flatten)]
        off: LeaveOff,
    },
    /// List the snapshots that the lab can be taken back to, and name those that are not whole
    List,
    /// Take every machine back to a snapshot; what has happened in them since is lost
    Restore {
        /// The snapshot's name or id
        #[arg(value_name = "SNAPSHOT")]
        name: String,
        #[command(flatten)]
        off: LeaveOff,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Delete a snapshot; the machines stay as they are
    Delete {
        /// The snapshot's name or id
        #[arg(value_name = "SNAPSHOT")]
        name: String,
    },
}

/// Whether machines that ran are started again.
#[derive(Debug, Clone, Copy, Args)]
pub(crate) struct LeaveOff {
    /// Leave the machines off afterwards
    #[arg(long)]
    leave_off: bool,
}

/// Does it.
pub(crate) fn run(app: &App, command: SnapshotCommand) -> Result<Exit, Failure> {
    match command {
        SnapshotCommand::List => list(app),
        SnapshotCommand::Create { name, off } => change(app, phrases::snapshot_taken, async |lab, cancel| {
            lab.snapshot_create(name.as_deref(), off.leave_off, password(), &cancel)
                .await
        }),
        SnapshotCommand::Restore { name, off, yes } => {
            if !yes
                && !confirm::asked(
                    app,
                    &phrases::restore_loses(&name, app.lang()),
                    phrases::go_on(app.lang()),
                )?
            {
                app.answer(&json!({ "ok": false, "asked": true }), || {
                    format!("{}\n", phrases::nothing_changed(app.lang()))
                })?;
                return Ok(Exit::FAILED);
            }
            change(app, phrases::snapshot_restored, async |lab, cancel| {
                lab.snapshot_restore(&name, off.leave_off, password(), &cancel).await
            })
        }
        SnapshotCommand::Delete { name } => change(app, phrases::snapshot_deleted, async |lab, cancel| {
            lab.snapshot_delete(&name, &cancel).await
        }),
    }
}

fn change(
    app: &App,
    said: fn(&SnapshotSet, Lang) -> String,
    work: impl AsyncFnOnce(&Lab, CancellationToken) -> Result<Report<SnapshotChange>, LabError>,
) -> Result<Exit, Failure> {
    recorded::run(app, work, |change| {
        let mut text = said(&change.snapshot, app.lang()) + "\n";
        if !change.started.is_empty() {
            text.push_str(&(phrases::started(&change.started, app.lang()) + "\n"));
        }
        (json!(change), text)
    })
}

/// Lists them. Exit code 5 if one is not whole.
fn list(app: &App) -> Result<Exit, Failure> {
    let lab = app.lab(Arc::new(NoEvents))?;
    let sets = app.block_on(lab.snapshot_list())?;
    let answer = json!({ "lab": &lab.config().lab.name, "snapshots": &sets });
    app.answer(&answer, || draw(app, &sets))?;
    let whole = sets.iter().all(|s| s.consistent);
    Ok(if whole { Exit::OK } else { Exit::NOT_READY })
}

fn draw(app: &App, sets: &[SnapshotStatus]) -> String {
    let lang = app.lang();
    if sets.is_empty() {
        return format!("{}\n", phrases::no_snapshots(lang));
    }
    let (whole, broken): (Vec<_>, Vec<_>) = sets.iter().partition(|s| s.consistent);
    let rows: Vec<[String; 4]> = whole
        .iter()
        .map(|s| {
            let nodes: Vec<&str> = s.set.nodes.keys().map(String::as_str).collect();
            [
                s.set.name.clone(),
                s.set.id.clone(),
                s.set.created.clone(),
                nodes.join(", "),
            ]
        })
        .collect();
    let mut text = if rows.is_empty() {
        String::new()
    } else {
        table::draw(phrases::snapshot_heading(lang), &rows)
    };
    for status in broken {
        let broken = phrases::snapshot_broken(status, lang);
        let _ = writeln!(text, "{}: {broken}", app.words().warning);
    }
    text
}
