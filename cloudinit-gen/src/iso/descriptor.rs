//! Volume descriptors.

use super::SECTOR_LEN;
use super::bytes::{both16, both32};
use super::date::IsoDate;
use super::directory::{Flavour, root_record};
use super::layout::{Hierarchy, Layout};
use super::tree::ROOT;
use crate::values::VolumeLabel;

/// Joliet level 3: UCS-2 with any character.
const JOLIET_ESCAPE: [u8; 3] = *b"%/E";

/// The descriptor of one tree (ECMA-119 8.4 and 8.5). Text that is nobody's business stays blank.
pub(super) fn volume(layout: &Layout, hierarchy: &Hierarchy, label: &VolumeLabel, date: IsoDate) -> Vec<u8> {
    let joliet = hierarchy.flavour == Flavour::Joliet;
    let text = |text: &str, len: usize| if joliet { wide(text, len) } else { narrow(text, len) };
    let root = layout.places.directory(hierarchy.flavour, ROOT);
    let mut sector = Vec::with_capacity(SECTOR_LEN);
    sector.extend_from_slice(&[if joliet { 2 } else { 1 }]);
    sector.extend_from_slice(b"CD001\x01\0");
    sector.extend_from_slice(&text("", 32));
    sector.extend_from_slice(&text(label.as_str(), 32));
    sector.extend_from_slice(&[0; 8]);
    sector.extend_from_slice(&both32(layout.sectors));
    let mut escapes = [0; 32];
    if joliet {
        escapes[..3].copy_from_slice(&JOLIET_ESCAPE);
    }
    sector.extend_from_slice(&escapes);
    // One volume, this one, in blocks of 2048 bytes.
    for number in [1, 1, 2048] {
        sector.extend_from_slice(&both16(number));
    }
    sector.extend_from_slice(&both32(u32::try_from(hierarchy.path_table_len).unwrap_or(u32::MAX)));
    sector.extend_from_slice(&hierarchy.path_tables[0].to_le_bytes());
    sector.extend_from_slice(&[0; 4]);
    sector.extend_from_slice(&hierarchy.path_tables[1].to_be_bytes());
    sector.extend_from_slice(&[0; 4]);
    sector.extend_from_slice(&root_record(root.start, root.len, date));
    // Volume set, publisher, preparer, application; then the files of the copyright, the abstract, the bibliography.
    for len in [128, 128, 128, 128, 37, 37, 37] {
        sector.extend_from_slice(&text("", len));
    }
    sector.extend_from_slice(&date.long());
    sector.extend_from_slice(&date.long());
    sector.extend_from_slice(&IsoDate::unset_long());
    sector.extend_from_slice(&IsoDate::unset_long());
    sector.push(1);
    sector.resize(SECTOR_LEN, 0);
    sector
}

/// Ends the list of descriptors (ECMA-119 8.3).
pub(super) fn terminator() -> Vec<u8> {
    let mut sector = b"\xffCD001\x01".to_vec();
    sector.resize(SECTOR_LEN, 0);
    sector
}

fn narrow(text: &str, len: usize) -> Vec<u8> {
    let mut field = text.as_bytes().to_vec();
    field.resize(len, b' ');
    field
}

fn wide(text: &str, len: usize) -> Vec<u8> {
    let mut field: Vec<u8> = text
        .encode_utf16()
        .chain(std::iter::repeat(0x20))
        .take(len / 2)
        .flat_map(u16::to_be_bytes)
        .collect();
    // A field of an odd length ends with a byte that belongs to no character.
    field.resize(len, 0);
    field
}
