//! Reading and writing a `.vmx` file on disk.

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use super::{VmxError, VmxFile};

/// A `.vmx` file with its path.
///
/// Only the file of a machine that is off may be edited: VMware keeps its own copy while the machine is open and writes
/// that at power-off. [`save`](Self::save) refuses while a lock exists or after somebody else's change; whether the
/// machine runs is for the caller to ask.
#[derive(Clone)]
pub struct VmxStore {
    path: PathBuf,
    read: Vec<u8>,
    /// The content, to be changed and [saved](Self::save).
    pub file: VmxFile,
}

impl fmt::Debug for VmxStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VmxStore")
            .field("path", &self.path)
            .field("file", &self.file)
            .finish_non_exhaustive()
    }
}

impl VmxStore {
    /// Reads a file.
    pub fn open(path: impl Into<PathBuf>) -> Result<Self, VmxError> {
        let path = path.into();
        let read = fs::read(&path).map_err(|source| VmxError::Io {
            what: "read",
            path: path.clone(),
            source,
        })?;
        Ok(Self {
            file: VmxFile::parse(&read),
            read,
            path,
        })
    }

    /// The file's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The lock that VMware keeps while it has the machine open, if there is one.
    pub fn lock(&self) -> Option<PathBuf> {
        let mut lock = self.path.clone().into_os_string();
        lock.push(".lck");
        let lock = PathBuf::from(lock);
        // An empty lock directory is what a clean close can leave behind.
        let held = match fs::read_dir(&lock) {
            Ok(mut entries) => entries.next().is_some(),
            Err(error) => error.kind() == io::ErrorKind::NotADirectory,
        };
        held.then_some(lock)
    }

    /// Writes the changed file in one step, with the old one's permissions. Nothing is written if nothing changed.
    pub fn save(&mut self) -> Result<(), VmxError> {
        let bytes = self.file.to_bytes();
        if bytes == self.read {
            return Ok(());
        }
        if let Some(lock) = self.lock() {
            return Err(VmxError::Locked {
                path: self.path.clone(),
                lock,
            });
        }
        let path = self.path.clone();
        let (now, permissions) = match fs::read(&path).and_then(|now| Ok((now, fs::metadata(&path)?.permissions()))) {
            Ok(read) => read,
            Err(source) => {
                return Err(VmxError::Io {
                    what: "read",
                    path,
                    source,
                });
            }
        };
        if now != self.read {
            return Err(VmxError::ChangedMeanwhile { path });
        }
        write_atomically(&path, &bytes, permissions).map_err(|source| VmxError::Io {
            what: "write",
            path,
            source,
        })?;
        self.read = bytes;
        Ok(())
    }

    /// Writes a file that does not exist yet.
    pub fn create(path: impl Into<PathBuf>, file: VmxFile) -> Result<Self, VmxError> {
        let path = path.into();
        let bytes = file.to_bytes();
        let result = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .open(&path)
            .and_then(|mut new| {
                new.write_all(&bytes)?;
                new.sync_all()
            });
        match result {
            Ok(()) => Ok(Self {
                path,
                read: bytes,
                file,
            }),
            Err(source) => Err(VmxError::Io {
                what: "create",
                path,
                source,
            }),
        }
    }
}

/// Writes beside the target and renames over it, so that a reader sees the old bytes or the new ones.
fn write_atomically(path: &Path, bytes: &[u8], permissions: fs::Permissions) -> io::Result<()> {
    let directory = path
        .parent()
        .filter(|p| !p.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let mut temporary = tempfile::Builder::new().prefix(".vmx-").tempfile_in(directory)?;
    temporary.write_all(bytes)?;
    temporary.as_file().set_permissions(permissions)?;
    temporary.as_file().sync_all()?;
    temporary.persist(path).map_err(|error| error.error)?;
    Ok(())
}
