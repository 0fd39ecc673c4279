//! Permissions on systems without Unix modes: files inherit the access list of the directory, which lies in the
//! user's profile.

use std::fs::{DirBuilder, OpenOptions};
use std::io;
use std::path::Path;

use super::{Access, StoreError};

pub(super) fn private_dir_builder() -> DirBuilder {
    DirBuilder::new()
}

pub(super) fn restrict(_options: &mut OpenOptions, _access: Access) {}

#[expect(clippy::unnecessary_wraps, reason = "the same signature as on Unix")]
pub(crate) fn refuse_shared_dir(_dir: &Path) -> Result<(), StoreError> {
    Ok(())
}

/// A file that another process has open cannot be replaced for that moment.
pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    let mut attempts = 0;
    loop {
        match std::fs::rename(from, to) {
            Err(error) if error.kind() == io::ErrorKind::PermissionDenied && attempts < 20 => {
                attempts += 1;
                std::thread::sleep(std::time::Duration::from_millis(25));
            }
            result => return result,
        }
    }
}

/// Directories cannot be flushed here; the file system's journal orders renames.
#[expect(clippy::unnecessary_wraps, reason = "the same signature as on Unix")]
pub(super) fn sync_dir(_dir: &Path) -> io::Result<()> {
    Ok(())
}

/// Symbolic links need a privilege here.
#[expect(clippy::unnecessary_wraps, reason = "the same signature as on Unix")]
pub(crate) fn link(_target: &Path, _path: &Path) -> Result<bool, StoreError> {
    Ok(false)
}
