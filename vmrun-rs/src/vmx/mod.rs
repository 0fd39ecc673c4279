//! `.vmx` files: a lossless editor, and a builder for a new machine's.
//!
//! VMware's configuration files are lines of `key = "value"`. [`VmxFile`] keeps every byte that it is not told to change:
//! comments, order, unknown keys, odd spacing, line ends, bytes that are no text. Keys are compared without regard to case,
//! values are escaped as `|XX`, and text is converted to the encoding that the file declares in `.encoding`.

mod builder;
mod encoding;
mod line;
mod store;

use std::fmt;
use std::path::PathBuf;

use thiserror::Error;

pub use builder::{DiskController, NicModel, VmxBuilder};
pub(crate) use builder::{set_cd, set_hardware, variable_name};
pub use store::VmxStore;

use encoding::TextEncoding;
use line::Line;

/// Why a `.vmx` file could not be read, changed or written.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum VmxError {
    /// The file could not be read or written.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was being done.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        #[source]
        source: std::io::Error,
    },
    /// A key that the format cannot hold.
    #[error("{key:?} is not a key of a .vmx file: letters, digits and . : _ - only")]
    InvalidKey {
        /// The key.
        key: String,
    },
    /// A value that cannot be written in the file's encoding.
    #[error("the value of {key} cannot be written in the file's encoding {encoding}")]
    Unencodable {
        /// The key.
        key: String,
        /// The encoding that `.encoding` names.
        encoding: String,
    },
    /// `.encoding` names an encoding that this crate does not know.
    #[error("the file's encoding {encoding:?} is not known, so text beyond ASCII cannot be read or written")]
    UnknownEncoding {
        /// The name.
        encoding: String,
    },
    /// The machine is open in a VMware process.
    #[error("{} is in use ({} exists); stop the machine and close it in the VMware window first", path.display(), lock.display())]
    Locked {
        /// The file.
        path: PathBuf,
        /// The lock.
        lock: PathBuf,
    },
    /// Somebody else changed the file since it was read.
    #[error("{} was changed by another program in the meantime; nothing was written", path.display())]
    ChangedMeanwhile {
        /// The file.
        path: PathBuf,
    },
}

/// A `.vmx` file in memory. `Debug` shows its keys and not their values, which can be secrets of the guest.
///
/// ```
/// use vmrun_rs::vmx::VmxFile;
///
/// let mut vmx = VmxFile::parse(b"# mine\r\nmemsize = \"1024\"\r\n");
/// vmx.set("memsize", "2048")?;
/// vmx.set("annotation", "a \"quoted\" | word")?;
/// assert_eq!(
///     vmx.to_bytes(),
///     b"# mine\r\nmemsize = \"2048\"\r\nannotation = \"a |22quoted|22 |7C word\"\r\n"
/// );
/// # Ok::<(), vmrun_rs::vmx::VmxError>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct VmxFile {
    lines: Vec<Line>,
}

impl fmt::Debug for VmxFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_set().entries(self.keys()).finish()
    }
}

impl VmxFile {
    /// Reads any bytes; what is no `key = value` line is kept as it is.
    pub fn parse(bytes: &[u8]) -> Self {
        Self {
            lines: bytes.split_inclusive(|&b| b == b'\n').map(Line::parse).collect(),
        }
    }

    /// The file's bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        self.lines.iter().flat_map(|line| line.raw().iter().copied()).collect()
    }

    /// A key's value, unescaped and decoded; bytes that the file's encoding does not have are replaced. Of a key that is
    /// there twice the last one counts.
    pub fn get(&self, key: &str) -> Option<String> {
        let value = self.get_bytes(key)?;
        Some(self.encoding().decode(&value))
    }

    /// A key's value, unescaped, in the file's encoding.
    pub fn get_bytes(&self, key: &str) -> Option<Vec<u8>> {
        self.lines
            .iter()
            .rev()
            .find(|line| line.has_key(key))
            .and_then(Line::value)
            .map(encoding::unescape)
    }

    /// Whether a key's value is `TRUE`, in any case.
    pub fn is_true(&self, key: &str) -> bool {
        self.get(key).is_some_and(|value| value.eq_ignore_ascii_case("true"))
    }

    /// The keys in order, as written.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().filter_map(Line::key)
    }

    /// Sets a value, in place where the key is there, else on a new line at the end. Setting the value that is already
    /// there changes no byte.
    pub fn set(&mut self, key: &str, value: &str) -> Result<(), VmxError> {
        if !line::is_key(key) {
            return Err(VmxError::InvalidKey { key: key.to_owned() });
        }
        if key.eq_ignore_ascii_case(".encoding") {
            return self.set_encoding(value);
        }
        let encoding = self.encoding();
        if self
            .get_bytes(key)
            .is_some_and(|old| encoding.decode_exactly(&old).as_deref() == Some(value))
        {
            return Ok(());
        }
        if !value.is_ascii() && self.get(".encoding").is_none() && self.lines.iter().all(|line| line.raw().is_ascii()) {
            // Without a declaration VMware would read the text in the host's own code page.
            self.set(".encoding", "UTF-8")?;
        }
        let bytes = encoding.encode(value).ok_or_else(|| match &encoding {
            TextEncoding::Unknown(name) => VmxError::UnknownEncoding { encoding: name.clone() },
            TextEncoding::Known(_) => VmxError::Unencodable {
                key: key.to_owned(),
                encoding: encoding.name().to_owned(),
            },
        })?;
        let escaped = encoding::escape(&bytes);
        let end = self.line_end();
        if let Some(line) = self.lines.iter_mut().rev().find(|line| line.has_key(key)) {
            line.set_value(&escaped);
        } else {
            if let Some(last) = self.lines.last_mut() {
                last.terminate(end);
            }
            self.lines.push(Line::new(key, &escaped, end));
        }
        Ok(())
    }

    /// Declares another encoding and converts every value to it, so that each means what it did. Comments keep their
    /// bytes. Nothing changes if a value cannot be converted.
    fn set_encoding(&mut self, name: &str) -> Result<(), VmxError> {
        let (old, new) = (self.encoding(), TextEncoding::named(name));
        let mut lines = self.lines.clone();
        for line in &mut lines {
            let converted = match (line.key(), line.value().map(encoding::unescape)) {
                (Some(key), Some(value)) if !value.is_ascii() && old != new => {
                    let text = old.decode_exactly(&value);
                    text.and_then(|text| new.encode(&text))
                        .ok_or_else(|| VmxError::Unencodable {
                            key: key.to_owned(),
                            encoding: new.name().to_owned(),
                        })?
                }
                _ => continue,
            };
            line.set_value(&encoding::escape(&converted));
        }
        if let Some(line) = lines.iter_mut().find(|line| line.has_key(".encoding")) {
            if self.get(".encoding").as_deref() != Some(name) {
                line.set_value(&encoding::escape(name.as_bytes()));
            }
        } else {
            // The declaration must stand before everything that it declares.
            let at = usize::from(lines.first().is_some_and(|first| first.raw().starts_with(b"#!")));
            if let Some(before) = at.checked_sub(1) {
                lines[before].terminate(self.line_end());
            }
            lines.insert(
                at,
                Line::new(".encoding", &encoding::escape(name.as_bytes()), self.line_end()),
            );
        }
        self.lines = lines;
        Ok(())
    }

    /// Sets several values.
    pub fn set_all<'a>(&mut self, pairs: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<(), VmxError> {
        pairs.into_iter().try_for_each(|(key, value)| self.set(key, value))
    }

    /// Removes every line of a key. Whether there was one.
    pub fn remove(&mut self, key: &str) -> bool {
        self.remove_where(|k| k.eq_ignore_ascii_case(key))
    }

    /// Removes the lines of all keys that begin so (`ethernet0.`), without regard to case. Whether there was one.
    pub fn remove_prefix(&mut self, prefix: &str) -> bool {
        self.remove_where(|key| {
            key.get(..prefix.len())
                .is_some_and(|head| head.eq_ignore_ascii_case(prefix))
        })
    }

    fn remove_where(&mut self, which: impl Fn(&str) -> bool) -> bool {
        let before = self.lines.len();
        self.lines.retain(|line| !line.key().is_some_and(&which));
        self.lines.len() != before
    }

    /// What the file's own `.encoding` says; without one UTF-8 if the file is valid UTF-8, else Windows-1252.
    fn encoding(&self) -> TextEncoding {
        let declared = self
            .lines
            .iter()
            .find(|line| line.has_key(".encoding"))
            .and_then(Line::value);
        match declared {
            Some(name) => TextEncoding::named(&String::from_utf8_lossy(&encoding::unescape(name))),
            None => TextEncoding::guess(self.lines.iter().map(Line::raw)),
        }
    }

    /// The line end that the file uses: that of its first line, else the system's.
    fn line_end(&self) -> &'static [u8] {
        match self.lines.iter().map(Line::raw).find(|raw| raw.ends_with(b"\n")) {
            Some(raw) if raw.ends_with(b"\r\n") => b"\r\n",
            None if cfg!(windows) => b"\r\n",
            _ => b"\n",
        }
    }
}

#[cfg(test)]
mod tests;
