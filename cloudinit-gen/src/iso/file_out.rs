//! An image file that appears complete or not at all.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::time::Duration;

use tempfile::NamedTempFile;

/// Images up to this size are flushed to the disk before they get their name. Larger ones carry checksums that their
/// reader compares, and flushing gigabytes would take longer than writing them.
const FLUSHED_UP_TO: u64 = 16 * 1024 * 1024;

/// The end of a file's name while it is written.
const SUFFIX: &str = ".part";
/// Characters that make such a name unique: what tempfile adds.
const RANDOM_LEN: usize = 6;
/// Longest name of an image, in bytes, that leaves room for all of that in a name of 255.
const LONGEST_NAME: usize = 240;
/// Much more than lies between making a file and locking it.
const TIME_TO_LOCK: Duration = Duration::from_secs(10);

/// A new file beside `path`, readable by its owner alone, gone unless it is kept. What a writer of the same image left there that was killed
/// is removed first: it may be gigabytes.
pub(super) fn create(path: &Path) -> io::Result<NamedTempFile> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let prefix = prefix(path);
    remove_leftovers(directory, &prefix);
    let file = tempfile::Builder::new()
        .prefix(&prefix)
        .suffix(SUFFIX)
        .make_in(directory, private_files::create_new)?;
    // Held for as long as this process writes to it. Where there are no locks, nobody takes the file for a leftover either.
    let _ = file.as_file().try_lock();
    Ok(file)
}

/// The beginning of such a file's name. A name that leaves no room for more, or is not Unicode, is not in it.
fn prefix(path: &Path) -> String {
    match path.file_name().and_then(|name| name.to_str()) {
        Some(name) if name.len() <= LONGEST_NAME => format!(".{name}."),
        _ => ".iso.".to_owned(),
    }
}

/// Removes files of this prefix that no process writes to any more.
fn remove_leftovers(directory: &Path, prefix: &str) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let middle = name
            .to_str()
            .and_then(|name| name.strip_prefix(prefix)?.strip_suffix(SUFFIX));
        let of_a_writer = middle
            .is_some_and(|middle| middle.len() == RANDOM_LEN && middle.bytes().all(|b| b.is_ascii_alphanumeric()));
        if of_a_writer && is_abandoned(&entry.path()) {
            // Whoever cannot remove it can still write the image.
            let _ = fs::remove_file(entry.path());
        }
    }
}

/// Whether the file is old enough for its writer to have locked it, and nobody has.
fn is_abandoned(path: &Path) -> bool {
    let old = |metadata: fs::Metadata| {
        metadata.is_file()
            && metadata
                .modified()
                .is_ok_and(|time| time.elapsed().is_ok_and(|age| age > TIME_TO_LOCK))
    };
    fs::symlink_metadata(path).is_ok_and(old)
        && File::options()
            .write(true)
            .open(path)
            .is_ok_and(|file| file.try_lock().is_ok())
}

/// Gives the file its name, in place of what had it before.
pub(super) fn keep(file: &NamedTempFile, path: &Path, len: u64, private: bool) -> io::Result<()> {
    if !private {
        make_public(file)?;
    }
    if len <= FLUSHED_UP_TO {
        file.as_file().sync_all()?;
    }
    private_files::replace(file.path(), path)
}

#[cfg(unix)]
fn make_public(file: &NamedTempFile) -> io::Result<()> {
    use std::os::unix::fs::PermissionsExt;
    file.as_file().set_permissions(std::fs::Permissions::from_mode(0o644))
}

#[cfg(not(unix))]
#[expect(
    clippy::unnecessary_wraps,
    reason = "files inherit their directory's access list here"
)]
fn make_public(_file: &NamedTempFile) -> io::Result<()> {
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use super::*;

    #[test]
    fn what_a_killed_writer_left_is_removed_and_nothing_else() {
        let directory = tempfile::tempdir().unwrap();
        let image = directory.path().join("payload.iso");
        let put = |name: &str, age: u64| {
            let file = File::create(directory.path().join(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
            file
        };
        drop(put(".payload.iso.aB3xYz.part", 60));
        drop(put(".payload.iso.young1.part", 0));
        let busy = put(".payload.iso.busy12.part", 60);
        busy.lock().unwrap();
        let others = [
            ".payload.iso.part",
            ".payload.iso.notes1.txt",
            ".other.iso.aB3xYz.part",
            ".payload.iso.a-b_cd.part",
        ];
        for other in others {
            drop(put(other, 60));
        }
        let file = create(&image).unwrap();
        let own = file.path().file_name().unwrap().to_str().unwrap().to_owned();
        let mut names: Vec<String> = fs::read_dir(directory.path())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        names.sort();
        let mut expected = vec![
            ".payload.iso.young1.part".to_owned(),
            ".payload.iso.busy12.part".to_owned(),
            own,
        ];
        expected.extend(others.map(str::to_owned));
        expected.sort();
        assert_eq!(names, expected);
        assert!(!is_abandoned(file.path()));
    }
}
