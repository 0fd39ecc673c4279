//! Where an image goes, front to back.

use std::fs::File;
use std::io::{self, Write};

use super::{SECTOR, SECTOR_LEN};

/// Zeros for what lies between things.
const ZEROS: [u8; SECTOR_LEN] = [0; SECTOR_LEN];

/// The image's end as it grows.
pub(super) struct Output<'a> {
    target: Target<'a>,
    written: u64,
}

/// What an image is written to.
pub(super) enum Target<'a> {
    /// Anything; only bytes of this process can be written to it.
    Stream(&'a mut dyn Write),
    /// A file, into which the kernel can copy others.
    File(&'a mut File),
}

impl<'a> Output<'a> {
    /// An image that begins where `target` is.
    pub(super) fn new(target: Target<'a>) -> Self {
        Self { target, written: 0 }
    }

    /// Fills up to the start of the sector with this number.
    pub(super) fn fill_to(&mut self, sector: u32) -> io::Result<()> {
        let start = u64::from(sector) * SECTOR;
        debug_assert!(self.written <= start, "the layout gives every byte one place");
        while self.written < start {
            let count = usize::try_from(start - self.written).map_or(SECTOR_LEN, |left| left.min(SECTOR_LEN));
            self.write_all(&ZEROS[..count])?;
        }
        Ok(())
    }

    /// The file, if it is one, for what goes there without passing through [`Write`]; to be followed by [`count`](Self::count).
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) fn file(&mut self) -> Option<&mut File> {
        match &mut self.target {
            Target::File(file) => Some(file),
            Target::Stream(_) => None,
        }
    }

    /// So many bytes went to the file.
    #[cfg(any(target_os = "linux", target_os = "android"))]
    pub(super) fn count(&mut self, bytes: u64) {
        self.written += bytes;
    }
}

impl Write for Output<'_> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let count = match &mut self.target {
            Target::Stream(stream) => stream.write(data)?,
            Target::File(file) => file.write(data)?,
        };
        self.written += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.target {
            Target::Stream(stream) => stream.flush(),
            Target::File(file) => file.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn filling_ends_at_the_sector() {
        let mut bytes = Vec::new();
        let mut out = Output::new(Target::Stream(&mut bytes));
        out.write_all(b"abc").unwrap();
        out.fill_to(2).unwrap();
        out.fill_to(2).unwrap();
        assert_eq!(bytes.len(), 2 * SECTOR_LEN);
        assert!(bytes.starts_with(b"abc\0"));
    }
}
