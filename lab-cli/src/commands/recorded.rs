//! Every command that is a recorded run as power and snapshots are: how it is shown, its log, its answer, its error.

use std::sync::Arc;

use lab_engine::{EventSink, Lab, LabError, Report};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use super::up::{seconds, stages};
use crate::app::App;
use crate::cli::Output;
use crate::failure::{Exit, Failure};
use crate::progress::Progress;
use crate::{output, phrases, speech};

/// Does `work` on the lab, shows how it goes on, and what came of it: `show` puts the result into JSON and into text. An
/// error of the work is the command's own. The first interrupt ends it between two steps.
pub(super) fn run<T>(
    app: &App,
    work: impl AsyncFnOnce(&Lab, CancellationToken) -> Result<Report<T>, LabError>,
    show: impl FnOnce(&T) -> (Value, String),
) -> Result<Exit, Failure> {
    let progress = app.progress();
    let lab = app.lab(Arc::clone(&progress) as Arc<dyn EventSink>)?;
    progress.log_runs_in(lab.paths().runs());
    let report = app.with_cancel(async |cancel| work(&lab, cancel).await);
    progress.finish();
    finish(app, &lab, &progress, report?, show)
}

fn finish<T>(
    app: &App,
    lab: &Lab,
    progress: &Progress,
    report: Report<T>,
    show: impl FnOnce(&T) -> (Value, String),
) -> Result<Exit, Failure> {
    for line in speech::summary(&report.record, app.lang()).lines() {
        progress.log_line(line);
    }
    if let Err(error) = &report.result {
        progress.log_line(&format!("{}: {}", app.words().error, app.say(&error.one_line())));
    }
    let shown = report.result.as_ref().ok().map(show);
    match app.output() {
        Output::Json => {
            let (value, _) = shown.unwrap_or_default();
            let mut answer = json!({
                "lab": &lab.config().lab.name,
                "ok": report.result.is_ok(),
                "seconds": seconds(report.record.wall),
                "stages": stages(&report.record),
                "record": &report.record_path,
                "log": progress.log_path(),
                "error": report.result.as_ref().err().map(LabError::one_line),
            });
            if let (Some(answer), Value::Object(value)) = (answer.as_object_mut(), value) {
                answer.extend(value);
            }
            output::json(&answer)?;
        }
        Output::Text => {
            if let Some((_, text)) = shown {
                output::text(&format!("{text}{}\n", phrases::took(report.record.wall, app.lang())))?;
            }
        }
    }
    report.result?;
    Ok(Exit::OK)
}
