//! Where this program keeps what it must remember between two calls.
//!
//! A *home* is a universe of its own: its running machines, its networks, its forwarded ports. It is
//! `$VMRUN_QEMU_HOME`, else `$XDG_STATE_HOME/vmrun-qemu`, else `~/.local/state/vmrun-qemu`.
//!
//! Sockets live elsewhere: a Unix socket's path may have 107 bytes, and homes and machine directories may be long. They
//! go into a short directory of the user's own, named after a hash of the home.

use std::fs::{self, DirBuilder, File, OpenOptions, TryLockError};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest, Sha256};

use crate::fault::{Fault, OrUnknown};

/// How long one call waits for another one that works on the same machine or network.
const LOCK_PATIENCE: Duration = Duration::from_secs(300);

/// The longest runtime directory that leaves room for a socket's name in 107 bytes.
const LONGEST_RUNTIME: usize = 60;

/// A universe of machines and networks.
#[derive(Debug, Clone)]
pub(crate) struct Home {
    root: PathBuf,
    runtime: PathBuf,
}

impl Home {
    /// Opens the home that the environment names, making its directories.
    pub(crate) fn open() -> Result<Self, Fault> {
        let root = match std::env::var_os("VMRUN_QEMU_HOME").filter(|value| !value.is_empty()) {
            Some(home) => PathBuf::from(home),
            None => state_home()?.join("vmrun-qemu"),
        };
        let root = std::path::absolute(&root).or_unknown(format_args!("finding {}", root.display()))?;
        for directory in [
            root.clone(),
            root.join("running"),
            root.join("locks"),
            root.join("networks"),
        ] {
            private_directory(&directory)?;
        }
        let root = fs::canonicalize(&root).or_unknown(format_args!("finding {}", root.display()))?;
        let runtime = runtime_base()?.join(hash(&root, 8));
        private_directory(&runtime)?;
        Ok(Self { root, runtime })
    }

    /// The home's own directory.
    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// A socket or pid file with a short path.
    pub(crate) fn socket(&self, name: &str) -> PathBuf {
        self.runtime.join(name)
    }

    /// The record of a running machine.
    pub(crate) fn record(&self, key: &str) -> PathBuf {
        self.root.join("running").join(format!("{key}.json"))
    }

    /// A file about a virtual network.
    pub(crate) fn network_file(&self, network: &str, what: &str) -> PathBuf {
        self.root.join("networks").join(format!("{network}.{what}.json"))
    }

    /// Waits for a lock, for a bounded time.
    pub(crate) fn lock(&self, name: &str) -> Result<Lock, Fault> {
        let file = self.lock_file(name)?;
        let deadline = Instant::now() + LOCK_PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Lock { _file: file }),
                Err(TryLockError::WouldBlock) if Instant::now() < deadline => {
                    std::thread::sleep(Duration::from_millis(15));
                }
                Err(TryLockError::WouldBlock) => {
                    return Err(Fault::FileInUse {
                        reason: format!("another vmrun-qemu has held {name} for minutes"),
                    });
                }
                Err(TryLockError::Error(error)) => return Err(Fault::unknown(format!("locking {name}: {error}"))),
            }
        }
    }

    /// Takes a lock if nobody has it.
    pub(crate) fn try_lock(&self, name: &str) -> Option<Lock> {
        let file = self.lock_file(name).ok()?;
        file.try_lock().ok().map(|()| Lock { _file: file })
    }

    fn lock_file(&self, name: &str) -> Result<File, Fault> {
        let path = self.root.join("locks").join(name);
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(0o600)
            .open(&path)
            .or_unknown(format_args!("opening the lock {}", path.display()))
    }
}

/// A lock that is held until it is dropped, or until this process is gone.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

/// Bytes as hexadecimal digits.
pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from_digit(u32::from(value), 16).unwrap_or('0');
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}

/// A short name for a path: the first `length` hexadecimal digits (at most 64) of its SHA-256.
pub(crate) fn hash(path: &Path, length: usize) -> String {
    let digest = Sha256::digest(path.as_os_str().as_encoded_bytes());
    hexadecimal(&digest)[..length.min(64)].to_owned()
}

fn state_home() -> Result<PathBuf, Fault> {
    let absolute = |name| {
        std::env::var_os(name)
            .map(PathBuf::from)
            .filter(|path| path.is_absolute())
    };
    absolute("XDG_STATE_HOME")
        .or_else(|| absolute("HOME").map(|home| home.join(".local/state")))
        .ok_or_else(|| Fault::HostNotReady {
            reason: "neither VMRUN_QEMU_HOME nor XDG_STATE_HOME nor HOME is set".to_owned(),
        })
}

/// `$XDG_RUNTIME_DIR` where there is one, short enough and writable; else a directory of this user's below `/tmp`.
fn runtime_base() -> Result<PathBuf, Fault> {
    if let Some(base) = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from) {
        let directory = base.join("vmrun-qemu");
        let fits = base.is_absolute() && directory.as_os_str().len() <= LONGEST_RUNTIME;
        if fits && private_directory(&directory).is_ok() {
            return Ok(directory);
        }
    }
    let directory = PathBuf::from(format!("/tmp/vmrun-qemu-{}", rustix::process::geteuid().as_raw()));
    private_directory(&directory)?;
    Ok(directory)
}

/// Makes a directory that only this user can enter, or insists that an existing one is this user's own: in `/tmp` somebody
/// else could have made it first, and could have made it a symbolic link.
fn private_directory(path: &Path) -> Result<(), Fault> {
    let Ok(found) = fs::symlink_metadata(path) else {
        return DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .or_unknown(format_args!("making the directory {}", path.display()));
    };
    let trusted = if path.starts_with("/tmp") {
        found.is_dir() && found.uid() == rustix::process::geteuid().as_raw() && found.mode() & 0o022 == 0
    } else {
        path.is_dir()
    };
    if trusted {
        return Ok(());
    }
    Err(Fault::HostNotReady {
        reason: format!("{} is not a directory that only this user can write to", path.display()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_short_and_tell_paths_apart() {
        let (a, b) = (hash(Path::new("/vm/가/a.vmx"), 12), hash(Path::new("/vm/나/a.vmx"), 12));
        assert_eq!(a.len(), 12);
        assert_ne!(a, b);
    }

    #[test]
    fn new_directories_are_private_and_strange_ones_are_refused() {
        let directory = tempfile::Builder::new().tempdir_in("/tmp").expect("a directory");
        let path = directory.path().join("mine");
        private_directory(&path).expect("made");
        assert_eq!(fs::metadata(&path).expect("there").mode() & 0o777, 0o700);
        private_directory(&path).expect("accepted again");
        let file = directory.path().join("file");
        fs::write(&file, "").expect("written");
        assert!(private_directory(&file).is_err());
        let link = directory.path().join("link");
        std::os::unix::fs::symlink(&path, &link).expect("linked");
        assert!(private_directory(&link).is_err());
    }
}
