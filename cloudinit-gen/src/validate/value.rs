//! A document as the value that cloud-init reads: YAML 1.1's types, anchors and merge keys resolved.

use std::collections::HashMap;

use serde_json::{Map, Number, Value};

use super::tree::{Kind, Node, Place};
use super::yaml11::{self, Type};

/// Most values that a document may expand to: aliases of aliases can stand for more than any machine holds.
const MAX_VALUES: usize = 200_000;

/// The value; `None` if it expands to more than anyone has written.
pub(super) fn resolve(root: &Node) -> Option<Value> {
    let mut resolver = Resolver {
        anchors: HashMap::new(),
        left: MAX_VALUES,
    };
    resolver.value(root)
}

struct Resolver {
    /// What each anchor stands for, and how many values that is.
    anchors: HashMap<usize, (Value, usize)>,
    left: usize,
}

impl Resolver {
    fn value(&mut self, node: &Node) -> Option<Value> {
        let before = self.left;
        self.left = self.left.checked_sub(1)?;
        let value = match &node.kind {
            Kind::Scalar { text, plain } => scalar(text, *plain),
            Kind::Sequence(items) => Value::Array(items.iter().map(|item| self.value(item)).collect::<Option<_>>()?),
            Kind::Mapping(entries) => Value::Object(self.mapping(entries)?),
            Kind::Alias(target) => {
                let (value, size) = self.anchors.get(target).cloned().unwrap_or((Value::Null, 1));
                self.left = self.left.checked_sub(size)?;
                value
            }
        };
        if node.anchor != 0 {
            self.anchors.insert(node.anchor, (value.clone(), before - self.left));
        }
        Some(value)
    }

    fn mapping(&mut self, entries: &[(Node, Node)]) -> Option<Map<String, Value>> {
        let mut map = Map::new();
        let mut merged = Vec::new();
        for (key, value) in entries {
            let value = self.value(value)?;
            let Some(name) = key.text() else { continue };
            if name == "<<" {
                match value {
                    Value::Array(list) => merged.extend(list),
                    one => merged.push(one),
                }
            } else {
                map.insert(name.to_owned(), value);
            }
        }
        // What is written beside a merge key wins over it, and an earlier merge over a later one.
        for other in merged {
            if let Value::Object(other) = other {
                for (name, value) in other {
                    map.entry(name).or_insert(value);
                }
            }
        }
        Some(map)
    }
}

fn scalar(text: &str, plain: bool) -> Value {
    let kind = if plain { yaml11::resolve(text) } else { Type::Text };
    match kind {
        Type::Null => Value::Null,
        Type::Boolean => Value::Bool(matches!(text.to_ascii_lowercase().as_str(), "yes" | "true" | "on")),
        Type::Integer => yaml11::integer(text).map_or(Value::Number(0.into()), |number| Value::Number(number.into())),
        Type::Float => {
            let number = text.replace('_', "").parse().ok().and_then(Number::from_f64);
            Value::Number(number.unwrap_or_else(|| 0.into()))
        }
        // A date is none of JSON's types; the rules of the modules say what is wrong with one.
        Type::Date | Type::Text => Value::String(text.to_owned()),
    }
}

/// Where the value at this path was written; where that came from an alias or a merge, the nearest place above it. The
/// last step may name a key that is to be pointed at itself.
pub(super) fn place(root: &Node, path: &[String], key: Option<&str>) -> Place {
    let mut node = root;
    for step in path {
        let below = match &node.kind {
            Kind::Sequence(items) => step.parse().ok().and_then(|index: usize| items.get(index)),
            _ => node.get(step),
        };
        match below {
            Some(below) => node = below,
            None => return node.place,
        }
    }
    let named = key.and_then(|key| node.entries().iter().rev().find(|(name, _)| name.text() == Some(key)));
    named.map_or(node.place, |(name, _)| name.place)
}
