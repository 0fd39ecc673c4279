//! The store's directory: what is in it, who may read it, and what happens when it is not as it was left.

use std::fs;
#[cfg(unix)]
use std::path::Path;
use std::time::SystemTime;

#[cfg(unix)]
use registry_pki::store::Rotation;
use registry_pki::store::{Action, Why};
use registry_pki::{KeyAlgorithm, PkiStore, PrivateKey, StoreError};

use crate::{DAY, assert_accepted, read, request, verdict};

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
