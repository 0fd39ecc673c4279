//! `network-config`, version 2, with its keys at the top level: a `network:` wrapper broke version 2 on old releases.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::Serialize;

use crate::values::{InterfaceAddress, MacAddr};
use crate::yaml::{self, YamlError};

/// The `network-config` file. It is netplan's own format, and cloud-init's version 2.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct NetworkConfig {
    /// Always 2.
    version: u8,
    /// Network cards by an id that is ours, not the kernel's name.
    pub ethernets: BTreeMap<String, Ethernet>,
}

impl NetworkConfig {
    /// A configuration of these cards.
    pub fn new(ethernets: BTreeMap<String, Ethernet>) -> Self {
        Self { version: 2, ethernets }
    }

    /// The file's text.
    pub fn to_yaml(&self) -> Result<String, YamlError> {
        yaml::to_string("network-config", self)
    }
}

/// One network card.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Ethernet {
    /// Which card.
    #[serde(rename = "match")]
    pub matching: Match,
    /// The name the card gets. Releases before 24.1 take the id for the card's name unless this says otherwise.
    pub set_name: String,
    /// Whether to ask for an address over DHCP.
    pub dhcp4: bool,
    /// Whether to ask for an address over `DHCPv6`.
    pub dhcp6: bool,
    /// Static addresses.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<InterfaceAddress>,
    /// Static routes.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub routes: Vec<Route>,
    /// Name servers.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nameservers: Option<Nameservers>,
}

impl Ethernet {
    /// A card that is found by its hardware address, is called `name`, and has no addresses yet.
    pub fn new(mac: MacAddr, name: impl Into<String>) -> Self {
        Self {
            matching: Match { macaddress: mac },
            set_name: name.into(),
            dhcp4: false,
            dhcp6: false,
            addresses: Vec::new(),
            routes: Vec::new(),
            nameservers: None,
        }
    }
}

/// How a card is found.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Match {
    /// Its hardware address.
    pub macaddress: MacAddr,
}

/// A static route.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Route {
    /// Destination network, or `0.0.0.0/0`.
    pub to: String,
    /// Next hop.
    pub via: IpAddr,
}

impl Route {
    /// The default IPv4 route. Written as `0.0.0.0/0`: not every renderer of cloud-init 22.4 knows `default`.
    pub fn default_via(gateway: impl Into<IpAddr>) -> Self {
        Self {
            to: "0.0.0.0/0".to_owned(),
            via: gateway.into(),
        }
    }
}

/// Name servers of a card.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct Nameservers {
    /// Their addresses, asked in this order.
    pub addresses: Vec<IpAddr>,
}

impl Nameservers {
    /// These servers, asked in this order.
    pub fn new(addresses: Vec<IpAddr>) -> Self {
        Self { addresses }
    }
}
