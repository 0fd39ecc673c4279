//! One line of a `.vmx` file: its bytes, and where key and value stand in them.

use std::ops::Range;

/// A line with its line end. Only the value's bytes can change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    raw: Vec<u8>,
    entry: Option<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    key: Range<usize>,
    value: Range<usize>,
    quoted: bool,
}

/// Characters of a key: `scsi0:0.fileName`, `.encoding`, `guestinfo.my-value`.
fn is_key_byte(b: u8) -> bool {
    b.is_ascii_alphanumeric() || b".:_-".contains(&b)
}

/// Whether the format can hold this key.
pub(super) fn is_key(key: &str) -> bool {
    !key.is_empty() && key.bytes().all(is_key_byte)
}

impl Line {
    pub(super) fn parse(raw: &[u8]) -> Self {
        Self {
            raw: raw.to_vec(),
            entry: find_entry(raw),
        }
    }

    pub(super) fn new(key: &str, escaped: &[u8], end: &[u8]) -> Self {
        Self::parse(&[key.as_bytes(), b" = \"", escaped, b"\"", end].concat())
    }

    pub(super) fn raw(&self) -> &[u8] {
        &self.raw
    }

    pub(super) fn key(&self) -> Option<&str> {
        let entry = self.entry.as_ref()?;
        str::from_utf8(&self.raw[entry.key.clone()]).ok()
    }

    pub(super) fn has_key(&self, key: &str) -> bool {
        self.key().is_some_and(|own| own.eq_ignore_ascii_case(key))
    }

    /// The value as written, still escaped.
    pub(super) fn value(&self) -> Option<&[u8]> {
        self.entry.as_ref().map(|entry| &self.raw[entry.value.clone()])
    }

    pub(super) fn set_value(&mut self, escaped: &[u8]) {
        if let Some(entry) = &self.entry {
            let value = entry.value.clone();
            if entry.quoted {
                self.raw.splice(value, escaped.iter().copied());
            } else {
                let quoted = [b"\"", escaped, b"\""].concat();
                self.raw.splice(value, quoted);
            }
            self.entry = find_entry(&self.raw);
        }
    }

    /// Gives a line without one a line end.
    pub(super) fn terminate(&mut self, end: &[u8]) {
        if !self.raw.ends_with(b"\n") {
            self.raw.extend_from_slice(end);
        }
    }
}

/// `<space> key <space> = <space> "value"`, or a bare value up to white space or a comment.
fn find_entry(raw: &[u8]) -> Option<Entry> {
    let blank = |b: u8| b == b' ' || b == b'\t';
    let skip = |from: usize, class: &dyn Fn(u8) -> bool| from + raw[from..].iter().take_while(|&&b| class(b)).count();

    // A byte-order mark that an editor has put before the first key.
    let start = if raw.starts_with(&[0xEF, 0xBB, 0xBF]) { 3 } else { 0 };
    let key = skip(start, &blank);
    let key_end = skip(key, &is_key_byte);
    let equals = skip(key_end, &blank);
    if key == key_end || raw.get(equals) != Some(&b'=') {
        return None;
    }
    let value = skip(equals + 1, &blank);
    if raw.get(value) == Some(&b'"') {
        let value = value + 1;
        let end = value + raw[value..].iter().position(|&b| b == b'"')?;
        return Some(Entry {
            key: key..key_end,
            value: value..end,
            quoted: true,
        });
    }
    let end = skip(value, &|b| !blank(b) && !b"\r\n#".contains(&b));
    Some(Entry {
        key: key..key_end,
        value: value..end,
        quoted: false,
    })
}
