//! What it costs to make a CA and a certificate by it, beside `openssl` and `mkcert`. Processor time (user and system), not
//! wall time: the figure stays true on a busy machine. Prints figures; asserts nothing. Linux only.
//! `cargo bench -p registry-pki`.

use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use registry_pki::{Authority, AuthorityParams, KeyAlgorithm, PkiRequest, PkiStore, RegistryHost, ServerParams};

/// Tells a copy of this program to make a store there, instead of measuring.
const MAKE: &str = "REGISTRY_PKI_BENCH_MAKE";
const HOSTS: [&str; 3] = ["192.168.6.1", "127.0.0.1", "localhost"];
/// Each round runs every contender once, in turn, so that all of them see the same machine.
const ROUNDS: u32 = 40;

fn hosts() -> Vec<RegistryHost> {
    HOSTS.iter().filter_map(|text| text.parse().ok()).collect()
}

fn main() {
    if let Some(dir) = std::env::var_os(MAKE) {
        let store = PkiStore::open(PathBuf::from(dir)).expect("a directory of our own");
        store.ensure(&PkiRequest::new(hosts())).expect("nothing is there yet");
        return;
    }
    in_process();
    as_processes();
}

/// The library alone.
fn in_process() {
    println!("a CA and a certificate, in this process (the limit is 5 ms)");
    for algorithm in [KeyAlgorithm::EcdsaP256, KeyAlgorithm::EcdsaP384, KeyAlgorithm::Ed25519] {
        let make = || {
            let mut ca = AuthorityParams::new(hosts());
            let mut leaf = ServerParams::new(hosts());
            (ca.algorithm, leaf.algorithm) = (algorithm, algorithm);
            let ca = Authority::create(&ca).expect("sound parameters");
            (black_box(ca.issue(&leaf)).expect("the CA permits its hosts"), ca)
        };
        make();
        let before = own_nanoseconds();
        for _ in 0..ROUNDS * 5 {
            let (leaf, ca) = make();
            black_box((
                leaf.certificate_pem(),
                leaf.key().to_pem(),
                ca.certificate_pem(),
                ca.key().to_pem(),
            ));
        }
        let each = per(own_nanoseconds() - before, ROUNDS * 5);
        println!("  {:<44} {each:>9.3} ms", algorithm.name());
    }
}

/// Whole programs that leave the files behind.
fn as_processes() {
    type Contender = (&'static str, fn(&Path));
    let contenders: [Contender; 4] = [
        ("this crate: a store with 5 files and a lock", ourselves),
        ("openssl, P-256: 4 commands", openssl),
        ("mkcert -ecdsa: CA and certificate, P-256", mkcert_ecdsa),
        ("mkcert: CA RSA-3072, certificate RSA-2048", mkcert_rsa),
    ];
    println!("\na CA and a certificate on disk, as programs, {ROUNDS} rounds in turn");
    let there: Vec<_> = contenders
        .iter()
        .filter(|(name, _)| installed(name.split([' ', ',', ':']).next().unwrap_or_default()))
        .collect();
    let mut spent = vec![0_u64; there.len()];
    for _ in 0..ROUNDS {
        for ((_, run), spent) in there.iter().zip(&mut spent) {
            let dir = tempfile::tempdir().expect("a temporary directory");
            let before = children_milliseconds();
            run(dir.path());
            *spent += children_milliseconds() - before;
        }
    }
    let ours = f64::from(u32::try_from(spent[0]).unwrap_or(u32::MAX));
    for ((name, _), spent) in there.iter().zip(&spent) {
        let total = f64::from(u32::try_from(*spent).unwrap_or(u32::MAX));
        println!(
            "  {name:<44} {:>9.1} ms   {:>6.1} times ours",
            total / f64::from(ROUNDS),
            total / ours.max(1.0)
        );
    }
    for (name, _) in contenders
        .iter()
        .filter(|one| !there.iter().any(|other| other.0 == one.0))
    {
        println!("  {name:<44} not installed");
    }
}

fn installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    program == "this" || std::env::split_paths(&path).any(|dir| dir.join(program).is_file())
}

fn run(command: &mut Command) {
    let status = command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .expect("it is installed");
    assert!(status.success(), "{command:?}: {status}");
}

fn ourselves(dir: &Path) {
    let program = std::env::current_exe().expect("this program's path");
    run(Command::new(program).env(MAKE, dir.join("pki")));
}

/// The usual recipe: a key and a self-signed CA, a key and a request, the certificate.
fn openssl(dir: &Path) {
    let names = "subjectAltName=IP:192.168.6.1,IP:127.0.0.1,DNS:localhost\nextendedKeyUsage=serverAuth\n";
    std::fs::write(dir.join("leaf.cnf"), names).expect("a directory of our own");
    let curve = "ec_paramgen_curve:P-256";
    let commands: [&[&str]; 4] = [
        &["genpkey", "-algorithm", "EC", "-pkeyopt", curve, "-out", "ca.key"],
        &[
            "req",
            "-x509",
            "-key",
            "ca.key",
            "-days",
            "3650",
            "-subj",
            "/CN=registry CA",
            "-out",
            "ca.crt",
        ],
        &[
            "req",
            "-newkey",
            "ec",
            "-pkeyopt",
            curve,
            "-nodes",
            "-keyout",
            "leaf.key",
            "-subj",
            "/CN=192.168.6.1",
            "-out",
            "leaf.csr",
        ],
        &[
            "x509", "-req", "-in", "leaf.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-days", "397", "-extfile",
            "leaf.cnf", "-out", "leaf.crt",
        ],
    ];
    for arguments in commands {
        run(Command::new("openssl").args(arguments).current_dir(dir));
    }
}

fn mkcert_ecdsa(dir: &Path) {
    mkcert(dir, &["-ecdsa"]);
}

fn mkcert_rsa(dir: &Path) {
    mkcert(dir, &[]);
}

/// Without `-install` nothing is trusted anywhere: the CA is made in its own directory.
fn mkcert(dir: &Path, more: &[&str]) {
    let files = ["-cert-file", "leaf.crt", "-key-file", "leaf.key"];
    run(Command::new("mkcert")
        .args(more.iter().chain(&files).chain(&HOSTS))
        .current_dir(dir)
        .env("CAROOT", dir.join("ca"))
        .env("HOME", dir));
}

fn per(nanoseconds: u64, count: u32) -> f64 {
    let microseconds = u32::try_from(nanoseconds / 1_000).unwrap_or(u32::MAX);
    f64::from(microseconds) / 1_000.0 / f64::from(count)
}

/// Processor time of this thread, which is the only one: the first field of its schedstat.
fn own_nanoseconds() -> u64 {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux with scheduler statistics");
    let first = text.split_whitespace().next().and_then(|field| field.parse().ok());
    first.expect("a number comes first")
}

/// Processor time of all children that have ended, user and system, in steps of the kernel's clock tick (10 ms); summed
/// over the rounds the steps even out.
fn children_milliseconds() -> u64 {
    let text = std::fs::read_to_string("/proc/self/stat").expect("Linux");
    // The program's name stands in parentheses and may contain anything; cutime and cstime are fields 16 and 17.
    let (_, rest) = text.rsplit_once(") ").expect("the name in parentheses");
    let ticks: u64 = rest
        .split_whitespace()
        .skip(13)
        .take(2)
        .filter_map(|field| field.parse::<u64>().ok())
        .sum();
    ticks * 10
}
