//! Nodes, and tools that may be missing.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use cloudinit_gen::{HostEntry, HostKey, NodeConfig, NodeEssentials, PayloadRef};

/// An OpenSSH key by its shape; nothing in it is a real key.
pub(crate) const PRIVATE_KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAAB\n-----END OPENSSH PRIVATE KEY-----\n";
pub(crate) const PUBLIC_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBq9Tj3Xq1 host";
pub(crate) const LOGIN_KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5uXq1Tj3 me@desk";
pub(crate) const CA_PEM: &str = "-----BEGIN CERTIFICATE-----\nMIIBdDCCARqgAwIBAgIUQ0E=\n-----END CERTIFICATE-----\n";
pub(crate) const TOKEN: &str = "K10-not-a-real-token";

/// A lab's master with what a user would set.
pub(crate) fn node(hostname: &str, address: &str) -> NodeConfig {
    let mut node = NodeConfig::new(NodeEssentials {
        hostname: hostname.parse().unwrap(),
        instance_id: format!("{hostname}-0001").parse().unwrap(),
        mac: "00:50:56:3f:00:0a".parse().unwrap(),
        address: address.parse().unwrap(),
        gateway: "192.168.6.1".parse().unwrap(),
        user: "ubuntu".parse().unwrap(),
        authorized_keys: vec![LOGIN_KEY.to_owned()],
        host_key: HostKey::new(PRIVATE_KEY.into(), PUBLIC_KEY),
        token: TOKEN.into(),
    });
    node.timezone = "Asia/Seoul".parse().unwrap();
    node.dns = vec!["192.168.6.1".parse().unwrap()];
    node.ca_pem = vec![CA_PEM.to_owned()];
    node.registries_yaml = Some("mirrors:\n  docker.io:\n    endpoint:\n    - https://192.168.6.1:5000\n".into());
    node.payload = Some(PayloadRef::new(
        "LABPAYLOAD".parse().unwrap(),
        std::time::UNIX_EPOCH + std::time::Duration::from_secs(1_756_771_200),
    ));
    node.hosts = [("k3s-master1", [192, 168, 6, 10]), ("k3s-worker1", [192, 168, 6, 11])]
        .map(|(name, address)| HostEntry::new(address, vec![name.parse().unwrap()]))
        .to_vec();
    node
}

/// The program's path, or `None` after saying that the test is skipped. With `LAB_TESTS_REQUIRE=1` that is a failure.
pub(crate) fn tool(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path)
        .chain([PathBuf::from("/usr/sbin"), PathBuf::from("/sbin")])
        .map(|directory| directory.join(name))
        // wine sees this system's files, and cannot run its programs.
        .find(|candidate| cfg!(unix) && candidate.is_file());
    if found.is_none() {
        missing(&format!("{name} is not installed"));
    }
    found
}

/// `unshare`, where this machine lets a user mount things in a namespace of its own.
#[cfg(unix)]
pub(crate) fn mounts_of_its_own() -> Option<PathBuf> {
    // A mount too: some machines allow the namespace and nothing in it.
    const TRIAL: [&str; 8] = [
        "--map-root-user",
        "--mount",
        "mount",
        "-t",
        "tmpfs",
        "-o",
        "size=64k",
        "trial",
    ];
    let unshare = tool("unshare")?;
    let allowed = Command::new(&unshare).args(TRIAL).arg(std::env::temp_dir()).status();
    if allowed.is_ok_and(|status| status.success()) {
        return Some(unshare);
    }
    // No `missing`: that is how the machine is meant to be.
    eprintln!("skipped: this machine gives no user namespaces with mounts");
    None
}

/// Says why a test is skipped, or fails it where everything is required.
pub(crate) fn missing(why: &str) {
    assert!(
        std::env::var("LAB_TESTS_REQUIRE").as_deref() != Ok("1"),
        "{why}, and LAB_TESTS_REQUIRE=1"
    );
    eprintln!("skipped: {why}");
}

/// Debian's own Python with `PyYAML`: what cloud-init itself runs on.
pub(crate) fn python() -> Option<PathBuf> {
    let python = PathBuf::from("/usr/bin/python3");
    let works = Command::new(&python)
        .args(["-c", "import yaml"])
        .output()
        .is_ok_and(|output| output.status.success());
    if works {
        return Some(python);
    }
    missing("/usr/bin/python3 has no yaml module (package python3-yaml)");
    None
}

/// Runs a program to its end.
pub(crate) fn run(program: &Path, arguments: &[&str]) -> Output {
    Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{} cannot be run: {error}", program.display()))
}

/// Runs a program that has to succeed, and returns what it printed.
pub(crate) fn succeed(program: &Path, arguments: &[&str]) -> String {
    let output = run(program, arguments);
    assert!(
        output.status.success(),
        "{} {arguments:?}: {}{}",
        program.display(),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).expect("the tools print UTF-8")
}

/// Runs a program that reads text and answers in JSON.
pub(crate) fn pipe<T: serde::de::DeserializeOwned>(program: &Path, arguments: &[&str], input: &str) -> T {
    let (output, read) = feed(Command::new(program).args(arguments), input);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert!(read, "{} answered before it had read everything", program.display());
    serde_json::from_slice(&output.stdout).unwrap()
}

/// Runs a program to its end with this as its standard input; whether it took all of that.
pub(crate) fn feed(command: &mut Command, input: &str) -> (Output, bool) {
    use std::io::Write;
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let read = writer.join().unwrap().is_ok();
    (output, read)
}
