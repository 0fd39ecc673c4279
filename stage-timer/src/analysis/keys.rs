//! The same stage in different runs: by its name, its lane, what it is a part of, and which time it occurs there.

use std::collections::HashMap;

use crate::RunRecord;

/// A stage whatever the run. Small numbers, from 0 in order of first appearance.
pub(crate) type Key = usize;

/// What makes two stages of different runs the same: parent, name, lane, and the how-manieth of these it is.
type Identity = (Option<Key>, String, String, usize);

/// Gives the same key to the same stage of every run that it is shown.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    known: HashMap<Identity, Key>,
}

impl Keys {
    /// The keys of a run's stages, by their places in the record.
    pub(crate) fn of(&mut self, record: &RunRecord) -> Vec<Key> {
        let mut keys: Vec<Key> = Vec::with_capacity(record.stages.len());
        for_each_identity(record, |identity| {
            let next = self.known.len();
            let key = *self.known.entry(identity).or_insert(next);
            keys.push(key);
            Some(key)
        });
        keys
    }

    /// The keys of a run's stages, where other runs have had them.
    pub(crate) fn find(&self, record: &RunRecord) -> Vec<Option<Key>> {
        let mut keys = Vec::with_capacity(record.stages.len());
        for_each_identity(record, |identity| {
            let key = self.known.get(&identity).copied();
            keys.push(key);
            key
        });
        keys
    }
}

/// Goes through the stages, parents first. A stage inside of one without a key has none either.
fn for_each_identity(record: &RunRecord, mut key_of: impl FnMut(Identity) -> Option<Key>) {
    let mut keys: Vec<Option<Key>> = Vec::with_capacity(record.stages.len());
    let mut seen: HashMap<(Option<Key>, &str, &str), usize> = HashMap::new();
    for stage in &record.stages {
        let parent = stage.parent.map(|parent| keys.get(parent.index()).copied().flatten());
        let (name, lane) = (stage.name.as_str(), stage.lane.as_str());
        let key = match parent {
            // A place that no stage has: looked up, it is not found.
            Some(None) => key_of((Some(NOWHERE), String::new(), String::new(), 0)),
            parent => {
                let parent = parent.flatten();
                let times = seen.entry((parent, name, lane)).or_default();
                let identity = (parent, name.to_owned(), lane.to_owned(), *times);
                *times += 1;
                key_of(identity)
            }
        };
        keys.push(key);
    }
}

/// The key of no stage.
const NOWHERE: Key = Key::MAX;
