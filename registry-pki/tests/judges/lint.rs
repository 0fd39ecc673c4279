//! pkilint on what this crate issues.

use super::corpus::ours;
use super::support::{cache, have, run, said};
use registry_pki::KeyAlgorithm;

/// What CA/Browser Forum rules ask of public CAs and a private registry cannot or should not have.
const NOT_FOR_PRIVATE: [&str; 0] = [];

#[test]
fn pkilint_finds_nothing_wrong() {
    let _ = NOT_FOR_PRIVATE;
    let lint = cache().join("venv/bin/lint_pkix_cert");
    if !have(&lint, "pkilint") {
        return;
    }
    let (ca, leaf) = ours(&["192.168.6.1", "fd00::1", "registry.lab"], KeyAlgorithm::EcdsaP256);
    let dir = tempfile::tempdir().unwrap();
    for (name, text) in [("ca.pem", ca.certificate_pem()), ("leaf.pem", leaf)] {
        let path = dir.path().join(name);
        std::fs::write(&path, text).unwrap();
        let output = run(&lint, ["lint", "-s", "NOTICE", path.to_str().unwrap()]);
        println!("{name}: {} {}", output.status, said(&output));
    }
}
