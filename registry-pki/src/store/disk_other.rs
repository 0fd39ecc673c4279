//! Public files and links where there are no Unix modes.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::Path;

use super::StoreError;

/// A new file with the permissions that its directory hands down.
pub(super) fn create_public(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).open(path)
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
