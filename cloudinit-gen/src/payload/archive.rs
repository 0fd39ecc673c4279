//! Looking at files before they are shipped: a mistake found here costs seconds, found in a guest it costs minutes.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use super::PayloadError;

/// How many bytes are looked at: enough to see the magic number of a tar archive, at byte 257.
const LOOKED_AT: u64 = 512;

/// A form of archive that k3s imports.
struct Kind {
    /// The ends of names by which k3s recognises it.
    ends: &'static [&'static str],
    name: &'static str,
    /// Where its magic number is, and what it is.
    magic: (usize, &'static [u8]),
}

impl Kind {
    const fn new(ends: &'static [&'static str], name: &'static str, magic: (usize, &'static [u8])) -> Self {
        Self { ends, name, magic }
    }

    fn begins(&self, head: &[u8]) -> bool {
        let (offset, magic) = self.magic;
        head.get(offset..).is_some_and(|rest| rest.starts_with(magic))
    }
}

const KINDS: [Kind; 5] = [
    Kind::new(&[".tar.gz", ".tgz"], "gzip", (0, b"\x1f\x8b")),
    Kind::new(&[".tar.zst", ".tzst"], "zstd", (0, b"\x28\xb5\x2f\xfd")),
    Kind::new(&[".tar.lz4"], "lz4", (0, b"\x04\x22\x4d\x18")),
    Kind::new(&[".tar.bz2", ".tbz"], "bzip2", (0, b"BZh")),
    Kind::new(&[".tar"], "an uncompressed tar archive", (257, b"ustar")),
];

/// The k3s binary is a program for Linux, not the page that a download ended in.
pub(super) fn check_binary(path: &Path) -> Result<(), PayloadError> {
    let head = head(path)?;
    if head.starts_with(b"\x7fELF") || head.starts_with(b"#!") {
        return Ok(());
    }
    Err(unsuitable(
        path,
        "the k3s binary",
        "it is neither an ELF program nor a script".to_owned(),
    ))
}

/// k3s chooses the decompressor by the archive's name and fails on a false one.
pub(super) fn check_archive(path: &Path) -> Result<(), PayloadError> {
    const ROLE: &str = "an archive of images";
    let name = file_name(path)?;
    let Some(named) = KINDS
        .iter()
        .find(|kind| kind.ends.iter().any(|end| name.ends_with(end)))
    else {
        let ends: Vec<&str> = KINDS.iter().flat_map(|kind| kind.ends.iter().copied()).collect();
        return Err(unsuitable(
            path,
            ROLE,
            format!("k3s imports only names that end in {}", ends.join(", ")),
        ));
    };
    let head = head(path)?;
    if named.begins(&head) {
        return Ok(());
    }
    let reason = match KINDS.iter().find(|kind| kind.begins(&head)) {
        Some(real) => format!(
            "its name says {}, but it is {}: call it …{}",
            named.name, real.name, real.ends[0]
        ),
        None => format!("its name says {}, but it does not begin like that", named.name),
    };
    Err(unsuitable(path, ROLE, reason))
}

/// A Debian package is an ar archive.
pub(super) fn check_package(path: &Path) -> Result<(), PayloadError> {
    if path.extension().is_none_or(|extension| extension != "deb") || !head(path)?.starts_with(b"!<arch>\n") {
        return Err(unsuitable(
            path,
            "a package",
            "it is not a Debian package (.deb)".to_owned(),
        ));
    }
    Ok(())
}

/// The file's own name as text.
pub(super) fn file_name(path: &Path) -> Result<&str, PayloadError> {
    path.file_name()
        .and_then(|name| name.to_str())
        .ok_or_else(|| unsuitable(path, "in the payload", "its name is not valid Unicode".to_owned()))
}

fn head(path: &Path) -> Result<Vec<u8>, PayloadError> {
    let failed = |source| PayloadError::Read {
        path: path.to_owned(),
        source,
    };
    // Opening a pipe would wait for a writer.
    if !fs::metadata(path).map_err(failed)?.is_file() {
        return Err(unsuitable(
            path,
            "in the payload",
            "it is not a regular file".to_owned(),
        ));
    }
    let file = File::open(path).map_err(failed)?;
    let mut head = Vec::new();
    file.take(LOOKED_AT).read_to_end(&mut head).map_err(failed)?;
    Ok(head)
}

fn unsuitable(path: &Path, role: &'static str, reason: String) -> PayloadError {
    PayloadError::Unsuitable {
        path: path.to_owned(),
        role,
        reason,
    }
}
