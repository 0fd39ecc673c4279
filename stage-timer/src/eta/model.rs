//! What is kept of an earlier run.

use std::collections::HashMap;

use crate::analysis::Tree;
use crate::analysis::keys::{Key, KeyMap, Keys};
use crate::{Lane, Outcome, RunRecord, StageRecord};

/// An earlier run. Times are in seconds from its start.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) name: String,
    pub(super) shape: String,
    pub(super) wall: f64,
    pub(super) roots: Vec<Key>,
    pub(super) stages: KeyMap<Past>,
}

/// A stage of an earlier run.
#[derive(Debug)]
pub(super) struct Past {
    pub(super) start: f64,
    pub(super) end: f64,
    pub(super) name: String,
    pub(super) lane: Lane,
    pub(super) skipped: bool,
    /// In order of start.
    pub(super) children: Vec<Key>,
    /// What it said on its way, each the first time, and when after its start.
    said: Said,
}

/// Different things that a stage said, each with when it first did, in seconds after the stage's start.
pub(super) type Said = Vec<(String, f64)>;

impl Past {
    pub(super) fn duration(&self) -> f64 {
        self.end - self.start
    }

    /// The furthest that a live stage has come of what this one said too: how long it took to get there, and how long it
    /// took then. A boot that says `SSH server answers` is no longer judged by how long boots take in all.
    pub(super) fn milestone(&self, said: &Said) -> Option<(f64, f64)> {
        let reached = self.said.iter().filter_map(|(word, then)| {
            let (_, now) = said.iter().find(|(live, _)| live == word)?;
            Some((*now, *then))
        });
        reached.max_by(|a, b| a.1.total_cmp(&b.1))
    }
}

impl Model {
    pub(super) fn of(record: &RunRecord, keys: &mut Keys) -> Self {
        let tree = Tree::of(record);
        let keys = keys.of(record);
        let stages = record.stages.iter().enumerate().map(|(index, stage)| {
            let past = Past {
                start: stage.start.as_secs_f64(),
                end: stage.end.as_secs_f64(),
                name: stage.name.clone(),
                lane: stage.lane.clone(),
                said: said(stage),
                skipped: matches!(stage.outcome, Outcome::Skipped { .. }),
                children: tree.children[index].iter().map(|&child| keys[child]).collect(),
            };
            (keys[index], past)
        });
        Self {
            name: record.name.clone(),
            shape: record.shape.clone(),
            wall: record.wall.as_secs_f64(),
            stages: stages.collect(),
            roots: tree.roots.iter().map(|&root| keys[root]).collect(),
        }
    }

    /// The stages inside of a stage, or the outermost ones.
    pub(super) fn children(&self, parent: Option<Key>) -> &[Key] {
        match parent {
            None => &self.roots,
            Some(parent) => self.stages.get(&parent).map_or(&[], |past| &past.children),
        }
    }
}

/// Different things that a stage says that are kept of it.
const WORDS: usize = 64;

pub(super) fn said(stage: &StageRecord) -> Said {
    let mut said = Said::new();
    for note in &stage.notes {
        let known = said.iter().any(|(word, _)| *word == note.message);
        if !note.message.is_empty() && !known && said.len() < WORDS {
            let at = note.at.saturating_sub(stage.start);
            said.push((note.message.clone(), at.as_secs_f64()));
        }
    }
    said
}

/// Siblings that a stage is compared with at most, going back from it.
const LOOK_BACK: usize = 64;
/// Pairs of siblings that are compared at most: with very many siblings, fewer for each.
const PAIRS: usize = 100_000;

/// What always came before what. Nobody says which stage waits for which; but what in every run had ended before
/// another began is taken to be what that one waits for. Stages that ran side by side even once do not wait.
#[derive(Debug, Default)]
pub(super) struct Order {
    before: KeyMap<Vec<Key>>,
    after: KeyMap<Vec<Key>>,
}

impl Order {
    pub(super) fn of(models: &[&Model]) -> Self {
        let mut always: HashMap<(Key, Key), bool> = HashMap::new();
        for model in models {
            let levels =
                std::iter::once(model.roots.as_slice()).chain(model.stages.values().map(|p| p.children.as_slice()));
            for level in levels {
                let look_back = (PAIRS / level.len().max(1)).clamp(1, LOOK_BACK);
                for (place, later) in level.iter().enumerate() {
                    for earlier in &level[place.saturating_sub(look_back)..place] {
                        let ended = model.stages[earlier].end <= model.stages[later].start;
                        *always.entry((*earlier, *later)).or_insert(true) &= ended;
                    }
                }
            }
        }
        let mut order = Self::default();
        // Seen in both orders, they wait for each other in neither.
        for (&(earlier, later), _) in always
            .iter()
            .filter(|((a, b), ended)| **ended && !always.contains_key(&(*b, *a)))
        {
            order.before.entry(later).or_default().push(earlier);
            order.after.entry(earlier).or_default().push(later);
        }
        order
    }

    /// What has to end before `stage` begins.
    pub(super) fn before(&self, stage: Key) -> &[Key] {
        self.before.get(&stage).map_or(&[], Vec::as_slice)
    }

    /// What begins only after `stage` has ended.
    pub(super) fn after(&self, stage: Key) -> &[Key] {
        self.after.get(&stage).map_or(&[], Vec::as_slice)
    }
}
