//! VMware's dictionary files (`.vmx`, `.vmsd`): lines of `key = "value"`.
//!
//! Keys are compared without regard to case. A `.encoding` line names the character set of the file. In values `|XX`
//! stands for the byte with that hexadecimal number (`|22` is a quotation mark, `|7C` the bar itself). Lines that are not
//! changed are written back as they were, comments and order included; a file in another character set is written back as
//! UTF-8 and says so.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io;
use std::path::Path;

use encoding_rs::{Encoding, UTF_8};

use crate::files;

/// A dictionary file in memory.
#[derive(Debug, Clone, Default)]
pub(crate) struct Dict {
    lines: Vec<Line>,
    /// Lower-case key to the line that holds its value; the last of several wins.
    index: HashMap<String, usize>,
    crlf: bool,
}

#[derive(Debug, Clone)]
struct Line {
    raw: String,
    /// Key as written and unescaped value, if the line is an assignment.
    entry: Option<(String, String)>,
}

impl Dict {
    /// Reads a file.
    pub(crate) fn read(path: &Path) -> io::Result<Self> {
        Ok(Self::parse(&std::fs::read(path)?))
    }

    /// Reads bytes. Lines that are no assignments are kept and mean nothing.
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let text = decode(bytes);
        let mut dict = Self {
            crlf: text.contains("\r\n"),
            ..Self::default()
        };
        for raw in text.lines() {
            let entry = assignment(raw);
            if let Some((key, _)) = &entry {
                dict.index.insert(key.to_ascii_lowercase(), dict.lines.len());
            }
            dict.lines.push(Line {
                raw: raw.to_owned(),
                entry,
            });
        }
        dict
    }

    /// The value of a key.
    pub(crate) fn get(&self, key: &str) -> Option<&str> {
        let line = &self.lines[*self.index.get(&key.to_ascii_lowercase())?];
        line.entry.as_ref().map(|(_, value)| value.as_str())
    }

    /// Whether a key is set to what VMware takes for true.
    pub(crate) fn is_true(&self, key: &str) -> bool {
        self.get(key)
            .is_some_and(|value| matches!(value.to_ascii_lowercase().as_str(), "true" | "yes" | "1" | "y"))
    }

    /// As [`is_true`](Self::is_true), with an answer for a key that is not there.
    pub(crate) fn is_true_or(&self, key: &str, default: bool) -> bool {
        if self.get(key).is_some() {
            self.is_true(key)
        } else {
            default
        }
    }

    /// A whole number.
    pub(crate) fn number(&self, key: &str) -> Option<u64> {
        self.get(key)?.trim().parse().ok()
    }

    /// All keys as written, with their values.
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.lines
            .iter()
            .filter_map(|line| line.entry.as_ref())
            .map(|(key, value)| (key.as_str(), value.as_str()))
    }

    /// Sets a key, in its own line if it has one, else at the end.
    pub(crate) fn set(&mut self, key: &str, value: &str) {
        let written = self.index.get(&key.to_ascii_lowercase()).copied();
        let name = written
            .and_then(|at| self.lines[at].entry.as_ref())
            .map_or(key, |(name, _)| name)
            .to_owned();
        let line = Line {
            raw: format!("{name} = \"{}\"", escape(value)),
            entry: Some((name, value.to_owned())),
        };
        if let Some(at) = written {
            self.lines[at] = line;
        } else {
            self.index.insert(key.to_ascii_lowercase(), self.lines.len());
            self.lines.push(line);
        }
    }

    /// Removes every key that `unwanted` picks by its lower-case name.
    pub(crate) fn remove_if(&mut self, unwanted: impl Fn(&str) -> bool) {
        self.lines.retain(|line| {
            !line
                .entry
                .as_ref()
                .is_some_and(|(key, _)| unwanted(&key.to_ascii_lowercase()))
        });
        self.index = self
            .lines
            .iter()
            .enumerate()
            .filter_map(|(at, line)| line.entry.as_ref().map(|(key, _)| (key.to_ascii_lowercase(), at)))
            .collect();
    }

    /// The file's bytes, always UTF-8.
    pub(crate) fn to_bytes(&self) -> Vec<u8> {
        let end = if self.crlf { "\r\n" } else { "\n" };
        let mut out = String::new();
        let mut named = false;
        for line in &self.lines {
            let raw = match &line.entry {
                Some((key, _)) if key.eq_ignore_ascii_case(".encoding") => {
                    named = true;
                    ".encoding = \"UTF-8\""
                }
                _ => &line.raw,
            };
            let _ = write!(out, "{raw}{end}");
        }
        if !named && !out.is_ascii() {
            out.insert_str(0, &format!(".encoding = \"UTF-8\"{end}"));
        }
        out.into_bytes()
    }

    /// Replaces the file in one step, so that a reader sees the old or the new text and never half of it.
    pub(crate) fn write(&self, path: &Path) -> io::Result<()> {
        files::replace(path, &self.to_bytes())
    }

    /// Writes a file of the same kind as another one, which it may be as private as.
    pub(crate) fn write_like(&self, path: &Path, model: &Path) -> io::Result<()> {
        files::write_like(path, &self.to_bytes(), model)
    }
}

fn decode(bytes: &[u8]) -> String {
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    // The encoding line itself is ASCII, so a lossy look at the file finds it.
    let declared = String::from_utf8_lossy(bytes)
        .lines()
        .filter_map(assignment)
        .find(|(key, _)| key.eq_ignore_ascii_case(".encoding"))
        .and_then(|(_, name)| Encoding::for_label(name.as_bytes()));
    match declared {
        Some(encoding) if encoding != UTF_8 => encoding.decode_without_bom_handling(bytes).0.into_owned(),
        _ => String::from_utf8_lossy(bytes).into_owned(),
    }
}

fn assignment(line: &str) -> Option<(String, String)> {
    let line = line.trim();
    if line.starts_with('#') || line.starts_with("//") {
        return None;
    }
    let (key, value) = line.split_once('=')?;
    let (key, value) = (key.trim(), value.trim());
    if key.is_empty() || key.contains(['"', ' ']) {
        return None;
    }
    let value = match value.strip_prefix('"') {
        // A quoted value ends at the next quotation mark; one inside it is written |22.
        Some(rest) => rest.split_once('"').map_or(rest, |(value, _)| value),
        None => value,
    };
    Some((key.to_owned(), unescape(value)))
}

fn unescape(value: &str) -> String {
    let bytes = value.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let hex = (bytes[at] == b'|').then(|| bytes.get(at + 1..at + 3)).flatten();
        let code = hex
            .and_then(|hex| std::str::from_utf8(hex).ok())
            .and_then(|hex| u8::from_str_radix(hex, 16).ok());
        if let Some(code) = code {
            out.push(code);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

fn escape(value: &str) -> String {
    let mut out = String::with_capacity(value.len());
    for character in value.chars() {
        match character {
            '|' | '"' => {
                let _ = write!(out, "|{:02X}", u32::from(character));
            }
            c if c.is_ascii_control() => {
                let _ = write!(out, "|{:02X}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_found_in_any_case_and_values_are_unescaped() {
        let dict =
            Dict::parse(b"#!/usr/bin/vmware\nMemSize = \"512\"\ndisplayName = \"a |22b|22 |7C c\" # note\nx=1\n");
        assert_eq!(dict.number("memsize"), Some(512));
        assert_eq!(dict.get("DISPLAYNAME"), Some("a \"b\" | c"));
        assert_eq!(dict.get("x"), Some("1"));
        assert_eq!(dict.get("missing"), None);
    }

    #[test]
    fn comments_order_and_line_ends_survive_a_change() {
        let mut dict = Dict::parse(b"# top\r\nb = \"1\"\r\n\r\nA = \"2\"\r\n");
        dict.set("a", "3");
        dict.set("new", "|");
        assert_eq!(
            dict.to_bytes(),
            b"# top\r\nb = \"1\"\r\n\r\nA = \"3\"\r\nnew = \"|7C\"\r\n"
        );
    }

    #[test]
    fn korean_text_in_the_windows_code_page_is_read_and_comes_back_as_utf8() {
        let (bytes, _, _) = encoding_rs::EUC_KR.encode("디스크.vmdk");
        let mut file = b".encoding = \"windows-949\"\nscsi0:0.fileName = \"".to_vec();
        file.extend_from_slice(&bytes);
        file.extend_from_slice(b"\"\n");
        let dict = Dict::parse(&file);
        assert_eq!(dict.get("scsi0:0.filename"), Some("디스크.vmdk"));
        let again = dict.to_bytes();
        // The line itself was kept as decoded text, and the file now says which character set it is in.
        assert!(again.starts_with(b".encoding = \"UTF-8\"\n"));
        assert_eq!(Dict::parse(&again).get("scsi0:0.filename"), Some("디스크.vmdk"));
    }

    #[test]
    fn removing_keys_keeps_the_others_findable() {
        let mut dict = Dict::parse(b"a = \"1\"\nethernet0.generatedAddress = \"x\"\nb = \"2\"\n");
        dict.remove_if(|key| key.ends_with(".generatedaddress"));
        assert_eq!(
            (dict.get("a"), dict.get("b"), dict.get("ethernet0.generatedAddress")),
            (Some("1"), Some("2"), None)
        );
    }

    #[test]
    fn rubbish_never_panics() {
        for bytes in [
            &b"\xff\xfe\x00="[..],
            b"=\n= \"\n|",
            b"k = \"|",
            b"k = \"|4",
            b"k = |zz|41",
        ] {
            let mut dict = Dict::parse(bytes);
            dict.set("k", "v");
            assert_eq!(Dict::parse(&dict.to_bytes()).get("k"), Some("v"));
        }
    }
}
