//! The record of a run: everything that summaries, pictures and predictions are made from.

mod find;
mod history;
mod read;
pub(crate) mod wire;
pub(crate) mod write;

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use find::FindRunError;
pub use history::{History, HistoryEntry};
pub use read::ReadRecordError;
pub use wire::FORMAT_VERSION;

use crate::event::RunInfo;
use crate::timeline::Book;
use crate::{Labels, Lane, Lang, Outcome, StageKind, WallTime};

/// The number of a stage within its run, from 1 in order of start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct StageId(u64);

impl StageId {
    /// The number.
    pub fn get(self) -> u64 {
        self.0
    }

    pub(crate) fn from_index(index: usize) -> Self {
        Self(index as u64 + 1)
    }

    pub(crate) fn index(self) -> usize {
        usize::try_from(self.0 - 1).unwrap_or(usize::MAX)
    }
}

impl fmt::Display for StageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Whether a run is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum RunState {
    /// It was ended in good order.
    Finished,
    /// It still goes on.
    Running,
    /// Its process ended without ending the run: it was killed, or the machine lost power.
    Interrupted,
}

/// One run.
///
/// Comes from [`Timeline::finish`](crate::Timeline::finish), [`Timeline::snapshot`](crate::Timeline::snapshot) or
/// [`RunRecord::read`]. Times are counted from the start of the run, in whole microseconds.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct RunRecord {
    /// Unique among all runs.
    pub id: String,
    /// What was run, for example `up`.
    pub name: String,
    /// What it was run on, for example `1+2` machines.
    pub shape: String,
    /// When it started, by the calendar.
    pub started: WallTime,
    /// When it was finished, by the calendar; `None` for a run that was not.
    pub ended: Option<WallTime>,
    /// What the stages are called.
    pub labels: Labels,
    /// Whatever else the tool wanted to remember of the run.
    pub meta: BTreeMap<String, String>,
    /// How long the run took; for a run that is not finished, until the last that is known of it.
    pub wall: Duration,
    /// How the run ended; [`Outcome::Aborted`] for one that has not (yet).
    pub outcome: Outcome,
    /// Whether the run is over.
    pub state: RunState,
    /// The stages in order of start. A parent comes before its children and encloses them.
    pub stages: Vec<StageRecord>,
    /// Why the record on the disk is not complete, if it is not. Known only to the process that made the run.
    pub recording_error: Option<String>,
    /// What in the file could not be read, if anything (other than a torn last line, which is normal after a kill).
    pub damage: Option<String>,
}

/// One stage of a run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct StageRecord {
    /// Its number within the run.
    pub id: StageId,
    /// The stage that it is a part of.
    pub parent: Option<StageId>,
    /// Its stable name, the key into labels and history.
    pub name: String,
    /// Whether it works or waits.
    pub kind: StageKind,
    /// Its lane.
    pub lane: Lane,
    /// When it started, after the start of the run.
    pub start: Duration,
    /// When it ended, after the start of the run.
    pub end: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// It had not ended when this record was taken; `end` and `outcome` are provisional.
    pub open: bool,
    /// What it said of its progress; of very many notes, the first and the latest ones.
    pub notes: Vec<Note>,
}

/// What a stage said of its progress at one moment.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Note {
    /// When, after the start of the run.
    pub at: Duration,
    /// How much of the stage was done, 0 to 1, where that was known.
    pub fraction: Option<f64>,
    /// What it was doing; may be empty.
    pub message: String,
}

impl StageRecord {
    /// How long it took.
    pub fn duration(&self) -> Duration {
        self.end.saturating_sub(self.start)
    }

    /// The last thing that it said it was doing.
    pub fn last_message(&self) -> Option<&str> {
        self.notes
            .iter()
            .rev()
            .map(|note| note.message.as_str())
            .find(|message| !message.is_empty())
    }

    /// The last thing that it said of how much was done.
    pub fn last_fraction(&self) -> Option<f64> {
        self.notes.iter().rev().find_map(|note| note.fraction)
    }
}

impl RunRecord {
    /// Reads the record of a run from its file. Of a run that was not finished there is what happened until it was
    /// killed; the stages that were open then are marked so, and aborted.
    pub fn read(path: impl AsRef<Path>) -> Result<Self, ReadRecordError> {
        read::read(path.as_ref())
    }

    /// Reads the record of a run from the contents of its file.
    pub fn parse(contents: &[u8]) -> Result<Self, ReadRecordError> {
        read::parse(contents)
    }

    /// A run that begins now and of which nothing else is known.
    pub(crate) fn blank(name: &str, shape: &str) -> Self {
        Self {
            id: String::new(),
            name: name.to_owned(),
            shape: shape.to_owned(),
            started: WallTime::now(),
            ended: None,
            labels: Labels::new(),
            meta: BTreeMap::new(),
            wall: Duration::ZERO,
            outcome: Outcome::Aborted,
            state: RunState::Running,
            stages: Vec::new(),
            recording_error: None,
            damage: None,
        }
    }

    /// The run as a book has it.
    pub(crate) fn from_book(run: &RunInfo, book: &Book) -> Self {
        Self {
            id: run.id.clone(),
            name: run.name.clone(),
            shape: run.shape.clone(),
            started: run.started,
            ended: None,
            labels: run.labels.clone(),
            meta: run.meta.clone(),
            wall: book.now(),
            outcome: book.outcome().cloned().unwrap_or(Outcome::Aborted),
            state: if book.is_finished() {
                RunState::Finished
            } else {
                RunState::Running
            },
            stages: book.stages(),
            recording_error: None,
            damage: None,
        }
    }

    /// A stage by its number.
    pub fn stage(&self, id: StageId) -> Option<&StageRecord> {
        self.stages.get(id.index())
    }

    /// The label of a stage.
    pub fn label<'a>(&'a self, stage: &'a StageRecord, lang: Lang) -> Cow<'a, str> {
        self.labels.get(&stage.name, lang)
    }

    /// How much longer the run took by the calendar than by the monotonic clock, if that is more than clocks differ by:
    /// the machine slept, or its calendar clock was set forward. `None` too for a run that was not finished.
    pub fn asleep(&self) -> Option<Duration> {
        let by_calendar = self
            .ended?
            .system_time()
            .duration_since(self.started.system_time())
            .ok()?;
        let more = by_calendar.saturating_sub(self.wall);
        (more > Duration::from_secs(5) && more > self.wall / 100).then_some(more)
    }

    /// The first stage that failed or timed out.
    pub fn first_failure(&self) -> Option<&StageRecord> {
        self.stages
            .iter()
            .find(|stage| matches!(stage.outcome, Outcome::Failed { .. } | Outcome::TimedOut { .. }))
    }
}
