//! What is wrong with `network-config`.

use super::expect::{expect_boolean, expect_list, expect_text, known_keys, type_of};
use super::tree::{Kind, Node};
use super::yaml11::Type;
use super::{Finding, Rule};

/// Keys of version 2, which is netplan's.
const KEYS: &[&str] = &[
    "version",
    "renderer",
    "ethernets",
    "bonds",
    "bridges",
    "vlans",
    "wifis",
    "tunnels",
    "vrfs",
    "dummy-devices",
    "virtual-ethernets",
    "modems",
    "nm-devices",
    "openvswitch",
];

/// All rules about networks, for the file or for a part of another document. `wrapped`: whether `network:` around it is
/// as good as none.
pub(super) fn check(root: &Node, wrapped: bool, findings: &mut Vec<Finding>) {
    let Some(network) = root.get("network") else {
        return check_network(root, findings);
    };
    if !wrapped {
        let message = "`network:` around a version 2 configuration is ignored by older releases";
        let help = "put its keys at the top level";
        findings.push(Finding::warning(Rule::Key, root.place, message, help));
    }
    check_network(network, findings);
}

fn check_network(network: &Node, findings: &mut Vec<Finding>) {
    if !matches!(network.kind, Kind::Mapping(_)) {
        return;
    }
    let Some(version) = network.get("version") else {
        let message = "the network's configuration has no version";
        findings.push(Finding::error(Rule::Key, network.place, message, "add `version: 2`"));
        return;
    };
    match version.text() {
        Some("2") if type_of(version) == Some(Type::Integer) => check_version_2(network, findings),
        Some("1") if type_of(version) == Some(Type::Integer) => check_version_1(network, findings),
        _ => {
            let message = "the version is neither 1 nor 2";
            findings.push(Finding::error(Rule::Type, version.place, message, "write `version: 2`"));
        }
    }
}

fn check_version_1(network: &Node, findings: &mut Vec<Finding>) {
    let Some(config) = network.get("config") else {
        let message = "version 1 has its devices under `config`, which is missing";
        return findings.push(Finding::error(Rule::Key, network.place, message, "add `config:`"));
    };
    expect_list(config, "config", findings);
    for device in config.items() {
        if let Some(mac) = device.get("mac_address") {
            expect_text(mac, "mac_address", findings);
        }
    }
}

fn check_version_2(network: &Node, findings: &mut Vec<Finding>) {
    known_keys(network, KEYS, "netplan", findings);
    let cards = ["ethernets", "wifis", "bonds", "bridges", "vlans"];
    for (_, card) in cards
        .iter()
        .filter_map(|kind| network.get(kind))
        .flat_map(Node::entries)
    {
        check_card(card, findings);
    }
}

fn check_card(card: &Node, findings: &mut Vec<Finding>) {
    for key in ["dhcp4", "dhcp6", "optional"] {
        if let Some(value) = card.get(key) {
            expect_boolean(value, key, findings);
        }
    }
    // 52:54:00:12:34:56 is a number to YAML 1.1, written in base 60.
    let macs = [
        card.get("macaddress"),
        card.get("match").and_then(|m| m.get("macaddress")),
    ];
    for mac in macs.into_iter().flatten() {
        expect_text(mac, "macaddress", findings);
    }
    if let Some(name) = card.get("set-name") {
        expect_text(name, "set-name", findings);
        if card.get("match").is_none() {
            let message = "`set-name` needs a `match` that says which card";
            findings.push(Finding::error(
                Rule::Key,
                name.place,
                message,
                "add `match:` with `macaddress:`",
            ));
        }
    }
    for key in ["gateway4", "gateway6"] {
        if let Some((found, _)) = card.entries().iter().find(|(name, _)| name.text() == Some(key)) {
            let message = format!("the key {key} is deprecated");
            let help = "write a route to 0.0.0.0/0 or ::/0 under `routes`";
            findings.push(Finding::warning(Rule::Key, found.place, message, help));
        }
    }
    if let Some(addresses) = card.get("addresses") {
        expect_list(addresses, "addresses", findings);
        for address in addresses.items() {
            expect_text_or_mapping(address, "an address", findings);
            if address.text().is_some_and(|text| !text.contains('/')) {
                let message = "the address has no length of its network's prefix";
                findings.push(Finding::error(
                    Rule::Type,
                    address.place,
                    message,
                    "write it as 192.168.6.10/24",
                ));
            }
        }
    }
    if let Some(routes) = card.get("routes") {
        expect_list(routes, "routes", findings);
        for route in routes.items() {
            for key in ["to", "via"] {
                if let Some(value) = route.get(key) {
                    expect_text(value, key, findings);
                }
            }
        }
    }
    if let Some(servers) = card.get("nameservers").and_then(|servers| servers.get("addresses")) {
        expect_list(servers, "addresses", findings);
    }
}

fn expect_text_or_mapping(node: &Node, what: &str, findings: &mut Vec<Finding>) {
    if !matches!(node.kind, Kind::Mapping(_)) {
        expect_text(node, what, findings);
    }
}
