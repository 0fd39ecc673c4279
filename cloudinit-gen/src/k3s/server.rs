//! `k3s server`.

use std::net::IpAddr;

use secrecy::SecretString;
use serde::Serialize;

use super::{K3sConfigError, K3sNodeConfig};
use crate::yaml::{self, YamlError};

/// `/etc/rancher/k3s/config.yaml` of a server. What is `None` or empty is left out, and k3s's own default holds: all
/// packaged components run unless `disable` names one.
#[derive(Debug, Clone, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct K3sServerConfig {
    /// What agents have too.
    #[serde(flatten)]
    pub node: K3sNodeConfig,
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
    /// Packaged components to leave out: `traefik`, `servicelb`, `local-storage`, `coredns`, `metrics-server`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub disable: Vec<String>,
    /// Whether nodes share images among themselves.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub embedded_registry: Option<bool>,
    /// The registry that system images are pulled from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub system_default_registry: Option<String>,
}

/// The keys of a server alone.
const FIELDS: &[&str] = &[
    "advertise-address",
    "tls-san",
    "write-kubeconfig-mode",
    "cluster-cidr",
    "service-cidr",
    "cluster-dns",
    "cluster-domain",
    "disable",
    "embedded-registry",
    "system-default-registry",
];

impl K3sServerConfig {
    /// Whether the document would hold together.
    pub fn check(&self) -> Result<(), K3sConfigError> {
        self.node.check(FIELDS)
    }

    /// The file's text, which holds the token.
    pub fn to_yaml(&self) -> Result<SecretString, YamlError> {
        yaml::to_string("k3s config.yaml", self).map(SecretString::from)
    }

    /// Every key that a fully set document has, read back from the document itself.
    #[cfg(test)]
    pub(super) fn every_field() -> std::collections::BTreeMap<String, serde_json::Value> {
        let text = || Some("x".to_owned());
        let list = || vec!["x".to_owned()];
        let address = Some(IpAddr::from([192, 0, 2, 1]));
        let full = Self {
            node: K3sNodeConfig::full(),
            advertise_address: address,
            tls_san: list(),
            write_kubeconfig_mode: text(),
            cluster_cidr: text(),
            service_cidr: text(),
            cluster_dns: address,
            cluster_domain: text(),
            disable: list(),
            embedded_registry: Some(true),
            system_default_registry: text(),
        };
        serde_json::from_value(serde_json::to_value(full).unwrap()).unwrap()
    }
}
