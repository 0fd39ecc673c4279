//! Names in the two trees: ECMA-119 identifiers in the primary one, UTF-16 in Joliet's.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use super::tree::Tree;

/// Most UTF-16 units in a Joliet name that Windows and Linux both read. The specification says 64; a directory record
/// has room for 110, and 103 is what other writers allow.
const MAX_JOLIET_UNITS: usize = 103;
/// Most bytes in a name that Linux returns from a directory.
const MAX_NAME_BYTES: usize = 255;
/// Most characters of name and extension together at interchange levels 2 and 3 (ECMA-119 10.2).
const MAX_FILE_CHARS: usize = 30;
/// Most characters in a directory's identifier.
const MAX_DIRECTORY_CHARS: usize = 31;
/// Most of these characters that the extension gets.
const MAX_EXTENSION_CHARS: usize = 10;

/// Whether a name can be recorded as it is.
pub(super) fn check(name: &str) -> Result<(), &'static str> {
    if name.is_empty() || name == "." || name == ".." {
        return Err("a name in it is empty, '.' or '..'");
    }
    if name.len() > MAX_NAME_BYTES || name.encode_utf16().count() > MAX_JOLIET_UNITS {
        return Err("a name in it is longer than 103 characters or 255 bytes");
    }
    if name
        .chars()
        .any(|c| c.is_control() || matches!(c, '*' | ':' | ';' | '?' | '\\'))
    {
        return Err("Joliet has no control characters and none of * : ; ? \\ in names");
    }
    Ok(())
}

/// A name as one tree records it, with what it sorts by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Identifier {
    /// The bytes of the record.
    pub(super) bytes: Vec<u8>,
    key: (Vec<u8>, Vec<u8>),
}

impl Identifier {
    /// ECMA-119 9.3: by name, then by extension, a shorter one before a longer one that begins with it.
    pub(super) fn order(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

/// Joliet identifiers, one per node. Without the version `;1`: every reader would have to cut it off again, and not all do.
pub(super) fn joliet(tree: &Tree) -> Vec<Identifier> {
    let identifier = |node: &super::tree::Node| {
        let bytes: Vec<u8> = node.name.encode_utf16().flat_map(u16::to_be_bytes).collect();
        Identifier {
            key: (bytes.clone(), Vec::new()),
            bytes,
        }
    };
    tree.nodes.iter().map(identifier).collect()
}

/// Primary identifiers, one per node: upper case, cut, and made unique within their directory.
pub(super) fn primary(tree: &Tree) -> Vec<Identifier> {
    let mut identifiers = vec![
        Identifier {
            bytes: Vec::new(),
            key: (Vec::new(), Vec::new())
        };
        tree.nodes.len()
    ];
    for directory in tree.nodes.iter().filter(|node| node.is_directory()) {
        let mut children = directory.children().to_vec();
        // By real name, so that the numbers given to equal names do not depend on the order of additions.
        children.sort_by(|&a, &b| tree.nodes[a].name.cmp(&tree.nodes[b].name));
        let mut taken = BTreeSet::new();
        for child in children {
            let node = &tree.nodes[child];
            let (stem, extension) = if node.is_directory() {
                (d_characters(&node.name), String::new())
            } else {
                split(&node.name)
            };
            let room = if node.is_directory() {
                MAX_DIRECTORY_CHARS
            } else {
                MAX_FILE_CHARS
            } - extension.len();
            let mut unique = cut(&stem, room).to_owned();
            let mut number = 0_u32;
            while !taken.insert((unique.clone(), extension.clone())) {
                number += 1;
                let suffix = format!("_{number}");
                unique = format!("{}{suffix}", cut(&stem, room - suffix.len()));
            }
            let text = if node.is_directory() {
                unique.clone()
            } else {
                format!("{unique}.{extension};1")
            };
            identifiers[child] = Identifier {
                bytes: text.into_bytes(),
                key: (unique.into_bytes(), extension.into_bytes()),
            };
        }
    }
    identifiers
}

/// A file's name and extension in d-characters.
fn split(name: &str) -> (String, String) {
    match name.rsplit_once('.') {
        Some((stem, extension)) if !stem.is_empty() => (
            d_characters(stem),
            cut(&d_characters(extension), MAX_EXTENSION_CHARS).to_owned(),
        ),
        _ => (d_characters(name), String::new()),
    }
}

/// `A-Z 0-9 _` stay, small letters become capitals, anything else becomes `_` (ECMA-119 7.4.1).
fn d_characters(name: &str) -> String {
    name.chars()
        .map(|c| c.to_ascii_uppercase())
        .map(|c| {
            if c.is_ascii_uppercase() || c.is_ascii_digit() {
                c
            } else {
                '_'
            }
        })
        .collect()
}

/// The first `len` bytes; d-characters are one byte each.
fn cut(text: &str, len: usize) -> &str {
    &text[..text.len().min(len)]
}

#[cfg(test)]
mod tests {
    use super::super::Source;
    use super::*;

    #[test]
    fn names_that_become_equal_are_told_apart_whatever_their_order() {
        let names = ["a+b", "a-b", "a b", &"x".repeat(40), &format!("{}y", "x".repeat(39))];
        let collect = |order: &[usize]| {
            let mut tree = Tree::new();
            for &i in order {
                tree.add_file(names[i], Source::bytes("")).unwrap();
            }
            let ids = primary(&tree);
            let mut found: Vec<(String, String)> = (1..tree.nodes.len())
                .map(|n| {
                    (
                        tree.nodes[n].name.clone(),
                        String::from_utf8(ids[n].bytes.clone()).unwrap(),
                    )
                })
                .collect();
            found.sort();
            found
        };
        let forward = collect(&[0, 1, 2, 3, 4]);
        assert_eq!(forward, collect(&[4, 2, 0, 3, 1]));
        let distinct: BTreeSet<&String> = forward.iter().map(|(_, id)| id).collect();
        assert_eq!(distinct.len(), names.len());
        assert!(forward.iter().all(|(_, id)| id.len() <= 33), "{forward:?}");
    }

    #[test]
    fn a_shorter_extension_sorts_before_a_longer_one() {
        let mut tree = Tree::new();
        tree.add_file("a.0", Source::bytes("")).unwrap();
        tree.add_file("a", Source::bytes("")).unwrap();
        let ids = primary(&tree);
        assert_eq!(
            ids[2].order(&ids[1]),
            Ordering::Less,
            "A. comes before A.0 although ';' sorts behind '0'"
        );
    }
}
