//! Checksums of what goes into the image, taken while it goes by unless they are known.

use std::collections::BTreeMap;

use sha2::{Digest, Sha256};

use crate::Sha256Digest;
use crate::iso::Hook;

/// The checksums of a fixed set of files.
pub(super) struct Checksums {
    /// Digests that are known or finished, by path, in the order of `SHA256SUMS`.
    sums: BTreeMap<String, Option<Sha256Digest>>,
    /// The file that is going by.
    current: Option<(String, Sha256)>,
    /// Digest of `SHA256SUMS` itself; of nothing until that has been made.
    digest: Sha256Digest,
}

impl Checksums {
    /// None of these files has gone by yet. Those whose digest is given need not.
    pub(super) fn new<'a>(files: impl Iterator<Item = (&'a str, Option<Sha256Digest>)>) -> Self {
        Self {
            sums: files.map(|(name, known)| (name.to_owned(), known)).collect(),
            current: None,
            digest: of(b""),
        }
    }

    /// Size of `SHA256SUMS`: per file its digest, two blanks, its path and a line break.
    pub(super) fn text_len(&self) -> u64 {
        self.sums
            .keys()
            .map(|name| Sha256Digest::DIGITS as u64 + 3 + name.len() as u64)
            .sum()
    }

    /// A file's digest; of nothing for a file without data, which never goes by.
    pub(super) fn sum(&self, name: &str) -> Sha256Digest {
        self.sums.get(name).cloned().flatten().unwrap_or_else(|| of(b""))
    }

    /// Digest of `SHA256SUMS`, once it has been made.
    pub(super) fn digest(&self) -> &Sha256Digest {
        &self.digest
    }

    fn finish_current(&mut self) {
        if let Some((path, hasher)) = self.current.take() {
            self.sums.insert(path, Some(finish(hasher)));
        }
    }
}

impl Hook for Checksums {
    fn watches(&self, path: &str) -> bool {
        self.sums.get(path).is_some_and(Option::is_none)
    }

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
        let line = |name: &String| format!("{}  {name}\n", self.sum(name));
        let text: String = self.sums.keys().map(line).collect();
        self.digest = of(text.as_bytes());
        text.into_bytes()
    }
}

/// The digest of what a hasher has seen.
pub(super) fn finish(hasher: Sha256) -> Sha256Digest {
    Sha256Digest::new(hasher.finalize().into())
}

fn of(bytes: &[u8]) -> Sha256Digest {
    finish(Sha256::new_with_prefix(bytes))
}
