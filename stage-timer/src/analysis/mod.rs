//! Where the time went: how much of it was work and how much waiting, how well the lanes ran side by side, and which
//! stages the length of the run hung on.

mod critical;
pub(crate) mod intervals;
pub(crate) mod keys;
pub(crate) mod rows;
mod tree;

use std::time::Duration;

pub use critical::{CriticalPath, CriticalStep};
pub(crate) use tree::Tree;

use crate::record::wire::micros;
use crate::{Lane, RunRecord, StageKind};
use intervals::{Interval, length, union};

/// How the time of a run divides.
///
/// A moment counts for the innermost stages that are open then. The wall-clock time divides without rest into
/// [`working`](Totals::working), [`waiting`](Totals::waiting) and [`untracked`](Totals::untracked).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Totals {
    /// How long the run took.
    pub wall: Duration,
    /// Time in which at least one stage worked.
    pub working: Duration,
    /// Time in which stages waited and none worked.
    pub waiting: Duration,
    /// Time in which no stage was open.
    pub untracked: Duration,
    /// The times in which each lane was busy, added up: what the run would have taken one lane after the other.
    pub lane_time: Duration,
    /// [`lane_time`](Totals::lane_time) by the time in which anything was open at all; 1 when nothing ran side by side.
    pub speed_up: f64,
    /// Every lane, in order of first use.
    pub lanes: Vec<LaneTotals>,
}

/// How the time of one lane divides. No moment counts twice, even if stages of a lane overlap.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct LaneTotals {
    /// Which lane.
    pub lane: Lane,
    /// Time in which a stage of the lane was open that had no open stage inside of it.
    pub busy: Duration,
    /// The part of that in which at least one of them worked.
    pub working: Duration,
    /// The rest of it: only waiting.
    pub waiting: Duration,
}

impl RunRecord {
    /// How the time of the run divides.
    pub fn totals(&self) -> Totals {
        totals(self, &Tree::of(self))
    }

    /// Which stages the length of the run hung on.
    pub fn critical_path(&self) -> CriticalPath {
        critical::critical_path(self, &Tree::of(self))
    }
}

pub(crate) fn interval(from: Duration, to: Duration) -> Interval {
    (micros(from), micros(to))
}

fn totals(record: &RunRecord, tree: &Tree) -> Totals {
    let mut lanes: Vec<(Lane, Vec<Interval>, Vec<Interval>)> = tree
        .lanes
        .iter()
        .map(|lane| (lane.clone(), Vec::new(), Vec::new()))
        .collect();
    for (index, stage) in record.stages.iter().enumerate() {
        let own = tree.own_time(record, index);
        let lane = &mut lanes[tree.lane_of[index]];
        match stage.kind {
            StageKind::Working => lane.1.extend(own),
            StageKind::Waiting => lane.2.extend(own),
        }
    }
    let (mut all_working, mut all) = (Vec::new(), Vec::new());
    let mut lane_totals = Vec::with_capacity(lanes.len());
    let mut lane_time = Duration::ZERO;
    for (lane, working, waiting) in lanes {
        let working = union(working);
        let busy = union(working.iter().copied().chain(waiting).collect());
        let (busy_time, working_time) = (length(&busy), length(&working));
        lane_time += busy_time;
        lane_totals.push(LaneTotals {
            lane,
            busy: busy_time,
            working: working_time,
            waiting: busy_time.saturating_sub(working_time),
        });
        all_working.extend(working);
        all.extend(busy);
    }
    let (working, tracked) = (length(&union(all_working)), length(&union(all)));
    Totals {
        wall: record.wall,
        working,
        waiting: tracked.saturating_sub(working),
        untracked: record.wall.saturating_sub(tracked),
        lane_time,
        speed_up: if tracked.is_zero() {
            1.0
        } else {
            lane_time.as_secs_f64() / tracked.as_secs_f64()
        },
        lanes: lane_totals,
    }
}
