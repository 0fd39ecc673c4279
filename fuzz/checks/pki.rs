//! registry-pki: `registries.yaml`, and certificates of anybody's.

use std::time::{Duration, SystemTime};

use registry_pki::registries::CheckOptions;
use registry_pki::verify::verify;
use registry_pki::{Candidate, Registries, RegistryHost};
use secrecy::ExposeSecret as _;

/// A file that can be read can be checked, and means the same when it is written and read again.
pub(crate) fn registries(bytes: &[u8]) {
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let file = match Registries::from_yaml(text) {
        Ok(file) => file,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let findings = file.check(CheckOptions::default());
    let yaml = file.to_secret_yaml().expect("a file that was read can be written");
    let again = Registries::from_yaml(yaml.expose_secret()).expect("what was written can be read");
    assert_eq!(
        again.to_secret_yaml().expect("as before").expose_secret(),
        yaml.expose_secret()
    );
    assert_eq!(again.check(CheckOptions::default()).len(), findings.len());
}

/// Chain, trusted certificates and key, divided by NUL bytes: a verdict, never a panic, and no acceptance without a path.
pub(crate) fn certificates(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut parts = text.split('\0');
    let chain = parts.next().unwrap_or_default();
    let trust = parts.next().unwrap_or(chain);
    let verdict = verify(&Candidate {
        chain_pem: chain,
        key_pem: parts.next(),
        trust_pem: trust,
        address: "192.168.6.1".parse::<RegistryHost>().expect("an address"),
        // In the time of the corpus's certificates.
        at: SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000),
    });
    assert_eq!(verdict.accepted, verdict.reasons.is_empty());
    assert!(!verdict.accepted || (verdict.leaf.is_some() && !verdict.path.is_empty()));
    for reason in &verdict.reasons {
        assert!(!reason.to_string().is_empty());
    }
    let _ = verdict.to_string();
}
