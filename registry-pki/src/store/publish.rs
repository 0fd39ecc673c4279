//! Bringing the visible files up to date without a moment in which certificate and key do not match.
//!
//! Two plain files cannot be replaced in one step, and a server that starts between two renames would find the new
//! certificate with the old key. So for the time of the change the files that differ become symbolic links through
//! one link, `.live`, which names the generation:
//!
//! 1. `.live` names the generation that the visible files already show, and each file that will change becomes a link
//!    to the same file in `.live/`: nothing changes for a reader.
//! 2. `.live` is replaced by a link to the new generation, in one rename: everything changes at once.
//! 3. Each link is replaced by a plain file of the same contents: nothing changes for a reader.
//!
//! A process killed at any point leaves links that work; the next call goes on from there. Where the file system has no
//! symbolic links, or the visible files show no whole generation (somebody changed them), the files are replaced one
//! by one, trust first and the certificate last, and a kill in between is mended by the next call.

use std::fs;
use std::path::{Path, PathBuf};

use super::StoreError;
use super::disk::{self, Access};
use super::generation::{self, Current, DIRECTORY, VISIBLE};

/// The link through which the visible files are switched.
pub(super) const LIVE: &str = ".live";

pub(super) fn publish(dir: &Path, current: &Current) -> Result<(), StoreError> {
    let live = dir.join(LIVE);
    let differing: Vec<(&str, Access)> = VISIBLE
        .into_iter()
        .filter(|(name, _)| !shows(&dir.join(name), current.set.visible(name)))
        .collect();
    if !differing.is_empty() {
        if differing.len() > 1
            && let Some(shown) = shown_generation(dir, current.number)?
        {
            switch(dir, &differing, shown, current.number)?;
        }
        for (name, access) in differing {
            let path = dir.join(name);
            match current.set.visible(name) {
                Some(contents) => disk::replace(&path, contents.as_bytes(), access)?,
                None => disk::remove_if_there(&path)?,
            }
        }
        disk::sync_dir(dir)?;
    }
    disk::remove_if_there(&live)
}

/// Steps 1 and 2.
fn switch(dir: &Path, differing: &[(&str, Access)], shown: u64, wanted: u64) -> Result<(), StoreError> {
    let live = dir.join(LIVE);
    let target = |number: u64| PathBuf::from(DIRECTORY).join(format!("{number:04}"));
    if shown != wanted {
        if !disk::link(&target(shown), &live)? {
            return Ok(());
        }
        for (name, _) in differing {
            // Where the new set has the file and the shown one has not, there is nothing to link to yet.
            if generation::path(dir, shown).join(name).exists() {
                disk::link(&Path::new(LIVE).join(name), &dir.join(name))?;
            }
        }
        disk::sync_dir(dir)?;
        disk::link(&target(wanted), &live)?;
        disk::sync_dir(dir)?;
    }
    Ok(())
}

/// Whether `path` is a plain file with these contents (or is absent, where there are none).
fn shows(path: &Path, contents: Option<&str>) -> bool {
    match (fs::symlink_metadata(path), contents) {
        (Ok(metadata), Some(contents)) => {
            metadata.is_file() && fs::read(path).is_ok_and(|bytes| bytes == contents.as_bytes())
        }
        (Err(_), None) => true,
        _ => false,
    }
}

/// The generation whose certificate and key the visible files show, directly or through links: the newest such one.
fn shown_generation(dir: &Path, newest: u64) -> Result<Option<u64>, StoreError> {
    let pair = ["registry.crt", "registry.key"];
    let Some(visible) = read_all(dir, &pair) else {
        return Ok(None);
    };
    let candidates = generation::numbers(dir)?
        .into_iter()
        .rev()
        .filter(|number| *number <= newest);
    for number in candidates {
        if read_all(&generation::path(dir, number), &pair).as_ref() == Some(&visible) {
            return Ok(Some(number));
        }
    }
    Ok(None)
}

fn read_all(dir: &Path, names: &[&str]) -> Option<Vec<zeroize::Zeroizing<Vec<u8>>>> {
    names
        .iter()
        .map(|name| fs::read(dir.join(name)).ok().map(zeroize::Zeroizing::new))
        .collect()
}
