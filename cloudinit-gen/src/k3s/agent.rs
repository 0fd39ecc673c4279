//! `k3s agent`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use secrecy::SecretString;
use serde::Serialize;

use super::{ConfigValue, K3sConfigError, check_extra};
use crate::secret;
use crate::yaml::{self, YamlError};

/// `/etc/rancher/k3s/config.yaml` of an agent. What is `None` or empty is left out, and k3s's own default holds.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct K3sAgentConfig {
    /// The server to join, for example `https://192.168.6.10:6443`. k3s accepts https only.
    pub server: String,
    /// The secret to join with.
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
    /// Keys that have no field here, by their flag's name. A `+` at the end appends to a list.
    #[serde(flatten)]
    pub extra: BTreeMap<String, ConfigValue>,
}

/// The keys that the fields above are written as.
const FIELDS: &[&str] = &[
    "server",
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

impl K3sAgentConfig {
    /// An agent of this server.
    pub fn new(server: impl Into<String>) -> Self {
        Self {
            server: server.into(),
            token: None,
            node_name: None,
            node_ip: None,
            flannel_iface: None,
            node_label: Vec::new(),
            node_taint: Vec::new(),
            kubelet_arg: Vec::new(),
            disable_default_registry_endpoint: None,
            private_registry: None,
            pause_image: None,
            resolv_conf: None,
            extra: BTreeMap::new(),
        }
    }

    /// Whether the document would hold together.
    pub fn check(&self) -> Result<(), K3sConfigError> {
        self.server_endpoint()?;
        check_extra(&self.extra, FIELDS)
    }

    /// The host (an IPv6 address without its brackets) and the port that the agent connects to.
    pub fn server_endpoint(&self) -> Result<(String, u16), K3sConfigError> {
        let refuse = || K3sConfigError::ServerUrl {
            server: self.server.clone(),
        };
        let rest = self.server.strip_prefix("https://").ok_or_else(refuse)?;
        let authority = rest.strip_suffix('/').unwrap_or(rest);
        let (host, port) = if let Some(bracketed) = authority.strip_prefix('[') {
            let (host, port) = bracketed.split_once(']').ok_or_else(refuse)?;
            host.parse::<std::net::Ipv6Addr>().map_err(|_| refuse())?;
            (host, port.strip_prefix(':'))
        } else {
            match authority.split_once(':') {
                Some((host, port)) => (host, Some(port)),
                None => (authority, None),
            }
        };
        let known = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':');
        if host.is_empty() || host.starts_with('-') || !host.bytes().all(known) {
            return Err(refuse());
        }
        let port = match port {
            Some(digits) if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse().map_err(|_| refuse())?,
            Some(_) => return Err(refuse()),
            None => 443,
        };
        Ok((host.to_owned(), port))
    }

    /// The file's text, which holds the token.
    pub fn to_yaml(&self) -> Result<SecretString, YamlError> {
        yaml::to_string("k3s config.yaml", self).map(SecretString::from)
    }

    /// Every key that a fully set document has, read back from the document itself.
    #[cfg(test)]
    pub(super) fn every_field() -> BTreeMap<String, serde_json::Value> {
        let text = || Some("x".to_owned());
        let list = || vec!["x".to_owned()];
        let full = Self {
            server: "https://x".to_owned(),
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
        };
        serde_json::from_value(serde_json::to_value(full).unwrap()).unwrap()
    }
}
