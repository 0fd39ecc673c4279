//! Collecting what goes into an image.

use std::io::Write;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use super::date::IsoDate;
use super::hook::NoHook;
use super::image::Image;
use super::output::Target;
use super::tree::Tree;
use super::{Hook, IsoError, Source, file_out};
use crate::values::VolumeLabel;

/// 1 January 1980, the date of an image that nobody gave one.
const DEFAULT_DATE: Duration = Duration::from_secs(315_532_800);

/// An image to be written.
#[derive(Debug, Clone)]
pub struct IsoBuilder {
    label: VolumeLabel,
    date: SystemTime,
    private: bool,
    tree: Tree,
}

/// An image that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct IsoSummary {
    /// Its size in bytes.
    pub len: u64,
}

impl IsoBuilder {
    /// An empty image of this label, dated 1 January 1980.
    pub fn new(label: VolumeLabel) -> Self {
        Self {
            label,
            date: UNIX_EPOCH + DEFAULT_DATE,
            private: false,
            tree: Tree::new(),
        }
    }

    /// The date of the volume and of everything in it, to the second.
    pub fn date(&mut self, date: SystemTime) -> &mut Self {
        self.date = date;
        self
    }

    /// Makes the image file readable by its owner alone.
    pub fn private(&mut self) -> &mut Self {
        self.private = true;
        self
    }

    /// Adds a file by its path in the image, with `/` between names. The directories that lead to it are made.
    pub fn file(&mut self, path: &str, source: Source) -> Result<Entry<'_>, IsoError> {
        let node = self.tree.add_file(path, source)?;
        Ok(Entry {
            mode: &mut self.tree.nodes[node].mode,
        })
    }

    /// Writes the image to a stream.
    pub fn write_to(&self, out: &mut impl Write) -> Result<IsoSummary, IsoError> {
        Ok(IsoSummary {
            len: self.image().write(Target::Stream(out), &mut NoHook)?,
        })
    }

    /// Writes the image to a file, which appears complete or not at all.
    pub fn write_file(&self, path: &Path) -> Result<IsoSummary, IsoError> {
        self.write_file_hooked(path, &mut NoHook)
    }

    pub(crate) fn write_file_hooked(&self, path: &Path, hook: &mut dyn Hook) -> Result<IsoSummary, IsoError> {
        let failed = |source| IsoError::Write {
            path: path.to_owned(),
            source,
        };
        let mut file = file_out::create(path).map_err(failed)?;
        let len = self
            .image()
            .write(Target::File(file.as_file_mut()), hook)
            .map_err(|error| match error {
                IsoError::Write { source, .. } => failed(source),
                other => other,
            })?;
        file_out::keep(&file, path, len, self.private).map_err(failed)?;
        Ok(IsoSummary { len })
    }

    fn image(&self) -> Image<'_> {
        Image {
            tree: &self.tree,
            label: &self.label,
            date: IsoDate::new(self.date),
        }
    }
}

/// A file that was added.
#[derive(Debug)]
pub struct Entry<'a> {
    mode: &'a mut u32,
}

impl Entry<'_> {
    /// Anyone may run it.
    pub fn executable(self) -> Self {
        *self.mode |= 0o111;
        self
    }

    /// Only root may read it.
    pub fn private(self) -> Self {
        *self.mode &= !0o077;
        self
    }
}
