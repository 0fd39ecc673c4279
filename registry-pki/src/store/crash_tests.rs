//! A process that dies at any point of any change leaves a pair that works, and a store that goes on.

use std::fs;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;
use std::time::SystemTime;

use super::disk::crash;
use super::{Ensured, PkiRequest, PkiStore, Rotation, StoreError};
use secrecy::SecretString;

use crate::verify::{Candidate, verify};
use crate::{CertificateInfo, PrivateKey};

fn request() -> PkiRequest {
    PkiRequest::new(["192.168.6.1".parse().unwrap()])
}

fn passphrase() -> SecretString {
    SecretString::from("correct horse")
}

fn read(dir: &Path, name: &str) -> String {
    fs::read_to_string(dir.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Looks at the visible files as a server and its clients do, not through the store.
fn check_visible(dir: &Path, after: &str) {
    let (cert, key, bundle) = (
        read(dir, "registry.crt"),
        read(dir, "registry.key"),
        read(dir, "bundle.crt"),
    );
    let verdict = verify(&Candidate {
        chain_pem: &cert,
        key_pem: Some(&key),
        trust_pem: &bundle,
        address: "192.168.6.1".parse().unwrap(),
        at: SystemTime::now(),
    });
    assert!(verdict.accepted, "{after}: {verdict}");
    let ca = CertificateInfo::from_pem(&read(dir, "ca.crt")).unwrap();
    let ca_key = PrivateKey::from_pem_with_passphrase(&read(dir, "ca.key"), Some(&passphrase())).unwrap();
    assert_eq!(
        ca.public_key_der,
        ca_key.public_key_der(),
        "{after}: the CA's key and certificate do not match"
    );
}

/// Runs `change` on a fresh store again and again, dying one point later each time, until it gets through.
fn die_everywhere(name: &str, prepare: fn(&PkiStore), change: fn(&PkiStore) -> Result<Ensured, StoreError>) {
    let mut point = 0;
    loop {
        let dir = tempfile::tempdir().unwrap();
        let store = PkiStore::open(dir.path().join("pki")).unwrap();
        prepare(&store);
        crash::at(Some(point));
        let outcome = catch_unwind(AssertUnwindSafe(|| change(&store)));
        crash::at(None);
        let after = format!("{name}, killed at point {point}");
        match outcome {
            Ok(result) => {
                result.unwrap_or_else(|error| panic!("{after}: {error}"));
                check_visible(store.dir(), &after);
                assert!(point > 10, "{name} has {point} points only: is anything instrumented?");
                return;
            }
            Err(payload) => assert!(payload.is::<crash::Killed>(), "{after}: a panic of its own"),
        }
        // Without symbolic links the files change one by one (`publish.rs`): then only what follows must hold.
        if cfg!(unix) && (store.dir().join("registry.crt").exists() || name != "create") {
            check_visible(store.dir(), &after);
        }
        // The next process finds a store that works, and leaves nothing of the dead one behind.
        let ensured = store
            .ensure(&request())
            .unwrap_or_else(|error| panic!("{after}: {error}"));
        check_visible(store.dir(), &format!("{after}, then ensured"));
        assert_eq!(read(store.dir(), "registry.crt"), ensured.leaf.to_pem(), "{after}");
        let mut left: Vec<_> = fs::read_dir(store.dir())
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        let expected = [
            ".lock",
            "bundle.crt",
            "ca.crt",
            "ca.key",
            "generations",
            "registry.crt",
            "registry.key",
        ];
        assert_eq!(left, expected, "{after}");
        for file in &expected[1..4] {
            assert!(
                fs::symlink_metadata(store.dir().join(file)).unwrap().is_file(),
                "{after}: {file}"
            );
        }
        point += 1;
    }
}

fn made(store: &PkiStore) {
    store.ensure(&request()).unwrap();
}

#[test]
fn dying_while_the_first_certificate_is_made() {
    die_everywhere("create", |_| {}, |store| store.ensure(&request()));
}

#[test]
fn dying_while_renewing_with_a_new_key() {
    die_everywhere("renew", made, |store| store.renew(&request()));
}

#[test]
fn dying_while_the_ca_is_replaced() {
    die_everywhere("rotate", made, |store| store.rotate(&request(), Rotation::AtOnce));
}

#[test]
fn dying_while_a_ca_is_announced() {
    die_everywhere("announce", made, |store| store.rotate(&request(), Rotation::Announce));
}

#[cfg(feature = "encrypted-key")]
#[test]
fn dying_while_the_ca_s_key_is_encrypted() {
    // Removing the passphrase goes the same way; each look at an encrypted key takes scrypt's time.
    die_everywhere("encrypt", made, |store| store.change_ca_passphrase(Some(&passphrase())));
}

#[test]
fn dying_while_damage_is_mended() {
    let damaged = |store: &PkiStore| {
        made(store);
        store.renew(&request()).unwrap();
        // Superseded files come back, as from a backup of a single file.
        fs::copy(
            store.dir().join("generations/0001/ca.crt"),
            store.dir().join("bundle.crt"),
        )
        .unwrap();
        fs::copy(
            store.dir().join("generations/0002/registry.key"),
            store.dir().join("registry.key"),
        )
        .unwrap();
    };
    die_everywhere("mend", damaged, |store| store.renew(&request()));
}
