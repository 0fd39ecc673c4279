//! The lock that kubectl itself takes while it changes a kubeconfig: a file beside it.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use crate::error::LabError;

pub(super) struct Turn(PathBuf);

impl Turn {
    pub(super) fn take(path: &Path) -> Result<Self, LabError> {
        let mut lock = path.as_os_str().to_owned();
        lock.push(".lock");
        let lock = PathBuf::from(lock);
        match OpenOptions::new().write(true).create_new(true).open(&lock) {
            Ok(_) => Ok(Self(lock)),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Err(LabError::failed(format!(
                "another program is changing {}: there is {}",
                path.display(),
                lock.display()
            ))
            .help("try again; if no program is, delete that file")),
            Err(e) => Err(LabError::io("make the lock", &lock, e)),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}
