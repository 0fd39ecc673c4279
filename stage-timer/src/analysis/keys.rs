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
        let mut seen: HashMap<(Option<Key>, &str, &str), usize> = HashMap::new();
        for stage in &record.stages {
            let parent = stage.parent.and_then(|parent| keys.get(parent.index()).copied());
            let (name, lane) = (stage.name.as_str(), stage.lane.as_str());
            let times = seen.entry((parent, name, lane)).or_default();
            let identity = (parent, name.to_owned(), lane.to_owned(), *times);
            *times += 1;
            let next = self.known.len();
            keys.push(*self.known.entry(identity).or_insert(next));
        }
        keys
    }
}
