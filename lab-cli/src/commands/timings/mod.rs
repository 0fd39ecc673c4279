//! `timings`: where the time of earlier runs went, and how long the next one will take.

mod compare;
mod eta;
mod export;
mod find;

use clap::Subcommand;
use find::find;
use lab_engine::ErrorKind;
use serde_json::{Value, json};
use stage_timer::{History, text};

use crate::app::App;
use crate::cli::Output;
use crate::failure::{Context as _, Exit, Failure};
use crate::{output, speech, table};

/// What can be done with the records of earlier runs.
#[derive(Debug, Subcommand)]
pub(crate) enum TimingsCommand {
    /// List the runs, the newest last
    List {
        /// Only the newest so many
        #[arg(long, value_name = "COUNT", default_value_t = 20)]
        last: usize,
    },
    /// Show where the time of one run went
    Show {
        /// The run: latest, previous, its name or the beginning of it, or the path of its record
        #[arg(default_value = "latest")]
        run: String,
    },
    /// Show two runs side by side, stage by stage
    Compare(compare::CompareArgs),
    /// Write one run as a picture, a page or data
    Export(export::ExportArgs),
    /// Say how long the next `up` will take, from the runs before it
    Eta(eta::EtaArgs),
}

/// Does it.
pub(crate) fn run(app: &App, command: TimingsCommand) -> Result<Exit, Failure> {
    let history = History::new(app.paths()?.runs());
    match command {
        TimingsCommand::List { last } => list(app, &history, last)?,
        TimingsCommand::Show { run } => {
            let record = find(&history, &run)?;
            match app.output() {
                Output::Json => output::text(&format!("{}\n", record.to_json().trim_end()))?,
                Output::Text => output::text(&speech::summary(&record, app.lang()))?,
            }
        }
        TimingsCommand::Compare(args) => compare::run(app, &history, &args)?,
        TimingsCommand::Export(args) => export::run(app, &history, &args)?,
        TimingsCommand::Eta(args) => eta::run(app, &history, &args)?,
    }
    Ok(Exit::OK)
}

fn list(app: &App, history: &History, last: usize) -> Result<(), Failure> {
    let what = || format!("could not list the runs in {}", history.directory().display());
    let entries = history.entries(last).context(ErrorKind::Failed, what())?;
    let mut rows = Vec::new();
    let mut values = Vec::new();
    for entry in entries {
        let name = entry
            .path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        match entry.record {
            Ok(r) => {
                values.push(json!({
                    "run": name,
                    "started": r.started,
                    "shape": r.shape,
                    "state": r.state,
                    "outcome": r.outcome,
                    "seconds": r.wall.as_secs_f64(),
                    "record": entry.path,
                }));
                let took = text::seconds(r.wall);
                let outcome = stage_timer::lang::run_word(&r, app.lang()).to_owned();
                rows.push([name, r.started.to_string(), r.shape, took, outcome]);
            }
            Err(error) => {
                values.push(json!({ "run": name, "record": entry.path, "error": error.to_string() }));
                rows.push([name, String::new(), String::new(), String::new(), error.to_string()]);
            }
        }
    }
    app.answer(&Value::Array(values), || {
        let w = app.words();
        if rows.is_empty() {
            return format!("{}\n", w.no_runs);
        }
        table::draw([w.run, w.started_at, w.shape, w.took, w.outcome], &rows)
    })
}
