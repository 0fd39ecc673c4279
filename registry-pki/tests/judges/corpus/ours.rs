//! What this crate issues is accepted for every name and refused for neighbours, in every algorithm.

use rcgen::SanType;
use registry_pki::{Authority, AuthorityParams, KeyAlgorithm, RegistryHost, ServerParams};

use super::made::{dns, stolen};
use super::{Case, HOST, now};
use crate::panel::Judge;

/// A CA and a certificate as this crate makes them.
pub(crate) fn issue(names: &[&str], algorithm: KeyAlgorithm) -> (Authority, String) {
    let hosts: Vec<_> = names
        .iter()
        .map(|name| RegistryHost::parse_allowing_wildcard(name).unwrap())
        .collect();
    let ca = AuthorityParams {
        algorithm,
        now: Some(now()),
        ..AuthorityParams::new(hosts.clone())
    };
    let ca = Authority::create(&ca).unwrap();
    let leaf = ServerParams {
        algorithm,
        now: Some(now()),
        allow_wildcards: true,
        ..ServerParams::new(hosts)
    };
    let leaf = ca.issue(&leaf).unwrap().certificate_pem();
    (ca, leaf)
}

const NAMES: [&str; 6] = [
    "192.168.6.1",
    "fd00::1",
    "registry.lab",
    "реестр.лаб",
    "127.0.0.1",
    "localhost",
];
const NEIGHBOURS: [&str; 5] = ["192.168.6.2", "fd00::2", "other.lab", "a.registry.lab", "10.0.0.1"];

pub(super) fn cases() -> Vec<Case> {
    let mut algorithms = vec![KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384, KeyAlgorithm::Ed25519];
    if cfg!(feature = "rsa") {
        algorithms.push(KeyAlgorithm::Rsa2048);
    }
    let mut all: Vec<_> = algorithms.into_iter().flat_map(in_algorithm).collect();
    all.extend(bundles());
    all.extend(constrained_away());
    for host in ["192.168.6.1", "fd00::1", "registry.lab"] {
        all.push(alone(&format!("ours, {host} only"), host, host));
    }
    let long = format!("{}.{}.registry.lab", "a".repeat(63), "b".repeat(63));
    all.push(alone("ours, a name too long for a common name", &long, &long));
    all.push(alone("ours, wildcard", "*.registry.lab", "a.registry.lab"));
    all
}

fn in_algorithm(algorithm: KeyAlgorithm) -> Vec<Case> {
    let (ca, leaf) = issue(&NAMES, algorithm);
    let trust = ca.certificate_pem();
    // pyca keeps to the web's algorithms, and NSS 3.87 knows no Ed25519 at all.
    let (good, bad): (&[Judge], &[Judge]) = match algorithm {
        KeyAlgorithm::Ed25519 => (&[Judge::Nss, Judge::Pyca], &[Judge::Nss]),
        _ => (&[], &[]),
    };
    let title = |name: &str| format!("ours, {algorithm}, reached by {name}");
    let accepted = NAMES
        .iter()
        .map(|name| Case::good(title(name), &leaf, &trust, name).except(good, "no Ed25519"));
    let refused = NEIGHBOURS
        .iter()
        .map(|name| Case::bad(title(name), &leaf, &trust, name, &["name_not_covered"]).except(bad, "no Ed25519"));
    accepted.chain(refused).map(Case::strict).collect()
}

fn alone(title: &str, name: &str, reached: &str) -> Case {
    let (ca, leaf) = issue(&[name], KeyAlgorithm::EcdsaP256);
    Case::good(title, &leaf, &ca.certificate_pem(), reached).strict()
}

/// Whoever steals the CA's key can sign for its hosts, and for nobody else.
fn constrained_away() -> Vec<Case> {
    let (ca, _) = issue(&NAMES, KeyAlgorithm::EcdsaP256);
    let trust = ca.certificate_pem();
    let signed = |name: &str| {
        let san = name.parse().map_or_else(|_| dns(name), SanType::IpAddress);
        stolen(&ca, |params| params.subject_alt_names = vec![san])
    };
    let mut cases: Vec<_> = ["192.168.6.2", "10.0.0.1", "fd00::2", "other.lab", "example.org"]
        .into_iter()
        .map(|name| {
            let title = format!("ours, signed for {name}, which its CA may not");
            Case::bad(title, &signed(name), &trust, name, &["name_constraint"]).strict()
        })
        .collect();
    // The same way with a host of its own: the CA's constraints are what refuses the others.
    let allowed = signed("registry.lab");
    cases.push(Case::good(
        "ours, signed for a host of the CA's",
        &allowed,
        &trust,
        "registry.lab",
    ));
    cases
}

fn bundles() -> Vec<Case> {
    let (ca, leaf) = issue(&[HOST], KeyAlgorithm::EcdsaP256);
    let (other, _) = issue(&[HOST], KeyAlgorithm::EcdsaP256);
    let (ca, other) = (ca.certificate_pem(), other.certificate_pem());
    vec![
        Case::good("ours, new CA first in a bundle", &leaf, &format!("{ca}{other}"), HOST).strict(),
        Case::good("ours, old CA first in a bundle", &leaf, &format!("{other}{ca}"), HOST).strict(),
        Case::bad("ours, another CA trusted", &leaf, &other, HOST, &["unknown_issuer"]).strict(),
    ]
}
