//! The payload image: what every node of an air-gapped lab installs from, on one medium that all of them share.
//!
//! In its root are `k3s`, `build-time` (RFC 3339) and `SHA256SUMS`, which lists every other file; image archives are in
//! `images/`, packages in `packages/`. Checksums are computed while the image is written, so every file is read once; who knows a file's checksum already
//! (see [`Payload::known_digests`]) saves that, and leaves the copy to the kernel where it can do that.

mod archive;
mod digest;
mod error;
mod manifest;
mod reuse;

pub use error::PayloadError;
pub use manifest::{PayloadFile, PayloadManifest};

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use crate::calendar::{Civil, unix_seconds};
use crate::iso::{IsoBuilder, Source};
use crate::{Sha256Digest, VolumeLabel};
use digest::Checksums;
use manifest::Stamp;

/// The label of the payload's medium.
pub const PAYLOAD_LABEL: &str = "LABPAYLOAD";

/// The file of checksums, in the form of `sha256sum`.
pub const SUMS_FILE: &str = "SHA256SUMS";
/// The file that says when the payload was built.
pub const BUILD_TIME_FILE: &str = "build-time";

/// What goes into a payload image.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Payload {
    /// The k3s binary.
    pub k3s_binary: PathBuf,
    /// Archives of container images. k3s tells their compression by their names, so a name has to be true.
    pub images: Vec<PathBuf>,
    /// Debian packages that nodes install.
    pub packages: Vec<PathBuf>,
    /// Further files by their paths in the image. Nodes do nothing with them.
    pub extra: BTreeMap<String, PathBuf>,
    /// When the payload counts as built; `None`: the moment it is written. A node's clock is never earlier than this.
    pub build_time: Option<SystemTime>,
    /// The medium's label.
    pub label: VolumeLabel,
    /// Checksums that are known already, by the files' paths as they are given above. They are believed: a file that has another one makes
    /// an image that every node refuses before it uses anything of it.
    pub known_digests: BTreeMap<PathBuf, Sha256Digest>,
}

/// What [`Payload::ensure_iso`] did.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PayloadAction {
    /// The image that was there still holds what it should.
    Reused,
    /// The image was written.
    Written,
}

impl Payload {
    /// A payload of the k3s binary alone.
    pub fn new(k3s_binary: impl Into<PathBuf>) -> Self {
        Self {
            k3s_binary: k3s_binary.into(),
            images: Vec::new(),
            packages: Vec::new(),
            extra: BTreeMap::new(),
            build_time: None,
            label: PAYLOAD_LABEL
                .parse()
                .expect("a constant in the form that VolumeLabel demands"),
            known_digests: BTreeMap::new(),
        }
    }

    /// The files of the host that it is made of.
    pub fn sources(&self) -> impl Iterator<Item = &Path> {
        let given = std::iter::once(&self.k3s_binary)
            .chain(&self.images)
            .chain(&self.packages);
        given.chain(self.extra.values()).map(PathBuf::as_path)
    }

    /// Writes the image, and beside it (`<path>.json`) the manifest that [`ensure_iso`](Self::ensure_iso) compares.
    pub fn write_iso(&self, path: &Path) -> Result<PayloadManifest, PayloadError> {
        let files = self.files()?;
        let build_time = self.build_time.unwrap_or_else(SystemTime::now);
        let mut iso = IsoBuilder::new(self.label.clone());
        iso.date(build_time);
        let stamp = format!("{}\n", Civil::from(build_time));
        let image_error = |source| PayloadError::Iso {
            path: path.to_owned(),
            source,
        };
        for (name, source) in &files {
            let entry = iso.file(name, Source::path(source)).map_err(image_error)?;
            if name == "k3s" {
                entry.executable();
            }
        }
        iso.file(BUILD_TIME_FILE, Source::bytes(stamp)).map_err(image_error)?;
        let sums = files
            .iter()
            .map(|(name, source)| (name.as_str(), self.known_digests.get(source).cloned()));
        let mut checksums = Checksums::new(sums.chain([(BUILD_TIME_FILE, None)]));
        iso.file(SUMS_FILE, Source::deferred(checksums.text_len()))
            .map_err(image_error)?;

        // Taken before the data is read: a source that changes meanwhile will not match it.
        let stamps = files
            .iter()
            .map(|(name, source)| Ok((name.clone(), Stamp::of(source)?)));
        let stamps = stamps.collect::<Result<BTreeMap<_, _>, PayloadError>>()?;
        iso.write_file_hooked(path, &mut checksums).map_err(image_error)?;
        let file = |(name, source): (&String, &PathBuf)| {
            let stamp = stamps.get(name).copied().unwrap_or_default();
            PayloadFile::new(name, source, stamp, checksums.sum(name))
        };
        let manifest = PayloadManifest {
            label: self.label.clone(),
            build_time: unix_seconds(build_time).max(0).unsigned_abs(),
            digest: checksums.digest().clone(),
            image: Stamp::of(path)?,
            files: files.iter().map(file).collect(),
        };
        manifest.write(path)?;
        Ok(manifest)
    }

    /// Writes the image unless the one at `path` already holds exactly this.
    ///
    /// It is reused when its manifest is beside it, names the same files under the same names with the same sizes and
    /// times of modification, and belongs to that very image. A file whose time alone has changed is read and compared.
    /// Without a `build_time` of its own, the payload keeps the image's.
    pub fn ensure_iso(&self, path: &Path) -> Result<(PayloadManifest, PayloadAction), PayloadError> {
        let files = self.files()?;
        if let Some(manifest) = reuse::reusable(self, &files, path)? {
            return Ok((manifest, PayloadAction::Reused));
        }
        Ok((self.write_iso(path)?, PayloadAction::Written))
    }

    /// The manifest of the image at `path`, if that holds exactly this already; nothing is written.
    pub fn existing_iso(&self, path: &Path) -> Result<Option<PayloadManifest>, PayloadError> {
        let files = self.files()?;
        Ok(reuse::compare(self, &files, path)?.map(|(manifest, _)| manifest))
    }

    /// Every file of the host by its path in the image; refuses what a node could not use.
    fn files(&self) -> Result<BTreeMap<String, PathBuf>, PayloadError> {
        archive::check_binary(&self.k3s_binary)?;
        let mut files = BTreeMap::from([("k3s".to_owned(), self.k3s_binary.clone())]);
        let mut add = |name: String, source: &Path| match files.insert(name.clone(), source.to_owned()) {
            Some(first) => Err(PayloadError::Twice {
                name,
                first,
                second: source.to_owned(),
            }),
            None => Ok(()),
        };
        for image in &self.images {
            archive::check_archive(image)?;
            add(format!("images/{}", archive::file_name(image)?), image)?;
        }
        for package in &self.packages {
            archive::check_package(package)?;
            add(format!("packages/{}", archive::file_name(package)?), package)?;
        }
        for (name, source) in &self.extra {
            add(name.clone(), source)?;
        }
        for reserved in [SUMS_FILE, BUILD_TIME_FILE] {
            if let Some(source) = files.get(reserved) {
                return Err(PayloadError::Reserved {
                    name: reserved,
                    source_path: source.clone(),
                });
            }
        }
        Ok(files)
    }
}
