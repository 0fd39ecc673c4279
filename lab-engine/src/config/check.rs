//! What types alone cannot say about a configuration.

use std::collections::{BTreeMap, HashMap};
use std::net::Ipv4Addr;

use super::{Config, Origin, Role};

/// A mistake and the keys that it may stand at, the most exact one last.
pub(super) struct Mistake {
    pub(super) path: Vec<String>,
    pub(super) message: String,
    pub(super) help: String,
}

impl Mistake {
    fn new(path: impl Into<String>, message: impl Into<String>, help: impl Into<String>) -> Self {
        let path = path.into();
        let parent = path.rsplit_once('.').map(|(p, _)| p.to_owned());
        Self {
            path: parent.into_iter().chain([path]).collect(),
            message: message.into(),
            help: help.into(),
        }
    }

    /// What to blame when the mistake is not in the file.
    pub(super) fn origin(&self, origins: &BTreeMap<String, Origin>) -> String {
        let key = self.path.last().map_or("", String::as_str);
        match origins.get(key) {
            Some(Origin::Environment { variable }) => format!("environment variable {variable}"),
            Some(Origin::CommandLine) => format!("setting {key}"),
            _ => key.to_owned(),
        }
    }
}

pub(super) fn check(config: &Config) -> Result<(), Mistake> {
    label("lab.name", &config.lab.name)?;
    user(&config.guest.user)?;
    network(config)?;
    nodes(config)?;
    image(config)?;
    registry(config)
}

/// An RFC 1123 label: what a host name, a directory and a k3s node name have in common.
fn label(path: &str, text: &str) -> Result<(), Mistake> {
    let valid = !text.is_empty()
        && text.len() <= 63
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-');
    if valid {
        return Ok(());
    }
    Err(Mistake::new(
        path,
        format!("`{text}` is not a valid name"),
        "use 1 to 63 lower-case letters, digits and dashes, with no dash at either end",
    ))
}

fn user(name: &str) -> Result<(), Mistake> {
    let mut bytes = name.bytes();
    let first = bytes.next().is_some_and(|b| b.is_ascii_lowercase() || b == b'_');
    let rest = bytes.all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_' || b == b'-');
    if first && rest && name.len() <= 32 && name != "root" {
        return Ok(());
    }
    Err(Mistake::new(
        "guest.user",
        format!("`{name}` cannot be the login user"),
        "use a name other than root: up to 32 lower-case letters, digits, `_` and `-`, starting with a letter",
    ))
}

fn network(config: &Config) -> Result<(), Mistake> {
    let n = &config.network;
    if !(8..=30).contains(&n.prefix) {
        return Err(Mistake::new(
            "network.prefix",
            format!("{} is not a usable prefix length", n.prefix),
            "use 8 to 30; 24 is usual",
        ));
    }
    if n.name.is_empty() || !n.name.bytes().all(|b| b.is_ascii_alphanumeric()) {
        return Err(Mistake::new(
            "network.name",
            format!("`{}` is not a virtual network's name", n.name),
            "for example VMnet1",
        ));
    }
    if is_edge(n.gateway, n.prefix) {
        return Err(Mistake::new(
            "network.gateway",
            format!("{} is the network's own or its broadcast address", n.gateway),
            "use a host's address, for example the first of the network",
        ));
    }
    Ok(())
}

fn nodes(config: &Config) -> Result<(), Mistake> {
    let masters = config.nodes.0.iter().filter(|n| n.role == Role::Master).count();
    if masters != 1 {
        return Err(Mistake::new(
            "nodes",
            format!("a lab has exactly one master, this one has {masters}"),
            "give one node `role = \"master\"` and the others `role = \"worker\"`",
        ));
    }
    let mut names = HashMap::new();
    let mut addresses = HashMap::from([(config.network.gateway, "the gateway".to_owned())]);
    for (i, node) in config.nodes.0.iter().enumerate() {
        label(&format!("nodes.{i}.name"), &node.name)?;
        if names.insert(&node.name, i).is_some() {
            return Err(Mistake::new(
                format!("nodes.{i}.name"),
                format!("two nodes are called `{}`", node.name),
                "every node needs a name of its own",
            ));
        }
        let at = format!("nodes.{i}.address");
        let mask = mask(config.network.prefix);
        if u32::from(node.address) & mask != u32::from(config.network.gateway) & mask {
            let net = Ipv4Addr::from(u32::from(config.network.gateway) & mask);
            return Err(Mistake::new(
                at,
                format!(
                    "{} is outside the network {net}/{}",
                    node.address, config.network.prefix
                ),
                "choose an address in the gateway's network, or change network.gateway and network.prefix",
            ));
        }
        if is_edge(node.address, config.network.prefix) {
            return Err(Mistake::new(
                at,
                format!("{} is the network's own or its broadcast address", node.address),
                "choose another",
            ));
        }
        if let Some(other) = addresses.insert(node.address, format!("`{}`", node.name)) {
            return Err(Mistake::new(
                at,
                format!("{} is used twice: by {other} and by `{}`", node.address, node.name),
                "every node needs an address of its own",
            ));
        }
        size(config, i)?;
    }
    Ok(())
}

fn size(config: &Config, index: usize) -> Result<(), Mistake> {
    let node = &config.nodes.0[index];
    let size = config.size(node);
    let at = |own: bool, key: &str| {
        if own {
            format!("nodes.{index}.{key}")
        } else {
            format!("vm.{key}")
        }
    };
    if !(1..=64).contains(&size.cpus) {
        return Err(Mistake::new(
            at(node.cpus.is_some(), "cpus"),
            format!("{} processors", size.cpus),
            "use 1 to 64",
        ));
    }
    if size.memory_mib < 512 || !size.memory_mib.is_multiple_of(4) {
        return Err(Mistake::new(
            at(node.memory_mib.is_some(), "memory_mib"),
            format!("{} MiB of memory", size.memory_mib),
            "k3s needs at least 512 MiB, and VMware a multiple of 4",
        ));
    }
    if size.disk_gib == 0 {
        return Err(Mistake::new(
            at(node.disk_gib.is_some(), "disk_gib"),
            "a disk of 0 GiB",
            "use at least 1",
        ));
    }
    Ok(())
}

fn image(config: &Config) -> Result<(), Mistake> {
    if config.image.disk.is_some() && config.image.template.is_some() {
        return Err(Mistake::new(
            "image.template",
            "both image.disk and image.template are given",
            "keep one: a disk image to copy, or a machine of your own to clone",
        ));
    }
    Ok(())
}

fn registry(config: &Config) -> Result<(), Mistake> {
    if let Err(e) = config.registry.host.parse::<registry_pki::RegistryHost>() {
        return Err(Mistake::new(
            "registry.host",
            e.to_string(),
            "write an address or a DNS name alone, the port under registry.port",
        ));
    }
    if config.registry.port == 0 {
        return Err(Mistake::new(
            "registry.port",
            "port 0",
            "use the port that the registry listens on, usually 5000",
        ));
    }
    Ok(())
}

fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

fn is_edge(address: Ipv4Addr, prefix: u8) -> bool {
    let host = u32::from(address) & !mask(prefix);
    host == 0 || host == !mask(prefix)
}
