//! Files and directories that are private from their first byte.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::StoreError;

#[cfg(not(unix))]
#[path = "disk_other.rs"]
mod platform;
#[cfg(unix)]
#[path = "disk_unix.rs"]
mod platform;

pub(crate) use platform::link;

/// Who may read a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// The owner alone: 0600.
    Private,
    /// Everyone who gets into the directory: 0644, less the umask.
    Public,
}

/// A directory that others may write in is no place for keys; one that they may read is, for the keys are private.
pub(crate) fn refuse_shared_dir(dir: &Path) -> Result<(), StoreError> {
    match private_files::others_can_write(dir) {
        Ok(false) => Ok(()),
        Ok(true) => Err(StoreError::Insecure { dir: dir.to_owned() }),
        Err(error) => Err(StoreError::io("looking at", dir)(error)),
    }
}

/// Makes `dir` and its missing parents, 0700.
pub(crate) fn make_private_dir(dir: &Path) -> Result<(), StoreError> {
    crash::point();
    private_files::create_dir_all(dir).map_err(StoreError::io("creating", dir))
}

/// Makes `dir`, 0700; it must not exist.
pub(crate) fn make_new_private_dir(dir: &Path) -> Result<(), StoreError> {
    crash::point();
    private_files::create_dir(dir).map_err(StoreError::io("creating", dir))
}

pub(crate) fn open_lock(path: &Path) -> io::Result<File> {
    private_files::open_or_create(path)
}

/// Writes a new file, flushed to the disk. It has its permissions before it has its contents.
pub(crate) fn write_new(path: &Path, contents: &[u8], access: Access) -> Result<(), StoreError> {
    crash::point();
    let made = match access {
        Access::Private => private_files::create_new(path),
        Access::Public => platform::create_public(path),
    };
    let mut file = made.map_err(StoreError::io("creating", path))?;
    crash::point();
    file.write_all(contents)
        .and_then(|()| flush(&file))
        .map_err(StoreError::io("writing", path))
}

/// Waits until a file or directory is on the disk. Tests die by the thread, not by the power, and have no time to wait.
fn flush(file: &File) -> io::Result<()> {
    if cfg!(test) { Ok(()) } else { file.sync_all() }
}

/// Replaces `path` by a plain file with `contents`: readers see the old file or the new one, never a part.
pub(crate) fn replace(path: &Path, contents: &[u8], access: Access) -> Result<(), StoreError> {
    let temporary = temporary(path);
    remove_if_there(&temporary)?;
    write_new(&temporary, contents, access)?;
    rename(&temporary, path)
}

/// Renames in one step; what was at `to` is gone.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), StoreError> {
    crash::point();
    private_files::replace(from, to).map_err(StoreError::io("replacing", to))
}

/// `.registry.key.new` beside `registry.key`. The lock makes sure that only one process uses it.
pub(crate) fn temporary(path: &Path) -> std::path::PathBuf {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    path.with_file_name(format!(".{name}.new"))
}

pub(crate) fn remove_if_there(path: &Path) -> Result<(), StoreError> {
    crash::point();
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::Io {
            operation: "removing",
            path: path.to_owned(),
            source: error,
        }),
        _ => Ok(()),
    }
}

/// Removes a directory and all that is in it, if it is there.
pub(crate) fn remove_tree_if_there(dir: &Path) -> Result<(), StoreError> {
    crash::point();
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(StoreError::Io {
            operation: "removing",
            path: dir.to_owned(),
            source: error,
        }),
        _ => Ok(()),
    }
}

/// Makes renames in `dir` survive a power failure.
pub(crate) fn sync_dir(dir: &Path) -> Result<(), StoreError> {
    platform::sync_dir(dir).map_err(StoreError::io("flushing", dir))
}

/// Where a process may be killed: in tests, the thread "dies" at a chosen one of these points.
#[cfg(test)]
pub(crate) mod crash {
    use std::cell::Cell;

    thread_local! {
        static LEFT: Cell<Option<u32>> = const { Cell::new(None) };
    }

    /// What the thread dies with.
    #[derive(Debug)]
    pub(crate) struct Killed;

    /// Lets the thread die at the point with this number, counted from 0; `None` lets it live.
    pub(crate) fn at(point: Option<u32>) {
        LEFT.set(point);
    }

    pub(crate) fn point() {
        match LEFT.get() {
            // No panic message: dying is what was asked for.
            Some(0) => std::panic::resume_unwind(Box::new(Killed)),
            Some(left) => LEFT.set(Some(left - 1)),
            None => {}
        }
    }
}

#[cfg(not(test))]
mod crash {
    pub(super) fn point() {}
}
