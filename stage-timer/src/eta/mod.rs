//! How long a run will still take, from what earlier runs took.
//!
//! Every earlier run is played on from where the live run is: what has ended is ended, what is open goes on for as long
//! as it then went on, what has not begun begins when what it always waited for has ended. Each of them so gives one
//! length of the remaining critical path; the median and the 90th percentile of these are the answer. Recent runs count
//! more, and so do runs that went like the live one so far.

mod likeness;
mod model;
mod replay;
mod simulate;
mod text;
mod typical;

use std::collections::HashMap;
use std::time::Duration;

use model::{Model, Order};
pub use replay::{Replay, ReplayPoint};
use serde::{Serialize, Serializer};
pub use typical::{Spread, Typical, TypicalStage};

use crate::analysis::keys::Keys;
use crate::{Lane, RunRecord, RunState, StageId};

/// The earlier runs that predictions are made from, at most.
pub const MOST_RUNS: usize = 20;

/// Predicts from earlier runs.
#[derive(Debug)]
pub struct Estimator {
    keys: Keys,
    /// Those of other shapes first; of each kind, the oldest first.
    models: Vec<Model>,
    groups: HashMap<String, Group>,
    shape: String,
}

/// The earlier runs of one name.
#[derive(Debug, Default)]
struct Group {
    same: Vec<usize>,
    all: Vec<usize>,
    same_order: Order,
    all_order: Order,
}

/// A prediction. Serialized, its times are in seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Eta {
    /// How long the run has taken so far.
    #[serde(serialize_with = "as_seconds")]
    pub elapsed: Duration,
    /// How long it will still take: as likely more as less.
    #[serde(serialize_with = "as_seconds")]
    pub median: Duration,
    /// In nine of ten cases it will not take longer than this from now on.
    #[serde(serialize_with = "as_seconds")]
    pub p90: Duration,
    /// What the prediction rests on.
    pub basis: Basis,
    /// How many earlier runs it rests on.
    pub runs: usize,
    /// The stage that has taken longer than it ever did, if there is one: the prediction is then a guess.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub overrun: Option<Overrun>,
}

/// What is to come of a live run.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Outlook {
    /// Of the whole run.
    pub run: Eta,
    /// Of the open stages of which something can be said, in order of start.
    pub open: Vec<(StageId, Eta)>,
}

/// What a prediction rests on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Basis {
    /// Runs of the same shape.
    SameShape,
    /// Runs of other shapes, there being none of the same: the prediction is widened.
    OtherShape,
}

/// A stage takes longer than it ever did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Overrun {
    /// Its number in the live run.
    pub id: StageId,
    /// Its stable name.
    pub name: String,
    /// Its lane.
    pub lane: Lane,
    /// How much longer than the longest time it ever took.
    #[serde(serialize_with = "as_seconds")]
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
        let models: Vec<Model> = [newest(false), newest(true)]
            .concat()
            .into_iter()
            .map(|record| Model::of(record, &mut keys))
            .collect();
        let mut groups: HashMap<String, Group> = HashMap::new();
        for (index, model) in models.iter().enumerate() {
            let group = groups.entry(model.name.clone()).or_default();
            group.all.push(index);
            if model.shape == shape {
                group.same.push(index);
            }
        }
        for group in groups.values_mut() {
            group.same_order = Order::of(&pick(&models, &group.same));
            group.all_order = Order::of(&pick(&models, &group.all));
        }
        Self {
            keys,
            models,
            groups,
            shape: shape.to_owned(),
        }
    }

    /// Whether there is no earlier run to go by.
    pub fn is_empty(&self) -> bool {
        self.models.is_empty()
    }

    /// How long a live run will still take. `None` without earlier runs to go by, and for a run that is over.
    pub fn remaining(&self, live: &RunRecord) -> Option<Eta> {
        self.predict(live, &[None]).pop().flatten()
    }

    /// How long an open stage of a live run will still take. `None` without earlier runs that had this stage, and for a
    /// stage that is over.
    pub fn remaining_of(&self, live: &RunRecord, stage: StageId) -> Option<Eta> {
        self.predict(live, &[Some(stage)]).pop().flatten()
    }

    /// How long a live run and each of its open stages will still take, all at once. `None` as with
    /// [`Estimator::remaining`].
    pub fn outlook(&self, live: &RunRecord) -> Option<Outlook> {
        let open = live.stages.iter().filter(|stage| stage.open).map(|stage| stage.id);
        let targets: Vec<Option<StageId>> = std::iter::once(None).chain(open.map(Some)).collect();
        let mut etas = self.predict(live, &targets).into_iter();
        let run = etas.next().flatten()?;
        let open = targets[1..].iter().zip(etas);
        let open = open.filter_map(|(id, eta)| Some(((*id)?, eta?))).collect();
        Some(Outlook { run, open })
    }

    /// How long a run called `name` would take that began now. `None` without earlier runs to go by.
    pub fn whole(&self, name: &str) -> Option<Eta> {
        self.remaining(&RunRecord::blank(name, &self.shape))
    }

    fn predict(&self, live: &RunRecord, targets: &[Option<StageId>]) -> Vec<Option<Eta>> {
        let Some(group) = self.groups.get(&live.name).filter(|_| live.state == RunState::Running) else {
            return vec![None; targets.len()];
        };
        let (basis, indices, order) = group.basis(live.shape == self.shape);
        simulate::predict(&self.keys, &pick(&self.models, indices), order, live, targets, basis)
    }
}

impl Group {
    /// What to go by: the runs of the same shape, if there are any and the shape is that of the run in question.
    fn basis(&self, of_this_shape: bool) -> (Basis, &[usize], &Order) {
        if of_this_shape && !self.same.is_empty() {
            (Basis::SameShape, &self.same, &self.same_order)
        } else {
            (Basis::OtherShape, &self.all, &self.all_order)
        }
    }
}

fn pick<'a>(models: &'a [Model], indices: &[usize]) -> Vec<&'a Model> {
    indices.iter().map(|&index| &models[index]).collect()
}

/// Seconds with milliseconds: more would be invented.
fn as_seconds<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_f64((duration.as_secs_f64() * 1000.0).round() / 1000.0)
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

    /// The same prediction seen so much later, if nothing has happened since.
    #[must_use]
    pub fn after(&self, time: Duration) -> Self {
        Self {
            elapsed: self.elapsed + time,
            median: self.median.saturating_sub(time),
            p90: self.p90.saturating_sub(time),
            ..self.clone()
        }
    }
}
