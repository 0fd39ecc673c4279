//! Playing earlier runs on from where the live run is.

use std::time::Duration;

use super::likeness::{likeness, pace};
use super::model::{Model, Order, Past, Said, said};
use super::{Basis, Eta, Overrun};
use crate::analysis::Tree;
use crate::analysis::keys::{Key, KeyMap, Keys};
use crate::{RunRecord, StageId, StageRecord};

/// Each run counts this much of the one after it.
pub(super) const FADING: f64 = 0.93;
/// Stages nested more deeply than this count as one.
const DEEPEST: usize = 40;
/// How much a prediction from runs of another shape is stretched.
const OTHER_SHAPE: f64 = 1.5;

/// The live run by keys.
pub(super) struct Live<'a> {
    pub(super) record: &'a RunRecord,
    tree: Tree,
    now: f64,
    pub(super) keys: Vec<Option<Key>>,
    by_key: KeyMap<usize>,
    /// Of what is open, what it said so far.
    pub(super) said: Vec<Said>,
}

/// One earlier run being played on.
struct Scenario<'a> {
    model: &'a Model,
    models: &'a [&'a Model],
    order: &'a Order,
    live: &'a Live<'a>,
    /// How much slower the live run is than that one.
    pace: f64,
    weight: f64,
    /// The stage that is furthest beyond anything seen, and by how much.
    overrun: Option<(usize, f64)>,
}

/// What the earlier runs say of the live one: of the whole (`None` as a target), or of one of its stages.
pub(super) fn predict(
    keys: &Keys,
    models: &[&Model],
    order: &Order,
    record: &RunRecord,
    targets: &[Option<StageId>],
    basis: Basis,
) -> Vec<Option<Eta>> {
    let live = Live::new(record, keys);
    let mut scenarios: Vec<Scenario<'_>> = models
        .iter()
        .rev()
        .enumerate()
        .map(|(age, model)| {
            let pace = pace(model, &live);
            Scenario {
                model,
                models,
                order,
                live: &live,
                pace,
                weight: FADING.powi(i32::try_from(age).unwrap_or(i32::MAX)) * likeness(model, &live, pace),
                overrun: None,
            }
        })
        .collect();
    let mut of_target = |target: &Option<StageId>| {
        let target = match target {
            None => None,
            Some(id) => Some(live.open(*id)?),
        };
        let mut outcomes: Vec<(f64, f64)> = Vec::new();
        let mut overrun: Option<(usize, f64)> = None;
        for scenario in &mut scenarios {
            scenario.overrun = None;
            let remaining = match target {
                None => scenario.level(None, None, 0),
                Some(index) => match scenario.known(index) {
                    Some(key) => scenario.open_stage(key, index, 0),
                    None => match scenario.unknown(index) {
                        Some(remaining) => remaining,
                        None => continue,
                    },
                },
            };
            outcomes.push((remaining, scenario.weight));
            if scenario
                .overrun
                .is_some_and(|(_, by)| overrun.is_none_or(|(_, most)| by > most))
            {
                overrun = scenario.overrun;
            }
        }
        summarize(&live, target, outcomes, overrun, basis)
    };
    targets.iter().map(&mut of_target).collect()
}

fn summarize(
    live: &Live<'_>,
    target: Option<usize>,
    mut outcomes: Vec<(f64, f64)>,
    overrun: Option<(usize, f64)>,
    basis: Basis,
) -> Option<Eta> {
    if outcomes.is_empty() {
        return None;
    }
    outcomes.sort_by(|a, b| a.0.total_cmp(&b.0));
    let runs = outcomes.len();
    let (median, high) = (quantile(&outcomes, 0.5), quantile(&outcomes, 0.9));
    // Few runs show less of the spread than there is.
    #[expect(clippy::cast_precision_loss, reason = "there are at most a few dozen runs")]
    let few = 1.0 / runs as f64;
    let mut p90 = high + (high - median) * 2.0 * few + median * (0.15 + 0.4 * few);
    if overrun.is_some() {
        p90 *= 2.0;
    }
    if basis == Basis::OtherShape {
        p90 *= OTHER_SHAPE;
    }
    let start = target.map_or(Duration::ZERO, |index| live.record.stages[index].start);
    Some(Eta {
        elapsed: live.record.wall.saturating_sub(start),
        median: seconds(median),
        p90: seconds(p90.max(median)),
        basis,
        runs,
        overrun: overrun.map(|(index, by)| {
            let stage = &live.record.stages[index];
            Overrun {
                id: stage.id,
                name: stage.name.clone(),
                lane: stage.lane.clone(),
                by: seconds(by),
            }
        }),
    })
}

impl Scenario<'_> {
    /// How long it takes from now until everything inside of a stage (or of the run) and the stage itself has ended.
    fn level(&mut self, key: Option<Key>, index: Option<usize>, depth: usize) -> f64 {
        let (live, model) = (self.live, self.model);
        let (begun, begun_then) = match (index, key.and_then(|key| model.stages.get(&key))) {
            (Some(index), Some(past)) => (live.start(index) - live.now, past.start),
            _ => (-live.now, 0.0),
        };
        let over_then = key
            .and_then(|key| model.stages.get(&key))
            .map_or(model.wall, |past| past.end);
        // When each stage ends, from now on; below zero if it has ended.
        let mut ends: KeyMap<f64> = KeyMap::default();
        let (mut last, mut last_then) = (begun, begun_then);
        for &child in model.children(key) {
            let past = &model.stages[&child];
            let end = match live.by_key.get(&child) {
                Some(&stage) if !live.record.stages[stage].open => live.end(stage) - live.now,
                Some(&stage) => self.open_stage(child, stage, depth + 1),
                None if self
                    .order
                    .after(child)
                    .iter()
                    .any(|later| live.by_key.contains_key(later)) =>
                {
                    continue;
                }
                None => self.begin(child, past, &ends, begun, begun_then) + past.duration() * self.pace,
            };
            ends.insert(child, end);
            last = last.max(end);
            last_then = last_then.max(past.end);
        }
        let mut over = last + (over_then - last_then).max(0.0) * self.pace;
        let children = index.map_or(&live.tree.roots, |index| &live.tree.children[index]);
        for &stage in children {
            if live.record.stages[stage].open && self.known(stage).is_none() {
                over = over.max(self.unknown(stage).unwrap_or(0.0));
            }
        }
        over.max(0.0)
    }

    /// When a stage begins that has not yet: when the last that it waits for has ended, and as much later as it then was.
    fn begin(&self, key: Key, past: &Past, ends: &KeyMap<f64>, begun: f64, begun_then: f64) -> f64 {
        let (mut from, mut from_then) = (begun, begun_then);
        for earlier in self.order.before(key) {
            if let (Some(end), Some(then)) = (ends.get(earlier), self.model.stages.get(earlier)) {
                from = from.max(*end);
                from_then = from_then.max(then.end);
            }
        }
        (from + (past.start - from_then).max(0.0) * self.pace).max(0.0)
    }

    /// The key of a live stage, if the earlier run had it.
    fn known(&self, index: usize) -> Option<Key> {
        self.live.keys[index].filter(|key| self.model.stages.contains_key(key))
    }

    /// How long an open stage still takes.
    fn open_stage(&mut self, key: Key, index: usize, depth: usize) -> f64 {
        let past = &self.model.stages[&key];
        if !past.children.is_empty() && depth < DEEPEST {
            let inside = self.level(Some(key), Some(index), depth);
            if inside > 0.0 {
                return inside;
            }
        }
        let (age, expected) = (self.live.age(index), past.duration() * self.pace);
        if let Some((reached, then)) = past.milestone(&self.live.said[index]) {
            let left = (past.duration() - then) * self.pace - (age - reached);
            if left > 0.0 {
                return left;
            }
        }
        if expected > age {
            return expected - age;
        }
        let known = self
            .models
            .iter()
            .filter_map(|model| model.stages.get(&key))
            .map(Past::duration)
            .collect();
        self.beyond(index, known)
    }

    /// How long an open stage still takes that the earlier run did not have: as long as others of its name, wherever
    /// they are. `None` when there are none.
    fn unknown(&mut self, index: usize) -> Option<f64> {
        let name = &self.live.record.stages[index].name;
        let all = self.models.iter().flat_map(|model| model.stages.values());
        let mut known: Vec<f64> = all
            .filter(|past| past.name == *name && !past.skipped)
            .map(Past::duration)
            .collect();
        if known.is_empty() {
            return None;
        }
        known.sort_by(f64::total_cmp);
        let expected = known[known.len() / 2] * self.pace;
        let age = self.live.age(index);
        Some(if expected > age {
            expected - age
        } else {
            self.beyond(index, known)
        })
    }

    /// How long a stage still takes that is older than it should be: as long as those that ever got so old then still
    /// took. Beyond anything seen, nobody knows: the longer it has been overdue, the longer it may still take.
    fn beyond(&mut self, index: usize, known: Vec<f64>) -> f64 {
        let age = self.live.age(index);
        let longest = known.iter().copied().fold(0.0, f64::max);
        let mut left: Vec<f64> = known
            .into_iter()
            .filter(|&duration| duration > age)
            .map(|d| d - age)
            .collect();
        if left.is_empty() {
            let by = age - longest;
            // A tenth more than ever is still within what clocks and disks do.
            if by > 0.5 && by > longest * 0.1 && self.overrun.is_none_or(|(_, most)| by > most) {
                self.overrun = Some((index, by));
            }
            return by * 0.5 + longest * 0.05;
        }
        left.sort_by(f64::total_cmp);
        left[left.len() / 2]
    }
}

impl<'a> Live<'a> {
    fn new(record: &'a RunRecord, keys: &Keys) -> Self {
        let keys = keys.find(record);
        let places = keys.iter().enumerate();
        let by_key = places.filter_map(|(index, key)| Some(((*key)?, index))).collect();
        let said = record
            .stages
            .iter()
            .map(|stage| if stage.open { said(stage) } else { Said::new() });
        let said = said.collect();
        Self {
            record,
            tree: Tree::of(record),
            now: record.wall.as_secs_f64(),
            keys,
            by_key,
            said,
        }
    }

    /// The place of a stage that is open.
    fn open(&self, id: StageId) -> Option<usize> {
        self.record.stage(id).filter(|stage| stage.open).map(|_| id.index())
    }

    fn stage(&self, index: usize) -> &StageRecord {
        &self.record.stages[index]
    }

    fn start(&self, index: usize) -> f64 {
        self.stage(index).start.as_secs_f64()
    }

    fn end(&self, index: usize) -> f64 {
        self.stage(index).end.as_secs_f64()
    }

    pub(super) fn age(&self, index: usize) -> f64 {
        self.now - self.start(index)
    }
}

/// A quantile of weighted values in order, interpolated between the middles of their weights.
pub(super) fn quantile(values: &[(f64, f64)], q: f64) -> f64 {
    let total: f64 = values.iter().map(|(_, weight)| weight).sum();
    let mut before = 0.0;
    let mut previous: Option<(f64, f64)> = None;
    for &(value, weight) in values {
        let at = (before + weight / 2.0) / total;
        if at >= q {
            return match previous {
                Some((low, low_at)) if at > low_at => low + (value - low) * (q - low_at) / (at - low_at),
                _ => value,
            };
        }
        previous = Some((value, at));
        before += weight;
    }
    values.last().map_or(0.0, |(value, _)| *value)
}

/// Seconds that cannot be a duration are none.
pub(super) fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds.max(0.0)).unwrap_or(Duration::ZERO)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_follow_the_weights() {
        let even = [(1.0, 1.0), (2.0, 1.0), (3.0, 1.0)];
        assert!((quantile(&even, 0.5) - 2.0).abs() < 1e-9);
        assert!((quantile(&even, 0.9) - 3.0).abs() < 1e-9);
        assert!((quantile(&[(7.0, 0.1)], 0.5) - 7.0).abs() < 1e-9);
        assert!(quantile(&[(1.0, 0.01), (9.0, 1.0)], 0.5) > 8.0);
        assert!((quantile(&[], 0.5)).abs() < 1e-9);
    }
}
