//! `k3s agent`.

use secrecy::SecretString;
use serde::Serialize;

use super::{K3sConfigError, K3sNodeConfig};
use crate::yaml::{self, YamlError};

/// `/etc/rancher/k3s/config.yaml` of an agent. What is `None` or empty is left out, and k3s's own default holds.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct K3sAgentConfig {
    /// The server to join, for example `https://192.168.6.10:6443`. k3s accepts https only.
    pub server: String,
    /// What servers have too.
    #[serde(flatten)]
    pub node: K3sNodeConfig,
}

/// The keys of an agent alone.
const FIELDS: &[&str] = &["server"];

impl K3sAgentConfig {
    /// An agent of this server.
    pub fn new(server: impl Into<String>) -> Self {
        Self {
            server: server.into(),
            node: K3sNodeConfig::default(),
        }
    }

    /// Whether the document would hold together.
    pub fn check(&self) -> Result<(), K3sConfigError> {
        self.server_endpoint()?;
        self.node.check(FIELDS)
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
    pub(super) fn every_field() -> std::collections::BTreeMap<String, serde_json::Value> {
        let full = Self {
            server: "https://x".to_owned(),
            node: K3sNodeConfig::full(),
        };
        serde_json::from_value(serde_json::to_value(full).unwrap()).unwrap()
    }
}
