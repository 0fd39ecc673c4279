//! The descriptor inside a sparse VMDK: a text of `key=value` lines that names, among others, the image below.
//!
//! Source: VMware, "Virtual Disk Format 5.0": a sparse extent's header begins with `KDMV`; at byte 28 stands the sector of
//! the embedded descriptor, at byte 36 how many sectors it has.

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use crate::fault::{Fault, OrUnknown};

const SECTOR: u64 = 512;

/// The `CID` of an image: it changes whenever the image is written to after it was opened.
pub(crate) fn content_id(path: &Path) -> Result<u32, Fault> {
    let text = Descriptor::read(path)
        .or_unknown(format_args!("reading the descriptor of {}", path.display()))?
        .text;
    let id = value(&text, "CID").and_then(|id| u32::from_str_radix(id, 16).ok());
    id.ok_or_else(|| Fault::unknown(format!("{} has no content id", path.display())))
}

/// Writes which image is below this one, and with which content.
pub(crate) fn set_parent(path: &Path, name: &str, content: u32) -> Result<(), Fault> {
    let doing = || format!("changing the descriptor of {}", path.display());
    let mut descriptor = Descriptor::read(path).or_unknown(doing())?;
    descriptor.text = with_parent(&descriptor.text, name, content);
    descriptor.write(path).or_unknown(doing())
}

/// The text with another parent.
fn with_parent(text: &str, name: &str, content: u32) -> String {
    let lines = text
        .lines()
        .map(|line| match line.split_once('=').map(|(key, _)| key.trim()) {
            Some("parentCID") => format!("parentCID={content:08x}\n"),
            Some("parentFileNameHint") => format!("parentFileNameHint=\"{name}\"\n"),
            _ => format!("{line}\n"),
        });
    lines.collect()
}

fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let mut entries = text.lines().filter_map(|line| line.split_once('='));
    entries
        .find(|(name, _)| name.trim() == key)
        .map(|(_, value)| value.trim().trim_matches('"'))
}

/// A descriptor and where it is.
struct Descriptor {
    text: String,
    offset: u64,
    /// How many bytes there are for it; `None` if the whole file is the descriptor.
    room: Option<usize>,
}

impl Descriptor {
    fn read(path: &Path) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let mut header = [0; 44];
        let length = file.read(&mut header)?;
        if length < header.len() || !header.starts_with(b"KDMV") {
            let mut text = String::new();
            file.rewind()?;
            // A descriptor file is small; anything large is no descriptor.
            file.take(64 * 1024).read_to_string(&mut text)?;
            return Ok(Self {
                text,
                offset: 0,
                room: None,
            });
        }
        let field = |at: usize| {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(&header[at..at + 8]);
            u64::from_le_bytes(bytes)
        };
        let (sector, sectors) = (field(28), field(36));
        if sector == 0 || sectors == 0 || sectors > 1024 {
            return Err(io::Error::other("no embedded descriptor"));
        }
        let room = usize::try_from(sectors * SECTOR).map_err(io::Error::other)?;
        let offset = sector
            .checked_mul(SECTOR)
            .ok_or_else(|| io::Error::other("a header out of range"))?;
        file.seek(SeekFrom::Start(offset))?;
        let mut bytes = vec![0; room];
        file.read_exact(&mut bytes)?;
        let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(room);
        bytes.truncate(end);
        Ok(Self {
            text: String::from_utf8(bytes).map_err(io::Error::other)?,
            offset,
            room: Some(room),
        })
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let mut bytes = self.text.clone().into_bytes();
        let mut file = OpenOptions::new().write(true).open(path)?;
        match self.room {
            Some(room) if bytes.len() >= room => return Err(io::Error::other("the new text does not fit")),
            Some(room) => bytes.resize(room, 0),
            None => file.set_len(bytes.len() as u64)?,
        }
        file.seek(SeekFrom::Start(self.offset))?;
        file.write_all(&bytes)?;
        file.sync_all()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Disk DescriptorFile\nversion=1\nCID=1a2b3c4d\nparentCID=ffffffff\n\
                        parentFileNameHint=\"old.vmdk\"\ncreateType=\"monolithicSparse\"\n";

    fn sparse(text: &str) -> Vec<u8> {
        let mut bytes = vec![0; 3 * 512];
        bytes[..4].copy_from_slice(b"KDMV");
        bytes[28] = 1;
        bytes[36] = 1;
        bytes[512..512 + text.len()].copy_from_slice(text.as_bytes());
        bytes[1024..].fill(7);
        bytes
    }

    #[test]
    fn the_parent_is_changed_in_place_and_nothing_else() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.vmdk");
        std::fs::write(&path, sparse(TEXT)).expect("written");
        assert_eq!(content_id(&path).expect("an id"), 0x1a2b_3c4d);
        set_parent(&path, "새 것.vmdk", 0xdead_beef).expect("changed");
        let expected = TEXT.replace("ffffffff", "deadbeef").replace("old.vmdk", "새 것.vmdk");
        assert_eq!(std::fs::read(&path).expect("there"), sparse(&expected));
    }

    #[test]
    fn a_text_that_does_not_fit_and_a_broken_header_are_errors() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("a.vmdk");
        std::fs::write(&path, sparse(TEXT)).expect("written");
        assert!(set_parent(&path, &"x".repeat(600), 1).is_err());
        let mut broken = sparse(TEXT);
        broken[28..44].fill(0xff);
        std::fs::write(&path, broken).expect("written");
        assert!(content_id(&path).is_err());
        std::fs::write(&path, b"KD").expect("written");
        assert!(content_id(&path).is_err());
    }
}
