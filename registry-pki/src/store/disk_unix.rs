//! Public files and links on Unix.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, symlink};
use std::path::Path;

use super::StoreError;

/// A new file that everyone who gets into its directory can read: 0644, less the umask.
pub(super) fn create_public(path: &Path) -> io::Result<File> {
    OpenOptions::new().write(true).create_new(true).mode(0o644).open(path)
}

pub(super) fn sync_dir(dir: &Path) -> io::Result<()> {
    super::flush(&File::open(dir)?)
}

/// Replaces `path` by a symbolic link to `target` in one step; `false` where the file system has no such links.
pub(crate) fn link(target: &Path, path: &Path) -> Result<bool, StoreError> {
    let temporary = super::temporary(path);
    super::remove_if_there(&temporary)?;
    super::crash::point();
    match symlink(target, &temporary) {
        Ok(()) => super::rename(&temporary, path).map(|()| true),
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::PermissionDenied | io::ErrorKind::Unsupported
            ) || error.raw_os_error() == Some(1) =>
        {
            Ok(false)
        }
        Err(source) => Err(StoreError::Io {
            operation: "linking",
            path: path.to_owned(),
            source,
        }),
    }
}
