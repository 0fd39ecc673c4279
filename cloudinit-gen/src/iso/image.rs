//! Putting an image out, front to back.

use std::fs::File;
use std::io::{self, Write as _};

use super::date::IsoDate;
use super::directory::Writer;
use super::layout::{Hierarchy, Layout, SYSTEM_AREA};
use super::output::{Output, Target};
use super::source::{Inner, Version};
use super::tree::{Kind, Tree};
use super::{Hook, IsoError, SECTOR, Source, copy, descriptor, path_table};
use crate::values::VolumeLabel;

/// What an image is made of.
pub(super) struct Image<'a> {
    pub(super) tree: &'a Tree,
    pub(super) label: &'a VolumeLabel,
    pub(super) date: IsoDate,
}

impl Image<'_> {
    /// Writes all of it; returns its size in bytes.
    pub(super) fn write(&self, target: Target<'_>, hook: &mut dyn Hook) -> Result<u64, IsoError> {
        let layout = Layout::plan(self.tree, self.date)?;
        let out = &mut Output::new(target);
        self.write_structure(&layout, out).map_err(stream_error)?;
        for &file in &layout.files {
            let (start, _) = layout.places.file(file);
            out.fill_to(start).map_err(stream_error)?;
            self.write_data(file, layout.places.version(file), out, hook)?;
        }
        out.fill_to(layout.sectors).map_err(stream_error)?;
        out.flush().map_err(stream_error)?;
        Ok(u64::from(layout.sectors) * SECTOR)
    }

    /// Everything before the first file's data.
    fn write_structure(&self, layout: &Layout, out: &mut Output<'_>) -> io::Result<()> {
        out.fill_to(SYSTEM_AREA)?;
        out.write_all(&descriptor::volume(layout, &layout.primary, self.label, self.date))?;
        out.write_all(&descriptor::volume(layout, &layout.joliet, self.label, self.date))?;
        out.write_all(&descriptor::terminator())?;
        for hierarchy in [&layout.primary, &layout.joliet] {
            for (start, big_endian) in hierarchy.path_tables.into_iter().zip([false, true]) {
                out.fill_to(start)?;
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
                out.fill_to(layout.places.directory(hierarchy.flavour, directory).start)?;
                let built = writer.build(directory);
                out.write_all(&built.records)?;
                out.write_all(&built.continuations)?;
            }
        }
        Ok(())
    }

    /// One file's data, exactly as it was measured, or an error.
    fn write_data(
        &self,
        file: usize,
        version: Version,
        out: &mut Output<'_>,
        hook: &mut dyn Hook,
    ) -> Result<(), IsoError> {
        let Kind::File(Source(source)) = &self.tree.nodes[file].kind else {
            return Ok(());
        };
        let name = self.tree.path(file);
        match source {
            Inner::Bytes(bytes) => {
                if hook.watches(&name) {
                    hook.data(&name, bytes);
                }
                out.write_all(bytes).map_err(stream_error)?;
            }
            Inner::Deferred(_) => {
                let mut bytes = hook.deferred(&name);
                // The size was promised to the directory before.
                bytes.resize(usize::try_from(version.len).unwrap_or(usize::MAX), 0);
                out.write_all(&bytes).map_err(stream_error)?;
            }
            Inner::Path(path) => {
                let opened = File::open(path).map_err(|source| IsoError::Open {
                    path: path.clone(),
                    source,
                })?;
                // Of the open file: another may have its name by now.
                let unchanged = || match opened.metadata() {
                    Ok(metadata) if Version::of(&metadata) == version => Ok(()),
                    Ok(_) => Err(IsoError::Changed { path: path.clone() }),
                    Err(source) => Err(IsoError::Read {
                        path: path.clone(),
                        source,
                    }),
                };
                unchanged()?;
                let copied =
                    copy::copy(&opened, version.len, out, &name, hook).map_err(|failed| failed.into_error(path))?;
                unchanged()?;
                if copied != version.len {
                    return Err(IsoError::Changed { path: path.clone() });
                }
            }
        }
        Ok(())
    }
}

/// The stream has no name here; whoever knows one puts it in.
pub(super) fn stream_error(source: io::Error) -> IsoError {
    IsoError::Write {
        path: std::path::PathBuf::new(),
        source,
    }
}
