//! Whether values are what their keys take, and text from the environment or the command line made into values.

use std::net::Ipv4Addr;

use toml::{Table, Value};

use super::definition::{self, Definition};
use super::keys::nearest;
use super::{Key, KeyKind};

/// A mistake at a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mistake {
    /// The key: `vm.cpus`, `nodes.1.address`, `network.dns.0`.
    pub(super) path: String,
    /// Keys that are to blame if the first one stands nowhere, because it has its default.
    pub(super) or: &'static [&'static str],
    /// Whether the key itself is wrong, not its value.
    pub(super) at_key: bool,
    pub(super) message: String,
    pub(super) help: String,
}

impl Mistake {
    pub(super) fn new(path: impl Into<String>, message: impl Into<String>, help: impl Into<String>) -> Self {
        Self {
            path: path.into(),
            or: &[],
            at_key: false,
            message: message.into(),
            help: help.into(),
        }
    }

    pub(super) fn at_key(mut self) -> Self {
        self.at_key = true;
        self
    }

    pub(super) fn or(mut self, or: &'static [&'static str]) -> Self {
        self.or = or;
        self
    }
}

/// Unknown keys and values of the wrong kind in a whole document.
pub(super) fn check_document(document: &Table) -> Vec<Mistake> {
    let mut mistakes = Vec::new();
    for (section, value) in document {
        if section == "nodes" {
            check_nodes(value, &mut mistakes);
        } else if !definition::sections().contains(&section.as_str()) {
            mistakes.push(unknown_section(section));
        } else if let Value::Table(table) = value {
            for (name, value) in table {
                check_key(section, section, name, value, &mut mistakes);
            }
        } else {
            let help = format!("write its keys below a line `[{section}]`");
            mistakes.push(Mistake::new(section, format!("`{section}` is a section, not a key"), help).at_key());
        }
    }
    mistakes
}

/// The list of nodes.
pub(super) fn check_nodes(value: &Value, mistakes: &mut Vec<Mistake>) {
    const HELP: &str = "write each node below a line `[[nodes]]`, with name, role and address";
    let Value::Array(nodes) = value else {
        let message = format!("`nodes` is a list of nodes, this is {}", kind_of(value));
        mistakes.push(Mistake::new("nodes", message, HELP));
        return;
    };
    for (i, node) in nodes.iter().enumerate() {
        let path = format!("nodes.{i}");
        let Value::Table(node) = node else {
            mistakes.push(Mistake::new(
                path,
                format!("a node is a table, this is {}", kind_of(node)),
                HELP,
            ));
            continue;
        };
        for (name, value) in node {
            check_key("nodes", &path, name, value, mistakes);
        }
        for needed in ["name", "role", "address"] {
            if !node.contains_key(needed) {
                let example = match needed {
                    "name" => "\"k3s-worker1\"",
                    "role" => "\"worker\"",
                    _ => "\"192.168.6.11\"",
                };
                mistakes.push(Mistake::new(
                    &path,
                    format!("this node has no `{needed}`"),
                    format!("add it, for example `{needed} = {example}`"),
                ));
            }
        }
    }
}

fn check_key(section: &str, path: &str, name: &str, value: &Value, mistakes: &mut Vec<Mistake>) {
    let path = format!("{path}.{name}");
    match definition::find(section, name) {
        Some(d) => check_value(d, &path, value, mistakes),
        None => mistakes.push(unknown_key(section, name, path)),
    }
}

/// One value.
pub(super) fn check_value(d: &Definition, path: &str, value: &Value, mistakes: &mut Vec<Mistake>) {
    let mut wrong = |path: String, message, help| mistakes.push(Mistake::new(path, message, help));
    let example = || format!("for example `{} = {}`", d.key.name, d.shown());
    let fits = match d.key.kind {
        KeyKind::Text | KeyKind::Path => value.is_str(),
        KeyKind::Integer => value.is_integer(),
        KeyKind::Boolean => value.is_bool(),
        KeyKind::List => value.is_array(),
    };
    if !fits {
        let help = match value {
            Value::String(text) if d.key.kind == KeyKind::Integer && text.trim().parse::<i64>().is_ok() => {
                format!("write it without quotes: `{} = {}`", d.key.name, text.trim())
            }
            Value::String(text) if d.key.kind == KeyKind::Boolean && parse_bool(text).is_some() => {
                format!(
                    "write it without quotes: `{} = {}`",
                    d.key.name,
                    parse_bool(text) == Some(true)
                )
            }
            _ => example(),
        };
        let takes = d.key.kind.name();
        wrong(
            path.to_owned(),
            format!("`{}` takes {takes}, this is {}", d.key.name, kind_of(value)),
            help,
        );
        return;
    }
    match value {
        Value::Integer(number) => {
            if let Some((min, max)) = d.range
                && !(min..=max).contains(number)
            {
                let message = format!("{number} is out of range for `{}`", d.key.name);
                wrong(path.to_owned(), message, format!("use {min} to {max}"));
            }
        }
        Value::String(text) => {
            if let Some((message, help)) = check_text(d, text) {
                wrong(path.to_owned(), message, help);
            }
        }
        Value::Array(items) => {
            for (i, item) in items.iter().enumerate() {
                let place = format!("{path}.{i}");
                match item {
                    Value::String(text) => {
                        if let Some((message, help)) = check_text(d, text) {
                            wrong(place, message, help);
                        }
                    }
                    _ => wrong(
                        place,
                        format!("`{}` takes a list of texts, this is {}", d.key.name, kind_of(item)),
                        "write each in quotes".to_owned(),
                    ),
                }
            }
        }
        _ => {}
    }
}

fn check_text(d: &Definition, text: &str) -> Option<(String, String)> {
    if text.is_empty() {
        return Some((
            format!("`{}` is empty", d.key.name),
            "give it a value, or leave the key out".to_owned(),
        ));
    }
    if text.contains(['\n', '\r', '\0']) {
        return Some((
            format!("`{}` has a line break in it", d.key.name),
            "write it on one line".to_owned(),
        ));
    }
    if d.address && text.parse::<Ipv4Addr>().is_err() {
        return Some((
            format!("`{text}` is not an IPv4 address"),
            "use four numbers from 0 to 255, for example 192.168.6.1".to_owned(),
        ));
    }
    if !d.values.is_empty() && !d.values.iter().any(|v| v == text) {
        let help = match nearest(text, d.values.iter().map(String::as_str)) {
            Some(meant) => format!("did you mean `{meant}`? It takes: {}", d.values.join(", ")),
            None => format!("it takes: {}", d.values.join(", ")),
        };
        return Some((format!("`{text}` is not a value of `{}`", d.key.name), help));
    }
    None
}

const LIST: &str = "`lab-cli init --print` lists every key with its meaning";

fn unknown_section(name: &str) -> Mistake {
    let sections = definition::sections();
    let help = if let Some(meant) = nearest(name, sections.iter().copied()) {
        format!("did you mean `[{meant}]`? {LIST}")
    } else if let Some(d) = definition::definitions().iter().find(|d| d.key.name == name) {
        format!(
            "did you mean `{}`? It belongs below `[{}]`",
            d.key.path(),
            d.key.section
        )
    } else {
        format!("the sections are: {}", sections.join(", "))
    };
    Mistake::new(name, format!("there is no section `{name}`"), help).at_key()
}

pub(super) fn unknown_key(section: &str, name: &str, path: String) -> Mistake {
    let known = || definition::definitions().iter().map(|d| d.key);
    let here = known().filter(|k| k.section == section).map(|k| k.name);
    let help = if let Some(meant) = nearest(name, here) {
        format!("did you mean `{meant}`? {LIST}")
    } else if let Some(key) = known().find(|k| k.name == name) {
        format!("did you mean `{}`? It belongs below `[{}]`", key.path(), key.section)
    } else {
        let here: Vec<_> = known().filter(|k| k.section == section).map(|k| k.name).collect();
        format!("the keys of `{section}` are: {}", here.join(", "))
    };
    Mistake::new(path, format!("there is no key `{name}` in `{section}`"), help).at_key()
}

/// What a value is, in words.
fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::String(_) => "text",
        Value::Integer(_) => "a whole number",
        Value::Float(_) => "a number with a fraction",
        Value::Boolean(_) => "true or false",
        Value::Datetime(_) => "a date or a time",
        Value::Array(_) => "a list",
        Value::Table(_) => "a table",
    }
}

/// The value that a text stands for.
pub(super) fn from_text(key: &Key, text: &str) -> Result<Value, (String, String)> {
    Ok(match key.kind {
        KeyKind::Text | KeyKind::Path => Value::String(text.to_owned()),
        KeyKind::Integer => Value::Integer(text.trim().parse().map_err(|_| {
            let what = format!("`{text}` is not a whole number");
            (what, format!("`{}` takes a whole number", key.name))
        })?),
        KeyKind::Boolean => Value::Boolean(parse_bool(text).ok_or_else(|| {
            let what = format!("`{text}` is neither true nor false");
            (what, "use true or false".to_owned())
        })?),
        KeyKind::List => Value::Array(
            text.split(',')
                .map(str::trim)
                .filter(|t| !t.is_empty())
                .map(|t| Value::String(t.to_owned()))
                .collect(),
        ),
    })
}

/// A list of nodes written as TOML: `[{ name = "m", role = "master", address = "192.168.6.10" }]`.
pub(super) fn nodes_from_text(text: &str) -> Result<Value, (String, String)> {
    const HELP: &str = "write it as TOML: [{ name = \"m\", role = \"master\", address = \"192.168.6.10\" }]";
    let mut table: Table = format!("nodes = {text}")
        .parse()
        .map_err(|e: toml::de::Error| (format!("this is not a list of nodes: {}", e.message()), HELP.to_owned()))?;
    match (table.remove("nodes"), table.is_empty()) {
        (Some(value), true) => Ok(value),
        _ => Err(("this is not a list of nodes alone".to_owned(), HELP.to_owned())),
    }
}

fn parse_bool(text: &str) -> Option<bool> {
    match text.trim().to_ascii_lowercase().as_str() {
        "true" | "1" | "yes" | "on" => Some(true),
        "false" | "0" | "no" | "off" => Some(false),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn mistakes(text: &str) -> Vec<(String, String, String)> {
        let found = check_document(&text.parse().unwrap());
        found.into_iter().map(|m| (m.path, m.message, m.help)).collect()
    }

    #[test]
    fn all_mistakes_are_found_at_once() {
        let found = mistakes(
            "[vm]\ncpus = \"two\"\nmemroy_mib = 1\n[network]\ndns = [\"1.1.1.1\", \"here\", 3]\n\
             [[nodes]]\nname = 1\nrole = \"mastr\"\n[registri]\n",
        );
        let paths: Vec<_> = found.iter().map(|m| m.0.as_str()).collect();
        let expected = [
            "network.dns.1",
            "network.dns.2",
            "nodes.0.name",
            "nodes.0.role",
            "nodes.0",
            "registri",
            "vm.cpus",
            "vm.memroy_mib",
        ];
        assert_eq!(paths, expected, "{found:#?}");
    }

    #[test]
    fn the_help_says_what_was_probably_meant() {
        let help = |text: &str| mistakes(text)[0].2.clone();
        assert!(help("[vm]\nmemory = 1\n").contains("memory_mib"));
        assert!(help("[registri]\n").contains("`[registry]`"));
        assert!(help("port = 5000\n").contains("`registry.port`"));
        assert!(help("[lab]\ncpus = 2\n").contains("`vm.cpus`"));
        assert!(help("[hypervisor]\nkind = \"vmwre\"\n").contains("`vmware`"));
        assert_eq!(help("[vm]\ncpus = \"2\"\n"), "write it without quotes: `cpus = 2`");
        assert_eq!(
            help("[registry]\ncheck = \"no\"\n"),
            "write it without quotes: `check = false`"
        );
        assert_eq!(help("[vm]\ncpus = -1\n"), "use 1 to 64");
        assert_eq!(help("vm = 3\n"), "write its keys below a line `[vm]`");
    }

    #[test]
    fn every_number_is_taken_up_to_its_limits_and_not_beyond() {
        for d in definition::definitions() {
            let Some((min, max)) = d.range else { continue };
            let judged = |number| {
                let mut found = Vec::new();
                check_value(d, "x", &Value::Integer(number), &mut found);
                found.is_empty()
            };
            assert!(judged(min) && judged(max), "{d:?}");
            assert!(!judged(min - 1) && !judged(max + 1) && !judged(i64::MAX), "{d:?}");
        }
    }
}
