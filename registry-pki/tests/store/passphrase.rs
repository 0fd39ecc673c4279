//! A CA key that is kept encrypted.

use registry_pki::store::{Action, Rotation};
use registry_pki::{PkiStore, StoreError};
use secrecy::SecretString;

use crate::{DAY, at, read, request};

#[test]
fn an_encrypted_ca_key_is_needed_for_issuing_only() {
    let dir = tempfile::tempdir().unwrap();
    let passphrase = SecretString::from("correct horse");
    let store = PkiStore::open(dir.path()).unwrap().with_ca_passphrase(passphrase);
    let mut request = request(&["192.168.6.1"]);
    request.leaf_lifetime = DAY * 90;
    request.now = Some(at(0));
    store.ensure(&request).unwrap();
    assert!(read(dir.path(), "ca.key").starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"));

    let without = PkiStore::open(dir.path()).unwrap();
    assert!(without.show().unwrap().unwrap().ca_key_encrypted);
    assert_eq!(without.ensure(&request).unwrap().action, Action::Reused);
    // Due, but not over: what works is kept, and said.
    request.now = Some(at(70));
    let kept = without.ensure(&request).unwrap();
    assert_eq!(kept.action, Action::Reused);
    assert!(kept.notes[0].contains("passphrase"), "{:?}", kept.notes);
    // Over: an error.
    request.now = Some(at(91));
    assert!(matches!(without.ensure(&request), Err(StoreError::CaKey { .. })));
    let wrong = PkiStore::open(dir.path())
        .unwrap()
        .with_ca_passphrase(SecretString::from("wrong"));
    assert!(matches!(wrong.ensure(&request), Err(StoreError::CaKey { .. })));
    assert!(matches!(store.ensure(&request).unwrap().action, Action::Renewed { .. }));
}

#[test]
fn a_mistyped_passphrase_never_becomes_that_of_a_new_ca_that_nobody_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let with = |passphrase: &str| {
        let store = PkiStore::open(dir.path()).unwrap();
        store.with_ca_passphrase(SecretString::from(passphrase))
    };
    with("correct horse").ensure(&request(&["192.168.6.1"])).unwrap();
    // The CA may not sign for this one, so there has to be another CA.
    let other = request(&["registry.lab"]);
    let before = read(dir.path(), "ca.key");
    for refused in [
        with("corect horse").ensure(&other),
        with("corect horse").renew(&other),
        PkiStore::open(dir.path()).unwrap().renew(&other),
    ] {
        assert!(matches!(refused, Err(StoreError::CaKey { .. })), "{refused:?}");
    }
    assert_eq!(read(dir.path(), "ca.key"), before);
    assert!(with("correct horse").renew(&other).is_ok());
    // Whoever lost it has a way out.
    assert!(with("another").rotate(&other, Rotation::AtOnce).is_ok());
    assert!(with("another").renew(&other).is_ok());
}

#[test]
fn a_passphrase_is_added_changed_and_removed_without_a_new_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let plain = PkiStore::open(dir.path()).unwrap();
    assert!(matches!(
        plain.change_ca_passphrase(None),
        Err(StoreError::Empty { .. })
    ));
    let request = request(&["192.168.6.1"]);
    plain.ensure(&request).unwrap();
    let announced = plain.rotate(&request, Rotation::Announce).unwrap();
    assert!(matches!(plain.change_ca_passphrase(None), Err(StoreError::Request(_))));
    let (first, second) = (SecretString::from("first"), SecretString::from("second"));
    let with = |passphrase: &SecretString| plain.clone().with_ca_passphrase(passphrase.clone());
    let is_encrypted = |name: &str| read(dir.path(), name).starts_with("-----BEGIN ENCRYPTED");

    let encrypted = plain.change_ca_passphrase(Some(&first)).unwrap();
    assert_eq!(encrypted.action, Action::KeyEncrypted);
    assert_eq!(
        (&encrypted.leaf.serial, &encrypted.bundle_pem),
        (&announced.leaf.serial, &announced.bundle_pem)
    );
    let newest = format!("generations/{:04}", encrypted.generation);
    assert!(is_encrypted("ca.key") && is_encrypted(&format!("{newest}/next-ca.key")));
    // No copy of the plain key is left anywhere.
    for older in 1..encrypted.generation {
        for name in ["ca.key", "next-ca.key", "registry.key"] {
            assert!(
                !dir.path().join(format!("generations/{older:04}/{name}")).exists(),
                "{older} {name}"
            );
        }
    }

    assert!(matches!(
        plain.change_ca_passphrase(Some(&second)),
        Err(StoreError::CaKey { .. })
    ));
    assert!(matches!(
        with(&second).change_ca_passphrase(None),
        Err(StoreError::CaKey { .. })
    ));
    assert!(
        with(&first)
            .change_ca_passphrase(Some(&SecretString::from("")))
            .is_err()
    );
    with(&first).change_ca_passphrase(Some(&second)).unwrap();
    assert!(with(&first).renew(&request).is_err());
    with(&second).renew(&request).unwrap();
    // The announced CA takes over with the same passphrase.
    let switched = with(&second).rotate(&request, Rotation::AtOnce).unwrap();
    assert!(switched.ca_changed && is_encrypted("ca.key"));

    let decrypted = with(&second).change_ca_passphrase(None).unwrap();
    assert_eq!(decrypted.action, Action::KeyDecrypted);
    assert!(!is_encrypted("ca.key"));
    plain.renew(&request).unwrap();
}

#[test]
fn an_encrypted_ca_key_is_never_followed_by_a_plain_one() {
    let dir = tempfile::tempdir().unwrap();
    let plain = PkiStore::open(dir.path()).unwrap();
    let one = request(&["192.168.6.1"]);
    plain
        .clone()
        .with_ca_passphrase(SecretString::from("first"))
        .ensure(&one)
        .unwrap();
    let before = read(dir.path(), "ca.key");
    for rotation in [Rotation::AtOnce, Rotation::Announce] {
        assert!(
            matches!(plain.rotate(&one, rotation), Err(StoreError::CaKey { .. })),
            "{rotation:?}"
        );
    }
    // Another host needs another CA, whose key would be a plain one.
    assert!(matches!(
        plain.ensure(&request(&["10.0.0.1"])),
        Err(StoreError::CaKey { .. })
    ));
    assert_eq!(read(dir.path(), "ca.key"), before);
    // A lost passphrase: a new CA with a new one.
    let other = plain.clone().with_ca_passphrase(SecretString::from("second"));
    assert!(matches!(
        other.rotate(&one, Rotation::Announce),
        Err(StoreError::CaKey { .. })
    ));
    other.rotate(&one, Rotation::AtOnce).unwrap();
    other.renew(&one).unwrap();
}
