//! Watching an image's data go by, so that checksums cost no second pass.

/// Sees every file's data while an image is written.
pub(crate) trait Hook: Send {
    /// Whether it looks at data at all.
    fn watches(&self) -> bool {
        true
    }

    /// The next piece of the file at `path`.
    fn data(&mut self, path: &str, data: &[u8]);

    /// All of the deferred file at `path`; every other file's data has gone by.
    fn deferred(&mut self, path: &str) -> Vec<u8>;
}

/// Looks at nothing.
pub(super) struct NoHook;

impl Hook for NoHook {
    fn watches(&self) -> bool {
        false
    }

    fn data(&mut self, _path: &str, _data: &[u8]) {}

    fn deferred(&mut self, _path: &str) -> Vec<u8> {
        Vec::new()
    }
}
