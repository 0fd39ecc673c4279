//! Writing files so that a reader, or a crash, never meets half of one.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;

/// Writes a file beside its final place and renames it there. An existing file keeps its permissions.
pub(crate) fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    write_like(path, bytes, path)
}

/// [`replace`], with the permissions of another file, which matters if that one is private.
pub(crate) fn write_like(path: &Path, bytes: &[u8], model: &Path) -> io::Result<()> {
    let mut name = path.file_name().unwrap_or_default().to_os_string();
    name.push(format!(".{}.new", std::process::id()));
    let temporary = path.with_file_name(name);
    let mode = fs::metadata(model).ok().map(|model| model.permissions().mode() & 0o777);
    let result = write(&temporary, bytes, mode).and_then(|()| fs::rename(&temporary, path));
    if result.is_err() {
        let _ = fs::remove_file(&temporary);
    }
    result
}

fn write(path: &Path, bytes: &[u8], mode: Option<u32>) -> io::Result<()> {
    // Never more open than it will be, not even for a moment.
    let mut file: File = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(mode.unwrap_or(0o666))
        .open(path)?;
    file.write_all(bytes)?;
    if let Some(mode) = mode {
        file.set_permissions(fs::Permissions::from_mode(mode))?;
    }
    file.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_file_stays_private_and_so_does_its_copy() {
        let directory = tempfile::tempdir().expect("a directory");
        let (old, new) = (directory.path().join("old"), directory.path().join("new"));
        fs::write(&old, "1").expect("written");
        fs::set_permissions(&old, fs::Permissions::from_mode(0o600)).expect("set");
        replace(&old, b"2").expect("replaced");
        write_like(&new, b"3", &old).expect("written");
        for (path, text) in [(&old, "2"), (&new, "3")] {
            assert_eq!(fs::metadata(path).expect("there").permissions().mode() & 0o777, 0o600);
            assert_eq!(fs::read_to_string(path).expect("read"), text);
        }
        assert_eq!(fs::read_dir(directory.path()).expect("readable").count(), 2);
    }
}
