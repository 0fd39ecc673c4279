//! A directory of records.

use std::io;
use std::path::{Path, PathBuf};

use super::{ReadRecordError, RunRecord};

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

    /// The files of the newest `limit` runs, the oldest of them first. The names begin with the time of the start, so
    /// that this opens no file.
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
        paths.sort();
        Ok(paths.split_off(paths.len().saturating_sub(limit)))
    }

    /// The newest `limit` runs, the oldest of them first.
    pub fn entries(&self, limit: usize) -> io::Result<Vec<HistoryEntry>> {
        let entries = self.paths(limit)?.into_iter().map(|path| {
            let record = RunRecord::read(&path);
            HistoryEntry { path, record }
        });
        Ok(entries.collect())
    }

    /// The newest `limit` runs that can be read, the oldest of them first: what predictions are made from.
    pub fn records(&self, limit: usize) -> io::Result<Vec<RunRecord>> {
        Ok(self
            .entries(limit)?
            .into_iter()
            .filter_map(|entry| entry.record.ok())
            .collect())
    }

    /// The run whose id or file name begins with `reference`; `latest` is the newest one.
    ///
    /// `None` when there is no such run, or more than one.
    pub fn find(&self, reference: &str) -> io::Result<Option<PathBuf>> {
        let mut paths = self.paths(usize::MAX)?;
        if reference == "latest" {
            return Ok(paths.pop());
        }
        paths.retain(|path| {
            path.file_name()
                .is_some_and(|name| name.to_string_lossy().starts_with(reference))
                && !reference.is_empty()
        });
        Ok(if paths.len() == 1 { paths.pop() } else { None })
    }

    /// Deletes all but the newest `keep` runs; tells how many it deleted.
    pub fn prune(&self, keep: usize) -> io::Result<usize> {
        let mut paths = self.paths(usize::MAX)?;
        paths.truncate(paths.len().saturating_sub(keep));
        for path in &paths {
            match std::fs::remove_file(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(paths.len())
    }
}
