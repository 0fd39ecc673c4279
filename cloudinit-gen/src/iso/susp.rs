//! Rock Ridge: real names, permissions and times in the system use field of directory records.
//!
//! After the System Use Sharing Protocol 1.12 and the Rock Ridge Interchange Protocol 1.10 (`RRIP_1991A`).

use super::bytes::both32;
use super::date::IsoDate;

/// Length of a CE entry, which points to the rest of a record's entries.
pub(super) const CE_LEN: usize = 28;
/// Longest piece of a name in one NM entry: an entry has at most 255 bytes, five of them a head.
const NM_PIECE: usize = 250;

const S_IFDIR: u32 = 0o040_000;
const S_IFREG: u32 = 0o100_000;

/// Marks the root: this volume has system use entries, from the first byte of the field on.
pub(super) fn sp() -> Vec<u8> {
    vec![b'S', b'P', 7, 1, 0xbe, 0xef, 0]
}

/// Names the extension that the entries belong to.
pub(super) fn er() -> Vec<u8> {
    const ID: &[u8] = b"RRIP_1991A";
    const DESCRIPTION: &[u8] = b"Rock Ridge Interchange Protocol";
    const ORIGIN: &[u8] = b"IEEE P1282";
    let mut entry = head(*b"ER", 8 + ID.len() + DESCRIPTION.len() + ORIGIN.len());
    entry.extend_from_slice(&[small(ID.len()), small(DESCRIPTION.len()), small(ORIGIN.len()), 1]);
    entry.extend_from_slice(ID);
    entry.extend_from_slice(DESCRIPTION);
    entry.extend_from_slice(ORIGIN);
    entry
}

/// Type, permissions, links; everything belongs to root.
pub(super) fn px(directory: bool, mode: u32, links: u32) -> Vec<u8> {
    let kind = if directory { S_IFDIR } else { S_IFREG };
    let mut entry = head(*b"PX", 36);
    for number in [kind | mode, links, 0, 0] {
        entry.extend_from_slice(&both32(number));
    }
    entry
}

/// One date for modification, access and change.
pub(super) fn tf(date: IsoDate) -> Vec<u8> {
    const MODIFY_ACCESS_ATTRIBUTES: u8 = 0x0e;
    let mut entry = head(*b"TF", 26);
    entry.push(MODIFY_ACCESS_ATTRIBUTES);
    for _ in 0..3 {
        entry.extend_from_slice(&date.short());
    }
    entry
}

/// The real name, in as many entries as it needs.
pub(super) fn nm(name: &str) -> Vec<u8> {
    const CONTINUES: u8 = 1;
    let mut entries = Vec::new();
    let mut rest = name.as_bytes();
    while !rest.is_empty() {
        let (piece, behind) = rest.split_at(rest.len().min(NM_PIECE));
        let mut entry = head(*b"NM", 5 + piece.len());
        entry.push(if behind.is_empty() { 0 } else { CONTINUES });
        entry.extend_from_slice(piece);
        entries.append(&mut entry);
        rest = behind;
    }
    entries
}

/// Points to further entries outside the record.
pub(super) fn ce(sector: u32, offset: u32, len: u32) -> Vec<u8> {
    let mut entry = head(*b"CE", CE_LEN);
    for number in [sector, offset, len] {
        entry.extend_from_slice(&both32(number));
    }
    entry
}

/// Signature, length and version, with room for the entry.
fn head(signature: [u8; 2], len: usize) -> Vec<u8> {
    let mut entry = Vec::with_capacity(len);
    entry.extend_from_slice(&signature);
    entry.extend_from_slice(&[small(len), 1]);
    entry
}

/// Entries are at most 255 bytes long: the only variable parts are constants and pieces of `NM_PIECE` bytes.
fn small(len: usize) -> u8 {
    u8::try_from(len).unwrap_or(u8::MAX)
}
