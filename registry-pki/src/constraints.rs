//! Name constraints (RFC 5280, 4.2.1.10): which hosts a CA may sign for, as written and as read.

use std::fmt;
use std::net::IpAddr;

use rcgen::{CidrSubnet, GeneralSubtree, NameConstraints};
use serde::Serialize;
use x509_parser::extensions::{self, GeneralName};

use crate::authority::server_common_name;
use crate::certificate::{AltName, CertificateInfo};
use crate::hex::hex;
use crate::host::RegistryHost;

/// A CA's name constraints.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Constraints {
    /// Where a kind of name appears here, every name of that kind must lie within one of these.
    pub permitted: Vec<Subtree>,
    /// No name may lie within one of these.
    pub excluded: Vec<Subtree>,
}

/// One subtree of names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Subtree {
    /// The name itself and everything below it; empty means every name.
    Dns(String),
    /// An address with its mask.
    Ip {
        /// The network's address.
        address: IpAddr,
        /// The mask, of the same family.
        mask: IpAddr,
    },
    /// E-mail addresses.
    Email(String),
    /// URIs with this host.
    Uri(String),
    /// Subjects that begin with this name.
    Directory {
        /// As text.
        text: String,
        #[serde(skip)]
        /// The DER of its relative distinguished names.
        der: Vec<u8>,
    },
    /// A form that TLS clients do not evaluate.
    Other(String),
}

impl fmt::Display for Subtree {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Dns(name) if name.is_empty() => f.write_str("every DNS name"),
            Self::Dns(name) => f.write_str(name),
            Self::Ip { address, mask } => match prefix(*mask) {
                Some(0) => f.write_str(if address.is_ipv4() {
                    "every IPv4 address"
                } else {
                    "every IPv6 address"
                }),
                Some(bits) if bits == if address.is_ipv4() { 32 } else { 128 } => address.fmt(f),
                Some(bits) => write!(f, "{address}/{bits}"),
                None => write!(f, "{address} mask {mask}"),
            },
            Self::Email(text) | Self::Uri(text) | Self::Directory { text, .. } | Self::Other(text) => f.write_str(text),
        }
    }
}

/// The length of a contiguous mask.
fn prefix(mask: IpAddr) -> Option<u32> {
    let (bits, width) = match mask {
        IpAddr::V4(mask) => (u128::from(u32::from(mask)) << 96, 32),
        IpAddr::V6(mask) => (u128::from(mask), 128),
    };
    let ones = bits.leading_ones();
    (bits.count_ones() == ones).then_some(ones.min(width))
}

/// Why a CA's constraints do not allow a name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    Excluded(Subtree),
    NotPermitted(Vec<Subtree>),
    /// The name or the constraint has a form that clients refuse to evaluate.
    NotUnderstood,
}

impl Constraints {
    pub(crate) fn from_extension(extension: &extensions::NameConstraints<'_>) -> Self {
        let read = |trees: &Option<Vec<extensions::GeneralSubtree<'_>>>| {
            trees
                .iter()
                .flatten()
                .map(|tree| Subtree::from_general_name(&tree.base))
                .collect()
        };
        Self {
            permitted: read(&extension.permitted_subtrees),
            excluded: read(&extension.excluded_subtrees),
        }
    }

    /// What to put into a CA that signs for `hosts` only: those DNS names and addresses, and no other of either kind.
    pub(crate) fn to_rcgen(hosts: &[RegistryHost]) -> NameConstraints {
        let mut permitted = Vec::new();
        for host in hosts {
            let tree = match host {
                RegistryHost::Ip(address) => GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(
                    *address,
                    if address.is_ipv4() { 32 } else { 128 },
                )),
                // A subtree covers the name and all below it, so a wildcard is constrained to what it hangs from.
                RegistryHost::Dns(name) => {
                    GeneralSubtree::DnsName(name.as_str().strip_prefix("*.").unwrap_or(name.as_str()).to_owned())
                }
            };
            if !permitted.contains(&tree) {
                permitted.push(tree);
            }
        }
        // A kind of name without a permitted subtree would be free. For DNS names the common name is permitted then:
        // OpenSSL and GnuTLS take it for a DNS name where a certificate has no other.
        if !hosts.iter().any(|host| matches!(host, RegistryHost::Dns(_))) {
            permitted.extend(server_common_name(hosts).map(GeneralSubtree::DnsName));
        }
        // GnuTLS takes the two families of addresses for two kinds, the others do not.
        let mut excluded = Vec::new();
        if !hosts
            .iter()
            .any(|host| matches!(host, RegistryHost::Ip(address) if address.is_ipv4()))
        {
            excluded.push(GeneralSubtree::IpAddress(CidrSubnet::V4([0; 4], [0; 4])));
        }
        if !hosts
            .iter()
            .any(|host| matches!(host, RegistryHost::Ip(address) if address.is_ipv6()))
        {
            excluded.push(GeneralSubtree::IpAddress(CidrSubnet::V6([0; 16], [0; 16])));
        }
        NameConstraints {
            permitted_subtrees: permitted,
            excluded_subtrees: excluded,
        }
    }

    /// What the CA may sign for, on one line.
    pub(crate) fn permitted_text(&self) -> String {
        let mut texts: Vec<String> = Vec::new();
        for text in self.permitted.iter().map(ToString::to_string) {
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        if texts.is_empty() {
            "nothing in particular".to_owned()
        } else {
            texts.join(", ")
        }
    }

    /// Whether a CA with these constraints may sign for `host`.
    pub(crate) fn permits(&self, host: &RegistryHost) -> bool {
        let name = match host {
            RegistryHost::Ip(address) => AltName::Ip(*address),
            RegistryHost::Dns(name) => AltName::Dns(name.as_str().to_owned()),
        };
        self.check(&name).is_ok()
    }

    /// Whether `text` would be allowed as a DNS name.
    pub(crate) fn permits_dns(&self, text: &str) -> bool {
        self.check(&AltName::Dns(text.to_owned())).is_ok()
    }

    /// Every name of `certificate` that these constraints do not allow.
    pub(crate) fn violations(&self, certificate: &CertificateInfo) -> Vec<(AltName, Refusal)> {
        let mut found: Vec<_> = certificate
            .names
            .iter()
            .filter_map(|name| self.check(name).err().map(|refusal| (name.clone(), refusal)))
            .collect();
        if let Err(refusal) = self.check_subject(&certificate.subject_der) {
            found.push((AltName::Directory(certificate.subject.clone()), refusal));
        }
        found
    }

    fn check(&self, name: &AltName) -> Result<(), Refusal> {
        if let Some(tree) = self.excluded.iter().find(|tree| tree.contains(name)) {
            return Err(Refusal::Excluded(tree.clone()));
        }
        let same_kind: Vec<_> = self.permitted.iter().filter(|tree| tree.is_of_kind(name)).collect();
        if same_kind.is_empty() || same_kind.iter().any(|tree| tree.contains(name)) {
            // A form that nobody can compare is refused as soon as there is a constraint of it.
            return match name {
                AltName::BadIp(_) => Err(Refusal::NotUnderstood),
                _ => Ok(()),
            };
        }
        Err(Refusal::NotPermitted(same_kind.into_iter().cloned().collect()))
    }

    fn check_subject(&self, subject: &[u8]) -> Result<(), Refusal> {
        let begins =
            |tree: &Subtree| matches!(tree, Subtree::Directory { der, .. } if rdns(subject).starts_with(rdns(der)));
        if let Some(tree) = self.excluded.iter().find(|tree| begins(tree)) {
            return Err(Refusal::Excluded(tree.clone()));
        }
        let directories: Vec<_> = self
            .permitted
            .iter()
            .filter(|tree| matches!(tree, Subtree::Directory { .. }))
            .collect();
        // An empty subject is not constrained (RFC 5280: "non-empty subject field").
        if directories.is_empty() || rdns(subject).is_empty() || directories.iter().any(|tree| begins(tree)) {
            return Ok(());
        }
        Err(Refusal::NotPermitted(directories.into_iter().cloned().collect()))
    }
}

/// The contents of a DER sequence: a name without its outermost header.
fn rdns(name: &[u8]) -> &[u8] {
    match name.get(1) {
        Some(length) if *length < 0x80 => name.get(2..).unwrap_or_default(),
        Some(length) => name.get(2 + usize::from(length & 0x7f)..).unwrap_or_default(),
        None => &[],
    }
}

impl Subtree {
    fn from_general_name(name: &GeneralName<'_>) -> Self {
        match name {
            GeneralName::DNSName(text) => Self::Dns((*text).to_owned()),
            GeneralName::RFC822Name(text) => Self::Email((*text).to_owned()),
            GeneralName::URI(text) => Self::Uri((*text).to_owned()),
            GeneralName::DirectoryName(name) => Self::Directory {
                text: name.to_string(),
                der: name.as_raw().to_vec(),
            },
            GeneralName::IPAddress(octets) => {
                let (address, mask) = octets.split_at(octets.len() / 2);
                match (ip(address), ip(mask)) {
                    (Some(address), Some(mask)) => Self::Ip { address, mask },
                    _ => Self::Other(format!("malformed address {}", hex(octets))),
                }
            }
            other => Self::Other(other.to_string()),
        }
    }

    fn is_of_kind(&self, name: &AltName) -> bool {
        matches!(
            (self, name),
            (Self::Dns(_), AltName::Dns(_))
                | (Self::Ip { .. }, AltName::Ip(_) | AltName::BadIp(_))
                | (Self::Email(_), AltName::Email(_))
                | (Self::Uri(_), AltName::Uri(_))
        )
    }

    fn contains(&self, name: &AltName) -> bool {
        match (self, name) {
            (Self::Dns(tree), AltName::Dns(name)) => dns_contains(tree, name),
            (Self::Ip { address, mask }, AltName::Ip(name)) => match (address, mask, name) {
                (IpAddr::V4(address), IpAddr::V4(mask), IpAddr::V4(name)) => {
                    u32::from(*address) & u32::from(*mask) == u32::from(*name) & u32::from(*mask)
                }
                (IpAddr::V6(address), IpAddr::V6(mask), IpAddr::V6(name)) => {
                    u128::from(*address) & u128::from(*mask) == u128::from(*name) & u128::from(*mask)
                }
                _ => false,
            },
            (Self::Email(tree), AltName::Email(name)) => {
                name.eq_ignore_ascii_case(tree)
                    || name
                        .rsplit_once('@')
                        .is_some_and(|(_, host)| host.eq_ignore_ascii_case(tree))
            }
            _ => false,
        }
    }
}

/// An address from its 4 or 16 octets.
pub(crate) fn ip(octets: &[u8]) -> Option<IpAddr> {
    let v4 = <[u8; 4]>::try_from(octets).map(IpAddr::from);
    v4.or_else(|_| <[u8; 16]>::try_from(octets).map(IpAddr::from)).ok()
}

/// RFC 5280: adding labels to the left stays within. A leading dot (not in the RFC, but common) leaves the name itself out.
fn dns_contains(tree: &str, name: &str) -> bool {
    let (tree, name) = (tree.to_ascii_lowercase(), name.to_ascii_lowercase());
    // The wildcard itself is judged by what it hangs from.
    let name = name.strip_prefix("*.").unwrap_or(&name).to_owned();
    if tree.is_empty() || name == tree {
        return true;
    }
    let suffix = if tree.starts_with('.') {
        tree
    } else {
        format!(".{tree}")
    };
    name.ends_with(&suffix)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subnet(text: &str, mask: &str) -> Subtree {
        Subtree::Ip {
            address: text.parse().unwrap(),
            mask: mask.parse().unwrap(),
        }
    }

    #[test]
    fn a_subtree_covers_the_name_and_what_is_below_it() {
        for (tree, name, inside) in [
            ("registry.lab", "registry.lab", true),
            ("registry.lab", "a.b.registry.LAB", true),
            ("registry.lab", "notregistry.lab", false),
            ("registry.lab", "lab", false),
            ("", "anything", true),
            (".lab", "registry.lab", true),
            (".lab", "lab", false),
            ("lab", "*.lab", true),
        ] {
            assert_eq!(dns_contains(tree, name), inside, "{name} within {tree}");
        }
    }

    #[test]
    fn a_kind_without_a_permitted_subtree_is_free_and_another_family_is_not() {
        let constraints = Constraints {
            permitted: vec![subnet("192.168.6.1", "255.255.255.255")],
            excluded: vec![],
        };
        assert!(constraints.permits(&"192.168.6.1".parse().unwrap()));
        assert!(!constraints.permits(&"192.168.6.2".parse().unwrap()));
        assert!(!constraints.permits(&"fd00::1".parse().unwrap()));
        assert!(constraints.permits(&"registry.lab".parse().unwrap()));
    }

    #[test]
    fn subtrees_are_shown_as_people_write_them() {
        for (tree, text) in [
            (subnet("10.0.0.0", "255.0.0.0"), "10.0.0.0/8"),
            (subnet("10.0.0.1", "255.255.255.255"), "10.0.0.1"),
            (subnet("0.0.0.0", "0.0.0.0"), "every IPv4 address"),
            (subnet("::", "::"), "every IPv6 address"),
            (subnet("10.0.0.0", "255.0.255.0"), "10.0.0.0 mask 255.0.255.0"),
            (Subtree::Dns(String::new()), "every DNS name"),
        ] {
            assert_eq!(tree.to_string(), text);
        }
    }
}
