//! What is wrong with a document as YAML, whatever it is about.

use std::collections::HashMap;

use granit_parser::ScanError;

use super::tree::{Kind, Node, Tree};
use super::{Finding, Rule};

/// Duplicate keys, tabs, further documents, a root that is no mapping.
pub(super) fn check(tree: &Tree, text: &str, findings: &mut Vec<Finding>) {
    check_tabs(tree, text, findings);
    for &(place, message) in &tree.refused {
        findings.push(Finding::error(Rule::Syntax, place, message, "put it in quotes"));
    }
    if let Some(place) = tree.second {
        let message = "a second document begins here, and cloud-init reads files of one document only";
        findings.push(Finding::error(
            Rule::Documents,
            place,
            message,
            "remove the `---` or what follows it",
        ));
    }
    match &tree.root {
        Some(
            root @ Node {
                kind: Kind::Mapping(_), ..
            },
        ) => check_keys(root, findings),
        Some(root) => {
            let message = "the document is not a mapping of keys to values";
            findings.push(Finding::error(
                Rule::Type,
                root.place,
                message,
                "write `key: value` lines",
            ));
        }
        None => {}
    }
}

/// Says in cloud-init's terms why a text is not YAML.
pub(super) fn explain(error: &ScanError, text: &str) -> Finding {
    let place = (error.marker().line(), error.marker().col() + 1);
    let line = text.lines().nth(place.0.saturating_sub(1)).unwrap_or_default();
    let indentation = line.len() - line.trim_start().len();
    if let Some(tab) = line[..indentation].find('\t') {
        return tab_finding((place.0, tab + 1));
    }
    Finding::error(
        Rule::Syntax,
        place,
        format!("this is not YAML: {}", error.info()),
        "mend the syntax here or above",
    )
}

/// YAML 1.1 as `PyYAML` reads it allows tabs inside quotes, block texts and comments, and nowhere else.
fn check_tabs(tree: &Tree, text: &str, findings: &mut Vec<Finding>) {
    let mut line_start = 0;
    for (number, line) in text.split('\n').enumerate() {
        for (at, _) in line.match_indices('\t') {
            let offset = line_start + at;
            if !tree.free.iter().any(|&(start, end)| (start..end).contains(&offset)) {
                findings.push(tab_finding((number + 1, line[..at].chars().count() + 1)));
                break;
            }
        }
        line_start += line.len() + 1;
    }
}

fn tab_finding(place: (usize, usize)) -> Finding {
    Finding::error(
        Rule::Tab,
        place,
        "a tab stands where YAML allows blanks only",
        "replace it with blanks",
    )
}

fn check_keys(root: &Node, findings: &mut Vec<Finding>) {
    let mut pending = vec![root];
    while let Some(node) = pending.pop() {
        pending.extend(node.items());
        let mut seen: HashMap<&str, usize> = HashMap::new();
        for (key, value) in node.entries() {
            pending.push(value);
            let message = match &key.kind {
                Kind::Mapping(_) | Kind::Sequence(_) => "this key is a list or a mapping, where only text may be",
                Kind::Scalar { text, plain: true } if text.is_empty() => "nothing stands before this colon",
                _ => "",
            };
            if !message.is_empty() {
                findings.push(Finding::error(Rule::Type, key.place, message, "write `key: value`"));
                continue;
            }
            let Some(name) = key.text() else { continue };
            // `<<` merges; it may be there several times.
            if name == "<<" {
                continue;
            }
            if let Some(first) = seen.insert(name, key.place.0) {
                let message = format!("the key {name:?} was set in line {first} already; only this one counts");
                findings.push(Finding::error(
                    Rule::DuplicateKey,
                    key.place,
                    message,
                    "keep one of them",
                ));
            }
        }
    }
}
