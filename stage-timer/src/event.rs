//! What observers of a live timeline are told.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use crate::record::wire::{FORMAT_VERSION, Line, micros};
use crate::timeline::StageInfo;
use crate::{Labels, Lang, Outcome, WallTime};

/// What is known of a run from its first moment on.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RunInfo {
    /// Unique among all runs.
    pub id: String,
    /// What was run, for example `up`.
    pub name: String,
    /// What it was run on, for example `1+2` machines: only runs of one shape are compared without saying so.
    pub shape: String,
    /// When it started.
    pub started: WallTime,
    /// What its stages are called.
    pub labels: Labels,
    /// Whatever else the tool wants to remember of the run, for example its version.
    pub meta: BTreeMap<String, String>,
}

impl RunInfo {
    /// The label of a stage.
    pub fn label<'a>(&'a self, stage: &'a StageInfo, lang: Lang) -> Cow<'a, str> {
        self.labels.get(stage.name(), lang)
    }
}

/// Something happened in a run. Observers see the events one after the other, in the order in which they happened,
/// never two at once.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Event {
    /// The run in which it happened.
    pub run: Arc<RunInfo>,
    /// When, after the start of the run.
    pub at: Duration,
    /// What happened.
    pub kind: EventKind,
}

/// What happened in a run.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum EventKind {
    /// The run started.
    RunStarted,
    /// A stage started.
    StageStarted {
        /// Which.
        stage: Arc<StageInfo>,
    },
    /// A stage got on, or has something new to say.
    Progress {
        /// Which.
        stage: Arc<StageInfo>,
        /// How much of it is done, 0 to 1, where that is known.
        fraction: Option<f64>,
        /// What it is doing; empty when it did not say.
        message: Arc<str>,
    },
    /// A stage ended.
    StageEnded {
        /// Which.
        stage: Arc<StageInfo>,
        /// How.
        outcome: Outcome,
    },
    /// The run ended.
    RunFinished {
        /// How.
        outcome: Outcome,
        /// When, by the calendar.
        ended: WallTime,
    },
    /// The record of the run cannot be written any further. The run goes on without.
    RecordingFailed {
        /// Why.
        reason: Arc<str>,
    },
}

impl Event {
    /// The event as one line of JSON without a line end: the lines of a record's file.
    pub fn to_json_line(&self) -> String {
        // Maps with string keys, numbers and strings: nothing that JSON cannot hold.
        serde_json::to_string(&self.line()).unwrap_or_default()
    }

    pub(crate) fn line(&self) -> Line<'_> {
        let at_us = micros(self.at);
        match &self.kind {
            EventKind::RunStarted => run_line(&self.run),
            EventKind::StageStarted { stage } => start_line(stage),
            EventKind::Progress {
                stage,
                fraction,
                message,
            } => Line::Progress {
                at_us,
                id: stage.id.get(),
                fraction: *fraction,
                message: Cow::Borrowed(message),
            },
            EventKind::StageEnded { stage, outcome } => Line::End {
                at_us,
                id: stage.id.get(),
                outcome: Cow::Borrowed(outcome),
            },
            EventKind::RunFinished { outcome, ended } => Line::Finish {
                at_us,
                outcome: Cow::Borrowed(outcome),
                ended: *ended,
            },
            EventKind::RecordingFailed { reason } => Line::RecordingFailed {
                at_us,
                reason: Cow::Borrowed(reason),
            },
        }
    }
}

pub(crate) fn run_line(run: &RunInfo) -> Line<'_> {
    Line::Run {
        version: FORMAT_VERSION,
        id: Cow::Borrowed(&run.id),
        name: Cow::Borrowed(&run.name),
        shape: Cow::Borrowed(&run.shape),
        started: run.started,
        labels: Cow::Borrowed(&run.labels),
        meta: Cow::Borrowed(&run.meta),
    }
}

pub(crate) fn start_line(stage: &StageInfo) -> Line<'_> {
    Line::Start {
        at_us: micros(stage.start),
        id: stage.id.get(),
        parent: stage.parent.map(crate::record::StageId::get),
        name: Cow::Borrowed(stage.name()),
        kind: stage.kind,
        lane: Cow::Borrowed(stage.lane.as_str()),
    }
}
