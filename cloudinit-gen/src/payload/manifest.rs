//! What a payload image was made of.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use super::PayloadError;
use crate::{PayloadRef, Sha256Digest, VolumeLabel};

/// A payload image and its contents; kept beside the image as JSON.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PayloadManifest {
    /// The medium's label.
    pub label: VolumeLabel,
    /// When the payload was built, in seconds since 1970.
    pub build_time: u64,
    /// SHA-256 of the image's `SHA256SUMS`: two payloads with one digest hold the same files.
    pub digest: Sha256Digest,
    /// The image as it was when it had just been written.
    pub(super) image: Stamp,
    /// Everything in it but `SHA256SUMS` and `build-time`.
    pub files: Vec<PayloadFile>,
}

/// One file of a payload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PayloadFile {
    /// Path in the image.
    pub name: String,
    /// The file of the host that it is a copy of.
    pub source: PathBuf,
    /// Its checksum.
    pub sha256: Sha256Digest,
    /// The source's size and age when it was copied.
    #[serde(flatten)]
    pub(super) stamp: Stamp,
}

/// Size and time of modification: what tells cheaply that a file has changed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Stamp {
    /// Bytes.
    pub(super) size: u64,
    /// Nanoseconds since 1970; 0 where the file system does not say.
    pub(super) modified: u64,
}

impl Stamp {
    /// The file's stamp now.
    pub(super) fn of(path: &Path) -> Result<Self, PayloadError> {
        let metadata = fs::metadata(path).map_err(|source| PayloadError::Read {
            path: path.to_owned(),
            source,
        })?;
        let modified = metadata
            .modified()
            .ok()
            .and_then(|time| time.duration_since(UNIX_EPOCH).ok());
        let modified = modified.map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX));
        Ok(Self {
            size: metadata.len(),
            modified,
        })
    }
}

impl PayloadFile {
    pub(super) fn new(name: &str, source: &Path, stamp: Stamp, sha256: Sha256Digest) -> Self {
        Self {
            name: name.to_owned(),
            source: source.to_owned(),
            sha256,
            stamp,
        }
    }

    /// Size in bytes.
    pub fn size(&self) -> u64 {
        self.stamp.size
    }
}

impl PayloadManifest {
    /// What a node has to know of this payload.
    pub fn to_ref(&self) -> PayloadRef {
        let mut reference = PayloadRef::new(self.label.clone(), self.built_at());
        reference.digest = Some(self.digest.clone());
        reference
    }

    /// When the payload was built.
    pub fn built_at(&self) -> SystemTime {
        UNIX_EPOCH
            .checked_add(Duration::from_secs(self.build_time))
            .unwrap_or(UNIX_EPOCH)
    }

    /// Size of the image in bytes.
    pub fn image_len(&self) -> u64 {
        self.image.size
    }

    /// The manifest of the image at `path`; `None` if there is none or it cannot be understood.
    pub fn read(path: &Path) -> Option<Self> {
        serde_json::from_slice(&fs::read(beside(path)).ok()?).ok()
    }

    /// Keeps the manifest beside its image. It appears complete or not at all.
    pub(super) fn write(&self, image: &Path) -> Result<(), PayloadError> {
        let path = beside(image);
        let failed = |source| PayloadError::Manifest {
            path: path.clone(),
            source,
        };
        let text = serde_json::to_vec_pretty(self).map_err(|error| failed(error.into()))?;
        private_files::write(&path, &text).map_err(failed)
    }
}

/// `<image>.json`.
fn beside(image: &Path) -> PathBuf {
    let mut name = image.as_os_str().to_owned();
    name.push(".json");
    name.into()
}
