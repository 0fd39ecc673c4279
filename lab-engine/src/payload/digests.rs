//! Checksums of large files, kept so that a file is read for its checksum once and not for every image that it goes into.
//!
//! A checksum counts as long as the file is the same one: same inode, size, time of modification and of change, under the same path. A file
//! that was written to within two seconds before it was looked at is not kept: a later write could fall into the same tick of
//! the file system's clock and leave all of that as it is.

use std::collections::BTreeMap;
use std::fs::{self, Metadata};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use cloudinit_gen::Sha256Digest;
use serde::{Deserialize, Serialize};

use crate::error::{Context as _, LabError};
use crate::files;

/// For how long a file must have been left alone: the coarsest times are FAT's, of two seconds.
pub(super) const SETTLED: Duration = Duration::from_secs(2);

/// More files than a user has payloads of. Looking for fewer is not worth it: they may be on a server that does not answer.
const MANY: usize = 100;

/// The kept checksums of one user's files.
#[derive(Debug)]
pub(super) struct DigestCache {
    path: PathBuf,
    content: Content,
}

/// As it is on disk.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Content {
    /// By absolute path; a path that is not Unicode is not kept.
    files: BTreeMap<String, Entry>,
}

#[derive(Debug, Serialize, Deserialize)]
struct Entry {
    #[serde(flatten)]
    stamp: Stamp,
    sha256: Sha256Digest,
}

/// A file as it was at one moment.
#[derive(Debug, Clone)]
pub(super) struct Look {
    stamp: Stamp,
    /// Whether it had been left alone for long enough by then.
    settled: bool,
}

/// What tells a file from another, or from itself at another time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Stamp {
    size: u64,
    /// Nanoseconds since 1970.
    modified: i64,
    /// Of the inode; on systems without one, when the file was made.
    changed: i64,
    /// Device and inode, where there are such.
    id: [u64; 2],
}

impl Look {
    /// The file at `path` now; `None` if it cannot be looked at.
    pub(super) fn at(path: &Path) -> Option<Self> {
        let now = nanoseconds(SystemTime::now());
        let stamp = Stamp::of(&fs::metadata(path).ok()?);
        let limit = now.saturating_sub(i64::try_from(SETTLED.as_nanos()).ok()?);
        Some(Self {
            settled: stamp.modified < limit && stamp.changed < limit,
            stamp,
        })
    }

    /// Whether both are of one file that did not change in between.
    pub(super) fn is_of_same_file(&self, other: &Self) -> bool {
        self.stamp == other.stamp
    }
}

impl Stamp {
    #[cfg(unix)]
    fn of(metadata: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt as _;
        let time = |seconds: i64, nanoseconds: i64| seconds.saturating_mul(1_000_000_000).saturating_add(nanoseconds);
        Self {
            size: metadata.len(),
            modified: time(metadata.mtime(), metadata.mtime_nsec()),
            changed: time(metadata.ctime(), metadata.ctime_nsec()),
            id: [metadata.dev(), metadata.ino()],
        }
    }

    /// A time that the file system does not tell is in the future: such a file never settles.
    #[cfg(not(unix))]
    fn of(metadata: &Metadata) -> Self {
        Self {
            size: metadata.len(),
            modified: metadata.modified().map_or(i64::MAX, nanoseconds),
            changed: metadata.created().map_or(i64::MAX, nanoseconds),
            id: [0; 2],
        }
    }
}

impl DigestCache {
    /// What is kept at `path`: nothing, if that is missing or damaged.
    pub(super) fn open(path: PathBuf) -> Self {
        let content = fs::read(&path).ok().and_then(|text| serde_json::from_slice(&text).ok());
        Self {
            path,
            content: content.unwrap_or_default(),
        }
    }

    /// A file's checksum, if the file is still what it was. What is known of another file under that path is dropped.
    pub(super) fn get(&mut self, file: &Path, look: &Look) -> Option<Sha256Digest> {
        let key = key(file)?;
        if self.content.files.get(&key)?.stamp == look.stamp {
            return Some(self.content.files[&key].sha256.clone());
        }
        self.content.files.remove(&key);
        None
    }

    /// Keeps a checksum that was computed after `before`, unless the file had just been written to then, or is another one by now.
    pub(super) fn keep(&mut self, file: &Path, before: &Look, sha256: &Sha256Digest) {
        let unchanged = Look::at(file).is_some_and(|now| now.is_of_same_file(before));
        if let Some(key) = key(file).filter(|_| before.settled && unchanged) {
            let entry = Entry {
                stamp: before.stamp.clone(),
                sha256: sha256.clone(),
            };
            self.content.files.insert(key, entry);
        }
    }

    /// Writes it as a whole; when there are many, without files that are gone. Of two processes that do so at once, one wins: the other's files are read
    /// again some day.
    pub(super) fn save(&mut self) -> Result<(), LabError> {
        if self.content.files.len() > MANY {
            self.content.files.retain(|file, _| Path::new(file).exists());
        }
        let text = serde_json::to_vec_pretty(&self.content).context("could not describe the files' checksums")?;
        if let Some(directory) = self.path.parent() {
            files::private_dir(directory)?;
        }
        files::write_private(&self.path, &text)
    }
}

fn key(file: &Path) -> Option<String> {
    std::path::absolute(file).ok()?.into_os_string().into_string().ok()
}

/// Since 1970, as far as 64 bits reach: into the year 2262.
fn nanoseconds(time: SystemTime) -> i64 {
    let of = |duration: Duration| i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX);
    match time.duration_since(UNIX_EPOCH) {
        Ok(since) => of(since),
        Err(before) => -of(before.duration()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest() -> Sha256Digest {
        "a".repeat(64).parse().unwrap()
    }

    #[test]
    fn a_checksum_counts_only_for_the_very_file_it_was_taken_of() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("k3s");
        fs::write(&file, "k3s").unwrap();
        let mut look = Look::at(&file).unwrap();
        assert!(!look.settled);
        let path = dir.path().join("data/digests.json");
        let mut cache = DigestCache::open(path.clone());
        cache.keep(&file, &look, &digest());
        assert_eq!(cache.get(&file, &look), None, "it was written to a moment ago");

        look.settled = true;
        cache.keep(&file, &look, &digest());
        cache.save().unwrap();
        assert!(!private_files::others_can_read(&path).unwrap());
        let get = |look: &Look| DigestCache::open(path.clone()).get(&file, look);
        assert_eq!(get(&look), Some(digest()));
        let differing: [&dyn Fn(&mut Stamp); 4] = [
            &|stamp| stamp.size += 1,
            &|stamp| stamp.modified -= 1,
            &|stamp| stamp.changed += 1,
            &|stamp| stamp.id[1] += 1,
        ];
        for differ in differing {
            let mut other = look.clone();
            differ(&mut other.stamp);
            assert_eq!(get(&other), None);
        }
    }

    #[test]
    fn a_file_that_changed_while_it_was_read_and_one_that_is_gone_are_not_kept() {
        let dir = tempfile::tempdir().unwrap();
        let (file, gone) = (dir.path().join("k3s"), dir.path().join("gone"));
        fs::write(&file, "k3s").unwrap();
        fs::write(&gone, "k3s").unwrap();
        let settled = |path: &Path| Look {
            settled: true,
            ..Look::at(path).unwrap()
        };
        let (before, look) = (settled(&file), settled(&gone));
        fs::write(&file, "k3s2").unwrap();
        let path = dir.path().join("digests.json");
        let mut cache = DigestCache::open(path.clone());
        cache.keep(&file, &before, &digest());
        cache.keep(&gone, &look, &digest());
        let entry = |cache: &DigestCache| cache.content.files.len();
        assert_eq!(entry(&cache), 1);
        fs::remove_file(&gone).unwrap();
        cache.keep(&gone, &look, &digest());
        for number in 0..MANY {
            let path = gone.with_file_name(format!("gone{number}"));
            fs::write(&path, "").unwrap();
            cache.keep(&path, &settled(&path), &digest());
            fs::remove_file(&path).unwrap();
        }
        assert_eq!(entry(&cache), MANY + 1);
        cache.save().unwrap();
        assert_eq!(entry(&DigestCache::open(path)), 0);
    }
}
