//! One process changes a lab at a time.

use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

use crate::error::{ErrorKind, LabError};
use crate::files;

/// Held for as long as this value lives. The operating system releases it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct LabLock {
    _file: File,
    holder: PathBuf,
}

impl LabLock {
    /// Takes the lock, or says who holds it.
    pub(crate) fn take(path: &Path) -> Result<Self, LabError> {
        // The holder's pid has a file of its own: on Windows nobody can read a locked one.
        let holder = path.with_extension("pid");
        let file = private_files::open_or_create(path).map_err(|e| LabError::io("open the lock", path, e))?;
        match file.try_lock() {
            Ok(()) => {
                files::write_private(&holder, std::process::id().to_string().as_bytes())?;
                Ok(Self { _file: file, holder })
            }
            Err(TryLockError::WouldBlock) => Err(Self::held(&holder)),
            Err(TryLockError::Error(e)) => Err(LabError::io("lock", path, e)),
        }
    }

    fn held(holder: &Path) -> LabError {
        let pid = files::read_optional(holder)
            .ok()
            .flatten()
            .and_then(|b| String::from_utf8(b).ok());
        let who = pid.map_or_else(|| "another process".to_owned(), |p| format!("process {}", p.trim()));
        LabError::new(ErrorKind::Failed, format!("{who} is working on this lab"))
            .help("wait until it has finished, or stop it; its lock goes away with it")
    }
}

impl Drop for LabLock {
    fn drop(&mut self) {
        // Only a courtesy: a stale pid file is never taken for a lock.
        let _ = std::fs::remove_file(&self.holder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_held_lock_names_its_holder_and_a_released_one_can_be_taken() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("lock");
        let first = LabLock::take(&path).unwrap();
        let refused = LabLock::take(&path).unwrap_err();
        assert!(
            refused.to_string().contains(&std::process::id().to_string()),
            "{refused}"
        );
        drop(first);
        LabLock::take(&path).unwrap();
    }
}
