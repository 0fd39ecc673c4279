//! Files and directories that only their owner can read, from their first byte on.
#![doc = include_str!("../README.md")]

use std::fs::File;
use std::io::{self, Write as _};
use std::path::Path;

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as platform;
#[cfg(windows)]
use windows as platform;

/// Makes a new file for reading and writing that its owner alone can open.
///
/// # Errors
///
/// `AlreadyExists` where there is anything of that name, even a link to nowhere.
pub fn create_new(path: &Path) -> io::Result<File> {
    platform::open(path, How::New)
}

/// Opens a file for adding to its end; one that is missing is made, for its owner alone.
pub fn append(path: &Path) -> io::Result<File> {
    platform::open(path, How::Append)
}

/// Opens a file for reading and writing without changing it; one that is missing is made, for its owner alone.
pub fn open_or_create(path: &Path) -> io::Result<File> {
    platform::open(path, How::Keep)
}

/// Makes a directory that its owner alone can look into. What is made in it later is as private, unless it is given other
/// permissions.
///
/// # Errors
///
/// `AlreadyExists` where there is anything of that name.
pub fn create_dir(path: &Path) -> io::Result<()> {
    platform::create_dir(path)
}

/// Makes a directory and those above it that are missing, each for its owner alone. One that is there stays as it is.
pub fn create_dir_all(path: &Path) -> io::Result<()> {
    match create_dir(path) {
        Ok(()) => Ok(()),
        Err(_) if path.is_dir() => Ok(()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let above = path
                .parent()
                .filter(|above| !above.as_os_str().is_empty())
                .ok_or(error)?;
            create_dir_all(above)?;
            match create_dir(path) {
                // Somebody else was as fast.
                Err(_) if path.is_dir() => Ok(()),
                result => result,
            }
        }
        Err(error) => Err(error),
    }
}

/// Makes or replaces a file as a whole, for its owner alone. The content is on the disk before the file has its name.
pub fn write(path: &Path, content: &[u8]) -> io::Result<()> {
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
    let mut file = tempfile::Builder::new()
        .prefix(".new-")
        .make_in(dir.unwrap_or(Path::new(".")), create_new)?;
    file.write_all(content)?;
    file.as_file().sync_all()?;
    replace(file.path(), path)
}

/// Gives `from` the name `to`, in one step: who opens `to` finds what was there before or what is there now, never a part
/// or nothing. Both must be on one file system. The permissions are those of `from`.
///
/// On Windows a virus scanner, an indexer or a reader can be in the way for a moment; it is waited for, up to half a second.
///
/// # Errors
///
/// `InvalidInput` where `to` is a device, a pipe or a socket, or a link to one: whoever may, would put a file in the place of
/// `/dev/null`.
pub fn replace(from: &Path, to: &Path) -> io::Result<()> {
    // A link to nowhere is replaced, and what cannot be looked at is told by the attempt.
    if std::fs::metadata(to).is_ok_and(|there| !there.is_file() && !there.is_dir()) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "it is a device or a pipe, which a file cannot take the place of",
        ));
    }
    platform::replace(from, to)
}

/// Whether anyone but the owner can read a file, or list a directory. The system's administrators do not count.
pub fn others_can_read(path: &Path) -> io::Result<bool> {
    platform::others_can(path, Right::Read)
}

/// Whether anyone but the owner can change a file, or make and delete files in a directory. The system's administrators do
/// not count.
pub fn others_can_write(path: &Path) -> io::Result<bool> {
    platform::others_can(path, Right::Write)
}

/// How a file is opened.
#[derive(Clone, Copy)]
enum How {
    New,
    Append,
    Keep,
}

/// What others may do.
#[derive(Clone, Copy)]
enum Right {
    Read,
    Write,
}
