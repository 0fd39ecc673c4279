//! `k3s server`.

use std::collections::BTreeMap;
use std::net::IpAddr;

use secrecy::SecretString;
use serde::Serialize;

use super::{ConfigValue, K3sConfigError, check_extra};
use crate::secret;
use crate::yaml::{self, YamlError};

/// `/etc/rancher/k3s/config.yaml` of a server. What is `None` or empty is left out, and k3s's own default holds: all
/// packaged components run unless `disable` names one.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct K3sServerConfig {
    /// The secret that nodes join with.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "secret::expose_some")]
    pub token: Option<SecretString>,
    /// The node's name; absent: its host name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_name: Option<String>,
    /// The node's address in the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub node_ip: Option<IpAddr>,
    /// The address that the API server tells its clients; absent: the node's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub advertise_address: Option<IpAddr>,
    /// Further names and addresses in the API server's certificate.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tls_san: Vec<String>,
    /// Mode of `/etc/rancher/k3s/k3s.yaml` as an octal string, for example `0600`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub write_kubeconfig_mode: Option<String>,
    /// Network of the pods, in CIDR form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_cidr: Option<String>,
    /// Network of the services, in CIDR form.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_cidr: Option<String>,
    /// Address of the cluster's DNS service; it has to be in `service_cidr`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_dns: Option<IpAddr>,
    /// DNS domain of the cluster.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster_domain: Option<String>,
    /// Network interface that flannel uses; absent: that of the default route.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub flannel_iface: Option<String>,
    /// Packaged components to leave out: `traefik`, `servicelb`, `local-storage`, `coredns`, `metrics-server`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disable: Vec<String>,
    /// Labels, `key=value`, given when the node first registers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub node_label: Vec<String>,
    /// Taints, `key=value:effect`, given when the node first registers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub node_taint: Vec<String>,
    /// Flags for the kubelet, `name=value`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub kubelet_arg: Vec<String>,
    /// Whether nodes share images among themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedded_registry: Option<bool>,
    /// Whether a mirrored registry's own address is never tried.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_default_registry_endpoint: Option<bool>,
    /// Path of `registries.yaml`; absent: `/etc/rancher/k3s/registries.yaml`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub private_registry: Option<String>,
    /// The image of the pause container.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pause_image: Option<String>,
    /// The registry that system images are pulled from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_default_registry: Option<String>,
    /// The `resolv.conf` that pods get.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resolv_conf: Option<String>,
    /// Keys that have no field here, by their flag's name. A `+` at the end appends to a list.
    #[serde(flatten)]
    pub extra: BTreeMap<String, ConfigValue>,
}

/// The keys that the fields above are written as.
const FIELDS: &[&str] = &[
    "token",
    "node-name",
    "node-ip",
    "advertise-address",
    "tls-san",
    "write-kubeconfig-mode",
    "cluster-cidr",
    "service-cidr",
    "cluster-dns",
    "cluster-domain",
    "flannel-iface",
    "disable",
    "node-label",
    "node-taint",
    "kubelet-arg",
    "embedded-registry",
    "disable-default-registry-endpoint",
    "private-registry",
    "pause-image",
    "system-default-registry",
    "resolv-conf",
];

impl K3sServerConfig {
    /// Whether the document would hold together.
    pub fn check(&self) -> Result<(), K3sConfigError> {
        check_extra(&self.extra, FIELDS)
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
        let address = Some(IpAddr::from([192, 0, 2, 1]));
        let full = Self {
            token: Some("x".into()),
            node_name: text(),
            node_ip: address,
            advertise_address: address,
            tls_san: list(),
            write_kubeconfig_mode: text(),
            cluster_cidr: text(),
            service_cidr: text(),
            cluster_dns: address,
            cluster_domain: text(),
            flannel_iface: text(),
            disable: list(),
            node_label: list(),
            node_taint: list(),
            kubelet_arg: list(),
            embedded_registry: Some(true),
            disable_default_registry_endpoint: Some(true),
            private_registry: text(),
            pause_image: text(),
            system_default_registry: text(),
            resolv_conf: text(),
            extra: BTreeMap::new(),
        };
        serde_json::from_value(serde_json::to_value(full).unwrap()).unwrap()
    }
}
