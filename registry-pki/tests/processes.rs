//! Real processes: killed at random moments, and many at once.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use registry_pki::store::Rotation;
use registry_pki::{Candidate, CertificateInfo, PkiRequest, PkiStore, PrivateKey, verify};

/// Tells a copy of this program what to do instead of testing.
const ROLE: &str = "REGISTRY_PKI_TEST_ROLE";
const DIR: &str = "REGISTRY_PKI_TEST_DIR";

fn request() -> PkiRequest {
    PkiRequest::new(["192.168.6.1".parse().unwrap()])
}

fn child(role: &str, dir: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_role", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .env(DIR, dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .spawn()
        .unwrap()
}

/// Not a test of its own: what the children do.
#[test]
fn child_role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let store = PkiStore::open(PathBuf::from(std::env::var_os(DIR).unwrap())).unwrap();
    match role.as_str() {
        // Bounded: were nobody to kill it, it would end by itself.
        "restless" => {
            for round in 0..2_000 {
                match round % 4 {
                    0 => store.ensure(&request()).map(drop),
                    1 => store.renew(&request()).map(drop),
                    2 => store.rotate(&request(), Rotation::Announce).map(drop),
                    _ => store.rotate(&request(), Rotation::AtOnce).map(drop),
                }
                .unwrap();
            }
        }
        "ensure" => drop(store.ensure(&request()).unwrap()),
        "renew" => drop(store.renew(&request()).unwrap()),
        other => panic!("no role {other}"),
    }
}

/// What a server and its clients would find in the directory at this moment.
fn check_visible(dir: &Path) {
    let read = |name: &str| fs::read_to_string(dir.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let verdict = verify::verify(&Candidate {
        chain_pem: &read("registry.crt"),
        key_pem: Some(&read("registry.key")),
        trust_pem: &read("bundle.crt"),
        address: "192.168.6.1".parse().unwrap(),
        at: SystemTime::now(),
    });
    assert!(verdict.accepted, "{verdict}");
    let ca = CertificateInfo::from_pem(&read("ca.crt")).unwrap();
    assert_eq!(
        ca.public_key_der(),
        PrivateKey::from_pem(&read("ca.key")).unwrap().public_key_der()
    );
}

#[test]
fn a_process_killed_at_any_moment_leaves_a_pair_that_works() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("pki");
    let store = PkiStore::open(&dir).unwrap();
    store.ensure(&request()).unwrap();
    let start = Instant::now();
    let (mut kills, mut seed) = (0_u32, std::process::id().wrapping_mul(2_654_435_761) | 1);
    while kills < 60 && start.elapsed() < Duration::from_secs(20) {
        let mut child = child("restless", &dir);
        // Xorshift: any spread will do. The first milliseconds are the start of the process.
        seed ^= seed << 13;
        seed ^= seed >> 17;
        seed ^= seed << 5;
        std::thread::sleep(Duration::from_micros(u64::from(seed % 150_000)));
        child.kill().unwrap();
        child.wait().unwrap();
        kills += 1;
        // First as it was left, then after the next process has been at it.
        check_visible(&dir);
        if kills.is_multiple_of(3) {
            store.ensure(&request()).unwrap();
            check_visible(&dir);
        }
    }
    let generations = store.history().unwrap().len();
    eprintln!("{kills} kills, {generations} generations");
    assert!(generations > 1, "no child ever got as far as changing anything");
}

#[test]
fn many_processes_at_once_make_one_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("pki");
    let children: Vec<_> = (0..6).map(|_| child("ensure", &dir)).collect();
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    check_visible(&dir);
    assert_eq!(PkiStore::open(&dir).unwrap().history().unwrap().len(), 1);
}

#[test]
fn a_reader_beside_many_writers_always_finds_a_whole_set() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("pki");
    let store = PkiStore::open(&dir).unwrap();
    store.ensure(&request()).unwrap();
    let mut children: Vec<_> = (0..4).map(|_| child("renew", &dir)).collect();
    let mut looks = 0;
    while children.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
        let summary = store.show().unwrap().unwrap();
        assert_eq!(summary.problem, None);
        looks += 1;
    }
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert!(looks > 0);
    assert_eq!(store.history().unwrap().len(), 5);
    check_visible(&dir);
}
