//! The small text files that a node is given. Their parts are validated values, one to a line.

use std::fmt::Write as _;

use super::NodeConfig;
use crate::Hostname;

/// `/etc/hosts`: the usual loopback names, the node itself by its real address, then the others.
pub(super) fn etc_hosts(node: &NodeConfig) -> String {
    let mut text = String::from(
        "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\nff02::1 ip6-allnodes\nff02::2 ip6-allrouters\n",
    );
    let own = node.address.address();
    line(&mut text, format_args!("{own} {}", node.hostname));
    for entry in &node.hosts {
        let names: Vec<&str> = entry
            .names
            .iter()
            .filter(|name| **name != node.hostname)
            .map(Hostname::as_str)
            .collect();
        if !names.is_empty() {
            line(&mut text, format_args!("{} {}", entry.address, names.join(" ")));
        }
    }
    text
}

/// `/etc/modules-load.d/lab.conf`.
pub(super) fn modules(node: &NodeConfig) -> String {
    let mut text = String::new();
    for module in &node.kernel_modules {
        line(&mut text, format_args!("{module}"));
    }
    text
}

/// `/etc/sysctl.d/90-lab.conf`.
pub(super) fn sysctl(node: &NodeConfig) -> String {
    let mut text = String::new();
    for (key, value) in &node.sysctl {
        line(&mut text, format_args!("{key} = {value}"));
    }
    text
}

/// A drop-in of `timesyncd.conf`: with no servers at all, it asks nobody, not even those it was compiled with.
pub(super) fn timesyncd(node: &NodeConfig) -> String {
    format!("[Time]\nNTP={}\nFallbackNTP=\n", node.time_servers.join(" "))
}

/// A drop-in of `sshd_config`, where the first value of a keyword holds.
pub(super) const SSHD: &str = "\
# Keys only, and the one host key that was given to this node.
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin no
HostKey /etc/ssh/ssh_host_ed25519_key
UseDNS no
";

/// All trusted certificates in one file.
pub(super) fn ca_bundle(node: &NodeConfig) -> String {
    certificates(node).concat()
}

/// The trusted certificates one by one: the tool that builds the trust store's index skips files with several.
pub(super) fn certificates(node: &NodeConfig) -> Vec<String> {
    const BEGIN: &str = "-----BEGIN CERTIFICATE-----";
    const END: &str = "-----END CERTIFICATE-----";
    let blocks = node.ca_pem.iter().flat_map(|pem| pem.split_inclusive(END));
    blocks
        .filter_map(|block| Some(format!("{}\n", block[block.find(BEGIN)?..].replace("\r\n", "\n"))))
        .collect()
}

fn line(text: &mut String, line: std::fmt::Arguments<'_>) {
    writeln!(text, "{line}").expect("writing to a String does not fail");
}
