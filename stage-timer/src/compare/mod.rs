//! Two runs side by side.

mod html;
mod json;
mod svg;
mod text;

use std::collections::HashMap;
use std::time::Duration;

use crate::analysis::Tree;
use crate::analysis::keys::{Key, Keys};
use crate::text::share;
use crate::{Lane, Outcome, RunRecord, StageKind, StageRecord};

/// What is no difference worth a word.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Noise {
    /// Differences below this are none.
    pub absolute: Duration,
    /// Differences below this part of the earlier duration are none.
    pub relative: f64,
}

impl Default for Noise {
    /// A fifth of a second, and 5 %: both must be exceeded.
    fn default() -> Self {
        Self {
            absolute: Duration::from_millis(200),
            relative: 0.05,
        }
    }
}

/// Two runs side by side, stage by stage.
#[derive(Debug)]
#[non_exhaustive]
pub struct Comparison<'a> {
    /// The earlier run.
    pub base: &'a RunRecord,
    /// The later run.
    pub new: &'a RunRecord,
    /// How the whole run changed.
    pub total: Change,
    /// The stages in the order of the later run; those that only the earlier one has come last in their surroundings.
    pub stages: Vec<ComparedStage>,
}

/// One stage of two runs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ComparedStage {
    /// Its stable name.
    pub name: String,
    /// Its lane.
    pub lane: Lane,
    /// What it does (in the later run, if it is there).
    pub kind: StageKind,
    /// How many stages enclose it.
    pub depth: usize,
    /// In the earlier run.
    pub base: Option<Side>,
    /// In the later run.
    pub new: Option<Side>,
    /// How it changed.
    pub change: Change,
}

/// A stage in one of the runs.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Side {
    /// When it started, after the start of the run.
    pub start: Duration,
    /// How long it took.
    pub duration: Duration,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether it was on the critical path.
    pub critical: bool,
}

/// How a duration changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Change {
    /// Not by more than noise.
    Same,
    /// It takes that much less.
    Faster(Duration),
    /// It takes that much more.
    Slower(Duration),
    /// Only the later run has it.
    Added,
    /// Only the earlier run has it.
    Removed,
}

impl ComparedStage {
    /// Whether it took less because it went wrong: that is no gain.
    pub fn cut_short(&self) -> bool {
        let sides = self.base.as_ref().zip(self.new.as_ref());
        sides.is_some_and(|(base, new)| cut_short(self.change, &base.outcome, &new.outcome))
    }
}

fn cut_short(change: Change, base: &Outcome, new: &Outcome) -> bool {
    matches!(change, Change::Faster(_)) && base.is_success() && !new.is_success()
}

impl<'a> Comparison<'a> {
    /// Compares two runs, with the usual idea of what is noise.
    pub fn of(base: &'a RunRecord, new: &'a RunRecord) -> Self {
        Self::with_noise(base, new, &Noise::default())
    }

    /// Compares two runs.
    pub fn with_noise(base: &'a RunRecord, new: &'a RunRecord, noise: &Noise) -> Self {
        let mut keys = Keys::default();
        let (base_keys, new_keys) = (keys.of(base), keys.of(new));
        let (base_path, new_path) = (base.critical_path(), new.critical_path());
        let place = |keys: &[Key]| {
            keys.iter()
                .enumerate()
                .map(|(index, &key)| (key, index))
                .collect::<HashMap<_, _>>()
        };
        let (in_base, in_new) = (place(&base_keys), place(&new_keys));
        let side = |record: &RunRecord, path: &crate::CriticalPath, index: &usize| {
            let stage = &record.stages[*index];
            let (start, duration) = (stage.start, stage.duration());
            Side {
                start,
                duration,
                outcome: stage.outcome.clone(),
                critical: path.contains(stage.id),
            }
        };
        let stages = merged_order(base, new, &base_keys, &new_keys)
            .into_iter()
            .map(|(key, depth)| {
                let (old_at, new_at) = (in_base.get(&key), in_new.get(&key));
                let old = old_at.map(|index| side(base, &base_path, index));
                let later = new_at.map(|index| side(new, &new_path, index));
                let stage: &StageRecord = match (new_at, old_at) {
                    (Some(&index), _) => &new.stages[index],
                    // Every key comes from one of the two.
                    (None, index) => &base.stages[index.copied().unwrap_or_default()],
                };
                let change = match (&old, &later) {
                    (Some(old), Some(later)) => change(old.duration, later.duration, noise),
                    (Some(_), None) => Change::Removed,
                    (None, _) => Change::Added,
                };
                let (name, lane, kind) = (stage.name.clone(), stage.lane.clone(), stage.kind);
                ComparedStage {
                    name,
                    lane,
                    kind,
                    depth,
                    base: old,
                    new: later,
                    change,
                }
            })
            .collect();
        Self {
            base,
            new,
            total: change(base.wall, new.wall, noise),
            stages,
        }
    }

    /// Whether the runs are of one kind and shape, so that a difference means something.
    pub fn is_fair(&self) -> bool {
        self.base.name == self.new.name && self.base.shape == self.new.shape
    }

    /// Whether the later run took less because it went wrong.
    pub fn total_cut_short(&self) -> bool {
        cut_short(self.total, &self.base.outcome, &self.new.outcome)
    }

    /// How much longer the later run takes, as a part of the earlier one's time: 0.1 is 10 % slower, -0.5 half the time.
    pub fn slowdown(&self) -> f64 {
        if self.base.wall.is_zero() {
            0.0
        } else {
            share(self.new.wall, self.base.wall) - 1.0
        }
    }
}

fn change(base: Duration, new: Duration, noise: &Noise) -> Change {
    let by = base.abs_diff(new);
    if by < noise.absolute || by.as_secs_f64() < base.as_secs_f64() * noise.relative {
        Change::Same
    } else if new > base {
        Change::Slower(by)
    } else {
        Change::Faster(by)
    }
}

/// The stages of both runs, each before what is inside of it, with their depths.
fn merged_order(base: &RunRecord, new: &RunRecord, base_keys: &[Key], new_keys: &[Key]) -> Vec<(Key, usize)> {
    let mut inside: HashMap<Option<Key>, Vec<Key>> = HashMap::new();
    let mut known = std::collections::HashSet::new();
    for (record, keys) in [(new, new_keys), (base, base_keys)] {
        let tree = Tree::of(record);
        for index in tree.preorder() {
            if known.insert(keys[index]) {
                let parent = record.stages[index].parent.map(|parent| keys[parent.index()]);
                inside.entry(parent).or_default().push(keys[index]);
            }
        }
    }
    let mut order = Vec::with_capacity(known.len());
    let mut stack: Vec<(Key, usize)> = inside
        .remove(&None)
        .unwrap_or_default()
        .into_iter()
        .rev()
        .map(|key| (key, 0))
        .collect();
    while let Some((key, depth)) = stack.pop() {
        order.push((key, depth));
        stack.extend(
            inside
                .remove(&Some(key))
                .unwrap_or_default()
                .into_iter()
                .rev()
                .map(|key| (key, depth + 1)),
        );
    }
    order
}
