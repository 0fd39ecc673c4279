//! Which virtual networks there are.
//!
//! Without any configuration: `vmnet1`, host-only, 192.168.6.0/24, and `vmnet8`, NAT, 192.168.106.0/24. A file
//! `networks.json` in the home changes or adds some.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use serde::{Deserialize, Serialize};

use crate::fault::Fault;
use crate::home::Home;

/// The host's TCP ports that guests of a host-only network reach, unless something else is configured.
const DEFAULT_HOST_PORTS: &[u16] = &[5000];

/// A kind of network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Kind {
    /// Guests reach each other and chosen ports of the host, nothing else.
    HostOnly,
    /// Guests reach whatever the host reaches.
    Nat,
}

impl Kind {
    /// As `listHostNetworks` prints it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Kind::HostOnly => "hostOnly",
            Kind::Nat => "nat",
        }
    }
}

/// A virtual network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Network {
    /// `hostOnly` or `nat`.
    #[serde(rename = "type")]
    pub(crate) kind: Kind,
    /// The network's address; always 24 bits.
    pub(crate) subnet: Ipv4Addr,
    /// TCP ports of the host's loopback address that guests of a host-only network reach at the network's `.1`.
    #[serde(default = "default_host_ports")]
    pub(crate) host_ports: Vec<u16>,
}

fn default_host_ports() -> Vec<u16> {
    DEFAULT_HOST_PORTS.to_vec()
}

impl Network {
    /// The address with this last byte.
    pub(crate) fn address(&self, last: u8) -> Ipv4Addr {
        let [a, b, c, _] = self.subnet.octets();
        Ipv4Addr::new(a, b, c, last)
    }
}

/// All networks by name.
pub(crate) fn all(home: &Home) -> Result<BTreeMap<String, Network>, Fault> {
    let path = home.root().join("networks.json");
    let bad = |error: &dyn std::fmt::Display| Fault::HostNotReady {
        reason: format!("{}: {error}", path.display()),
    };
    let configured = match std::fs::read(&path) {
        Ok(bytes) => Some(bytes),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => None,
        Err(error) => return Err(bad(&error)),
    };
    let ports = std::env::var("VMRUN_QEMU_HOST_PORTS").ok();
    merge(configured.as_deref(), ports.as_deref()).map_err(|reason| bad(&reason))
}

/// One network by name, with or without `/dev/`, in any case.
pub(crate) fn named(home: &Home, name: &str) -> Result<(String, Network), Fault> {
    let wanted = name.strip_prefix("/dev/").unwrap_or(name).to_ascii_lowercase();
    let mut all = all(home)?;
    match all.remove(&wanted) {
        Some(network) => Ok((wanted, network)),
        None => Err(Fault::invalid(format!(
            "there is no virtual network {name}; there are {}. networks.json in the home can add some",
            all.into_keys().collect::<Vec<_>>().join(", ")
        ))),
    }
}

fn merge(configured: Option<&[u8]>, ports: Option<&str>) -> Result<BTreeMap<String, Network>, String> {
    let network = |kind, third| Network {
        kind,
        subnet: Ipv4Addr::new(192, 168, third, 0),
        host_ports: default_host_ports(),
    };
    let mut all = BTreeMap::from([
        ("vmnet1".to_owned(), network(Kind::HostOnly, 6)),
        ("vmnet8".to_owned(), network(Kind::Nat, 106)),
    ]);
    if let Some(bytes) = configured {
        let configured: BTreeMap<String, Network> = serde_json::from_slice(bytes).map_err(|error| error.to_string())?;
        for (name, network) in configured {
            let name = name.to_ascii_lowercase();
            if name
                .strip_prefix("vmnet")
                .is_none_or(|number| number.parse::<u8>().is_err())
            {
                return Err(format!(
                    "{name} is no network's name; they are called vmnet0 to vmnet255"
                ));
            }
            if network.subnet.octets()[3] != 0 {
                return Err(format!("{name}: the subnet {} does not end in .0", network.subnet));
            }
            all.insert(name, network);
        }
    }
    if let Some(text) = ports {
        let ports: Result<Vec<u16>, _> = text
            .split([',', ' '])
            .filter(|port| !port.is_empty())
            .map(str::parse)
            .collect();
        let ports = ports.map_err(|_| format!("VMRUN_QEMU_HOST_PORTS={text} is no list of ports"))?;
        for network in all.values_mut() {
            network.host_ports.clone_from(&ports);
        }
    }
    Ok(all)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_configuration_there_is_a_host_only_and_a_nat_network() {
        let all = merge(None, None).expect("defaults");
        assert_eq!(
            (all["vmnet1"].kind, all["vmnet1"].address(1)),
            (Kind::HostOnly, Ipv4Addr::new(192, 168, 6, 1))
        );
        assert_eq!(all["vmnet1"].host_ports, [5000]);
        assert_eq!(all["vmnet8"].kind, Kind::Nat);
    }

    #[test]
    fn a_file_adds_networks_and_the_environment_wins_over_its_ports() {
        let file = br#"{"VMnet2": {"type": "hostOnly", "subnet": "10.9.8.0", "hostPorts": [80]}}"#;
        assert_eq!(merge(Some(file), None).expect("good")["vmnet2"].host_ports, [80]);
        assert_eq!(
            merge(Some(file), Some("5000, 5443")).expect("good")["vmnet2"].host_ports,
            [5000, 5443]
        );
        assert!(
            merge(Some(file), Some("")).expect("good")["vmnet2"]
                .host_ports
                .is_empty()
        );
    }

    #[test]
    fn mistakes_are_named() {
        for (file, word) in [
            (&br#"{"eth0": {"type": "nat", "subnet": "10.0.0.0"}}"#[..], "eth0"),
            (br#"{"vmnet2": {"type": "nat", "subnet": "10.0.0.1"}}"#, "10.0.0.1"),
            (br#"{"vmnet2": {"type": "bridged", "subnet": "10.0.0.0"}}"#, "bridged"),
            (br#"{"vmnet2": {"type": "nat", "subnet": "10.0.0.0", "x": 1}}"#, "x"),
        ] {
            assert!(merge(Some(file), None).expect_err("refused").contains(word));
        }
        assert!(merge(None, Some("http")).expect_err("refused").contains("http"));
    }
}
