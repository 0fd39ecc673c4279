//! Deciding whether an image that is there still holds what it should.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::digest;
use super::manifest::Stamp;
use super::{Payload, PayloadError, PayloadManifest};
use crate::Sha256Digest;
use crate::calendar::unix_seconds;

/// The image's manifest, if the image holds exactly `files`; brought up to date when only times had changed.
pub(super) fn reusable(
    payload: &Payload,
    files: &BTreeMap<String, PathBuf>,
    image: &Path,
) -> Result<Option<PayloadManifest>, PayloadError> {
    let found = compare(payload, files, image)?;
    if let Some((manifest, true)) = &found {
        manifest.write(image)?;
    }
    Ok(found.map(|(manifest, _)| manifest))
}

/// The image's manifest, if the image holds exactly `files`, and whether their times differ from what is written there.
pub(super) fn compare(
    payload: &Payload,
    files: &BTreeMap<String, PathBuf>,
    image: &Path,
) -> Result<Option<(PayloadManifest, bool)>, PayloadError> {
    let Some(mut manifest) = PayloadManifest::read(image) else {
        return Ok(None);
    };
    if !image.is_file() || Stamp::of(image)? != manifest.image || manifest.label != payload.label {
        return Ok(None);
    }
    let build_time = payload.build_time.map(|time| unix_seconds(time).max(0).unsigned_abs());
    if build_time.is_some_and(|time| time != manifest.build_time) {
        return Ok(None);
    }
    let same_names = manifest.files.iter().map(|file| &file.name).eq(files.keys());
    if !same_names {
        return Ok(None);
    }
    let mut refreshed = false;
    for (file, source) in manifest.files.iter_mut().zip(files.values()) {
        let stamp = Stamp::of(source)?;
        if &file.source == source && file.stamp == stamp {
            continue;
        }
        let same = file.stamp.size == stamp.size
            && match payload.known_digests.get(source) {
                Some(known) => file.sha256 == *known,
                None => file.sha256 == sha256(source)?,
            };
        if !same {
            return Ok(None);
        }
        file.source.clone_from(source);
        file.stamp = stamp;
        refreshed = true;
    }
    Ok(Some((manifest, refreshed)))
}

fn sha256(path: &Path) -> Result<Sha256Digest, PayloadError> {
    let failed = |source| PayloadError::Read {
        path: path.to_owned(),
        source,
    };
    let mut file = File::open(path).map_err(failed)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 256 * 1024];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(digest::finish(hasher)),
            Ok(count) => hasher.update(&buffer[..count]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(failed(error)),
        }
    }
}
