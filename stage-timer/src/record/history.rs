//! A directory of records.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, BufRead as _, BufReader, Read as _};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use super::{ReadRecordError, RunRecord, RunState};
use crate::eta::MOST_RUNS;

/// A directory with one record per run, as [`record_in`](crate::TimelineBuilder::record_in) fills it.
#[derive(Debug, Clone)]
pub struct History {
    directory: PathBuf,
}

/// One file of a history: a run, or the reason why it cannot be read.
#[derive(Debug)]
#[non_exhaustive]
pub struct HistoryEntry {
    /// The file.
    pub path: PathBuf,
    /// The run.
    pub record: Result<RunRecord, ReadRecordError>,
}

impl History {
    /// The history in a directory, which need not exist yet.
    pub fn new(directory: impl Into<PathBuf>) -> Self {
        Self {
            directory: directory.into(),
        }
    }

    /// The directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The files of the newest `limit` runs, the oldest of them first. When a run began stands in its first line; of a
    /// file that cannot be read, the time of its last change counts.
    pub fn paths(&self, limit: usize) -> io::Result<Vec<PathBuf>> {
        let entries = match std::fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(error),
        };
        let mut paths = Vec::new();
        for entry in entries {
            let path = entry?.path();
            if path.extension().is_some_and(|extension| extension == "jsonl") {
                paths.push(path);
            }
        }
        let mut paths: Vec<(SystemTime, PathBuf)> = paths.into_iter().map(|path| (began(&path), path)).collect();
        paths.sort();
        let newest = paths.split_off(paths.len().saturating_sub(limit));
        Ok(newest.into_iter().map(|(_, path)| path).collect())
    }

    /// The newest `limit` runs, the oldest of them first.
    pub fn entries(&self, limit: usize) -> io::Result<Vec<HistoryEntry>> {
        let entries = self.paths(limit)?.into_iter().map(|path| {
            let record = RunRecord::read(&path);
            HistoryEntry { path, record }
        });
        Ok(entries.collect())
    }

    /// All runs, the newest of them first, each read when it is asked for.
    pub fn newest_first(&self) -> io::Result<impl Iterator<Item = HistoryEntry> + use<>> {
        Ok(self.paths(usize::MAX)?.into_iter().rev().map(|path| {
            let record = RunRecord::read(&path);
            HistoryEntry { path, record }
        }))
    }

    /// The newest `limit` runs that can be read, the oldest of them first: what predictions are made from.
    pub fn records(&self, limit: usize) -> io::Result<Vec<RunRecord>> {
        Ok(self
            .entries(limit)?
            .into_iter()
            .filter_map(|entry| entry.record.ok())
            .collect())
    }

    /// The files of runs that nobody needs any more, the newest first: those that are neither among the newest `keep`
    /// nor among the newest good ones of their name and shape, which predictions are made from ([`MOST_RUNS`]). A run
    /// that still goes on is never among them and does not count.
    pub fn surplus(&self, keep: usize) -> io::Result<Vec<PathBuf>> {
        let paths = self.paths(usize::MAX)?;
        if paths.len() <= keep {
            return Ok(Vec::new());
        }
        let mut surplus = Vec::new();
        let (mut newer, mut of_kind) = (0, HashMap::new());
        for path in paths.into_iter().rev() {
            let record = RunRecord::read(&path).ok();
            if record.as_ref().is_some_and(|record| record.state == RunState::Running) {
                continue;
            }
            let predicts = record
                .filter(|record| record.state == RunState::Finished && record.outcome.is_success())
                .is_some_and(|record| {
                    let count: &mut usize = of_kind.entry((record.name, record.shape)).or_default();
                    *count += 1;
                    *count <= MOST_RUNS
                });
            if newer >= keep && !predicts {
                surplus.push(path);
            }
            newer += 1;
        }
        Ok(surplus)
    }

    /// Deletes the [`surplus`](Self::surplus); tells how many runs it deleted.
    pub fn prune(&self, keep: usize) -> io::Result<usize> {
        let surplus = self.surplus(keep)?;
        for path in &surplus {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(surplus.len())
    }
}

fn began(path: &Path) -> SystemTime {
    let first_line = || -> io::Result<Vec<u8>> {
        let mut line = Vec::new();
        // A first line is some kilobytes at most, labels included; whatever is longer is none.
        BufReader::new(File::open(path)?.take(1 << 20)).read_until(b'\n', &mut line)?;
        Ok(line)
    };
    let record = first_line().ok().and_then(|line| RunRecord::parse(&line).ok());
    let changed = || {
        path.metadata()
            .and_then(|metadata| metadata.modified())
            .unwrap_or(SystemTime::UNIX_EPOCH)
    };
    record.map_or_else(changed, |record| record.started.system_time())
}
