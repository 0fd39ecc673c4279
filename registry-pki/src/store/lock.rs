//! One process at a time changes a store.

use std::fs::{File, TryLockError};
use std::path::Path;
use std::time::{Duration, Instant};

use super::StoreError;
use super::disk;

pub(crate) const NAME: &str = ".lock";

/// Long enough for the slowest change (RSA keys, a slow disk), short enough to tell a hanging process from a busy one.
const PATIENCE: Duration = Duration::from_secs(60);

/// Holds the store's lock until it is dropped. The system releases it when the process ends, however it ends.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

pub(crate) fn exclusive(dir: &Path) -> Result<Lock, StoreError> {
    acquire(dir, File::try_lock)
}

/// For reading; `None` where nothing was ever written, or where this user may not open the lock file.
pub(crate) fn shared(dir: &Path) -> Result<Option<Lock>, StoreError> {
    match File::open(dir.join(NAME)) {
        Ok(file) => wait(dir, file, File::try_lock_shared).map(Some),
        Err(_) => Ok(None),
    }
}

fn acquire(dir: &Path, attempt: fn(&File) -> Result<(), TryLockError>) -> Result<Lock, StoreError> {
    let path = dir.join(NAME);
    let file = disk::open_lock(&path).map_err(StoreError::io("opening the lock", &path))?;
    wait(dir, file, attempt)
}

fn wait(dir: &Path, file: File, attempt: fn(&File) -> Result<(), TryLockError>) -> Result<Lock, StoreError> {
    let start = Instant::now();
    let mut pause = Duration::from_millis(1);
    loop {
        match attempt(&file) {
            Ok(()) => return Ok(Lock { _file: file }),
            Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => {
                std::thread::sleep(pause);
                pause = (pause * 2).min(Duration::from_millis(50));
            }
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::Locked {
                    dir: dir.to_owned(),
                    waited: start.elapsed(),
                });
            }
            Err(TryLockError::Error(source)) => {
                return Err(StoreError::Io {
                    operation: "locking",
                    path: dir.join(NAME),
                    source,
                });
            }
        }
    }
}
