//! Directory records.

use super::bytes::{both16, both32};
use super::date::IsoDate;
use super::layout::Places;
use super::names::Identifier;
use super::tree::{Kind, ROOT, Tree};
use super::{SECTOR_LEN, susp};

/// Most bytes of one extent: the largest multiple of a sector that 32 bits can say. A longer file has several.
pub(super) const MAX_EXTENT: u64 = 0xffff_f800;

/// Most bytes of a directory record: its length is one byte, and even.
const MAX_RECORD: usize = 254;

const FLAG_DIRECTORY: u8 = 0x02;
const FLAG_MORE_EXTENTS: u8 = 0x80;

/// Which of the two trees.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Flavour {
    /// ECMA-119 with Rock Ridge.
    Primary,
    /// Joliet.
    Joliet,
}

/// One directory as bytes: its records, then what of their system use entries did not fit into them.
pub(super) struct Built {
    /// Whole sectors of records.
    pub(super) records: Vec<u8>,
    /// Whole sectors of continuations; these follow the records on the medium.
    pub(super) continuations: Vec<u8>,
}

/// What is needed to write any directory of one tree. The lengths of what `build` makes do not depend on `places`, so a
/// first pass with no places at all measures.
pub(super) struct Writer<'a> {
    pub(super) tree: &'a Tree,
    pub(super) flavour: Flavour,
    pub(super) identifiers: &'a [Identifier],
    pub(super) places: &'a Places,
    pub(super) date: IsoDate,
}

impl Writer<'_> {
    /// The records of one directory: itself, its parent, its children in order.
    pub(super) fn build(&self, directory: usize) -> Built {
        let node = &self.tree.nodes[directory];
        let mut built = Built {
            records: Vec::new(),
            continuations: Vec::new(),
        };
        self.add_directory(&mut built, directory, directory, &[0]);
        self.add_directory(&mut built, directory, node.parent, &[1]);
        for child in sorted(node.children(), self.identifiers) {
            let id = &self.identifiers[child].bytes;
            match self.tree.nodes[child].kind {
                Kind::Directory(_) => self.add_directory(&mut built, directory, child, id),
                Kind::File(_) => self.add_file(&mut built, directory, child, id),
            }
        }
        fill_sector(&mut built.records);
        fill_sector(&mut built.continuations);
        built
    }

    fn add_directory(&self, built: &mut Built, within: usize, target: usize, id: &[u8]) {
        let place = self.places.directory(self.flavour, target);
        let mut entries = self.system_use(target, id.len() > 1 || id[0] > 1);
        if self.flavour == Flavour::Primary && within == ROOT && id == [0] {
            entries = [susp::sp(), entries, susp::er()].concat();
        }
        self.add_record(built, within, id, (place.start, place.len), FLAG_DIRECTORY, &entries);
    }

    fn add_file(&self, built: &mut Built, within: usize, file: usize, id: &[u8]) {
        let entries = self.system_use(file, true);
        let (mut start, mut left) = self.places.file(file);
        while left > MAX_EXTENT {
            self.add_record(
                built,
                within,
                id,
                (start, len32(MAX_EXTENT)),
                FLAG_MORE_EXTENTS,
                &entries,
            );
            start += len32(MAX_EXTENT / SECTOR_LEN as u64);
            left -= MAX_EXTENT;
        }
        self.add_record(built, within, id, (start, len32(left)), 0, &entries);
    }

    /// Rock Ridge's entries; Joliet has none.
    fn system_use(&self, target: usize, named: bool) -> Vec<u8> {
        if self.flavour == Flavour::Joliet {
            return Vec::new();
        }
        let node = &self.tree.nodes[target];
        let links = if node.is_directory() {
            2 + node
                .children()
                .iter()
                .filter(|&&child| self.tree.nodes[child].is_directory())
                .count()
        } else {
            1
        };
        let links = u32::try_from(links).unwrap_or(u32::MAX);
        let mut entries = susp::px(node.is_directory(), node.mode, links);
        entries.append(&mut susp::tf(self.date));
        if named {
            entries.append(&mut susp::nm(&node.name));
        }
        entries
    }

    /// Appends one record (ECMA-119 9.1). No record crosses the end of a sector.
    fn add_record(&self, built: &mut Built, within: usize, id: &[u8], extent: (u32, u32), flags: u8, entries: &[u8]) {
        let fixed = (33 + id.len()).next_multiple_of(2);
        let moved;
        let inline = if fixed + entries.len() <= MAX_RECORD {
            entries
        } else {
            // All entries move as one piece, since a piece must not cross the end of a sector either.
            if SECTOR_LEN - built.continuations.len() % SECTOR_LEN < entries.len() {
                fill_sector(&mut built.continuations);
            }
            let offset = built.continuations.len();
            let place = self.places.directory(self.flavour, within);
            let sector = place.start + len32(u64::from(place.len) / SECTOR_LEN as u64) + small32(offset / SECTOR_LEN);
            moved = susp::ce(sector, small32(offset % SECTOR_LEN), small32(entries.len()));
            built.continuations.extend_from_slice(entries);
            &moved
        };
        let len = (fixed + inline.len()).next_multiple_of(2);
        if SECTOR_LEN - built.records.len() % SECTOR_LEN < len {
            fill_sector(&mut built.records);
        }
        let end = built.records.len() + len;
        built
            .records
            .extend_from_slice(&head(id, len, extent, self.date, flags));
        built.records.resize(end - len + fixed, 0);
        built.records.extend_from_slice(inline);
        built.records.resize(end, 0);
    }
}

/// The root's record as a volume descriptor repeats it: 34 bytes, no system use entries.
pub(super) fn root_record(start: u32, len: u32, date: IsoDate) -> Vec<u8> {
    head(&[0], 34, (start, len), date, FLAG_DIRECTORY)
}

/// Children in the order that their identifiers demand.
pub(super) fn sorted(children: &[usize], identifiers: &[Identifier]) -> Vec<usize> {
    let mut children = children.to_vec();
    children.sort_by(|&a, &b| identifiers[a].order(&identifiers[b]));
    children
}

/// A record up to and with its identifier.
fn head(id: &[u8], len: usize, extent: (u32, u32), date: IsoDate, flags: u8) -> Vec<u8> {
    const VOLUME: u16 = 1;
    let mut record = Vec::with_capacity(len);
    record.extend_from_slice(&[u8::try_from(len).unwrap_or(u8::MAX), 0]);
    record.extend_from_slice(&both32(extent.0));
    record.extend_from_slice(&both32(extent.1));
    record.extend_from_slice(&date.short());
    record.extend_from_slice(&[flags, 0, 0]);
    record.extend_from_slice(&both16(VOLUME));
    record.push(u8::try_from(id.len()).unwrap_or(u8::MAX));
    record.extend_from_slice(id);
    record
}

fn fill_sector(bytes: &mut Vec<u8>) {
    bytes.resize(bytes.len().next_multiple_of(SECTOR_LEN), 0);
}

/// Sizes that the layout has checked to fit.
fn len32(len: u64) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}

fn small32(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX)
}
