//! A run by what people call it, or an error that says what there is.

use std::path::Path;

use lab_engine::{ErrorKind, LabError};
use stage_timer::{FindRunError, History, RunRecord};

use crate::failure::{Context as _, Failure};

/// As many runs are named in an error.
const NAMED: usize = 5;

/// A run by its name, or by the path of its record.
pub(super) fn find(history: &History, run: &str) -> Result<RunRecord, Failure> {
    let path = Path::new(run);
    let path = if path.is_file() {
        path.to_owned()
    } else {
        history.find(run).map_err(|error| failure(history, error))?
    };
    let what = || format!("could not read {}", path.display());
    Ok(RunRecord::read(&path).context(ErrorKind::Failed, what())?)
}

fn failure(history: &History, error: FindRunError) -> Failure {
    let message = error.to_string();
    let help = match &error {
        FindRunError::Empty => format!(
            "`lab-cli up` records its runs in {}; for the runs of another lab name it with --config or --set lab.name=NAME",
            history.directory().display()
        ),
        FindRunError::NonePrevious { .. } => "two runs of one kind are needed: the next `lab-cli up` records one more, and `lab-cli timings list` names those that there are".to_owned(),
        FindRunError::Unknown { runs, .. } => format!("the runs are: {}", newest(runs)),
        FindRunError::Ambiguous { runs, .. } => format!("name one of them: {}", newest(runs)),
        _ => {
            let what = format!("could not look for runs in {}", history.directory().display());
            return LabError::new(ErrorKind::Failed, what).source(error).into();
        }
    };
    let kind = match error {
        // Nobody made a mistake: there is nothing to show yet.
        FindRunError::Empty | FindRunError::NonePrevious { .. } => ErrorKind::NotReady,
        _ => ErrorKind::Configuration,
    };
    LabError::new(kind, message).help(help).into()
}

/// The newest of these names, and how many others there are.
fn newest(runs: &[String]) -> String {
    let shown = &runs[runs.len().saturating_sub(NAMED)..];
    let more = runs.len() - shown.len();
    let listed = shown.join(", ");
    if more == 0 {
        format!("{listed}; also latest and previous")
    } else {
        format!("{listed} and {more} older ones (`lab-cli timings list`); also latest and previous")
    }
}
