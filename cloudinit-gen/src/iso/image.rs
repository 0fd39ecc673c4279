//! Putting an image out, front to back.

use std::fs::File;
use std::io::{self, Read as _, Write};

use super::date::IsoDate;
use super::directory::Writer;
use super::layout::{Hierarchy, Layout, SYSTEM_AREA};
use super::source::Inner;
use super::tree::{Kind, Tree};
use super::{Hook, IsoError, SECTOR, SECTOR_LEN, Source, copy, descriptor, path_table};
use crate::values::VolumeLabel;

/// What an image is made of.
pub(super) struct Image<'a> {
    pub(super) tree: &'a Tree,
    pub(super) label: &'a VolumeLabel,
    pub(super) date: IsoDate,
}

impl Image<'_> {
    /// Writes all of it; returns its size in bytes.
    pub(super) fn write(&self, out: &mut impl Write, hook: &mut dyn Hook) -> Result<u64, IsoError> {
        let layout = Layout::plan(self.tree, self.date)?;
        self.write_structure(&layout, out).map_err(stream_error)?;
        for &file in &layout.files {
            let (_, len) = layout.places.file(file);
            let Kind::File(source) = &self.tree.nodes[file].kind else {
                continue;
            };
            let written = self.write_data(file, source, len, out, hook)?;
            pad(out, written).map_err(stream_error)?;
        }
        if layout.files.last().is_some_and(|&last| layout.places.file(last).1 == 0) {
            out.write_all(&[0; SECTOR_LEN]).map_err(stream_error)?;
        }
        out.flush().map_err(stream_error)?;
        Ok(u64::from(layout.sectors) * SECTOR)
    }

    /// Everything before the first file's data.
    fn write_structure(&self, layout: &Layout, out: &mut impl Write) -> io::Result<()> {
        for _ in 0..SYSTEM_AREA {
            out.write_all(&[0; SECTOR_LEN])?;
        }
        out.write_all(&descriptor::volume(layout, &layout.primary, self.label, self.date))?;
        out.write_all(&descriptor::volume(layout, &layout.joliet, self.label, self.date))?;
        out.write_all(&descriptor::terminator())?;
        for hierarchy in [&layout.primary, &layout.joliet] {
            for big_endian in [false, true] {
                let Hierarchy {
                    flavour,
                    identifiers,
                    directories,
                    ..
                } = hierarchy;
                let table = path_table::build(
                    self.tree,
                    directories,
                    identifiers,
                    &layout.places,
                    *flavour,
                    big_endian,
                );
                out.write_all(&table)?;
                pad(out, table.len() as u64)?;
            }
        }
        for hierarchy in [&layout.primary, &layout.joliet] {
            let writer = Writer {
                tree: self.tree,
                flavour: hierarchy.flavour,
                identifiers: &hierarchy.identifiers,
                places: &layout.places,
                date: self.date,
            };
            for &directory in &hierarchy.directories {
                let built = writer.build(directory);
                out.write_all(&built.records)?;
                out.write_all(&built.continuations)?;
            }
        }
        Ok(())
    }

    /// One file's data: exactly `len` bytes, or an error.
    fn write_data(
        &self,
        file: usize,
        source: &Source,
        len: u64,
        out: &mut impl Write,
        hook: &mut dyn Hook,
    ) -> Result<u64, IsoError> {
        match &source.0 {
            Inner::Bytes(bytes) => {
                hook.data(&self.tree.path(file), bytes);
                out.write_all(bytes).map_err(stream_error)?;
            }
            Inner::Deferred(_) => {
                let mut bytes = hook.deferred(&self.tree.path(file));
                // The size was promised to the directory before.
                bytes.resize(usize::try_from(len).unwrap_or(usize::MAX), 0);
                out.write_all(&bytes).map_err(stream_error)?;
            }
            Inner::Path(path) => {
                let opened = File::open(path).map_err(|source| IsoError::Open {
                    path: path.clone(),
                    source,
                })?;
                let name = self.tree.path(file);
                let copied = copy::copy(&opened, len, out, &name, hook).map_err(|failed| failed.into_error(path))?;
                let grown = (&opened).read(&mut [0; 1]).map_err(|source| IsoError::Read {
                    path: path.clone(),
                    source,
                })?;
                if copied != len || grown != 0 {
                    return Err(IsoError::Changed {
                        path: path.clone(),
                        expected: len,
                    });
                }
            }
        }
        Ok(len)
    }
}

/// Fills the sector that `written` bytes ended in.
fn pad(out: &mut impl Write, written: u64) -> io::Result<()> {
    let rest = usize::try_from(written % SECTOR).unwrap_or(0);
    if rest == 0 {
        Ok(())
    } else {
        out.write_all(&[0; SECTOR_LEN][rest..])
    }
}

/// The stream has no name here; whoever knows one puts it in.
pub(super) fn stream_error(source: io::Error) -> IsoError {
    IsoError::Write {
        path: std::path::PathBuf::new(),
        source,
    }
}
