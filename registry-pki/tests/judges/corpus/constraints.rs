//! CAs that may sign for some names only.

use rcgen::{CertificateParams, CidrSubnet, GeneralSubtree, NameConstraints, SanType};

use super::made::{dns, leaf, root};
use super::{Case, Expect};
use crate::panel::Judge;

fn constrained(trees: Vec<GeneralSubtree>, excluded: Vec<GeneralSubtree>) -> impl FnOnce(&mut CertificateParams) {
    move |params| {
        params.name_constraints = Some(NameConstraints {
            permitted_subtrees: trees,
            excluded_subtrees: excluded,
        });
    }
}

/// `192.168.6.0/24`, `lab`, and `-` for every DNS name.
fn trees(text: &str) -> Vec<GeneralSubtree> {
    let tree = |word: &str| match word.split_once('/') {
        Some((address, bits)) => {
            let (address, bits) = (address.parse().unwrap(), bits.parse().unwrap());
            GeneralSubtree::IpAddress(CidrSubnet::from_addr_prefix(address, bits))
        }
        None => GeneralSubtree::DnsName(word.trim_matches('-').to_owned()),
    };
    text.split_whitespace().map(tree).collect()
}

pub(super) fn cases() -> Vec<Case> {
    const NO: Expect = Expect::Refuse(&["name_constraint"]);
    const YES: Expect = Expect::Accept;
    // Title, permitted, excluded, names of the certificate (the first is reached), what we say.
    let table = [
        ("an address inside", "192.168.6.0/24", "", "192.168.6.1", YES),
        ("an address outside", "192.168.7.0/24", "", "192.168.6.1", NO),
        (
            "an IPv6 address where IPv4 is permitted",
            "192.168.6.0/24",
            "",
            "fd00::1",
            NO,
        ),
        ("an IPv6 address inside", "fd00::/16", "", "fd00::1", YES),
        ("a name inside", "lab", "", "registry.lab", YES),
        ("a name that only ends alike", "lab", "", "mylab", NO),
        ("another name outside", "lab", "", "registry.lab example.org", NO),
        (
            "a name where addresses are permitted",
            "192.168.6.0/24",
            "",
            "registry.lab",
            YES,
        ),
        ("an excluded name", "", "lab", "registry.lab", NO),
        (
            "every name excluded",
            "192.168.6.0/24",
            "-",
            "192.168.6.1 registry.lab",
            NO,
        ),
        (
            "excluded within permitted",
            "192.168.0.0/16",
            "192.168.6.0/24",
            "192.168.6.1",
            NO,
        ),
        ("another family excluded", "192.168.6.0/24", "::/0", "192.168.6.1", YES),
        (
            "the common name outside, and no DNS name",
            "192.168.6.0/24",
            "-",
            "192.168.6.1",
            YES,
        ),
    ];
    let differs: &[(&str, Judge, &str)] = &[
        (
            "an IPv6 address where IPv4 is permitted",
            Judge::GnuTls,
            "GnuTLS takes the families for two kinds",
        ),
        (
            "the common name outside, and no DNS name",
            Judge::OpenSsl,
            "a remark says so",
        ),
        (
            "the common name outside, and no DNS name",
            Judge::GnuTls,
            "a remark says so",
        ),
    ];
    let made = table.into_iter().map(|(title, permitted, excluded, names, expect)| {
        let ca = root("constrained root", constrained(trees(permitted), trees(excluded)));
        let names: Vec<_> = names.split(' ').collect();
        let san = |name: &&str| name.parse().map_or_else(|_| dns(name), SanType::IpAddress);
        let leaf = leaf(&ca, |params| params.subject_alt_names = names.iter().map(san).collect());
        let excuses = differs.iter().filter(|(case, ..)| *case == title);
        excuses.fold(
            Case::new(title, &leaf.pem, &ca.pem, names[0], expect),
            |case, (_, who, why)| case.except(&[*who], why),
        )
    });
    made.collect()
}
