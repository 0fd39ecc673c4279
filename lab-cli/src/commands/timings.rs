//! `timings`: where the time of earlier runs went.

use std::path::PathBuf;

use clap::{Subcommand, ValueEnum};
use lab_engine::{ErrorKind, LabError};
use serde_json::{Value, json};
use stage_timer::{History, RunRecord, text};

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
        /// The run: its name, the beginning of it, or the path of its record
        #[arg(default_value = "latest")]
        run: String,
    },
    /// Write one run as a picture, a page or data
    Export {
        /// The run: its name, the beginning of it, or the path of its record
        #[arg(default_value = "latest")]
        run: String,
        /// What to write it as
        #[arg(long, value_enum, value_name = "FORM")]
        format: Format,
        /// The file to write; standard output without it
        #[arg(long, short, value_name = "FILE")]
        file: Option<PathBuf>,
    },
}

/// What a run can be written as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A picture of the lanes.
    Svg,
    /// A page for a browser.
    Html,
    /// A trace for Perfetto, or the page about:tracing of Chromium.
    Chrome,
    /// Everything, as data.
    Json,
}

/// Does it.
pub(crate) fn run(app: &App, command: TimingsCommand) -> Result<Exit, Failure> {
    let history = History::new(app.paths()?.runs());
    match command {
        TimingsCommand::List { last } => list(app, &history, last)?,
        TimingsCommand::Show { run } => {
            let record = find(&history, &run)?;
            match app.output() {
                Output::Json => output::text(&ended(record.to_json()))?,
                Output::Text => output::text(&speech::summary(&record, app.lang()))?,
            }
        }
        TimingsCommand::Export { run, format, file } => export(app, &find(&history, &run)?, format, file)?,
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
                    "outcome": r.outcome,
                    "seconds": r.wall.as_secs_f64(),
                    "record": entry.path,
                }));
                let took = text::seconds(r.wall);
                let outcome = stage_timer::lang::outcome_word(&r.outcome, app.lang()).to_owned();
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

/// A run by name or by the path of its record.
fn find(history: &History, run: &str) -> Result<RunRecord, Failure> {
    let path = PathBuf::from(run);
    let path = if path.is_file() {
        Some(path)
    } else {
        let what = || format!("could not look for runs in {}", history.directory().display());
        history.find(run).context(ErrorKind::Failed, what())?
    };
    let Some(path) = path else {
        let help = "`lab-cli timings list` shows the runs; enough of the name to tell one from the others will do";
        return Err(Failure::usage(
            format!("no run is called `{run}`, or more than one"),
            help,
        ));
    };
    Ok(RunRecord::read(&path).context(ErrorKind::Failed, format!("could not read {}", path.display()))?)
}

fn export(app: &App, record: &RunRecord, format: Format, file: Option<PathBuf>) -> Result<(), Failure> {
    let text = ended(match format {
        Format::Svg => record.to_svg(),
        Format::Html => record.to_html(),
        Format::Chrome => record.to_chrome_trace(),
        Format::Json => record.to_json(),
    });
    let Some(path) = file else {
        return output::bytes(text.as_bytes());
    };
    let written = std::fs::write(&path, text);
    written.map_err(|e| LabError::new(ErrorKind::Failed, format!("could not write {}", path.display())).source(e))?;
    app.answer(&json!({ "written": path }), || {
        format!("{}: {}\n", app.words().written, path.display())
    })
}

fn ended(mut text: String) -> String {
    if !text.ends_with('\n') {
        text.push('\n');
    }
    text
}
