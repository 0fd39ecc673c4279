//! The store: what it makes, reuses, renews and rotates, and that it never shows half of it.

use std::fs;
use std::path::Path;
use std::time::{Duration, SystemTime};

use registry_pki::store::{Action, Rotation, Why};
use registry_pki::{Candidate, CertificateInfo, KeyAlgorithm, PkiRequest, PkiStore, PrivateKey, StoreError, verify};
use secrecy::SecretString;

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

#[test]
fn a_new_store_covers_the_host_and_the_loopback_names() {
    let dir = tempfile::tempdir().unwrap();
    let store = PkiStore::open(dir.path().join("a/pki")).unwrap();
    let ensured = store.ensure(&request(&["192.168.6.1"])).unwrap();
    assert_eq!(ensured.action, Action::Created);
    assert!(ensured.ca_changed);
    for host in ["192.168.6.1", "127.0.0.1", "localhost"] {
        assert_accepted(store.dir(), &ensured.ca_pem, host, SystemTime::now());
    }
    let refused = verdict(store.dir(), &ensured.ca_pem, "192.168.6.2", SystemTime::now());
    assert!(!refused.accepted);
    assert_eq!(ensured.leaf.common_name.as_deref(), Some("192.168.6.1"));
    assert_eq!(read(store.dir(), "bundle.crt"), ensured.bundle_pem);
}

#[test]
fn what_is_good_is_reused_byte_for_byte() {
    let dir = tempfile::tempdir().unwrap();
    let store = PkiStore::open(dir.path()).unwrap();
    store.ensure(&request(&["192.168.6.1", "registry.lab"])).unwrap();
    let before = read(dir.path(), "registry.crt");
    // Fewer hosts are covered too.
    let again = store.ensure(&request(&["registry.lab"])).unwrap();
    assert_eq!(again.action, Action::Reused);
    assert!(!again.ca_changed);
    assert_eq!(read(dir.path(), "registry.crt"), before);
    assert_eq!(again.generation, 1);
}

#[cfg(unix)]
#[test]
fn keys_are_private_and_visible_files_are_plain() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let store = PkiStore::open(dir.path().join("pki")).unwrap();
    store.ensure(&request(&["192.168.6.1"])).unwrap();
    store.rotate(&request(&["192.168.6.1"]), Rotation::AtOnce).unwrap();
    let mode = |path: &Path| fs::symlink_metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(store.dir()), 0o700);
    for name in ["ca.key", "registry.key", "generations/0002/ca.key", ".lock"] {
        assert_eq!(mode(&store.dir().join(name)), 0o600, "{name}");
    }
    assert_eq!(mode(&store.dir().join("generations/0002")), 0o700);
    for name in ["ca.crt", "ca.key", "registry.crt", "registry.key", "bundle.crt"] {
        assert!(
            fs::symlink_metadata(store.dir().join(name)).unwrap().is_file(),
            "{name} is not a plain file"
        );
    }
    let mut names: Vec<_> = fs::read_dir(store.dir())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    assert_eq!(
        names,
        [
            ".lock",
            "bundle.crt",
            "ca.crt",
            "ca.key",
            "generations",
            "registry.crt",
            "registry.key"
        ]
    );
}

#[cfg(unix)]
#[test]
fn a_directory_that_others_may_write_in_is_refused() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o777)).unwrap();
    assert!(matches!(PkiStore::open(dir.path()), Err(StoreError::Insecure { .. })));
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
    assert!(
        matches!(
            renewed.action,
            Action::Renewed {
                why: Why::Ending { .. }
            }
        ),
        "{}",
        renewed.action
    );
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
fn a_clock_before_the_ca_is_an_error_and_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = PkiStore::open(dir.path()).unwrap();
    let mut request = request(&["192.168.6.1"]);
    store.ensure(&request).unwrap();
    let before = read(dir.path(), "registry.crt");
    request.now = Some(SystemTime::UNIX_EPOCH);
    assert!(matches!(store.ensure(&request), Err(StoreError::Clock { .. })));
    assert_eq!(read(dir.path(), "registry.crt"), before);
}

#[test]
fn damage_is_mended_from_the_generation_or_by_a_new_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let store = PkiStore::open(dir.path()).unwrap();
    let request = request(&["192.168.6.1"]);
    let first = store.ensure(&request).unwrap();
    fs::write(dir.path().join("registry.crt"), "garbage").unwrap();
    fs::remove_file(dir.path().join("ca.crt")).unwrap();
    let mended = store.ensure(&request).unwrap();
    assert_eq!(mended.action, Action::Reused);
    assert_accepted(dir.path(), &first.ca_pem, "192.168.6.1", SystemTime::now());

    fs::write(
        dir.path().join("generations/0001/registry.key"),
        PrivateKey::generate(KeyAlgorithm::EcdsaP256)
            .map(|key| secrecy::ExposeSecret::expose_secret(&key.to_pem()).to_owned())
            .unwrap(),
    )
    .unwrap();
    let reissued = store.ensure(&request).unwrap();
    assert!(
        matches!(&reissued.action, Action::Reissued { why: Why::Unusable { what } } if what.contains("does not belong")),
        "{}",
        reissued.action
    );
    assert_accepted(dir.path(), &first.ca_pem, "192.168.6.1", SystemTime::now());

    fs::write(dir.path().join("generations/0002/ca.crt"), "garbage").unwrap();
    assert!(matches!(store.ensure(&request), Err(StoreError::Certificate { .. })));
}

#[test]
fn a_pair_that_somebody_else_made_is_taken_up_and_half_of_one_is_left_alone() {
    let made = tempfile::tempdir().unwrap();
    let foreign = tempfile::tempdir().unwrap();
    let request = request(&["192.168.6.1"]);
    PkiStore::open(made.path()).unwrap().ensure(&request).unwrap();
    for name in ["ca.crt", "ca.key", "registry.crt", "registry.key"] {
        fs::copy(made.path().join(name), foreign.path().join(name)).unwrap();
    }
    let store = PkiStore::open(foreign.path()).unwrap();
    assert_eq!(store.show().unwrap().unwrap().generation, 0);
    let ensured = store.ensure(&request).unwrap();
    assert_eq!(ensured.action, Action::Adopted);
    assert!(!ensured.ca_changed);
    assert_eq!(read(foreign.path(), "registry.crt"), read(made.path(), "registry.crt"));

    let half = tempfile::tempdir().unwrap();
    fs::copy(made.path().join("ca.crt"), half.path().join("ca.crt")).unwrap();
    let error = PkiStore::open(half.path()).unwrap().ensure(&request).unwrap_err();
    assert!(
        error
            .to_string()
            .contains("holds ca.crt but not ca.key, registry.crt, registry.key"),
        "{error}"
    );
    assert_eq!(fs::read_dir(half.path()).unwrap().count(), 2, "only the lock was added");
}

#[cfg(feature = "encrypted-key")]
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
fn a_renewal_because_of_age_covers_what_was_covered_and_one_that_was_asked_for_what_is_asked() {
    let dir = tempfile::tempdir().unwrap();
    let store = PkiStore::open(dir.path()).unwrap();
    let mut wide = request(&["192.168.6.1", "registry.lab"]);
    (wide.leaf_lifetime, wide.now) = (DAY * 90, Some(at(0)));
    store.ensure(&wide).unwrap();
    let mut narrow = request(&["192.168.6.1"]);
    (narrow.leaf_lifetime, narrow.now) = (DAY * 90, Some(at(70)));
    let renewed = store.ensure(&narrow).unwrap();
    assert!(
        matches!(
            renewed.action,
            Action::Renewed {
                why: Why::Ending { .. }
            }
        ),
        "{}",
        renewed.action
    );
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

#[test]
fn what_is_there_says_the_request_that_it_was_made_for() {
    let dir = tempfile::tempdir().unwrap();
    let store = PkiStore::open(dir.path()).unwrap();
    let mut asked = request(&["192.168.6.1", "fd00::1", "registry.lab"]);
    (asked.leaf_lifetime, asked.ca_lifetime, asked.constrained) = (DAY * 1000, DAY * 2000, false);
    store.ensure(&asked).unwrap();
    let said = store.show().unwrap().unwrap().request();
    assert_eq!(said.all_hosts(), asked.all_hosts());
    assert_eq!(
        (said.leaf_lifetime, said.ca_lifetime),
        (asked.leaf_lifetime, asked.ca_lifetime)
    );
    assert!(!said.constrained && !said.allow_wildcards);
    assert_eq!(store.ensure(&said).unwrap().action, Action::Reused);
}

#[cfg(feature = "encrypted-key")]
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

#[cfg(feature = "encrypted-key")]
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

#[test]
fn a_request_that_contradicts_itself_changes_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let store = PkiStore::open(dir.path()).unwrap();
    let mut long = request(&["192.168.6.1"]);
    long.leaf_lifetime = long.ca_lifetime + DAY;
    assert!(matches!(store.ensure(&long), Err(StoreError::Request(_))));
    assert!(matches!(store.ensure(&request(&[])), Err(StoreError::Request(_))));
    let mut endless = request(&["192.168.6.1"]);
    endless.ca_lifetime = DAY * 4_000_000;
    assert!(matches!(store.ensure(&endless), Err(StoreError::Issue(_))));
    assert!(!dir.path().join("ca.crt").exists());
    assert!(store.show().unwrap().is_none());
    let file = dir.path().join("file");
    fs::write(&file, "").unwrap();
    assert!(matches!(
        PkiStore::open(&file),
        Err(StoreError::Io {
            operation: "opening",
            ..
        })
    ));
}

#[test]
fn many_threads_at_once_make_one_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let serials: Vec<String> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..8)
            .map(|_| {
                scope.spawn(|| {
                    PkiStore::open(dir.path())
                        .unwrap()
                        .ensure(&request(&["192.168.6.1"]))
                        .unwrap()
                        .leaf
                        .serial
                })
            })
            .collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).collect()
    });
    assert!(serials.windows(2).all(|pair| pair[0] == pair[1]), "{serials:?}");
    assert_eq!(PkiStore::open(dir.path()).unwrap().history().unwrap().len(), 1);
}
