//! What k3s's servers and agents have in common: a server runs an agent too.

use std::collections::BTreeMap;
use std::net::IpAddr;

use secrecy::SecretString;
use serde::Serialize;

use super::{ConfigValue, K3sConfigError};
use crate::secret;

/// The part of `config.yaml` that is about the node itself, in either role. What is `None` or empty is left out, and
/// k3s's own default holds.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct K3sNodeConfig {
    /// The secret that nodes join with.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "secret::expose_some")]
    pub token: Option<SecretString>,
    /// The node's name; absent: its host name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_name: Option<String>,
    /// The node's address in the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_ip: Option<IpAddr>,
    /// Network interface that flannel uses; absent: that of the default route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flannel_iface: Option<String>,
    /// Labels, `key=value`, given when the node first registers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub node_label: Vec<String>,
    /// Taints, `key=value:effect`, given when the node first registers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub node_taint: Vec<String>,
    /// Flags for the kubelet, `name=value`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kubelet_arg: Vec<String>,
    /// Whether a mirrored registry's own address is never tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_default_registry_endpoint: Option<bool>,
    /// Path of `registries.yaml`; absent: `/etc/rancher/k3s/registries.yaml`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_registry: Option<String>,
    /// The image of the pause container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause_image: Option<String>,
    /// The `resolv.conf` that pods get.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolv_conf: Option<String>,
    /// Keys that have no field, here or in the role's own part, by their flag's name. A `+` at the end appends to a
    /// list.
    #[serde(flatten)]
    pub extra: BTreeMap<String, ConfigValue>,
}

/// The keys that the fields above are written as.
const FIELDS: &[&str] = &[
    "token",
    "node-name",
    "node-ip",
    "flannel-iface",
    "node-label",
    "node-taint",
    "kubelet-arg",
    "disable-default-registry-endpoint",
    "private-registry",
    "pause-image",
    "resolv-conf",
];

impl K3sNodeConfig {
    /// Whether `extra` can be written beside these fields and those of the role.
    pub(super) fn check(&self, role_fields: &[&str]) -> Result<(), K3sConfigError> {
        for key in self.extra.keys() {
            let name = key.strip_suffix('+').unwrap_or(key);
            if FIELDS.contains(&name) || role_fields.contains(&name) {
                return Err(K3sConfigError::KeyHasField { key: key.clone() });
            }
            let plain = name
                .bytes()
                .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
            if !plain || !name.starts_with(|c: char| c.is_ascii_lowercase()) {
                return Err(K3sConfigError::KeyMalformed { key: key.clone() });
            }
        }
        Ok(())
    }

    /// Every field set.
    #[cfg(test)]
    pub(super) fn full() -> Self {
        let text = || Some("x".to_owned());
        let list = || vec!["x".to_owned()];
        Self {
            token: Some("x".into()),
            node_name: text(),
            node_ip: Some(IpAddr::from([192, 0, 2, 1])),
            flannel_iface: text(),
            node_label: list(),
            node_taint: list(),
            kubelet_arg: list(),
            disable_default_registry_endpoint: Some(true),
            private_registry: text(),
            pause_image: text(),
            resolv_conf: text(),
            extra: BTreeMap::new(),
        }
    }
}
