//! Holding a lab's directory while something changes it.

use crate::config::Config;
use crate::error::LabError;
use crate::lock::LabLock;
use crate::owner::Owner;
use crate::paths::LabPaths;
use crate::state::StateFile;
use crate::{files, identity};

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
    /// If another process works on the lab, or the directory cannot be made.
    pub fn take(config: &Config) -> Result<Self, LabError> {
        let paths = LabPaths::new(config.lab.data_dir.as_deref(), &config.lab.name)?;
        let (lock, _state) = claim(&config.lab.name, &paths)?;
        Ok(Self { _lock: lock })
    }
}

/// Takes the lock, opens the state and marks the directory.
pub(crate) fn claim(lab: &str, paths: &LabPaths) -> Result<(LabLock, StateFile), LabError> {
    files::private_dir(paths.root())?;
    let lock = LabLock::take(&paths.lock())?;
    let state = StateFile::open(&paths.state(), || identity::random_hex(16))?;
    let owner = Owner {
        lab: lab.to_owned(),
        lab_id: state.get().lab_id.clone(),
        node: None,
    };
    owner.mark(paths.root())?;
    Ok((lock, state))
}
