//! Whether a certificate names the host a client reaches (RFC 6125; RFC 2818 for addresses).

use super::reason::Reason;
use crate::certificate::{AltName, CertificateInfo};
use crate::host::RegistryHost;

/// Whether one of the names covers `host`.
pub(crate) fn cover(names: &[AltName], host: &RegistryHost) -> bool {
    names.iter().any(|name| match (name, host) {
        (AltName::Ip(address), RegistryHost::Ip(wanted)) => address.to_canonical() == *wanted,
        (AltName::Dns(pattern), RegistryHost::Dns(wanted)) => dns_matches(pattern, wanted.as_str()),
        _ => false,
    })
}

/// A wildcard is the whole first label, stands for exactly one label, and has at least two labels behind it.
fn dns_matches(pattern: &str, name: &str) -> bool {
    let pattern = pattern.to_ascii_lowercase();
    if pattern == name {
        return true;
    }
    let Some(parent) = pattern.strip_prefix("*.") else {
        return false;
    };
    parent.contains('.')
        && !parent.contains('*')
        && name
            .split_once('.')
            .is_some_and(|(first, rest)| !first.is_empty() && rest == parent)
}

/// Why a client that reaches `host` does not find it in the certificate.
pub(super) fn fault(leaf: &CertificateInfo, host: &RegistryHost) -> Option<Reason> {
    if cover(&leaf.names, host) {
        return None;
    }
    let text = host.to_string();
    // `DNS:192.168.6.1` is a common mistake: clients look for addresses among the addresses only.
    let as_dns = matches!(host, RegistryHost::Ip(_))
        && leaf
            .names
            .iter()
            .any(|name| matches!(name, AltName::Dns(dns) if dns.trim_matches(['[', ']']) == text));
    let names: Vec<String> = leaf
        .names
        .iter()
        .filter(|name| matches!(name, AltName::Dns(_) | AltName::Ip(_) | AltName::BadIp(_)))
        .map(ToString::to_string)
        .collect();
    Some(Reason::NameNotCovered {
        address: host.to_string(),
        names,
        common_name: leaf.common_name.clone(),
        as_dns,
        has_extension: !leaf.names.is_empty(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wildcard_stands_for_one_whole_label() {
        for (pattern, name, matches) in [
            ("registry.lab", "registry.lab", true),
            ("Registry.LAB", "registry.lab", true),
            ("*.registry.lab", "a.registry.lab", true),
            ("*.registry.lab", "a.b.registry.lab", false),
            ("*.registry.lab", "registry.lab", false),
            ("*.lab", "registry.lab", false),
            ("*", "registry", false),
            ("reg*.lab.example", "registry.lab.example", false),
            ("*.*.example", "a.b.example", false),
        ] {
            assert_eq!(dns_matches(pattern, name), matches, "{pattern} for {name}");
        }
    }

    #[test]
    fn addresses_are_compared_as_numbers() {
        let names = [
            AltName::Ip("fd00:0::1".parse().unwrap()),
            AltName::Dns("192.168.6.1".to_owned()),
        ];
        assert!(cover(&names, &"fd00::1".parse().unwrap()));
        assert!(!cover(&names, &"192.168.6.1".parse().unwrap()));
    }
}
