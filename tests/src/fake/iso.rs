//! Reads what is in an ISO 9660 image: the label and the files of the root directory.
//!
//! A reader of its own, so that a mistake of the writer under test cannot hide behind the same mistake here. Real names
//! come from Rock Ridge (`NM`); where an image has none, from the ISO names.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::Path;

const SECTOR: u64 = 2048;
/// No seed file comes near this; larger files are left out.
const LARGEST: u64 = 4 << 20;

/// A volume.
#[derive(Debug)]
pub(crate) struct Iso {
    pub(crate) label: String,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

fn wrong(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, what.to_owned())
}

fn read_at(file: &mut File, at: u64, length: u64) -> io::Result<Vec<u8>> {
    file.seek(SeekFrom::Start(at))?;
    let mut bytes = Vec::new();
    file.take(length).read_to_end(&mut bytes)?;
    if bytes.len() as u64 == length {
        Ok(bytes)
    } else {
        Err(wrong("the image is cut short"))
    }
}

fn number(bytes: &[u8], at: usize) -> io::Result<u64> {
    let bytes = bytes.get(at..at + 4).ok_or_else(|| wrong("a record is cut short"))?;
    Ok(u64::from(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]])))
}

impl Iso {
    /// The label and, if it is `with_files`' label, the files.
    pub(crate) fn read(path: &Path, with_files: &str) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let volume = read_at(&mut file, 16 * SECTOR, SECTOR)?;
        if volume[0] != 1 || &volume[1..6] != b"CD001" {
            return Err(wrong("there is no primary volume descriptor"));
        }
        let label = String::from_utf8_lossy(&volume[40..72]).trim_end().to_owned();
        let mut files = BTreeMap::new();
        if label.eq_ignore_ascii_case(with_files) {
            let (at, length) = (number(&volume, 156 + 2)?, number(&volume, 156 + 10)?);
            let directory = read_at(&mut file, at * SECTOR, length.min(LARGEST))?;
            for (name, at, length) in records(&directory)? {
                if length <= LARGEST {
                    files.insert(name, read_at(&mut file, at * SECTOR, length)?);
                }
            }
        }
        Ok(Self { label, files })
    }
}

/// Name, first sector and length of every file of a directory.
fn records(directory: &[u8]) -> io::Result<Vec<(String, u64, u64)>> {
    let mut found = Vec::new();
    for sector in directory.chunks(2048) {
        let mut rest = sector;
        // A record never crosses a sector's end: zeros fill what is left.
        while let Some(&length) = rest.first().filter(|length| **length != 0) {
            let record = rest
                .get(..usize::from(length))
                .filter(|record| record.len() > 33)
                .ok_or_else(|| wrong("a directory record is cut short"))?;
            let is_directory = record[25] & 2 != 0;
            let name_end = 33 + usize::from(record[32]);
            let iso_name = record.get(33..name_end).ok_or_else(|| wrong("a name is cut short"))?;
            if !is_directory {
                let fields = record
                    .get(name_end + usize::from(record[32] % 2 == 0)..)
                    .unwrap_or_default();
                let name = rock_ridge_name(fields).unwrap_or_else(|| {
                    let text = String::from_utf8_lossy(iso_name).to_ascii_lowercase();
                    text.split(';')
                        .next()
                        .unwrap_or_default()
                        .trim_end_matches('.')
                        .to_owned()
                });
                found.push((name, number(record, 2)?, number(record, 10)?));
            }
            rest = &rest[usize::from(length)..];
        }
    }
    Ok(found)
}

fn rock_ridge_name(mut fields: &[u8]) -> Option<String> {
    let mut name = Vec::new();
    while fields.len() >= 4 && fields[2] >= 4 {
        let (field, rest) = fields.split_at_checked(usize::from(fields[2]))?;
        if field.starts_with(b"NM") && field.len() > 5 {
            name.extend_from_slice(&field[5..]);
        }
        fields = rest;
    }
    (!name.is_empty()).then(|| String::from_utf8_lossy(&name).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_image_is_an_error_and_no_panic() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("x.iso");
        let mut volume = vec![0; 17 * 2048];
        volume[16 * 2048..16 * 2048 + 6].copy_from_slice(b"\x01CD001");
        volume[16 * 2048 + 40..16 * 2048 + 46].copy_from_slice(b"CIDATA");
        for bytes in [&b""[..], &vec![0; 40_000], &volume] {
            std::fs::write(&path, bytes).unwrap();
            let read = Iso::read(&path, "cidata");
            assert!(read.is_err() || read.unwrap().files.is_empty());
        }
    }
}
