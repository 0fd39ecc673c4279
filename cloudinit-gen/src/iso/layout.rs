//! Where everything is on the medium.

use super::date::IsoDate;
use super::directory::{Flavour, Writer};
use super::names::{self, Identifier};
use super::source::Version;
use super::tree::{Kind, Tree};
use super::{IsoError, SECTOR, path_table};

/// Sectors that the format leaves to boot code.
pub(super) const SYSTEM_AREA: u32 = 16;
/// Primary descriptor, Joliet's descriptor, terminator.
const DESCRIPTORS: u64 = 3;
/// A path table counts directories in 16 bits.
const MAX_DIRECTORIES: usize = 65_535;

/// A file of this size or more begins at a multiple of [`LARGE_ALIGNMENT`].
const LARGE: u64 = 1 << 20;
/// In sectors: 64 KiB. Linux copies in pieces of this size from page to page, and a page of its cache can be as large; a file that begins at
/// an odd sector makes two pages of each and half as much work again.
const LARGE_ALIGNMENT: u64 = 64 * 1024 / SECTOR;

/// A directory's place.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Place {
    /// First sector.
    pub(super) start: u32,
    /// Bytes of its records.
    pub(super) len: u32,
}

/// The places of all nodes, by the nodes' indices.
#[derive(Debug, Clone)]
pub(super) struct Places {
    primary: Vec<Place>,
    joliet: Vec<Place>,
    files: Vec<(u32, Version)>,
}

impl Places {
    /// Nothing has a place.
    fn unknown(nodes: usize) -> Self {
        Self {
            primary: vec![Place::default(); nodes],
            joliet: vec![Place::default(); nodes],
            files: vec![(0, Version::default()); nodes],
        }
    }

    /// A directory's first sector and the bytes of its records.
    pub(super) fn directory(&self, flavour: Flavour, node: usize) -> Place {
        match flavour {
            Flavour::Primary => self.primary[node],
            Flavour::Joliet => self.joliet[node],
        }
    }

    /// A file's first sector and its bytes.
    pub(super) fn file(&self, node: usize) -> (u32, u64) {
        let (start, version) = self.files[node];
        (start, version.len)
    }

    /// A file as it was measured.
    pub(super) fn version(&self, node: usize) -> Version {
        self.files[node].1
    }
}

/// One of the two trees with all that is needed to write it.
pub(super) struct Hierarchy {
    pub(super) flavour: Flavour,
    pub(super) identifiers: Vec<Identifier>,
    /// Directories in the path table's order, which is also their order on the medium.
    pub(super) directories: Vec<usize>,
    pub(super) path_table_len: usize,
    /// First sectors of the little-endian and of the big-endian path table.
    pub(super) path_tables: [u32; 2],
}

/// A whole image's plan.
pub(super) struct Layout {
    pub(super) primary: Hierarchy,
    pub(super) joliet: Hierarchy,
    pub(super) places: Places,
    /// Files in the order of their data.
    pub(super) files: Vec<usize>,
    /// Size of the image, in sectors.
    pub(super) sectors: u32,
}

impl Layout {
    /// Measures every file and gives everything its place.
    pub(super) fn plan(tree: &Tree, date: IsoDate) -> Result<Self, IsoError> {
        let mut places = Places::unknown(tree.nodes.len());
        for (index, node) in tree.nodes.iter().enumerate() {
            if let Kind::File(source) = &node.kind {
                places.files[index].1 = source.measure()?;
            }
        }
        let mut next = u64::from(SYSTEM_AREA) + DESCRIPTORS;
        let mut primary = hierarchy(tree, Flavour::Primary, names::primary(tree), &mut next)?;
        let mut joliet = hierarchy(tree, Flavour::Joliet, names::joliet(tree), &mut next)?;
        for hierarchy in [&mut primary, &mut joliet] {
            place_directories(tree, hierarchy, &mut places, date, &mut next)?;
        }
        let files = place_files(tree, &primary, &mut places, &mut next)?;
        Ok(Self {
            primary,
            joliet,
            places,
            files,
            sectors: sector(next)?,
        })
    }
}

fn hierarchy(
    tree: &Tree,
    flavour: Flavour,
    identifiers: Vec<Identifier>,
    next: &mut u64,
) -> Result<Hierarchy, IsoError> {
    let directories = path_table::order(tree, &identifiers);
    if directories.len() > MAX_DIRECTORIES {
        return Err(IsoError::TooLarge {
            what: "it has more than 65,535 directories",
        });
    }
    let path_table_len = path_table::len(&directories, &identifiers);
    let mut path_tables = [0; 2];
    for table in &mut path_tables {
        *table = sector(*next)?;
        *next += (path_table_len as u64).div_ceil(SECTOR);
    }
    Ok(Hierarchy {
        flavour,
        identifiers,
        directories,
        path_table_len,
        path_tables,
    })
}

fn place_directories(
    tree: &Tree,
    hierarchy: &Hierarchy,
    places: &mut Places,
    date: IsoDate,
    next: &mut u64,
) -> Result<(), IsoError> {
    // Lengths first: they are the same wherever a directory lies.
    let unplaced = places.clone();
    let writer = Writer {
        tree,
        flavour: hierarchy.flavour,
        identifiers: &hierarchy.identifiers,
        places: &unplaced,
        date,
    };
    for &directory in &hierarchy.directories {
        let built = writer.build(directory);
        let len = u32::try_from(built.records.len()).map_err(|_| IsoError::TooLarge {
            what: "a directory has more entries than 32 bits can say",
        })?;
        let place = Place {
            start: sector(*next)?,
            len,
        };
        match hierarchy.flavour {
            Flavour::Primary => places.primary[directory] = place,
            Flavour::Joliet => places.joliet[directory] = place,
        }
        *next += (built.records.len() + built.continuations.len()) as u64 / SECTOR;
    }
    Ok(())
}

/// Files follow their directories' order, so that equal trees have equal layouts; deferred ones come last.
fn place_files(tree: &Tree, primary: &Hierarchy, places: &mut Places, next: &mut u64) -> Result<Vec<usize>, IsoError> {
    let mut files: Vec<usize> = primary
        .directories
        .iter()
        .flat_map(|&directory| super::directory::sorted(tree.nodes[directory].children(), &primary.identifiers))
        .filter(|&node| !tree.nodes[node].is_directory())
        .collect();
    files.sort_by_key(|&file| tree.nodes[file].is_deferred());
    for &file in &files {
        let (start, Version { len, .. }) = &mut places.files[file];
        if *len >= LARGE {
            *next = next.next_multiple_of(LARGE_ALIGNMENT);
        }
        *start = sector(*next)?;
        *next += len.div_ceil(SECTOR);
    }
    // A file without data begins where the next one does; if it is the last, it must not begin behind the end.
    if files.last().is_some_and(|&last| places.files[last].1.len == 0) {
        *next += 1;
    }
    Ok(files)
}

fn sector(number: u64) -> Result<u32, IsoError> {
    u32::try_from(number).map_err(|_| IsoError::TooLarge {
        what: "it has more than 2^32 sectors (8 TiB)",
    })
}
