//! The store: what it makes, reuses, renews and rotates, and that it never shows half of it.

mod directory;
#[cfg(feature = "encrypted-key")]
mod passphrase;
mod succession;

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use registry_pki::{Candidate, PkiRequest, verify};

const DAY: Duration = Duration::from_secs(86_400);

fn request(hosts: &[&str]) -> PkiRequest {
    PkiRequest::new(hosts.iter().map(|host| host.parse().unwrap()))
}

fn at(days: u32) -> SystemTime {
    SystemTime::UNIX_EPOCH + DAY * (20_000 + days)
}

fn read(dir: &Path, name: &str) -> String {
    fs::read_to_string(dir.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// What a client says that trusts `trust` and meets the visible pair.
fn verdict(dir: &Path, trust: &str, host: &str, when: SystemTime) -> verify::Verdict {
    verify::verify(&Candidate {
        chain_pem: &read(dir, "registry.crt"),
        key_pem: Some(&read(dir, "registry.key")),
        trust_pem: trust,
        address: host.parse().unwrap(),
        at: when,
    })
}

#[track_caller]
fn assert_accepted(dir: &Path, trust: &str, host: &str, when: SystemTime) {
    let verdict = verdict(dir, trust, host, when);
    assert!(verdict.accepted, "{verdict}");
}
