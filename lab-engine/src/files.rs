//! Files that are either whole or not there, and private ones that were never anything else.

use std::path::Path;
use std::time::SystemTime;

use crate::error::LabError;

/// Replaces a file as a whole. The new content is readable by its owner only from its first byte.
pub(crate) fn write_private(path: &Path, content: &[u8]) -> Result<(), LabError> {
    private_files::write(path, content).map_err(|e| LabError::io("write", path, e))
}

/// Makes a directory, and its missing parents, that only its owner can look into.
pub(crate) fn private_dir(path: &Path) -> Result<(), LabError> {
    private_files::create_dir_all(path).map_err(|e| LabError::io("create the directory", path, e))
}

/// Reads a file that may be missing.
pub(crate) fn read_optional(path: &Path) -> Result<Option<Vec<u8>>, LabError> {
    match std::fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(LabError::io("read", path, e)),
    }
}

/// Reads a small file of the user's, of which nobody knows what it is.
///
/// # Errors
///
/// `FileTooLarge` for one of more than 16 MiB, or that goes on for ever, as devices do; else why it cannot be read.
pub fn read_foreign(path: &Path) -> std::io::Result<Vec<u8>> {
    let file = std::fs::File::open(path)?;
    let len = file.metadata().map_or(0, |metadata| metadata.len());
    read_foreign_stream(file, len)
}

/// The same for a stream that is expected to have `len` bytes. Where it has no more, what is read is not moved meanwhile, which would
/// leave pieces of a secret behind.
///
/// # Errors
///
/// As [`read_foreign`].
pub fn read_foreign_stream(from: impl std::io::Read, len: u64) -> std::io::Result<Vec<u8>> {
    use std::io::Read as _;
    const MOST: u64 = 16 << 20;
    // One more: a reader knows the end only when it has room for what comes after it.
    let mut bytes = Vec::with_capacity(usize::try_from(len.min(MOST)).unwrap_or(0) + 1);
    from.take(MOST + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MOST {
        return Err(std::io::Error::new(
            std::io::ErrorKind::FileTooLarge,
            format!("it has more than {} MiB", MOST >> 20),
        ));
    }
    Ok(bytes)
}

/// The same of a file that must be text.
///
/// # Errors
///
/// As [`read_foreign`], and `InvalidData`.
pub fn read_foreign_text(path: &Path) -> std::io::Result<String> {
    String::from_utf8(read_foreign(path)?)
        .map_err(|_| std::io::Error::new(std::io::ErrorKind::InvalidData, "it is not UTF-8 text"))
}

/// When a file was last written to.
pub(crate) fn modified(path: &Path) -> Result<SystemTime, LabError> {
    std::fs::metadata(path)
        .and_then(|m| m.modified())
        .map_err(|e| LabError::io("look at", path, e))
}

/// The last `count` lines of a file that may be large, missing or not text; control characters are dropped.
pub(crate) fn tail(path: &Path, count: usize) -> Vec<String> {
    let window = (count as u64 * 512).clamp(64 * 1024, 64 << 20);
    let read = || -> std::io::Result<Vec<u8>> {
        use std::io::{Read as _, Seek as _, SeekFrom};
        let mut file = std::fs::File::open(path)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(window)))?;
        let mut bytes = Vec::new();
        file.take(window).read_to_end(&mut bytes)?;
        Ok(bytes)
    };
    let bytes = read().unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    let lines: Vec<String> = text
        .split('\n')
        .map(|l| strip_escapes(l).trim_end().to_owned())
        .filter(|l| !l.is_empty())
        .collect();
    lines[lines.len().saturating_sub(count)..].to_vec()
}

/// Removes ANSI sequences and control characters: a console's bytes must not drive the user's terminal.
pub(crate) fn strip_escapes(line: &str) -> String {
    let mut out = String::with_capacity(line.len());
    let mut chars = line.chars().peekable();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            if chars.next_if_eq(&'[').is_some() {
                for c in chars.by_ref() {
                    if ('@'..='~').contains(&c) {
                        break;
                    }
                }
            } else {
                chars.next();
            }
        } else if c == '\t' || !c.is_control() {
            out.push(c);
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_private_file_is_replaced_as_a_whole_and_readable_by_its_owner_only() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        write_private(&path, b"one").unwrap();
        write_private(&path, b"two").unwrap();
        assert_eq!(std::fs::read(&path).unwrap(), b"two");
        assert!(!private_files::others_can_read(&path).unwrap());
        assert_eq!(
            std::fs::read_dir(dir.path()).unwrap().count(),
            1,
            "no temporary file is left"
        );
    }

    #[cfg(unix)]
    #[test]
    fn what_goes_on_for_ever_is_not_read_for_ever() {
        let error = read_foreign(Path::new("/dev/zero")).unwrap_err();
        assert_eq!(error.kind(), std::io::ErrorKind::FileTooLarge);
    }

    #[test]
    fn a_consoles_tail_cannot_drive_the_terminal() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("console.log");
        std::fs::write(&path, b"old\n\x1b[31mred\x1b[0m \x07bell\r\n\xff\xfe end\n").unwrap();
        assert_eq!(tail(&path, 2), ["red bell", "\u{fffd}\u{fffd} end"]);
        assert!(tail(&dir.path().join("missing"), 5).is_empty());
    }
}
