//! Holding a lab's directory while something changes it.

use std::path::PathBuf;

use crate::config::Config;
use crate::error::LabError;
use crate::lock::LabLock;
use crate::owner::Owner;
use crate::paths::LabPaths;
use crate::project::{self, Belonging};
use crate::state::{self, StateFile};
use crate::{files, identity, orphans};

/// A lab's directory, held so that no other process changes the lab meanwhile. Where it is new it is made and marked as
/// this lab's. Needs no hypervisor: for tools that change the lab's certificates, for example.
#[derive(Debug)]
pub struct LabClaim {
    _lock: LabLock,
}

impl LabClaim {
    /// Claims the lab's directory until the value is dropped.
    ///
    /// # Errors
    ///
    /// If another process works on the lab, it belongs to another `lab.toml`, or the directory cannot be made.
    pub fn take(config: &Config) -> Result<Self, LabError> {
        let paths = LabPaths::new(config.lab.data_dir.as_deref(), &config.lab.name)?;
        let claimed = claim(config, &paths, Adopt::No)?;
        Ok(Self { _lock: claimed.lock })
    }
}

/// Whether a lab is taken that belongs to another `lab.toml`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Adopt {
    /// It is not.
    No,
    /// It is, from now on.
    Yes,
}

/// A lab's directory that is held.
pub(crate) struct Claimed {
    pub(crate) lock: LabLock,
    pub(crate) state: StateFile,
    /// The `lab.toml` that it belonged to before.
    pub(crate) moved_from: Option<PathBuf>,
}

/// Takes the lock, opens the state, marks the directory, and remembers whose it is.
pub(crate) fn claim(config: &Config, paths: &LabPaths, adopt: Adopt) -> Result<Claimed, LabError> {
    let (lab, file) = (&config.lab.name, config.lab.project.as_deref());
    // Before anything is written: another project's lab is not touched.
    if let (Adopt::No, Some(known)) = (adopt, state::read(&paths.state())?) {
        project::check(lab, &known, file)?;
    }
    files::private_dir(paths.root())?;
    let lock = LabLock::take(&paths.lock())?;
    let mut state = StateFile::open(&paths.state(), || {
        // Where only the state was lost, the machines are still this lab's.
        orphans::lab_id(lab, paths.root()).unwrap_or_else(|| identity::random_hex(16))
    })?;
    let belonging = match project::check(lab, state.get(), file) {
        Err(_) if adopt == Adopt::Yes => Belonging::Moved {
            from: state.get().project.clone().unwrap_or_default(),
            to: file.map(project::canonical),
        },
        checked => checked?,
    };
    let moved_from = match belonging {
        Belonging::Known => None,
        Belonging::New(to) => {
            state.update(|s| s.project = Some(to))?;
            None
        }
        Belonging::Moved { from, to } => {
            state.update(|s| s.project = to)?;
            Some(from)
        }
    };
    let owner = Owner {
        lab: lab.clone(),
        lab_id: state.get().lab_id.clone(),
        node: None,
    };
    owner.mark(paths.root())?;
    Ok(Claimed {
        lock,
        state,
        moved_from,
    })
}
