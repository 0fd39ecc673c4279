//! The file that a child writes its output to.

use std::fs::File;
use std::io;
use std::process::Stdio;

use super::{ExecError, OUTPUT_LIMIT, io_error, platform};

/// An anonymous file that a child writes to. It needs no removal, whatever happens.
pub(super) struct Capture(File);

impl Capture {
    pub(super) fn new() -> io::Result<Self> {
        platform::anonymous_file().map(Self)
    }

    pub(super) fn stdio(&self) -> io::Result<Stdio> {
        self.0.try_clone().map(Stdio::from)
    }

    pub(super) fn len(&self) -> u64 {
        self.0.metadata().map_or(0, |meta| meta.len())
    }

    /// Reads everything, at positions of its own: the child's processes share the file offset.
    pub(super) fn read(&self) -> Result<Vec<u8>, ExecError> {
        let len = self.len();
        if len > OUTPUT_LIMIT {
            return Err(ExecError::OutputTooLarge);
        }
        self.read_up_to(len).map_err(io_error("read the program's output"))
    }

    /// The beginning of the output, as far as it can be had: for an error message.
    pub(super) fn read_start(&self) -> Vec<u8> {
        self.read_up_to(self.len().min(64 * 1024)).unwrap_or_default()
    }

    fn read_up_to(&self, len: u64) -> io::Result<Vec<u8>> {
        let mut buffer = vec![0; usize::try_from(len).unwrap_or(usize::MAX)];
        let mut filled = 0;
        while filled < buffer.len() {
            match platform::read_at(&self.0, &mut buffer[filled..], filled as u64)? {
                0 => break,
                n => filled += n,
            }
        }
        buffer.truncate(filled);
        Ok(buffer)
    }
}
