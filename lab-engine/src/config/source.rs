//! The file: its text, and where in it each key stands.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::de::{DeTable, DeValue};

use super::value::Mistake;
use super::{ConfigError, Origin};
use crate::files;

/// A file that was read.
pub(super) struct Source {
    pub(super) path: PathBuf,
    text: String,
    spans: BTreeMap<String, Place>,
}

/// Where a key and its value stand.
#[derive(Debug, Clone)]
struct Place {
    key: Range<usize>,
    value: Range<usize>,
}

impl Source {
    /// Reads it; its mistakes of syntax, all of them, are the errors.
    pub(super) fn read(path: &Path) -> Result<(Self, toml::Table), Vec<ConfigError>> {
        let text = read_text(path).map_err(|e| vec![e])?;
        let mut source = Self {
            path: path.to_owned(),
            text,
            spans: BTreeMap::new(),
        };
        let mut spans = BTreeMap::new();
        let (root, errors) = DeTable::parse_recoverable(&source.text);
        if !errors.is_empty() {
            return Err(source.syntax(&errors));
        }
        collect(root.get_ref(), "", &mut spans);
        source.spans = spans;
        let table = source.text.parse().map_err(|e| source.syntax(&[e]))?;
        Ok((source, table))
    }

    /// One mistake per line: what follows the first one on a line is usually its consequence.
    fn syntax(&self, errors: &[toml::de::Error]) -> Vec<ConfigError> {
        let mut lines = BTreeSet::new();
        errors
            .iter()
            .filter(|e| lines.insert(e.span().map(|s| self.line(s.start))))
            .map(|e| ConfigError::in_file(&self.path, &self.text, e.span(), e.message()))
            .map(|e| e.help("`lab-cli init --print` shows what a lab.toml looks like"))
            .collect()
    }

    /// A mistake at a key that stands in this file.
    pub(super) fn locate(&self, mistake: &Mistake, path: &str) -> ConfigError {
        // The list, the node or the section stands for a part of it that is missing.
        let mut place = None;
        let mut nearest = Some(path);
        while let (None, Some(path)) = (&place, nearest) {
            place = self.spans.get(path);
            nearest = path.rsplit_once('.').map(|(parent, _)| parent);
        }
        let span = place.map(|p| if mistake.at_key { p.key.clone() } else { p.value.clone() });
        ConfigError::in_file(&self.path, &self.text, span, &mistake.message).help(&mistake.help)
    }

    /// The origin of every key in the file: `vm.cpus`, `nodes`, `nodes.0.address`.
    pub(super) fn origins(&self) -> impl Iterator<Item = (String, Origin)> {
        self.spans.iter().map(|(path, place)| {
            let origin = Origin::File {
                file: self.path.clone(),
                line: self.line(place.key.start),
            };
            (path.clone(), origin)
        })
    }

    fn line(&self, byte: usize) -> usize {
        self.text.as_bytes().iter().take(byte).filter(|b| **b == b'\n').count() + 1
    }
}

fn read_text(path: &Path) -> Result<String, ConfigError> {
    if path.is_dir() {
        let shown = path.display().to_string();
        return Err(ConfigError::in_setting(shown, "is a directory, not a file").help("name the file itself"));
    }
    let bytes = files::read_foreign(path).map_err(|e| ConfigError::unreadable(path, &e))?;
    // PowerShell's `Set-Content -Encoding utf8` starts a file with a byte order mark.
    let bytes = bytes.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(&bytes);
    String::from_utf8(bytes.to_vec()).map_err(|e| {
        // And its `>` writes UTF-16.
        let help = match bytes {
            [0xFF, 0xFE, ..] | [0xFE, 0xFF, ..] => {
                "it looks like UTF-16, as PowerShell's `>` writes it: save it as UTF-8"
            }
            _ => "save the file as UTF-8",
        };
        let at = e.utf8_error().valid_up_to();
        ConfigError::in_setting(path.display().to_string(), format!("is not UTF-8 at byte {at}")).help(help)
    })
}

fn collect(table: &DeTable<'_>, prefix: &str, spans: &mut BTreeMap<String, Place>) {
    for (key, value) in table {
        let path = format!("{prefix}{}", key.get_ref());
        values(value.get_ref(), &path, spans);
        let place = Place {
            key: key.span(),
            value: value.span(),
        };
        spans.insert(path, place);
    }
}

fn values(value: &DeValue<'_>, path: &str, spans: &mut BTreeMap<String, Place>) {
    match value {
        DeValue::Table(table) => collect(table, &format!("{path}."), spans),
        DeValue::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                let path = format!("{path}.{i}");
                values(item.get_ref(), &path, spans);
                let (key, value) = (item.span(), item.span());
                spans.insert(path, Place { key, value });
            }
        }
        _ => {}
    }
}
