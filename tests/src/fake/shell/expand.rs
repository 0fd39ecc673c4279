//! What becomes of a word: parameters, substitution, fields.

use super::parse::{List, Part, Word};
use super::run::{Shell, Streams};

impl Shell<'_, '_> {
    pub(super) fn join(&mut self, word: &Word, out: &mut Streams) -> String {
        let mut text = String::new();
        for part in word {
            match part {
                Part::Text(t) => text.push_str(t),
                Part::Variable { name, operator, .. } => {
                    let words = self.parameter(name, operator.as_ref(), out);
                    text.push_str(&words);
                }
                Part::Command { list, .. } => text.push_str(&self.substitute(list, out)),
            }
        }
        text
    }

    /// A word's fields: what comes from an unquoted parameter is split at blanks.
    pub(super) fn expand(&mut self, word: &Word, argv: &mut Vec<String>, out: &mut Streams) {
        let mut field: Option<String> = None;
        for part in word {
            let (text, split) = match part {
                // `"$@"`: each a word of its own.
                Part::Variable { name, quoted: true, .. } if name == "@" => {
                    for (n, word) in self.positional.iter().skip(1).enumerate() {
                        if n > 0 {
                            argv.extend(field.take());
                        }
                        field.get_or_insert_default().push_str(word);
                    }
                    continue;
                }
                Part::Text(t) => {
                    field.get_or_insert_default().push_str(t);
                    continue;
                }
                Part::Variable { name, operator, quoted } => (self.parameter(name, operator.as_ref(), out), !quoted),
                Part::Command { list, quoted } => (self.substitute(list, out), !quoted),
            };
            if !split {
                field.get_or_insert_default().push_str(&text);
                continue;
            }
            let mut pieces = text.split_whitespace();
            if text.starts_with(char::is_whitespace) {
                argv.extend(field.take());
            }
            if let Some(first) = pieces.next() {
                field.get_or_insert_default().push_str(first);
            }
            for piece in pieces {
                argv.extend(field.replace(piece.to_owned()));
            }
            if text.ends_with(char::is_whitespace) {
                argv.extend(field.take());
            }
        }
        argv.extend(field);
    }

    fn parameter(&mut self, name: &str, operator: Option<&(String, Word)>, out: &mut Streams) -> String {
        let value = match name {
            "?" => Some(self.last.to_string()),
            "$" => Some("4242".to_owned()),
            "#" => Some(self.positional.len().saturating_sub(1).to_string()),
            "@" | "*" => Some(self.positional.iter().skip(1).cloned().collect::<Vec<_>>().join(" ")),
            n => match n.parse::<usize>() {
                Ok(n) => self.positional.get(n).cloned(),
                Err(_) => self.variables.get(n).cloned(),
            },
        };
        let full = value.as_deref().is_some_and(|v| !v.is_empty());
        match operator {
            Some((op, word)) if op == ":+" => {
                if full {
                    self.join(word, out)
                } else {
                    String::new()
                }
            }
            Some((op, word)) if op == ":-" && !full => self.join(word, out),
            _ => value.unwrap_or_default(),
        }
    }

    fn substitute(&mut self, list: &List, out: &mut Streams) -> String {
        let mut own = Streams::default();
        let saved = (self.directory.clone(), self.variables.clone());
        self.last = self.list(list, &[], &mut own);
        self.substituted = true;
        (self.directory, self.variables) = saved;
        self.exited = false;
        out.stderr.extend(own.stderr);
        let text = String::from_utf8_lossy(&own.stdout).into_owned();
        text.trim_end_matches('\n').to_owned()
    }
}
