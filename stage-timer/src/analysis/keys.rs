//! The same stage in different runs: by its name, its lane, what it is a part of, and which time it occurs there.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

use crate::RunRecord;

/// A stage whatever the run. Small numbers, from 0 in order of first appearance.
pub(crate) type Key = usize;

/// A map by keys. What is looked up a hundred thousand times for one prediction is not hashed against attackers, who have no
/// say in these numbers.
pub(crate) type KeyMap<V> = HashMap<Key, V, BuildHasherDefault<KeyHasher>>;

/// Spreads small numbers over all bits (Fibonacci hashing).
#[derive(Debug, Default)]
pub(crate) struct KeyHasher(u64);

impl Hasher for KeyHasher {
    fn write(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.write_usize(byte.into());
        }
    }

    fn write_usize(&mut self, number: usize) {
        self.0 = (self.0.rotate_left(5) ^ number as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// What makes two stages of different runs the same: parent, name, lane (both by number), and the how-manieth of these
/// it is.
type Identity = (Option<Key>, usize, usize, usize);

/// Gives the same key to the same stage of every run that it is shown.
#[derive(Debug, Default)]
pub(crate) struct Keys {
    /// Names and lanes by number.
    texts: HashMap<String, usize>,
    known: HashMap<Identity, Key>,
}

impl Keys {
    /// The keys of a run's stages, by their places in the record.
    pub(crate) fn of(&mut self, record: &RunRecord) -> Vec<Key> {
        for stage in &record.stages {
            self.learn(&stage.name);
            self.learn(stage.lane.as_str());
        }
        let mut keys: Vec<Key> = Vec::with_capacity(record.stages.len());
        let (texts, known) = (&self.texts, &mut self.known);
        for_each_identity(record, texts, |identity| {
            let next = known.len();
            let key = *known.entry(identity).or_insert(next);
            keys.push(key);
            Some(key)
        });
        keys
    }

    /// The keys of a run's stages, where other runs have had them.
    pub(crate) fn find(&self, record: &RunRecord) -> Vec<Option<Key>> {
        let mut keys = Vec::with_capacity(record.stages.len());
        for_each_identity(record, &self.texts, |identity| {
            let key = self.known.get(&identity).copied();
            keys.push(key);
            key
        });
        keys
    }

    fn learn(&mut self, text: &str) {
        if !self.texts.contains_key(text) {
            self.texts.insert(text.to_owned(), self.texts.len());
        }
    }
}

/// Stands for what has no number or key. Looked up, it is not found.
const NONE: usize = usize::MAX;

/// Goes through the stages, parents first. A stage inside of one without a key has none either.
fn for_each_identity(
    record: &RunRecord,
    texts: &HashMap<String, usize>,
    mut key_of: impl FnMut(Identity) -> Option<Key>,
) {
    let number = |text: &str| texts.get(text).copied().unwrap_or(NONE);
    let mut keys: Vec<Option<Key>> = Vec::with_capacity(record.stages.len());
    let mut seen: HashMap<(Option<Key>, usize, usize), usize> = HashMap::new();
    for stage in &record.stages {
        let parent = stage
            .parent
            .map(|parent| keys.get(parent.index()).copied().flatten().unwrap_or(NONE));
        let (name, lane) = (number(&stage.name), number(stage.lane.as_str()));
        let times = seen.entry((parent, name, lane)).or_default();
        keys.push(key_of((parent, name, lane, *times)));
        *times += 1;
    }
}
