//! An image file that appears complete or not at all.

use std::io;
use std::path::Path;

use tempfile::NamedTempFile;

/// Images up to this size are flushed to the disk before they get their name. Larger ones carry checksums that their
/// reader compares, and flushing gigabytes would take longer than writing them.
const FLUSHED_UP_TO: u64 = 16 * 1024 * 1024;

/// A new file beside `path`, readable by its owner alone, gone unless it is kept.
pub(super) fn create(path: &Path) -> io::Result<NamedTempFile> {
    let directory = path
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    tempfile::Builder::new()
        .prefix(".iso-")
        .suffix(".part")
        .make_in(directory, private_files::create_new)
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
