//! Permissions and links on Unix.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink};
use std::path::Path;

use super::{Access, StoreError};

pub(super) fn private_dir_builder() -> DirBuilder {
    let mut builder = DirBuilder::new();
    builder.mode(0o700);
    builder
}

pub(super) fn restrict(options: &mut OpenOptions, access: Access) {
    options.mode(match access {
        Access::Private => 0o600,
        Access::Public => 0o644,
    });
}

/// A directory that others may write in is no place for keys; one that they may read is, for the keys are 0600.
pub(crate) fn refuse_shared_dir(dir: &Path) -> Result<(), StoreError> {
    let mode = fs::metadata(dir)
        .map_err(StoreError::io("looking at", dir))?
        .permissions()
        .mode();
    if mode & 0o022 == 0 {
        Ok(())
    } else {
        Err(StoreError::Insecure { dir: dir.to_owned() })
    }
}

pub(super) fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
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
