//! Watching an image's data go by, so that checksums cost no second pass.

/// Sees files' data while an image is written.
pub(crate) trait Hook: Send {
    /// Whether it looks at the data of the file at `path`; what it does not look at need not pass through this process.
    fn watches(&self, path: &str) -> bool;

    /// The next piece of the file at `path`.
    fn data(&mut self, path: &str, data: &[u8]);

    /// All of the deferred file at `path`; every other file's data has gone by.
    fn deferred(&mut self, path: &str) -> Vec<u8>;
}

/// Looks at nothing.
pub(super) struct NoHook;

impl Hook for NoHook {
    fn watches(&self, _path: &str) -> bool {
        false
    }

    fn data(&mut self, _path: &str, _data: &[u8]) {}

    fn deferred(&mut self, _path: &str) -> Vec<u8> {
        Vec::new()
    }
}
