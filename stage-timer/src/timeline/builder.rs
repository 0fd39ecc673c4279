//! Preparing a timeline.

use std::collections::BTreeMap;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::inner::{Inner, Observer};
use super::{Book, Timeline};
use crate::clock::{Clock, SystemClock};
use crate::event::{Event, RunInfo};
use crate::{Labels, WallTime};

/// What a timeline is to be like. Made by [`Timeline::builder`].
pub struct TimelineBuilder {
    name: String,
    shape: String,
    labels: Labels,
    meta: BTreeMap<String, String>,
    record: Option<Record>,
    observers: Vec<Observer>,
    clock: Arc<dyn Clock>,
    utc_offset: Option<i32>,
    id: Option<String>,
}

#[derive(Debug)]
enum Record {
    At(PathBuf),
    In(PathBuf),
}

impl TimelineBuilder {
    pub(super) fn new(name: String) -> Self {
        Self {
            name,
            shape: String::new(),
            labels: Labels::new(),
            meta: BTreeMap::new(),
            record: None,
            observers: Vec::new(),
            clock: Arc::new(SystemClock::new()),
            utc_offset: None,
            id: None,
        }
    }

    /// What it is run on, for example `1+2` machines. Predictions come from runs of the same shape where there are any.
    pub fn shape(mut self, shape: impl Into<String>) -> Self {
        self.shape = shape.into();
        self
    }

    /// What the stages are called. The labels become a part of the record, so that it can be shown anywhere.
    pub fn labels(mut self, labels: Labels) -> Self {
        self.labels = labels;
        self
    }

    /// Something else to remember of the run, for example the tool's version. No place for secrets.
    pub fn meta(mut self, key: impl Into<String>, value: impl Into<String>) -> Self {
        self.meta.insert(key.into(), value.into());
        self
    }

    /// Records the run in a new file. Directories on the way to it are made. That the file exists already, or cannot be
    /// written, never fails the run: see [`RunRecord::recording_error`](crate::RunRecord::recording_error).
    pub fn record(mut self, path: impl Into<PathBuf>) -> Self {
        self.record = Some(Record::At(path.into()));
        self
    }

    /// Records the run in a new file in a directory of records ([`History`](crate::History) reads such a directory).
    pub fn record_in(mut self, directory: impl Into<PathBuf>) -> Self {
        self.record = Some(Record::In(directory.into()));
        self
    }

    /// Adds somebody who is told of every event, from whatever thread it happens on, in order and one at a time. An
    /// observer may use the timeline; what it does there is told to observers after it returns. One that panics is not
    /// called again.
    pub fn observer(mut self, observer: impl FnMut(&Event) + Send + 'static) -> Self {
        self.observers.push(Box::new(observer));
        self
    }

    /// Takes the time from another clock than the machine's.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = clock;
        self
    }

    /// Notes calendar times for a place `seconds` east of Greenwich instead of the machine's own time zone.
    pub fn utc_offset(mut self, seconds: i32) -> Self {
        self.utc_offset = Some(seconds);
        self
    }

    /// Gives the run an id instead of a random one. The caller answers for it being unique.
    pub fn id(mut self, id: impl Into<String>) -> Self {
        self.id = Some(id.into());
        self
    }

    /// Starts the run. This cannot fail: a record that cannot be written is reported, not fatal.
    pub fn start(self) -> Timeline {
        let wall = self.clock.wall();
        let started = match self.utc_offset {
            Some(seconds) => WallTime::with_offset(wall, seconds),
            None => WallTime::local(wall),
        };
        let run = RunInfo {
            id: self
                .id
                .unwrap_or_else(|| format!("{}-{}", started.compact_utc(), random_suffix())),
            name: self.name,
            shape: self.shape,
            started,
            labels: self.labels,
            meta: self.meta,
        };
        let path = self.record.map(|record| match record {
            Record::At(path) => path,
            Record::In(directory) => directory.join(file_name(&run)),
        });
        let timeline = Timeline::from_inner(Inner::new(
            self.clock,
            self.utc_offset,
            run,
            self.observers,
            Book::default(),
        ));
        timeline.inner.begin(path.as_deref().map(Path::to_path_buf));
        timeline
    }
}

impl fmt::Debug for TimelineBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TimelineBuilder")
            .field("name", &self.name)
            .field("shape", &self.shape)
            .field("record", &self.record)
            .field("observers", &self.observers.len())
            .finish_non_exhaustive()
    }
}

/// Sorts by time, says what was run, is unique.
fn file_name(run: &RunInfo) -> String {
    let safe = |text: &str| -> String {
        text.chars()
            .map(|c| {
                if c.is_alphanumeric() || "-_+.".contains(c) {
                    c
                } else {
                    '_'
                }
            })
            .take(80)
            .collect()
    };
    format!("{}.{}.jsonl", safe(&run.id), safe(&run.name))
}

/// Eight hexadecimal digits. The standard library seeds its hash tables from the system's randomness.
fn random_suffix() -> String {
    let mut hasher = RandomState::new().build_hasher();
    hasher.write_u32(std::process::id());
    format!("{:08x}", hasher.finish() & 0xffff_ffff)
}
