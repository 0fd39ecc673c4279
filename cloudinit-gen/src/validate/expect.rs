//! What a value is expected to be, for the rules of every kind of document.

use super::keys;
use super::tree::{Kind, Node};
use super::yaml11::{self, Type};
use super::{Finding, Rule};

/// The type that cloud-init finds in a node.
pub(super) fn type_of(node: &Node) -> Option<Type> {
    match &node.kind {
        Kind::Scalar { text, plain: true } => Some(yaml11::resolve(text)),
        Kind::Scalar { .. } => Some(Type::Text),
        _ => None,
    }
}

pub(super) fn expect_text(node: &Node, what: &str, findings: &mut Vec<Finding>) {
    match (&node.kind, type_of(node)) {
        (_, Some(Type::Text)) | (Kind::Alias(_), _) => {}
        (_, Some(other)) => {
            let message = format!("{what} is read as {other}, not as text");
            findings.push(Finding::error(Rule::Type, node.place, message, "put it in quotes"));
        }
        (_, None) => {
            let message = format!("{what} is a list or a mapping, not text");
            findings.push(Finding::error(Rule::Type, node.place, message, "write one text"));
        }
    }
}

pub(super) fn expect_boolean(node: &Node, what: &str, findings: &mut Vec<Finding>) {
    if !matches!(node.kind, Kind::Alias(_)) && type_of(node) != Some(Type::Boolean) {
        let message = format!("{what} is neither true nor false");
        findings.push(Finding::error(
            Rule::Type,
            node.place,
            message,
            "write true or false, without quotes",
        ));
    }
}

pub(super) fn check_commands(commands: &Node, what: &str, findings: &mut Vec<Finding>) {
    for command in commands.items() {
        match &command.kind {
            Kind::Mapping(_) => {
                let message = format!("this entry of {what} is a mapping, because it has a `: ` in it");
                findings.push(Finding::error(
                    Rule::Type,
                    command.place,
                    message,
                    "put the whole command in quotes",
                ));
            }
            Kind::Sequence(words) => {
                for word in words {
                    if !matches!(type_of(word), Some(Type::Text)) {
                        expect_text(word, "an argument", findings);
                    }
                }
            }
            Kind::Scalar { .. } => {
                if type_of(command) != Some(Type::Null) {
                    expect_text(command, "a command", findings);
                }
            }
            Kind::Alias(_) => {}
        }
    }
}

/// A sequence.
pub(super) fn expect_list(node: &Node, what: &str, findings: &mut Vec<Finding>) {
    if !matches!(node.kind, Kind::Sequence(_) | Kind::Alias(_)) {
        let message = format!("{what} is not a list");
        findings.push(Finding::error(
            Rule::Type,
            node.place,
            message,
            "begin each entry with `- `",
        ));
    }
}

/// No key but these; `reader` is who would not know it.
pub(super) fn known_keys(node: &Node, known: &[&str], reader: &str, findings: &mut Vec<Finding>) {
    for (key, _) in node.entries() {
        let Some(name) = key.text().filter(|name| *name != "<<" && !known.contains(name)) else {
            continue;
        };
        let alike = name.to_lowercase().replace('_', "-");
        let near = known.iter().find(|known| keys::near(known, &alike));
        let help = near.map_or_else(|| "remove it".to_owned(), |near| format!("did you mean {near}?"));
        let message = format!("{reader} knows no key {name:?}");
        findings.push(Finding::error(Rule::Key, key.place, message, help));
    }
}
