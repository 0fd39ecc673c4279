//! pkilint on what this crate issues: RFC 5280 in full, and the CA/Browser Forum's rules less what a private CA is free of.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::corpus::issue;
use super::support::{cache, have, run, said};
use registry_pki::KeyAlgorithm;

/// Findings that stand, each with its reason: everything else is a failure, and so is one of these that is not found.
const ALLOWED: [(&str, &str); 15] = [
    (
        "pkix.invalid_domain_name_syntax",
        "pkilint wants two labels; see `harmless_name`",
    ),
    (
        "cabf.internal_domain_name",
        "private names are what a private registry is reached by",
    ),
    ("cabf.internal_ip_address", "and so are private addresses"),
    (
        "cabf.serverauth.subscriber.revocation_information_absent",
        "certificates are replaced, there is nobody to ask",
    ),
    (
        "msft.end_entity.revocation_information_absent",
        "the same, as Microsoft's rules have it",
    ),
    (
        "cabf.serverauth.subscriber.authority_info_access_extension_absent",
        "the same",
    ),
    (
        "cabf.serverauth.subscriber.certificate_policies_extension_absent",
        "there is no policy to name",
    ),
    (
        "cabf.serverauth.subscriber.subject_key_identifier_extension_present",
        "RFC 5280 wants it",
    ),
    (
        "cabf.serverauth.certificate_validity_period_exceeds_200_days",
        "browsers shorten public certificates only",
    ),
    (
        "cabf.serverauth.dv.common_name_attribute_present",
        "the common name shows the host to people",
    ),
    (
        "cabf.serverauth.ca.country_attribute_absent",
        "a lab's CA has no country",
    ),
    (
        "cabf.serverauth.ca.organization_name_attribute_absent",
        "and no company",
    ),
    (
        "cabf.serverauth.root.unknown_extension_present",
        "name constraints: the root is the signing CA",
    ),
    (
        "cabf.serverauth.root_basic_constraints_pathlenconstraint_present",
        "and signs no other CA",
    ),
    ("cabf.ca_certificate_no_digital_signature_bit", "and no OCSP answers"),
];

/// `localhost` has one label, and a CA for addresses only permits the common name as well (see `constraints.rs`).
fn harmless_name(message: &str) -> bool {
    ["localhost", "192.168.6.1", "registry"]
        .iter()
        .any(|name| message.ends_with(&format!("\"{name}\"")))
}

fn lint(tool: &str, args: &[&str], files: &[&Path]) -> BTreeSet<String> {
    let files = files.iter().map(|file| file.to_str().unwrap());
    let output = run(cache().join("venv/bin").join(tool), args.iter().copied().chain(files));
    let report: serde_json::Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{tool}: {error}: {}", said(&output)));
    let results = report["results"]
        .as_array()
        .unwrap_or_else(|| panic!("{tool}: {report}"));
    assert!(
        !results.is_empty() || output.status.success(),
        "{tool}: {}",
        said(&output)
    );
    let findings = results
        .iter()
        .flat_map(|result| result["finding_descriptions"].as_array().unwrap());
    let is_harmless = |finding: &serde_json::Value| {
        finding["code"] != "pkix.invalid_domain_name_syntax" || harmless_name(finding["message"].as_str().unwrap())
    };
    findings
        .map(|finding| {
            format!(
                "{}{}",
                finding["code"].as_str().unwrap(),
                if is_harmless(finding) { "" } else { "!" }
            )
        })
        .collect()
}

fn write(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

#[test]
fn pkilint_finds_nothing_that_is_not_allowed() {
    if !have(cache().join("venv/bin/lint_pkix_cert"), "pkilint") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let all = [
        "192.168.6.1",
        "fd00::1",
        "registry.lab",
        "реестр.лаб",
        "127.0.0.1",
        "localhost",
    ];
    let mut unused: BTreeSet<&str> = ALLOWED.iter().map(|(code, _)| *code).collect();
    for (hosts, algorithm) in [
        (&all[..], KeyAlgorithm::EcdsaP256),
        (&all[..1], KeyAlgorithm::EcdsaP384),
        (&all[1..2], KeyAlgorithm::EcdsaP256),
    ] {
        let (ca, leaf) = issue(hosts, algorithm);
        let ca = write(dir.path(), "ca.pem", &ca.certificate_pem());
        let leaf = write(dir.path(), "leaf.pem", &leaf);
        let common = ["lint", "-s", "NOTICE", "-f", "JSON"];
        let with = |extra: &[&'static str]| -> Vec<&'static str> { common.iter().chain(extra).copied().collect() };
        let mut findings = lint("lint_pkix_cert", &common, &[&ca]);
        findings.extend(lint("lint_pkix_cert", &common, &[&leaf]));
        findings.extend(lint("lint_pkix_signer_signee_cert_chain", &common, &[&ca, &leaf]));
        if hosts.len() == all.len() {
            findings.extend(lint("lint_cabf_serverauth_cert", &with(&["-t", "ROOT-CA"]), &[&ca]));
            findings.extend(lint(
                "lint_cabf_serverauth_cert",
                &with(&["-t", "DV-FINAL-CERTIFICATE"]),
                &[&leaf],
            ));
        }
        let (allowed, wrong): (Vec<_>, Vec<_>) = findings
            .into_iter()
            .partition(|finding| ALLOWED.iter().any(|(code, _)| finding == code));
        assert!(wrong.is_empty(), "{hosts:?}, {algorithm}: {wrong:#?}");
        unused.retain(|code| !allowed.iter().any(|finding| finding == code));
    }
    assert!(unused.is_empty(), "allowed and never found: {unused:?}");
}
