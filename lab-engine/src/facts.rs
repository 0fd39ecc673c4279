//! What a machine was made of, key by key, so that a changed `lab.toml` can be told apart from the machine that there is:
//! which keys, from what to what, and whether a running machine can take the change on.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::config::{NodeSection, Role};
use crate::error::LabError;
use crate::lab::Lab;
use crate::{files, identity, registry, template};

/// Keys of `lab.toml`, and a few that follow from them, with the value that counted when the machine was made.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Facts(pub(crate) BTreeMap<String, Value>);

/// One difference between a machine and the configuration.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Change {
    /// The key as `lab.toml` has it, for example `vm.cpus`.
    pub key: String,
    /// What the machine was made with; `null` if the key did not count then.
    pub from: Value,
    /// What the configuration says now.
    pub to: Value,
    /// Whether `up` applies it to the machine that there is. Otherwise only a new machine can take it on.
    pub applicable: bool,
    /// Whether the machine has to be shut down and started for it.
    pub restart: bool,
}

/// What a running node can take on: a file of its own, and at most a restart of k3s.
pub(crate) const APPLICABLE: [&str; 6] = [HOSTS, "guest.authorized_keys", "guest.timezone", DISABLE, REGISTRY, CA];
/// What a machine can be given while it is off. Not its disk: a disk never shrinks, VMware does not grow one that other disks
/// or snapshots rest on, and the guest's file system would have to follow.
pub(crate) const HARDWARE: [&str; 2] = ["vm.cpus", "vm.memory_mib"];
/// The other nodes by address and name, as `/etc/hosts` has them.
pub(crate) const HOSTS: &str = "nodes";
/// Packaged components to leave out.
pub(crate) const DISABLE: &str = "k3s.disable";
/// The nodes' `registries.yaml`: the registry's endpoint and what it stands in for.
pub(crate) const REGISTRY: &str = "registry";
/// The certificates that nodes trust, by their digest.
pub(crate) const CA: &str = "registry.ca";

impl Facts {
    /// A value by its key.
    pub(crate) fn get(&self, key: &str) -> Option<&Value> {
        self.0.get(key)
    }

    /// A list of texts by its key; empty where there is none.
    pub(crate) fn list(&self, key: &str) -> Vec<String> {
        let values = self.get(key).and_then(Value::as_array);
        let texts = values.into_iter().flatten().filter_map(Value::as_str);
        texts.map(str::to_owned).collect()
    }

    /// What `now` says differently, in the order of the keys.
    pub(crate) fn changes(&self, now: &Self) -> Vec<Change> {
        let keys: std::collections::BTreeSet<&String> = self.0.keys().chain(now.0.keys()).collect();
        keys.into_iter()
            .filter(|key| self.get(key) != now.get(key))
            .map(|key| Change {
                key: key.clone(),
                from: self.get(key).cloned().unwrap_or_default(),
                to: now.get(key).cloned().unwrap_or_default(),
                applicable: APPLICABLE.contains(&key.as_str()),
                restart: false,
            })
            .collect()
    }

    /// Takes these keys over as they are now.
    pub(crate) fn take_over(&mut self, now: &Self, keys: &[&str]) {
        for key in keys {
            match now.get(key) {
                Some(value) => drop(self.0.insert((*key).to_owned(), value.clone())),
                None => drop(self.0.remove(*key)),
            }
        }
    }
}

impl Lab {
    /// What a machine of this node would be made of now.
    ///
    /// # Errors
    ///
    /// If a file that the configuration names cannot be looked at.
    pub(crate) fn facts(&self, node: &NodeSection) -> Result<Facts, LabError> {
        let c = self.config();
        let size = c.size(node);
        let mut facts = BTreeMap::from([
            ("role", json!(node.role)),
            ("address", json!(node.address)),
            ("vm.cpus", json!(size.cpus)),
            ("vm.memory_mib", json!(size.memory_mib)),
            ("vm.disk_gib", json!(size.disk_gib)),
            ("network.name", json!(c.network.name)),
            ("network.gateway", json!(c.network.gateway)),
            ("network.prefix", json!(c.network.prefix)),
            ("network.dns", json!(c.network.dns)),
            ("guest.user", json!(c.guest.user)),
            ("guest.timezone", json!(c.guest.timezone)),
            ("guest.authorized_keys", json!(c.guest.authorized_keys)),
            ("image.guest_os", json!(c.image.guest_os)),
            (HOSTS, json!(self.other_hosts(node))),
            (
                REGISTRY,
                json!({ "endpoint": c.registry_endpoint(), "mirrors": c.registry.mirrors }),
            ),
        ]);
        let named = [
            ("image.disk", &c.image.disk),
            ("image.template", &c.image.template),
            ("k3s.binary", &c.k3s.binary),
            ("k3s.images", &c.k3s.images),
        ];
        for (key, path) in named {
            facts.extend(file(path.as_deref())?.map(|value| (key, value)));
        }
        if c.image.template.is_some() {
            facts.insert("image.snapshot", json!(c.image.snapshot));
        }
        match node.role {
            Role::Master => facts.insert(DISABLE, json!(c.k3s.disable)),
            // An agent's configuration names its server.
            Role::Worker => facts.insert("master.address", json!(c.master().map(|m| m.address))),
        };
        // Before the first run the lab has no certificates yet.
        if let Some(pem) = files::read_optional(&registry::ca_path(c, self.paths()))? {
            facts.insert(CA, json!(identity::digest(&pem)[..16]));
        }
        Ok(Facts(
            facts.into_iter().map(|(key, value)| (key.to_owned(), value)).collect(),
        ))
    }

    /// Lines of `/etc/hosts` for the other nodes.
    pub(crate) fn other_hosts(&self, node: &NodeSection) -> Vec<String> {
        let others = self.config().nodes.0.iter().filter(|n| n.name != node.name);
        others.map(|n| format!("{} {}", n.address, n.name)).collect()
    }

    /// How the configuration differs from the machine that a node has. What was written by a version that kept no facts
    /// counts as unchanged.
    pub(crate) fn changes(&self, node: &NodeSection, made_of: &Facts) -> Result<Vec<Change>, LabError> {
        if made_of.0.is_empty() {
            return Ok(Vec::new());
        }
        let mut changes = made_of.changes(&self.facts(node)?);
        if self.hypervisor().reconfigures() {
            for change in changes.iter_mut().filter(|c| HARDWARE.contains(&c.key.as_str())) {
                (change.applicable, change.restart) = (true, true);
            }
        }
        Ok(changes)
    }
}

/// A file by its name and what identifies its content.
fn file(path: Option<&Path>) -> Result<Option<Value>, LabError> {
    let Some(path) = path else { return Ok(None) };
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(Some(json!(format!("{name} ({})", template::fingerprint(path)?))))
}

impl std::fmt::Display for Change {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}: {} → {}", self.key, shown(&self.from), shown(&self.to))
    }
}

/// A value as a person would write it.
fn shown(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::String(text) => text.clone(),
        Value::Array(list) if list.is_empty() => "none".to_owned(),
        Value::Array(list) => list.iter().map(shown).collect::<Vec<_>>().join(", "),
        Value::Object(map) => map
            .iter()
            .map(|(k, v)| format!("{k} {}", shown(v)))
            .collect::<Vec<_>>()
            .join("; "),
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(pairs: &[(&str, Value)]) -> Facts {
        Facts(pairs.iter().map(|(k, v)| ((*k).to_owned(), v.clone())).collect())
    }

    #[test]
    fn a_change_names_its_key_and_both_values_and_whether_it_can_be_applied() {
        let made = facts(&[("vm.cpus", json!(2)), (DISABLE, json!([])), ("role", json!("master"))]);
        let now = facts(&[
            ("vm.cpus", json!(4)),
            (DISABLE, json!(["traefik"])),
            ("role", json!("master")),
        ]);
        let changes = made.changes(&now);
        let shown: Vec<String> = changes.iter().map(ToString::to_string).collect();
        assert_eq!(shown, ["k3s.disable: none → traefik", "vm.cpus: 2 → 4"]);
        assert_eq!(changes.iter().map(|c| c.applicable).collect::<Vec<_>>(), [true, false]);
    }

    #[test]
    fn a_key_that_counts_on_one_side_only_is_a_change() {
        let changes = facts(&[]).changes(&facts(&[("image.disk", json!("a"))]));
        assert_eq!(changes[0].to_string(), "image.disk: nothing → a");
        assert!(facts(&[]).changes(&facts(&[])).is_empty());
    }
}
