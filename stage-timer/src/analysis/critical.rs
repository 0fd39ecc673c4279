//! The critical path.
//!
//! Nobody says which stage waited for which, so it is read off the times: what ended last held up the end; before that,
//! what ended last before *it* began held up its beginning; and so on back to the start, and in the same way inside of
//! every stage on the way. Time of a stage that no stage inside of it accounts for is its own.

use std::time::Duration;

use super::{Tree, interval};
use crate::record::StageId;
use crate::text::share;
use crate::{Outcome, RunRecord, StageRecord};

/// The chain of stages that the length of a run hung on, from its start to its end without a gap.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CriticalPath {
    /// The parts of the chain in order of time; none of them is empty, each begins where the one before ends.
    pub steps: Vec<CriticalStep>,
    /// How much of the chain lies in each stage, stages inside of it included, by the stage's place in the record.
    within: Vec<Duration>,
}

/// One part of a critical path: for this time the run hung on this stage itself, not on a stage inside of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct CriticalStep {
    /// The innermost stage; `None` where none was open.
    pub stage: Option<StageId>,
    /// From, after the start of the run.
    pub start: Duration,
    /// To, after the start of the run.
    pub end: Duration,
}

/// A stage names the bottleneck better than what surrounds it when it has more than this share of its time.
const DOMINANT: f64 = 0.6;

impl CriticalPath {
    /// How much of the path lies in a stage, stages inside of it included.
    pub fn within(&self, stage: StageId) -> Duration {
        self.within.get(stage.index()).copied().unwrap_or_default()
    }

    /// Whether the stage is on the path.
    pub fn contains(&self, stage: StageId) -> bool {
        !self.within(stage).is_zero()
    }

    /// The bottleneck: the outermost stage with the largest part of the path, or, where a single stage inside of it has
    /// more than 60 % of that part, that stage instead, and so on inwards.
    pub fn bottleneck<'a>(&self, record: &'a RunRecord) -> Option<&'a StageRecord> {
        self.bottleneck_in(record, &Tree::of(record))
    }

    pub(crate) fn bottleneck_in<'a>(&self, record: &'a RunRecord, tree: &Tree) -> Option<&'a StageRecord> {
        let longest = |among: &[usize]| {
            among
                .iter()
                .copied()
                .max_by(|&a, &b| self.within[a].cmp(&self.within[b]).then(b.cmp(&a)))
        };
        let mut found = longest(&tree.roots).filter(|&index| !self.within[index].is_zero())?;
        while let Some(inner) = longest(&tree.children[found])
            && share(self.within[inner], self.within[found]) > DOMINANT
        {
            found = inner;
        }
        record.stages.get(found)
    }
}

pub(super) fn critical_path(record: &RunRecord, tree: &Tree) -> CriticalPath {
    // Where the walk is: in `stage` (or, outermost, in none), at the time `at`, going back; `inside` are the stages
    // directly inside of it that it has not come to yet, the earliest first.
    struct Frame {
        stage: Option<usize>,
        from: u64,
        at: u64,
        inside: Vec<usize>,
    }
    let by_end = |among: &[usize]| {
        let mut sorted = among.to_vec();
        // Of two that ended together, taken from the back: what was only stopped then held up nothing by itself, and
        // the longer one explains more.
        sorted.sort_by_key(|&index| {
            let stage = &record.stages[index];
            let ended_by_itself = !matches!(stage.outcome, Outcome::Cancelled | Outcome::Aborted);
            (stage.end, ended_by_itself, std::cmp::Reverse(stage.start))
        });
        sorted
    };
    let mut backwards: Vec<(Option<usize>, u64, u64)> = Vec::new();
    let mut step = |stage, from: u64, to: u64| {
        if from < to {
            backwards.push((stage, from, to));
        }
    };
    let (_, wall) = interval(Duration::ZERO, record.wall);
    let mut frames = vec![Frame {
        stage: None,
        from: 0,
        at: wall,
        inside: by_end(&tree.roots),
    }];
    while let Some(frame) = frames.last_mut() {
        let Some(next) = frame.inside.pop() else {
            step(frame.stage, frame.from, frame.at);
            frames.pop();
            continue;
        };
        let (from, to) = interval(record.stages[next].start, record.stages[next].end);
        // What was still open then ran beside the path; what took no time held up nothing.
        if to > frame.at || from >= to || from < frame.from {
            continue;
        }
        step(frame.stage, to, frame.at);
        frame.at = from;
        frames.push(Frame {
            stage: Some(next),
            from,
            at: to,
            inside: by_end(&tree.children[next]),
        });
    }
    let mut within = vec![Duration::ZERO; record.stages.len()];
    let steps: Vec<CriticalStep> = backwards
        .into_iter()
        .rev()
        .map(|(stage, from, to)| {
            if let Some(index) = stage {
                within[index] += Duration::from_micros(to - from);
            }
            CriticalStep {
                stage: stage.map(StageId::from_index),
                start: Duration::from_micros(from),
                end: Duration::from_micros(to),
            }
        })
        .collect();
    // Inner stages come later in the record than what surrounds them.
    for index in (0..within.len()).rev() {
        if let Some(parent) = record.stages[index]
            .parent
            .map(StageId::index)
            .filter(|&parent| parent < index)
        {
            let inner = within[index];
            within[parent] += inner;
        }
    }
    CriticalPath { steps, within }
}
