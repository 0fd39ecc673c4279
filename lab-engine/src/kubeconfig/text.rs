//! Changes in the text of a kubeconfig, line by line, so that everything else in it stays as its owner wrote it: comments,
//! order, form.
//!
//! Only the form that kubectl writes is understood (lists with an entry per `- `). Whoever uses this parses the result, and
//! writes the whole anew where it is not what was meant.

use std::ops::Range;

use serde_json::Value;

/// Adds an entry at the end of a list of the top level. `None` if the list is not written in lines.
pub(super) fn insert(text: &str, list: &str, entry: &Value) -> Option<String> {
    let mut lines = lines(text);
    let item = serde_saphyr::to_string(&Value::Array(vec![entry.clone()])).ok()?;
    let end_of_line = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let written = |indent: &str| -> Vec<String> {
        item.lines()
            .map(|line| format!("{indent}{line}{end_of_line}"))
            .collect()
    };
    let Some(key) = key(&lines, list) else {
        close(&mut lines, end_of_line);
        lines.push(format!("{list}:{end_of_line}"));
        lines.extend(written(""));
        return Some(lines.concat());
    };
    match value(&lines[key], list) {
        "" => {}
        "[]" | "null" | "~" => lines[key] = format!("{list}:{end_of_line}"),
        _ => return None,
    }
    let items = items(&lines, key);
    let at = items.last().map_or(key + 1, |last| last.end);
    let indent = items.first().map_or(String::new(), |first| indent(&lines[first.start]));
    if at == lines.len() {
        close(&mut lines, end_of_line);
    }
    lines.splice(at..at, written(&indent));
    Some(lines.concat())
}

/// Takes the entries out of a list of the top level that `goes` says. `None` if the list is not written in lines.
pub(super) fn remove(text: &str, list: &str, goes: impl Fn(&Value) -> bool) -> Option<String> {
    let mut lines = lines(text);
    let Some(key) = key(&lines, list) else {
        return Some(lines.concat());
    };
    if !value(&lines[key], list).is_empty() {
        return matches!(value(&lines[key], list), "[]" | "null" | "~").then(|| lines.concat());
    }
    let items = items(&lines, key);
    let mut kept = items.len();
    for item in items.into_iter().rev() {
        let entry: Value = serde_saphyr::from_str(&lines[item.clone()].concat()).ok()?;
        if goes(&entry[0]) {
            lines.drain(item);
            kept -= 1;
        }
    }
    if kept == 0 {
        lines[key] = lines[key].replacen(':', ": []", 1);
    }
    Some(lines.concat())
}

/// Gives a key of the top level a text as its value.
pub(super) fn set(text: &str, name: &str, to: &str) -> String {
    let mut lines = lines(text);
    let end_of_line = if text.contains("\r\n") { "\r\n" } else { "\n" };
    // A JSON string is a YAML one; plain where that means the same.
    let plain = !to.is_empty() && serde_saphyr::from_str::<Value>(to).is_ok_and(|v| v == to);
    let to = if plain {
        to.to_owned()
    } else {
        Value::from(to).to_string()
    };
    let line = format!("{name}: {to}{end_of_line}");
    if let Some(key) = key(&lines, name) {
        lines[key] = line;
    } else {
        close(&mut lines, end_of_line);
        lines.push(line);
    }
    lines.concat()
}

fn lines(text: &str) -> Vec<String> {
    text.split_inclusive('\n').map(str::to_owned).collect()
}

/// The last line ends as a line does, so that others can follow it.
fn close(lines: &mut [String], end_of_line: &str) {
    if let Some(last) = lines.last_mut().filter(|last| !last.ends_with('\n')) {
        last.push_str(end_of_line);
    }
}

/// The line of a key of the top level.
fn key(lines: &[String], name: &str) -> Option<usize> {
    lines
        .iter()
        .position(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(':')))
}

/// What stands behind the key on its line, without a comment.
fn value<'a>(line: &'a str, name: &str) -> &'a str {
    let rest = &line[name.len() + 1..];
    rest.split(" #").next().unwrap_or_default().trim()
}

/// The lines of each entry of the list below the line `key`. Comments and empty lines between two entries belong to neither.
fn items(lines: &[String], key: usize) -> Vec<Range<usize>> {
    let mut items: Vec<Range<usize>> = Vec::new();
    let mut depth = None;
    for (n, line) in lines.iter().enumerate().skip(key + 1) {
        let text = line.trim_start();
        if text.trim_end().is_empty() {
            continue;
        }
        let at = line.len() - text.len();
        let begins = text.starts_with("- ");
        if begins && depth.is_none_or(|depth| depth == at) {
            depth = Some(at);
            items.push(n..n + 1);
        } else if depth.is_some_and(|depth| at > depth) {
            if let Some(item) = items.last_mut() {
                item.end = n + 1;
            }
        } else if !text.starts_with('#') {
            break;
        }
    }
    items
}

fn indent(line: &str) -> String {
    line[..line.len() - line.trim_start().len()].to_owned()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const KUBECTLS: &str = "apiVersion: v1\nclusters:\n- cluster:\n    server: https://work\n  name: work\n\
        # mine, keep\ncontexts:\n  - name: work # the one\n    context: {cluster: work, user: me}\n\nusers: []\nkind: Config\n";

    #[test]
    fn what_was_inserted_and_taken_out_again_leaves_every_other_byte() {
        for text in [KUBECTLS.to_owned(), KUBECTLS.replace('\n', "\r\n")] {
            let mut now = text.clone();
            for list in ["clusters", "contexts", "users"] {
                now = insert(&now, list, &json!({ "name": "lab", "x": { "y": [1, 2] } })).unwrap();
                let value: Value = serde_saphyr::from_str(&now).unwrap();
                let last = value[list].as_array().unwrap().last().unwrap().clone();
                assert_eq!(last, json!({ "name": "lab", "x": { "y": [1, 2] } }), "{now}");
            }
            assert!(now.contains("# mine, keep") && now.contains("# the one"));
            for list in ["clusters", "contexts", "users"] {
                now = remove(&now, list, |entry| entry["name"] == "lab").unwrap();
            }
            assert_eq!(now, text);
        }
    }

    #[test]
    fn lists_that_are_missing_are_made_and_a_last_line_without_end_gets_one() {
        let now = insert("kind: Config", "users", &json!({ "name": "lab" })).unwrap();
        assert_eq!(now, "kind: Config\nusers:\n- name: lab\n");
        assert_eq!(remove(&now, "users", |_| true).unwrap(), "kind: Config\nusers: []\n");
        assert_eq!(remove("kind: Config\n", "users", |_| true).unwrap(), "kind: Config\n");
    }

    #[test]
    fn a_list_in_another_form_is_left_to_others() {
        assert_eq!(insert("users: [{name: a}]\n", "users", &json!({})), None);
        assert_eq!(remove("users: [{name: a}]\n", "users", |_| true), None);
    }

    #[test]
    fn a_name_that_yaml_takes_for_something_else_is_quoted() {
        assert_eq!(set("a: b\n", "current-context", "lab"), "a: b\ncurrent-context: lab\n");
        for name in ["12", "no: such", "null", "", "#x"] {
            let text = set("current-context: x\nkind: y\n", "current-context", name);
            let value: Value = serde_saphyr::from_str(&text).unwrap();
            assert_eq!(value["current-context"], name, "{text}");
        }
    }
}
