//! Modes.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use super::{How, Right};

pub(super) fn open(path: &Path, how: How) -> io::Result<File> {
    let mut options = OpenOptions::new();
    options.mode(0o600);
    match how {
        How::New => options.read(true).write(true).create_new(true),
        How::Append => options.append(true).create(true),
        How::Keep => options.read(true).write(true).create(true).truncate(false),
    };
    options.open(path)
}

pub(super) fn create_dir(path: &Path) -> io::Result<()> {
    DirBuilder::new().mode(0o700).create(path)
}

pub(super) fn replace(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

pub(super) fn others_can(path: &Path, right: Right) -> io::Result<bool> {
    let bits = match right {
        Right::Read => 0o044,
        Right::Write => 0o022,
    };
    Ok(fs::metadata(path)?.permissions().mode() & bits != 0)
}
