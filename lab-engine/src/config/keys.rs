//! Every scalar key of `lab.toml`, so that each can also be set from the environment or the command line.

/// What kind of value a key takes when it is given as text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyKind {
    /// Text, taken as it is.
    Text,
    /// A path; relative to the working directory when it does not come from a file.
    Path,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Boolean,
    /// Texts separated by commas.
    List,
}

/// One key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Key {
    /// The section, for example `registry`.
    pub section: &'static str,
    /// The key in it, for example `port`.
    pub name: &'static str,
    /// What it takes.
    pub kind: KeyKind,
    /// A second environment variable that sets it.
    pub alias: Option<&'static str>,
}

impl Key {
    const fn new(section: &'static str, name: &'static str, kind: KeyKind) -> Self {
        Self {
            section,
            name,
            kind,
            alias: None,
        }
    }

    const fn alias(mut self, alias: &'static str) -> Self {
        self.alias = Some(alias);
        self
    }

    /// The key as written on a command line: `registry.port`.
    pub fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// The environment variable: `LAB_REGISTRY_PORT`. The section `lab` is not repeated: `LAB_NAME`.
    pub fn variable(&self) -> String {
        if self.section == "lab" {
            format!("LAB_{}", self.name.to_uppercase())
        } else {
            format!("LAB_{}_{}", self.section.to_uppercase(), self.name.to_uppercase())
        }
    }
}

use KeyKind::{Boolean, Integer, List, Path, Text};

/// All keys but `nodes`, which is a list of tables and only lives in a file.
pub const KEYS: &[Key] = &[
    Key::new("lab", "name", Text),
    Key::new("lab", "data_dir", Path),
    Key::new("hypervisor", "kind", Text),
    Key::new("hypervisor", "vmrun", Path).alias("VMRUN_PATH"),
    Key::new("network", "name", Text),
    Key::new("network", "gateway", Text),
    Key::new("network", "prefix", Integer),
    Key::new("network", "dns", List),
    Key::new("vm", "cpus", Integer),
    Key::new("vm", "memory_mib", Integer),
    Key::new("vm", "disk_gib", Integer),
    Key::new("guest", "user", Text),
    Key::new("guest", "timezone", Text),
    Key::new("guest", "authorized_keys", List),
    Key::new("image", "disk", Path),
    Key::new("image", "template", Path),
    Key::new("image", "snapshot", Text),
    Key::new("image", "guest_os", Text),
    Key::new("k3s", "binary", Path),
    Key::new("k3s", "images", Path),
    Key::new("k3s", "disable", List),
    Key::new("registry", "host", Text).alias("REGISTRY_HOST_IP"),
    Key::new("registry", "port", Integer).alias("REGISTRY_PORT"),
    Key::new("registry", "mirrors", List),
    Key::new("registry", "ca", Path),
    Key::new("registry", "check", Boolean),
    Key::new("timeouts", "prerequisites", Integer),
    Key::new("timeouts", "cleanup", Integer),
    Key::new("timeouts", "create", Integer),
    Key::new("timeouts", "start", Integer),
    Key::new("timeouts", "ready", Integer),
    Key::new("timeouts", "bootstrap", Integer),
    Key::new("timeouts", "disconnect", Integer),
    Key::new("timeouts", "restart", Integer),
    Key::new("timeouts", "verify", Integer),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_key_of_the_schema_can_be_set_from_the_environment() {
        let schema = serde_json::to_value(super::super::schema()).unwrap();
        let mut expected = Vec::new();
        for (section, value) in schema["properties"].as_object().unwrap() {
            let Some(reference) = value["$ref"].as_str() else {
                continue;
            };
            let name = reference.rsplit('/').next().unwrap();
            let Some(keys) = schema["$defs"][name]["properties"].as_object() else {
                continue;
            };
            expected.extend(keys.keys().map(|k| format!("{section}.{k}")));
        }
        let mut known: Vec<String> = KEYS.iter().map(Key::path).collect();
        expected.sort();
        known.sort();
        assert_eq!(known, expected);
    }
}
