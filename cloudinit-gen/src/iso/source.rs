//! Where a file's data comes from.

use std::fs::{self, Metadata};
use std::path::PathBuf;
use std::time::SystemTime;

use super::IsoError;

/// The data of one file in an image.
#[derive(Debug, Clone)]
pub struct Source(pub(super) Inner);

#[derive(Clone)]
pub(super) enum Inner {
    /// In memory.
    Bytes(Vec<u8>),
    /// A file of the host.
    Path(PathBuf),
    /// Made while the image is written, when every other file has been; the size is known before.
    Deferred(u64),
}

impl std::fmt::Debug for Inner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            // Seed files hold keys: sizes only.
            Self::Bytes(bytes) => write!(f, "[{} bytes]", bytes.len()),
            Self::Path(path) => write!(f, "{}", path.display()),
            Self::Deferred(len) => write!(f, "[{len} bytes to come]"),
        }
    }
}

impl Source {
    /// Data in memory.
    pub fn bytes(bytes: impl Into<Vec<u8>>) -> Self {
        Self(Inner::Bytes(bytes.into()))
    }

    /// A file of the host, read while the image is written. Symbolic links are followed.
    pub fn path(path: impl Into<PathBuf>) -> Self {
        Self(Inner::Path(path.into()))
    }

    /// Data that the hook supplies at the end.
    pub(crate) fn deferred(len: u64) -> Self {
        Self(Inner::Deferred(len))
    }

    /// Size and age, now.
    pub(super) fn measure(&self) -> Result<Version, IsoError> {
        match &self.0 {
            Inner::Bytes(bytes) => Ok(Version::lasting(bytes.len() as u64)),
            Inner::Deferred(len) => Ok(Version::lasting(*len)),
            Inner::Path(path) => {
                let metadata = fs::metadata(path).map_err(|source| IsoError::Open {
                    path: path.clone(),
                    source,
                })?;
                if !metadata.is_file() {
                    return Err(IsoError::NotAFile { path: path.clone() });
                }
                Ok(Version::of(&metadata))
            }
        }
    }
}

/// What tells that a file is not what it was when it was measured.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Version {
    /// Size in bytes.
    pub(super) len: u64,
    /// When it was last written to, where the file system says so.
    modified: Option<SystemTime>,
}

impl Version {
    /// The version of an open file, or of one that is looked at.
    pub(super) fn of(metadata: &Metadata) -> Self {
        Self {
            len: metadata.len(),
            modified: metadata.modified().ok(),
        }
    }

    /// Data that does not change.
    fn lasting(len: u64) -> Self {
        Self { len, modified: None }
    }
}
