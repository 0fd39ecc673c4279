//! Real processes: killed at random moments, and many at once.

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::io::{BufRead, BufReader, Lines, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::time::{Duration, Instant, SystemTime};

use registry_pki::store::Rotation;
use registry_pki::{Candidate, CertificateInfo, PkiRequest, PkiStore, PrivateKey, verify};

/// Tells a copy of this program what to do instead of testing.
const ROLE: &str = "REGISTRY_PKI_TEST_ROLE";
const DIR: &str = "REGISTRY_PKI_TEST_DIR";
/// What the restless child puts in front of the number of rounds it has done.
const ROUND: &str = "rounds done: ";
/// After so many rounds it has made every kind of change.
const ROUNDS_OF_A_KIND: u32 = 4;

fn request() -> PkiRequest {
    PkiRequest::new(["192.168.6.1".parse().unwrap()])
}

fn child(role: &str, dir: &Path, stdout: Stdio) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_role", "--nocapture", "--test-threads=1"])
        .env(ROLE, role)
        .env(DIR, dir)
        .stdin(Stdio::null())
        .stdout(stdout)
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
                // Not `println!`: the test harness would keep it to itself.
                let mut out = std::io::stdout();
                writeln!(out, "\n{ROUND}{round}").and_then(|()| out.flush()).unwrap();
                match round % ROUNDS_OF_A_KIND {
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
        "rotate" => {
            store.ensure(&request()).unwrap();
            drop(store.rotate(&request(), Rotation::AtOnce).unwrap());
        }
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

/// Certificate and key match as they were left where there are symbolic links to switch them with; elsewhere (Windows)
/// a kill between the two is mended by the next call.
fn check_after_kill(dir: &Path, store: &PkiStore) {
    if cfg!(not(unix)) {
        store.ensure(&request()).unwrap();
    }
    check_visible(dir);
}

/// A child that changes the store without end, and says on its standard output how far it is.
struct Restless {
    child: Child,
    rounds: Lines<BufReader<ChildStdout>>,
}

impl Restless {
    fn start(dir: &Path) -> Self {
        let mut child = child("restless", dir, Stdio::piped());
        let rounds = BufReader::new(child.stdout.take().unwrap()).lines();
        Self { child, rounds }
    }

    /// Waits until this many rounds are done; 0 is the moment before the first. However slow the machine, the child is
    /// then in the middle of its work, not of starting up.
    fn wait_for(&mut self, rounds: u32) {
        let wanted = format!("{ROUND}{rounds}");
        let found = self
            .rounds
            .by_ref()
            .map_while(Result::ok)
            .any(|line| line.ends_with(&wanted));
        assert!(found, "the child ended before round {rounds}: {:?}", self.child.wait());
    }

    /// It must not have ended by itself: then it would have failed.
    fn kill(mut self) {
        assert_eq!(self.child.try_wait().unwrap(), None, "the child failed");
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }
}

/// Xorshift: any spread will do.
fn next(seed: &mut u32) -> u32 {
    *seed ^= *seed << 13;
    *seed ^= *seed >> 17;
    *seed ^= *seed << 5;
    *seed
}

#[test]
fn a_process_killed_at_any_moment_leaves_a_pair_that_works() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("pki");
    let store = PkiStore::open(&dir).unwrap();
    store.ensure(&request()).unwrap();
    let mut seed = std::process::id().wrapping_mul(2_654_435_761) | 1;
    // Once through all changes, so that every later child starts from a store with a history.
    let mut first = Restless::start(&dir);
    first.wait_for(0);
    let start = Instant::now();
    first.wait_for(ROUNDS_OF_A_KIND);
    let cycle = start.elapsed();
    first.kill();
    check_after_kill(&dir, &store);
    let after_first = store.history().unwrap().len();
    assert!(
        after_first > 3,
        "all changes were made once, and there are {after_first} sets"
    );

    let begun = Instant::now();
    let mut kills = 0_u32;
    while kills < 40 && begun.elapsed() < Duration::from_secs(20) {
        let mut child = Restless::start(&dir);
        child.wait_for(0);
        // Anywhere in the child's first time through all changes, as long as that takes on this machine today.
        let spread = u32::try_from(cycle.as_micros()).unwrap_or(u32::MAX).max(1);
        std::thread::sleep(Duration::from_micros(u64::from(next(&mut seed) % spread)));
        child.kill();
        kills += 1;
        // First as it was left, then after the next process has been at it.
        check_after_kill(&dir, &store);
        if kills.is_multiple_of(3) {
            store.ensure(&request()).unwrap();
            check_visible(&dir);
        }
    }
    let generations = store.history().unwrap().len();
    eprintln!("{kills} kills, {generations} generations, all changes in {cycle:?}");
}

/// Looks at the system calls: a mode that is right at the end may have been wrong before.
#[cfg(target_os = "linux")]
#[test]
fn keys_are_private_from_their_first_byte_and_no_mode_is_changed_afterwards() {
    if !support::have("strace", "permissions of keys") {
        return;
    }
    // Some containers forbid it.
    if !support::run("strace", ["-o", "/dev/null", "true"]).status.success() {
        eprintln!("skipped: nothing may be traced here");
        return;
    }
    let scratch = tempfile::tempdir().unwrap();
    let (dir, log) = (scratch.path().join("pki"), scratch.path().join("log"));
    // Without a umask nothing is private by chance.
    let program = r#"umask 0; exec "$0" --exact child_role --test-threads=1"#;
    let output = Command::new("strace")
        .args(["-f", "-e", "trace=/chmod,/^open,/^creat,/^mkdir", "-o"])
        .arg(&log)
        .args(["sh", "-c", program])
        .arg(std::env::current_exe().unwrap())
        .env(ROLE, "rotate")
        .env(DIR, &dir)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    support::succeed(&output);
    let log = fs::read_to_string(&log).unwrap();
    let calls: Vec<_> = log
        .lines()
        .filter(|call| call.contains(dir.to_str().unwrap()))
        .collect();
    assert!(!log.contains("chmod"), "{log}");
    let made: Vec<_> = calls.iter().filter(|call| call.contains("O_CREAT")).collect();
    let private: Vec<_> = made
        .iter()
        .filter(|call| !call.contains(".crt") && !call.contains("record.yaml"))
        .collect();
    // Two sets, written and published, with two keys each.
    assert!(
        private.iter().filter(|call| call.contains(".key")).count() >= 8,
        "{log}"
    );
    for call in private {
        assert!(call.contains(", 0600)"), "{call}");
    }
    for call in calls.iter().filter(|call| call.contains("mkdir")) {
        assert!(call.contains(", 0700)"), "{call}");
    }
}

#[test]
fn many_processes_at_once_make_one_certificate() {
    let dir = tempfile::tempdir().unwrap();
    let dir = dir.path().join("pki");
    let children: Vec<_> = (0..6).map(|_| child("ensure", &dir, Stdio::null())).collect();
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
    let mut children: Vec<_> = (0..4).map(|_| child("renew", &dir, Stdio::null())).collect();
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
