//! Checksums of what goes into the image, taken while it goes by.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sha2::{Digest, Sha256};

use crate::iso::Hook;

/// Characters of a SHA-256 digest in hex.
const HEX_LEN: u64 = 64;

/// The checksums of a fixed set of files.
pub(super) struct Checksums {
    /// Finished digests by path, in the order of `SHA256SUMS`.
    sums: BTreeMap<String, Option<String>>,
    /// The file that is going by.
    current: Option<(String, Sha256)>,
    /// Digest of `SHA256SUMS` itself.
    digest: String,
}

impl Checksums {
    /// None of these files has gone by yet.
    pub(super) fn new<'a>(names: impl Iterator<Item = &'a str>) -> Self {
        Self {
            sums: names.map(|name| (name.to_owned(), None)).collect(),
            current: None,
            digest: String::new(),
        }
    }

    /// Size of `SHA256SUMS`: per file its digest, two blanks, its path and a line break.
    pub(super) fn text_len(&self) -> u64 {
        self.sums.keys().map(|name| HEX_LEN + 3 + name.len() as u64).sum()
    }

    /// A file's digest.
    pub(super) fn sum(&self, name: &str) -> Option<&str> {
        self.sums.get(name)?.as_deref()
    }

    /// Digest of `SHA256SUMS`, once it has been made.
    pub(super) fn digest(&self) -> &str {
        &self.digest
    }

    fn finish_current(&mut self) {
        if let Some((path, hasher)) = self.current.take() {
            self.sums.insert(path, Some(hex(&hasher.finalize())));
        }
    }
}

impl Hook for Checksums {
    fn data(&mut self, path: &str, data: &[u8]) {
        if self.current.as_ref().is_none_or(|(current, _)| current != path) {
            self.finish_current();
            self.current = Some((path.to_owned(), Sha256::new()));
        }
        if let Some((_, hasher)) = &mut self.current {
            hasher.update(data);
        }
    }

    fn deferred(&mut self, _path: &str) -> Vec<u8> {
        self.finish_current();
        let empty = hex(&Sha256::digest(b""));
        let mut text = String::new();
        for (name, sum) in &mut self.sums {
            // A file without data never goes by.
            let sum = sum.get_or_insert_with(|| empty.clone());
            writeln!(text, "{sum}  {name}").expect("writing to a String does not fail");
        }
        self.digest = hex(&Sha256::digest(text.as_bytes()));
        text.into_bytes()
    }
}

/// Lower-case hex.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            write!(text, "{byte:02x}").expect("writing to a String does not fail");
            text
        })
}
