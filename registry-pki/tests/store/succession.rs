//! What follows what: renewal, reissue, rotation.

use std::time::SystemTime;

use registry_pki::store::{Action, Rotation, Why};
use registry_pki::{CertificateInfo, KeyAlgorithm, PkiStore, StoreError};

use crate::{DAY, assert_accepted, at, request, verdict};

#[track_caller]
fn assert_renewed_for_its_age(action: &Action) {
    let for_its_age = matches!(
        action,
        Action::Renewed {
            why: Why::Ending { .. }
        }
    );
    assert!(for_its_age, "{action}");
}

#[test]
fn a_certificate_is_renewed_when_less_than_a_third_of_its_life_is_left() {
    let dir = tempfile::tempdir().unwrap();
    let store = PkiStore::open(dir.path()).unwrap();
    let mut request = request(&["192.168.6.1"]);
    request.leaf_lifetime = DAY * 90;
    request.now = Some(at(0));
    let first = store.ensure(&request).unwrap();
    request.now = Some(at(59));
    assert_eq!(store.ensure(&request).unwrap().action, Action::Reused);
    request.now = Some(at(60));
    let renewed = store.ensure(&request).unwrap();
    assert_renewed_for_its_age(&renewed.action);
    assert!(!renewed.ca_changed);
    assert_ne!(renewed.leaf.serial, first.leaf.serial);
    assert_ne!(renewed.leaf.public_key_der(), first.leaf.public_key_der());
    assert_accepted(dir.path(), &first.ca_pem, "192.168.6.1", at(60));
}

#[test]
fn another_host_gets_a_new_certificate_and_where_constrained_a_new_ca_with_overlap() {
    let dir = tempfile::tempdir().unwrap();
    let store = PkiStore::open(dir.path()).unwrap();
    let first = store.ensure(&request(&["192.168.6.1"])).unwrap();
    let second = store.ensure(&request(&["192.168.6.1", "registry.lab"])).unwrap();
    assert!(matches!(&second.action, Action::Reissued { why: Why::CaConstrained { hosts } } if hosts.len() == 1));
    assert!(second.ca_changed);
    let now = SystemTime::now();
    assert_accepted(dir.path(), &second.ca_pem, "registry.lab", now);
    assert_accepted(dir.path(), &second.bundle_pem, "registry.lab", now);
    let bundle = CertificateInfo::all_from_pem(&second.bundle_pem).unwrap();
    assert_eq!(bundle.len(), 2);
    assert_eq!(bundle[1].sha256, first.ca.sha256);
    assert_ne!(first.ca.subject, second.ca.subject);

    // Below a name that the CA may sign for, no new CA is needed.
    let third = store
        .ensure(&request(&["192.168.6.1", "registry.lab", "mirror.registry.lab"]))
        .unwrap();
    assert!(
        matches!(
            third.action,
            Action::Reissued {
                why: Why::HostsAdded { .. }
            }
        ),
        "{}",
        third.action
    );
    assert!(!third.ca_changed);
}

#[test]
fn an_unconstrained_ca_signs_for_later_hosts() {
    let dir = tempfile::tempdir().unwrap();
    let store = PkiStore::open(dir.path()).unwrap();
    let mut one = request(&["192.168.6.1"]);
    one.constrained = false;
    store.ensure(&one).unwrap();
    let second = store.ensure(&request(&["10.0.0.1"])).unwrap();
    assert!(matches!(
        second.action,
        Action::Reissued {
            why: Why::HostsAdded { .. }
        }
    ));
    assert!(!second.ca_changed);
    assert_accepted(dir.path(), &second.ca_pem, "10.0.0.1", SystemTime::now());
}

#[test]
fn an_announced_ca_takes_over_without_a_client_noticing() {
    let dir = tempfile::tempdir().unwrap();
    let store = PkiStore::open(dir.path()).unwrap();
    let request = request(&["192.168.6.1"]);
    let now = SystemTime::now();
    let first = store.ensure(&request).unwrap();
    let announced = store.rotate(&request, Rotation::Announce).unwrap();
    assert_eq!(announced.action, Action::Announced);
    assert_eq!(announced.leaf.serial, first.leaf.serial);
    // Old clients and those with the new bundle both accept.
    assert_accepted(dir.path(), &first.bundle_pem, "192.168.6.1", now);
    assert_accepted(dir.path(), &announced.bundle_pem, "192.168.6.1", now);
    // Reusing keeps the announcement.
    assert_eq!(store.ensure(&request).unwrap().bundle_pem, announced.bundle_pem);

    let switched = store.rotate(&request, Rotation::AtOnce).unwrap();
    assert!(switched.ca_changed);
    assert_eq!(
        switched.ca.sha256,
        CertificateInfo::all_from_pem(&announced.bundle_pem).unwrap()[1].sha256
    );
    assert_accepted(dir.path(), &announced.bundle_pem, "192.168.6.1", now);
    assert_accepted(dir.path(), &switched.bundle_pem, "192.168.6.1", now);
    assert!(!verdict(dir.path(), &first.bundle_pem, "192.168.6.1", now).accepted);

    let retired = store.rotate(&request, Rotation::Retire).unwrap();
    assert_eq!(retired.bundle_pem, switched.ca_pem);
    assert!(matches!(
        store.rotate(&request, Rotation::Retire),
        Err(StoreError::NothingToRetire(_))
    ));

    let history = store.history().unwrap();
    assert_eq!(history.len(), 4);
    assert_eq!(history[0].serial, first.leaf.serial);
    assert!(history[2].action.as_deref().unwrap().starts_with("reissued"));
    // Superseded keys are gone, certificates are not.
    assert!(!dir.path().join("generations/0001/ca.key").exists());
    assert!(dir.path().join("generations/0001/ca.crt").exists());
}

#[test]
fn a_ca_near_its_end_announces_its_successor_and_then_gives_way() {
    let dir = tempfile::tempdir().unwrap();
    let store = PkiStore::open(dir.path()).unwrap();
    let mut request = request(&["192.168.6.1"]);
    request.ca_lifetime = DAY * 600;
    request.leaf_lifetime = DAY * 100;
    let mut actions = Vec::new();
    for day in (0..660).step_by(20) {
        request.now = Some(at(day));
        let ensured = store.ensure(&request).unwrap();
        assert_accepted(dir.path(), &ensured.bundle_pem, "192.168.6.1", at(day));
        if ensured.action != Action::Reused {
            actions.push((day, ensured.action));
        }
    }
    let announced = actions
        .iter()
        .find(|(_, action)| *action == Action::Announced)
        .map(|(day, _)| *day);
    let replaced = actions
        .iter()
        .find(|(_, action)| {
            matches!(
                action,
                Action::Reissued {
                    why: Why::CaEnding { .. }
                }
            )
        })
        .map(|(day, _)| *day);
    assert_eq!((announced, replaced), (Some(420), Some(500)), "{actions:?}");
}

#[test]
fn a_renewal_because_of_age_covers_what_was_covered_and_one_that_was_asked_for_what_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let store = PkiStore::open(dir.path()).unwrap();
    let mut wide = request(&["192.168.6.1", "registry.lab"]);
    (wide.leaf_lifetime, wide.now) = (DAY * 90, Some(at(0)));
    store.ensure(&wide).unwrap();
    let mut narrow = request(&["192.168.6.1"]);
    (narrow.leaf_lifetime, narrow.now) = (DAY * 90, Some(at(70)));
    let renewed = store.ensure(&narrow).unwrap();
    assert_renewed_for_its_age(&renewed.action);
    assert!(!renewed.ca_changed);
    assert_accepted(dir.path(), &renewed.ca_pem, "registry.lab", at(70));
    assert_eq!(renewed.leaf.common_name.as_deref(), Some("192.168.6.1"));

    narrow.now = Some(at(71));
    let asked = store.renew(&narrow).unwrap();
    assert!(!verdict(dir.path(), &asked.ca_pem, "registry.lab", at(71)).accepted);
}

#[test]
fn the_kind_of_key_stays_unless_another_is_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let store = PkiStore::open(dir.path()).unwrap();
    let mut asked = request(&["192.168.6.1"]);
    asked.algorithm = Some(KeyAlgorithm::EcdsaP384);
    assert_eq!(store.ensure(&asked).unwrap().leaf.key.kind, "ECDSA P-384");
    let unasked = request(&["192.168.6.1"]);
    assert_eq!(store.ensure(&unasked).unwrap().action, Action::Reused);
    assert_eq!(store.renew(&unasked).unwrap().leaf.key.kind, "ECDSA P-384");
    let rotated = store.rotate(&unasked, Rotation::AtOnce).unwrap();
    assert_eq!(
        (rotated.leaf.key.kind.as_str(), rotated.ca.key.kind.as_str()),
        ("ECDSA P-384", "ECDSA P-384")
    );
    asked.algorithm = Some(KeyAlgorithm::EcdsaP256);
    let reissued = store.ensure(&asked).unwrap();
    assert!(
        matches!(
            reissued.action,
            Action::Reissued {
                why: Why::Algorithm { .. }
            }
        ),
        "{}",
        reissued.action
    );
    assert_eq!(reissued.leaf.key.kind, "ECDSA P-256");
}
