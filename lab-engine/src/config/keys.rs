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

impl KeyKind {
    /// What it is called in a message.
    pub fn name(self) -> &'static str {
        match self {
            Self::Text => "text in quotes",
            Self::Path => "a path in quotes",
            Self::Integer => "a whole number",
            Self::Boolean => "true or false",
            Self::List => "a list of texts",
        }
    }
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

/// All keys but those of a node.
pub const KEYS: &[Key] = &[
    Key::new("lab", "name", Text),
    Key::new("lab", "data_dir", Path),
    Key::new("hypervisor", "kind", Text),
    Key::new("hypervisor", "vmrun", Path).alias("VMRUN_PATH"),
    Key::new("hypervisor", "patience", Integer),
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

/// The keys of one node. From the environment all nodes are set at once, with `LAB_NODES`, as a list of TOML tables.
pub const NODE_KEYS: &[Key] = &[
    Key::new("nodes", "name", Text),
    Key::new("nodes", "role", Text),
    Key::new("nodes", "address", Text),
    Key::new("nodes", "cpus", Integer),
    Key::new("nodes", "memory_mib", Integer),
    Key::new("nodes", "disk_gib", Integer),
];

/// The variable that sets all nodes.
pub(super) const NODES_VARIABLE: &str = "LAB_NODES";

/// The variables that carry secrets: no keys, because a secret does not belong in a file that is shared. Programs that a lab
/// starts do not inherit them.
pub const SECRET_VARIABLES: [&str; 4] = [
    "INSTALL_USER_PASSWORD",
    "LAB_PKI_PASSPHRASE",
    "LAB_PKI_PASSWORD",
    "LAB_REGISTRY_PASSWORD",
];

/// The variable that was probably meant by one that sets no key, if it is only a slip away: `LAB_VM_CPU` for `LAB_VM_CPUS`.
/// Nothing for a variable that is known, or that belongs to something else.
pub fn misspelt_variable(name: &str) -> Option<String> {
    const OTHERS: [&str; 3] = ["LAB_CONFIG", "LAB_LANG", NODES_VARIABLE];
    let known: Vec<String> = KEYS
        .iter()
        .map(Key::variable)
        .chain(OTHERS.into_iter().chain(SECRET_VARIABLES).map(str::to_owned))
        .collect();
    if !name.starts_with("LAB_") || known.iter().any(|k| k == name) {
        return None;
    }
    nearest(name, known.iter().map(String::as_str)).map(str::to_owned)
}

/// The name that was probably meant: the one that differs least, if that is little.
pub(super) fn nearest<'a>(name: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let plain = |text: &str| text.to_lowercase().replace(['-', '.', ' '], "_");
    let (name, allowed) = (plain(name), (name.chars().count() / 3).max(1));
    known
        .into_iter()
        .map(|k| (strsim::damerau_levenshtein(&name, &plain(k)), k))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, k)| k)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_a_stranger_is_not() {
        let sections = ["vm", "registry", "network"];
        assert_eq!(nearest("registri", sections), Some("registry"));
        assert_eq!(nearest("Network", sections), Some("network"));
        assert_eq!(nearest("memory-mib", ["memory_mib"]), Some("memory_mib"));
        assert_eq!(nearest("memroy_mib", ["memory_mib"]), Some("memory_mib"));
        assert_eq!(nearest("hypervisor", sections), None);
        assert_eq!(misspelt_variable("LAB_VM_CPU").as_deref(), Some("LAB_VM_CPUS"));
        assert_eq!(misspelt_variable("LAB_VM_CPUS"), None);
        assert_eq!(misspelt_variable("LAB_LANG"), None);
        assert_eq!(misspelt_variable("LAB_REGISTRY_PASSWORD"), None);
        assert_eq!(misspelt_variable("LAB_TESTS_REQUIRE"), None);
        assert_eq!(misspelt_variable("LABEL"), None);
    }

    #[test]
    fn every_key_of_a_node_in_the_schema_is_known() {
        let schema = serde_json::to_value(super::super::schema()).unwrap();
        let mut expected: Vec<&String> = schema["$defs"]["NodeSection"]["properties"]
            .as_object()
            .unwrap()
            .keys()
            .collect();
        let mut known: Vec<&str> = NODE_KEYS.iter().map(|k| k.name).collect();
        expected.sort();
        known.sort_unstable();
        assert_eq!(known, expected);
    }

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
