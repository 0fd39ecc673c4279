//! Finding a run by what people call it.

use std::io;
use std::path::{Path, PathBuf};

use super::{History, RunRecord};

/// No run, or not a single one, is what was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindRunError {
    /// The directory cannot be read.
    #[error("could not look for runs")]
    Read(#[from] io::Error),
    /// There are no runs at all.
    #[error("no run has been recorded yet")]
    Empty,
    /// There is a latest run, and none of its kind before it.
    #[error("there is no run of its kind before `{latest}`")]
    NonePrevious {
        /// The latest run.
        latest: String,
    },
    /// No run is called so.
    #[error("no run is called `{reference}`")]
    Unknown {
        /// What was looked for.
        reference: String,
        /// The runs that there are, the newest last.
        runs: Vec<String>,
    },
    /// Several runs begin so.
    #[error("`{reference}` is the beginning of {} runs", runs.len())]
    Ambiguous {
        /// What was looked for.
        reference: String,
        /// The runs that begin with it, the newest last.
        runs: Vec<String>,
    },
}

impl History {
    /// The record of a run by the name of its file or the beginning of it; `latest` is the newest one, `previous` the one
    /// before that of the same kind (`up`, say) that can be read.
    pub fn find(&self, reference: &str) -> Result<PathBuf, FindRunError> {
        let mut paths = self.paths(usize::MAX)?;
        let Some(latest) = paths.last() else {
            return Err(FindRunError::Empty);
        };
        if reference == "latest" {
            return Ok(latest.clone());
        }
        if reference == "previous" {
            let kind = |path: &PathBuf| RunRecord::read(path).ok().map(|record| record.name);
            let of_latest = kind(latest);
            let before = paths[..paths.len() - 1].iter().rev();
            let before = before.map(|path| (path, kind(path)));
            let found = before
                .into_iter()
                .find(|(_, kind)| kind.is_some() && (of_latest.is_none() || *kind == of_latest));
            return match found {
                Some((path, _)) => Ok(path.clone()),
                None => Err(FindRunError::NonePrevious { latest: name(latest) }),
            };
        }
        let reference = reference.strip_suffix(".jsonl").unwrap_or(reference);
        if let Some(exact) = paths.iter().position(|path| name(path) == reference) {
            return Ok(paths.swap_remove(exact));
        }
        let reference = reference.to_owned();
        let runs: Vec<String> = paths.iter().map(|path| name(path)).collect();
        paths.retain(|path| !reference.is_empty() && name(path).starts_with(&reference));
        match paths.len() {
            0 => Err(FindRunError::Unknown { reference, runs }),
            1 => Ok(paths.swap_remove(0)),
            _ => {
                let runs = paths.iter().map(|path| name(path)).collect();
                Err(FindRunError::Ambiguous { reference, runs })
            }
        }
    }
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}
