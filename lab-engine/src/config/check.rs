//! What types and limits alone cannot say about a configuration. Everything is looked at, not only up to the first mistake.

use std::collections::HashMap;
use std::net::Ipv4Addr;

use cloudinit_gen::{Hostname, Timezone, UserName};

use super::keys::nearest;
use super::value::Mistake;
use super::{Config, LABEL, MOST_NODES, Origin, Role};

/// k3s's own networks with its defaults, of pods and of services: a lab in one of them would lose its nodes.
const K3S_NETWORKS: [(Ipv4Addr, &str); 2] = [
    (Ipv4Addr::new(10, 42, 0, 0), "pods"),
    (Ipv4Addr::new(10, 43, 0, 0), "services"),
];
const K3S_PREFIX: u8 = 16;
/// What `disable` of k3s knows (its packaged components; k3s server's documentation).
const COMPONENTS: [&str; 6] = [
    "coredns",
    "servicelb",
    "traefik",
    "local-storage",
    "metrics-server",
    "runtimes",
];

/// `origin` says where a key's value came from.
pub(super) fn check(config: &Config, origin: impl Fn(&str) -> Origin) -> Vec<Mistake> {
    let mut found = Vec::new();
    names(config, &mut found);
    patience(config, &mut found);
    network(config, &mut found);
    masters(config, &mut found);
    nodes(config, origin("nodes") == Origin::Default, &mut found);
    sizes(config, &mut found);
    image(config, &mut found);
    k3s(config, &mut found);
    registry(config, &mut found);
    found
}

fn names(config: &Config, found: &mut Vec<Mistake>) {
    let name = &config.lab.name;
    if !is_label(name) {
        found.push(Mistake::new(
            "lab.name",
            format!("`{name}` is not a valid name"),
            "use 1 to 63 lower-case letters, digits and dashes, with no dash at either end",
        ));
    }
    if let Err(e) = config.guest.user.parse::<UserName>() {
        found.push(Mistake::new(
            "guest.user",
            format!("`{}` cannot be the login user: it {}", config.guest.user, e.reason()),
            "use up to 32 lower-case letters, digits, `_` and `-`, starting with a letter, for example ubuntu",
        ));
    }
    if let Err(e) = config.guest.timezone.parse::<Timezone>() {
        found.push(Mistake::new(
            "guest.timezone",
            format!("`{}` is not a time zone: it {}", config.guest.timezone, e.reason()),
            "for example Asia/Seoul",
        ));
    }
    for (i, key) in config.guest.authorized_keys.iter().enumerate() {
        let path = format!("guest.authorized_keys.{i}");
        if key.contains("PRIVATE KEY") {
            // Not shown: it is a secret.
            found.push(Mistake::new(
                path,
                "this is a private key",
                "give the public one, the content of the file that ends in .pub, and keep this one to yourself",
            ));
        } else if !["ssh-", "ecdsa-", "sk-"]
            .iter()
            .any(|kind| key.split_whitespace().any(|w| w.starts_with(kind)))
        {
            found.push(Mistake::new(
                path,
                format!("`{key}` is not a public key"),
                "give the content of a .pub file, for example `ssh-ed25519 AAAA… name`",
            ));
        }
    }
}

/// [`LABEL`], which is what the schema says, without a regular expression.
fn is_label(text: &str) -> bool {
    debug_assert!(LABEL.starts_with('^'));
    !text.is_empty()
        && text.len() <= 63
        && text
            .bytes()
            .all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn patience(config: &Config, found: &mut Vec<Mistake>) {
    let patience = config.hypervisor.patience;
    if !(1..=10_000).contains(&patience) {
        found.push(Mistake::new(
            "hypervisor.patience",
            format!("{patience} is no usable percentage"),
            "use 1 to 10000; 100 is usual, 300 gives a slow host three times as long",
        ));
    }
}

fn network(config: &Config, found: &mut Vec<Mistake>) {
    let n = &config.network;
    if !n.name.bytes().all(|b| b.is_ascii_alphanumeric()) {
        found.push(Mistake::new(
            "network.name",
            format!("`{}` is not a virtual network's name", n.name),
            "for example VMnet1",
        ));
    }
    let gateway = n.gateway;
    if gateway.is_loopback() || gateway.is_multicast() || gateway.is_unspecified() || gateway.is_broadcast() {
        found.push(Mistake::new(
            "network.gateway",
            format!("{gateway} cannot be a host's address"),
            "use this host's address in the virtual network, for example 192.168.6.1",
        ));
    } else if is_edge(gateway, n.prefix) {
        found.push(Mistake::new(
            "network.gateway",
            format!("{gateway} is the network's own or its broadcast address"),
            "use a host's address, for example the first of the network",
        ));
    }
    for (own, what) in K3S_NETWORKS {
        let common = n.prefix.min(K3S_PREFIX);
        if network_of(gateway, common) == network_of(own, common) {
            found.push(Mistake::new(
                "network.gateway",
                format!(
                    "the network {}/{} overlaps {own}/{K3S_PREFIX}, which k3s uses for {what}",
                    network_of(gateway, n.prefix),
                    n.prefix
                ),
                "use another network, for example 192.168.6.0/24",
            ));
        }
    }
}

fn masters(config: &Config, found: &mut Vec<Mistake>) {
    const HELP: &str = "give one node `role = \"master\"` and the others `role = \"worker\"`";
    let nodes = &config.nodes.0;
    if nodes.len() > MOST_NODES {
        found.push(Mistake::new(
            "nodes",
            format!("{} nodes are more than a lab can have", nodes.len()),
            format!("use up to {MOST_NODES}"),
        ));
    }
    let mut masters = nodes.iter().enumerate().filter(|(_, n)| n.role == Role::Master);
    let Some((_, first)) = masters.next() else {
        let message = "a lab has exactly one master, this one has none";
        found.push(Mistake::new("nodes", message, HELP));
        return;
    };
    for (i, node) in masters {
        let message = format!(
            "a lab has exactly one master: `{}` is one already, and `{}` another",
            first.name, node.name
        );
        found.push(Mistake::new(format!("nodes.{i}.role"), message, HELP));
    }
}

fn nodes(config: &Config, by_default: bool, found: &mut Vec<Mistake>) {
    let n = &config.network;
    let mut names = HashMap::new();
    let mut addresses = HashMap::from([(n.gateway, "the gateway".to_owned())]);
    let mut outside = 0;
    for (i, node) in config.nodes.0.iter().enumerate() {
        let at = |key: &str| format!("nodes.{i}.{key}");
        if let Err(e) = node.name.parse::<Hostname>() {
            found.push(Mistake::new(
                at("name"),
                format!("`{}` is not a valid host name: it {}", node.name, e.reason()),
                "use 1 to 63 lower-case letters, digits and dashes, with no dash at either end",
            ));
        } else if node.name == "localhost" {
            found.push(Mistake::new(
                at("name"),
                "`localhost` is the name by which every machine calls itself",
                "choose another name",
            ));
        }
        if names.insert(&node.name, i).is_some() {
            found.push(Mistake::new(
                at("name"),
                format!("two nodes are called `{}`", node.name),
                "every node needs a name of its own",
            ));
        }
        if network_of(node.address, n.prefix) != network_of(n.gateway, n.prefix) {
            outside += 1;
            // The nodes that nobody named are all outside of a network that somebody chose: once is enough.
            if !by_default || outside == 1 {
                let network = network_of(n.gateway, n.prefix);
                found.push(
                    Mistake::new(
                        at("address"),
                        format!("{} of `{}` is outside the network {network}/{}", node.address, node.name, n.prefix),
                        if by_default {
                            "list the nodes with addresses in that network, or keep the default network.gateway and network.prefix"
                        } else {
                            "choose an address in the gateway's network, or change network.gateway and network.prefix"
                        },
                    )
                    .or(&["network.gateway", "network.prefix"]),
                );
            }
            continue;
        }
        if is_edge(node.address, n.prefix) {
            found.push(
                Mistake::new(
                    at("address"),
                    format!("{} is the network's own or its broadcast address", node.address),
                    "choose another",
                )
                .or(&["network.prefix"]),
            );
        }
        if let Some(other) = addresses.insert(node.address, format!("`{}`", node.name)) {
            found.push(
                Mistake::new(
                    at("address"),
                    format!("{} is used twice: by {other} and by `{}`", node.address, node.name),
                    "every node needs an address of its own",
                )
                .or(&["network.gateway"]),
            );
        }
    }
}

fn sizes(config: &Config, found: &mut Vec<Mistake>) {
    let mut check = |path: String, memory: u64| {
        if !memory.is_multiple_of(4) {
            found.push(Mistake::new(
                path,
                format!("{memory} MiB of memory is not a multiple of 4"),
                format!(
                    "VMware takes multiples of 4, for example {}",
                    memory.next_multiple_of(4)
                ),
            ));
        }
    };
    check("vm.memory_mib".to_owned(), config.vm.memory_mib);
    for (i, node) in config.nodes.0.iter().enumerate() {
        if let Some(memory) = node.memory_mib {
            check(format!("nodes.{i}.memory_mib"), memory);
        }
    }
}

fn image(config: &Config, found: &mut Vec<Mistake>) {
    if config.image.disk.is_some() && config.image.template.is_some() {
        found.push(Mistake::new(
            "image.template",
            "both image.disk and image.template are given",
            "keep one: a disk image to copy, or a machine of your own to clone",
        ));
    }
}

fn k3s(config: &Config, found: &mut Vec<Mistake>) {
    for (i, name) in config.k3s.disable.iter().enumerate() {
        if COMPONENTS.contains(&name.as_str()) {
            continue;
        }
        let known = COMPONENTS.join(", ");
        let help = match nearest(name, COMPONENTS) {
            Some(meant) => format!("did you mean `{meant}`? The components are: {known}"),
            None => format!("the components are: {known}"),
        };
        let message = format!("`{name}` is no packaged component of k3s");
        found.push(Mistake::new(format!("k3s.disable.{i}"), message, help));
    }
}

fn registry(config: &Config, found: &mut Vec<Mistake>) {
    if let Err(e) = config.registry.host.parse::<registry_pki::RegistryHost>() {
        found.push(Mistake::new(
            "registry.host",
            e.to_string(),
            "write an address or a DNS name alone, the port under registry.port",
        ));
        return;
    }
    for (i, mirror) in config.registry.mirrors.iter().enumerate() {
        let registries = registry_pki::Registries::for_mirrors(&config.registry_endpoint(), &[mirror], "/ca.crt");
        let refused = registries.and_then(|r| r.to_yaml().map(drop));
        if let Err(e) = refused {
            found.push(Mistake::new(
                format!("registry.mirrors.{i}"),
                format!("`{mirror}` is not a registry's name: {}", crate::error::one_line(&e)),
                "write the name that images begin with, for example docker.io",
            ));
        }
    }
}

fn network_of(address: Ipv4Addr, prefix: u8) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(address) & mask(prefix))
}

fn mask(prefix: u8) -> u32 {
    u32::MAX.checked_shl(32 - u32::from(prefix)).unwrap_or(0)
}

fn is_edge(address: Ipv4Addr, prefix: u8) -> bool {
    let host = u32::from(address) & !mask(prefix);
    host == 0 || host == !mask(prefix)
}
