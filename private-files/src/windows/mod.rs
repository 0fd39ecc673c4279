//! Access lists.

mod security;

use std::fs::File;
use std::io;
use std::os::windows::ffi::OsStrExt as _;
use std::path::{Component, Path, PathBuf, Prefix};
use std::time::Duration;

use self::security::{Inherit, Kind};
use super::{How, Right};

pub(super) fn open(path: &Path, how: How) -> io::Result<File> {
    let kind = match how {
        How::New => Kind::New,
        How::Append => Kind::Append,
        How::Keep => Kind::Keep,
    };
    security::open(&wide(path)?, kind, &security::owner_only(Inherit::No)?)
}

pub(super) fn create_dir(path: &Path) -> io::Result<()> {
    security::create_dir(&wide(path)?, &security::owner_only(Inherit::Yes)?)
}

/// `rename` replaces an open file where its reader lets it be deleted, as Rust's own readers do. Others are in the way for
/// as long as they read.
pub(super) fn replace(from: &Path, to: &Path) -> io::Result<()> {
    const ATTEMPTS: u32 = 20;
    const PAUSE: Duration = Duration::from_millis(25);
    let mut attempt = 1;
    loop {
        match std::fs::rename(from, to) {
            Err(error) if attempt < ATTEMPTS && is_in_use(&error) && !to.is_dir() => {
                attempt += 1;
                std::thread::sleep(PAUSE);
            }
            result => return result,
        }
    }
}

/// `ERROR_ACCESS_DENIED`, `ERROR_SHARING_VIOLATION`, `ERROR_LOCK_VIOLATION`, `ERROR_USER_MAPPED_FILE`.
fn is_in_use(error: &io::Error) -> bool {
    matches!(error.raw_os_error(), Some(5 | 32 | 33 | 1224))
}

pub(super) fn others_can(path: &Path, right: Right) -> io::Result<bool> {
    // Of a directory the same bits mean to list it, to make files in it, and to delete what is in it.
    const READ: u32 = 0x0000_0001;
    const WRITE: u32 = 0x0000_0002 | 0x0000_0004 | 0x0000_0040;
    // DELETE, WRITE_DAC, WRITE_OWNER: as good as writing.
    const OWN: u32 = 0x0001_0000 | 0x0004_0000 | 0x0008_0000;
    const GENERIC_ALL: u32 = 0x1000_0000;
    const GENERIC_WRITE: u32 = 0x4000_0000;
    const GENERIC_READ: u32 = 0x8000_0000;
    let mask = match right {
        Right::Read => READ | GENERIC_ALL | GENERIC_READ,
        Right::Write => WRITE | OWN | GENERIC_ALL | GENERIC_WRITE,
    };
    security::others_have(&wide(path)?, mask)
}

/// The path for the system's own functions: absolute and, because those stop at 260 characters otherwise, in the form
/// that has no limit.
fn wide(path: &Path) -> io::Result<Vec<u16>> {
    let path = verbatim(&std::path::absolute(path)?);
    let mut units: Vec<u16> = path.as_os_str().encode_wide().collect();
    if units.contains(&0) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "a path with a NUL in it"));
    }
    units.push(0);
    Ok(units)
}

/// `C:\a` as `\\?\C:\a`, `\\server\share\a` as `\\?\UNC\server\share\a`; anything else as it is.
fn verbatim(path: &Path) -> PathBuf {
    let mut components = path.components();
    let Some(Component::Prefix(prefix)) = components.next() else {
        return path.to_owned();
    };
    let mut whole = match prefix.kind() {
        Prefix::Disk(letter) => PathBuf::from(format!(r"\\?\{}:\", char::from(letter))),
        Prefix::UNC(server, share) => {
            let mut root = PathBuf::from(r"\\?\UNC").into_os_string();
            for part in [server, share] {
                root.push(r"\");
                root.push(part);
            }
            root.push(r"\");
            root.into()
        }
        _ => return path.to_owned(),
    };
    whole.extend(components.filter(|component| !matches!(component, Component::RootDir)));
    whole
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_gets_the_form_that_has_no_limit() {
        for (path, expected) in [
            (r"C:\a b\한글", r"\\?\C:\a b\한글"),
            (r"C:\", r"\\?\C:\"),
            (r"\\server\share\a", r"\\?\UNC\server\share\a"),
            (r"\\?\C:\a", r"\\?\C:\a"),
        ] {
            assert_eq!(verbatim(Path::new(path)), Path::new(expected));
        }
    }

    #[test]
    fn a_nul_in_a_path_is_an_error() {
        wide(Path::new("a\0b")).unwrap_err();
    }
}
