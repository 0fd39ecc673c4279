//! The reference page of the configuration, in Markdown.

use std::fmt::Write as _;

use super::KeyKind;
use super::definition::{Definition, definitions, section_meaning};

/// Every key, section by section: what it takes, its default, its environment variable, its meaning. Published in
/// `docs/configuration.md`.
pub fn reference() -> String {
    let mut text = String::new();
    let mut section = "";
    for d in definitions() {
        if d.key.section != section {
            section = d.key.section;
            let title = if section == "nodes" {
                "[[nodes]]".to_owned()
            } else {
                format!("[{section}]")
            };
            let _ = write!(
                text,
                "\n## `{title}`\n\n{}\n\n| key | takes | default | environment | meaning |\n|---|---|---|---|---|\n",
                section_meaning(section)
            );
        }
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {} | {} |",
            d.key.name,
            takes(d),
            default(d),
            environment(d),
            d.meaning.replace('|', "\\|")
        );
    }
    text
}

fn takes(d: &Definition) -> String {
    match (d.range, d.values.as_slice(), d.key.kind) {
        (Some((min, max)), ..) => format!("{min} to {max}"),
        (None, [_, ..], _) => d.values.iter().map(|v| format!("`{v}`")).collect::<Vec<_>>().join(", "),
        (None, [], KeyKind::List) if d.address => "IPv4 addresses".to_owned(),
        (None, [], _) if d.address => "IPv4 address".to_owned(),
        (None, [], kind) => match kind {
            KeyKind::Text => "text",
            KeyKind::Path => "path",
            KeyKind::Integer => "number",
            KeyKind::Boolean => "`true`, `false`",
            KeyKind::List => "list",
        }
        .to_owned(),
    }
}

fn default(d: &Definition) -> String {
    match (&d.default, d.key.section) {
        (Some(value), _) => format!("`{value}`"),
        (None, "nodes") if d.range.is_some() => format!("`vm.{}`", d.key.name),
        (None, _) => "none".to_owned(),
    }
}

fn environment(d: &Definition) -> String {
    if d.key.section == "nodes" {
        return "`LAB_NODES`".to_owned();
    }
    let own = format!("`{}`", d.key.variable());
    d.key
        .alias
        .map_or_else(|| own.clone(), |alias| format!("{own}, `{alias}`"))
}
