//! How long a run will still take, from what earlier runs took.
//!
//! Every earlier run is played on from where the live run is: what has ended is ended, what is open goes on for as long
//! as it then went on, what has not begun begins when what it always waited for has ended. Each of them so gives one
//! length of the remaining critical path; the median and the 90th percentile of these are the answer. Recent runs count
//! more, and so do runs that went like the live one so far.

mod model;
mod replay;
mod simulate;
mod text;

use std::time::Duration;

use model::{Model, Order};
pub use replay::{Replay, ReplayPoint};

use crate::analysis::keys::Keys;
use crate::{Lane, RunRecord, RunState, StageId};

/// The earlier runs that predictions are made from, at most.
pub const MOST_RUNS: usize = 20;

/// Predicts from earlier runs.
#[derive(Debug)]
pub struct Estimator {
    keys: Keys,
    models: Vec<Model>,
    shape: String,
}

/// A prediction.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Eta {
    /// How long the run has taken so far.
    pub elapsed: Duration,
    /// How long it will still take: as likely more as less.
    pub median: Duration,
    /// In nine of ten cases it will not take longer than this from now on.
    pub p90: Duration,
    /// What the prediction rests on.
    pub basis: Basis,
    /// How many earlier runs it rests on.
    pub runs: usize,
    /// The stage that has taken longer than it ever did, if there is one: the prediction is then a guess.
    pub overrun: Option<Overrun>,
}

/// What a prediction rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Basis {
    /// Runs of the same shape.
    SameShape,
    /// Runs of other shapes, there being none of the same: the prediction is widened.
    OtherShape,
}

/// A stage takes longer than it ever did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Overrun {
    /// Its number in the live run.
    pub id: StageId,
    /// Its stable name.
    pub name: String,
    /// Its lane.
    pub lane: Lane,
    /// How much longer than the longest time it ever took.
    pub by: Duration,
}

impl Estimator {
    /// Learns from earlier runs, the oldest of them first. Only runs that succeeded are of use, and of them the newest
    /// [`MOST_RUNS`] of the `shape` (and of other shapes, for when there are none).
    pub fn from_history(records: &[RunRecord], shape: &str) -> Self {
        let usable = |record: &&RunRecord| record.state == RunState::Finished && record.outcome.is_success();
        let newest = |same: bool| {
            let matching: Vec<&RunRecord> = records
                .iter()
                .filter(usable)
                .filter(|record| (record.shape == shape) == same)
                .collect();
            matching[matching.len().saturating_sub(MOST_RUNS)..].to_vec()
        };
        let mut keys = Keys::default();
        let models = [newest(false), newest(true)]
            .concat()
            .into_iter()
            .map(|record| Model::of(record, &mut keys))
            .collect();
        Self {
            keys,
            models,
            shape: shape.to_owned(),
        }
    }

    /// How long a live run will still take. `None` without earlier runs to go by, and for a run that is over.
    pub fn remaining(&self, live: &RunRecord) -> Option<Eta> {
        self.predict(live, None)
    }

    /// How long an open stage of a live run will still take. `None` without earlier runs that had this stage, and for a
    /// stage that is over.
    pub fn remaining_of(&self, live: &RunRecord, stage: StageId) -> Option<Eta> {
        self.predict(live, Some(stage))
    }

    fn predict(&self, live: &RunRecord, stage: Option<StageId>) -> Option<Eta> {
        if live.state != RunState::Running {
            return None;
        }
        let of_name = |same: bool| -> Vec<&Model> {
            self.models
                .iter()
                .filter(|m| m.name == live.name && (m.shape == self.shape) == same)
                .collect()
        };
        let (basis, models) = match of_name(true) {
            same if !same.is_empty() && live.shape == self.shape => (Basis::SameShape, same),
            same => (Basis::OtherShape, same.into_iter().chain(of_name(false)).collect()),
        };
        simulate::predict(&self.keys, &models, &Order::of(&models), live, stage, basis)
    }
}

impl Eta {
    /// How much of the whole is done, by time: 0 to 1.
    pub fn fraction(&self) -> f64 {
        let whole = self.elapsed + self.median;
        if whole.is_zero() {
            1.0
        } else {
            crate::text::share(self.elapsed, whole)
        }
    }

    /// How long the run (or stage) will have taken in the end: as likely more as less.
    pub fn total(&self) -> Duration {
        self.elapsed + self.median
    }
}
