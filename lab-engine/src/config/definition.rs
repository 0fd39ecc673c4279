//! What the schema and the defaults together say of every key: one source for the checks of values, the commented file and
//! the reference page.

use std::sync::LazyLock;

use serde_json::Value;

use super::{Config, KEYS, Key, KeyKind, NODE_KEYS};

/// One key with everything that is known of it.
#[derive(Debug, Clone)]
pub struct Definition {
    /// The key.
    pub key: Key,
    /// What it means, in one paragraph.
    pub meaning: String,
    /// The only texts that it takes; empty where any will do.
    pub values: Vec<String>,
    /// The smallest and the largest number that it takes, both included.
    pub range: Option<(i64, i64)>,
    /// Whether its text, or each text of its list, is an IPv4 address.
    pub address: bool,
    /// Its default, if it has one.
    pub default: Option<toml::Value>,
    /// A value to show where there is no default.
    pub example: Option<String>,
}

impl Definition {
    /// What to show as its value: the default, else an example.
    pub(super) fn shown(&self) -> String {
        let example = || self.example.as_ref().map(|e| toml::Value::String(e.clone()));
        let value = self.default.clone().or_else(example);
        value.map_or_else(|| "\"\"".to_owned(), |v| v.to_string())
    }
}

struct All {
    keys: Vec<Definition>,
    schema: Value,
}

static ALL: LazyLock<All> = LazyLock::new(|| {
    let schema = serde_json::to_value(super::schema()).unwrap_or_default();
    let defaults = toml::Table::try_from(Config::default()).unwrap_or_default();
    let keys = KEYS.iter().chain(NODE_KEYS).map(|key| define(*key, &schema, &defaults));
    All {
        keys: keys.collect(),
        schema,
    }
});

/// Every key of `lab.toml`, section by section, those of a node last.
pub fn definitions() -> &'static [Definition] {
    &ALL.keys
}

/// A key of this section.
pub(super) fn find(section: &str, name: &str) -> Option<&'static Definition> {
    ALL.keys.iter().find(|d| d.key.section == section && d.key.name == name)
}

/// What a section is about.
pub(super) fn section_meaning(section: &str) -> String {
    text(&ALL.schema["properties"][section]["description"])
}

/// The sections, `nodes` last.
pub(super) fn sections() -> Vec<&'static str> {
    let mut sections: Vec<&str> = ALL.keys.iter().map(|d| d.key.section).collect();
    sections.dedup();
    sections
}

fn define(key: Key, schema: &Value, defaults: &toml::Table) -> Definition {
    let at = &schema["properties"][key.section];
    let name = if key.section == "nodes" {
        "NodeSection"
    } else {
        reference(at).unwrap_or_default()
    };
    let property = &schema["$defs"][name]["properties"][key.name];
    let values = reference(property).map(|name| &schema["$defs"][name]);
    let number = |of: &str| property[of].as_i64().or_else(|| property[of].as_f64().map(to_integer));
    Definition {
        key,
        meaning: text(&property["description"]),
        values: values.map(constants).unwrap_or_default(),
        range: (key.kind == KeyKind::Integer)
            .then(|| number("minimum").zip(number("maximum")))
            .flatten(),
        address: [&property["format"], &property["items"]["format"]].contains(&&Value::from("ipv4")),
        default: defaults.get(key.section).and_then(|s| s.get(key.name)).cloned(),
        example: property["examples"][0].as_str().map(str::to_owned),
    }
}

#[expect(
    clippy::cast_possible_truncation,
    reason = "limits are whole numbers far below the mantissa's size"
)]
fn to_integer(number: f64) -> i64 {
    number as i64
}

fn reference(property: &Value) -> Option<&str> {
    property["$ref"].as_str()?.rsplit('/').next()
}

/// The values of an enumeration, documented (`oneOf` of constants) or not (`enum`).
fn constants(definition: &Value) -> Vec<String> {
    let documented = definition["oneOf"].as_array().into_iter().flatten();
    let documented = documented.filter_map(|one| one["const"].as_str().or_else(|| one["enum"][0].as_str()));
    let plain = definition["enum"]
        .as_array()
        .into_iter()
        .flatten()
        .filter_map(Value::as_str);
    documented.chain(plain).map(str::to_owned).collect()
}

fn text(description: &Value) -> String {
    description.as_str().unwrap_or_default().replace('\n', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_has_a_meaning_and_something_to_show() {
        for d in definitions() {
            assert!(!d.meaning.is_empty(), "{d:?}");
            let node = d.key.section == "nodes";
            assert!(node || d.default.is_some() || d.example.is_some(), "{d:?}");
        }
    }

    #[test]
    fn every_number_has_limits_and_its_default_is_within_them() {
        for d in definitions().iter().filter(|d| d.key.kind == KeyKind::Integer) {
            let (min, max) = d.range.unwrap_or_else(|| panic!("{d:?}"));
            if let Some(default) = &d.default {
                assert!((min..=max).contains(&default.as_integer().unwrap()), "{d:?}");
            }
        }
    }

    #[test]
    fn enumerations_and_addresses_are_known_as_such() {
        assert_eq!(find("hypervisor", "kind").unwrap().values, ["auto", "vmware", "qemu"]);
        assert_eq!(find("nodes", "role").unwrap().values, ["master", "worker"]);
        for (section, name) in [("network", "gateway"), ("network", "dns"), ("nodes", "address")] {
            assert!(find(section, name).unwrap().address, "{section}.{name}");
        }
        assert!(!find("registry", "host").unwrap().address);
    }
}
