//! No secret is written or printed anywhere but in the files that are meant to hold it.
//!
//! Every command runs at the highest log level, for people and for programs, well and badly, with a known value in the place
//! of each secret; then everything that was printed or written, and every process's title, is searched for all of them.

#![cfg(target_os = "linux")]

mod place;
mod watch;

use std::collections::BTreeSet;
use std::error::Error as _;
use std::io::Write;
use std::sync::{Arc, Mutex};

use lab_tests::canary::Canaries;
use lab_tests::fake::{FakeWorld, WorldConfig};
use lab_tests::programs::built;
use place::{Hit, Place};
use vmrun_rs::vmrun::Vmrun;
use watch::{Seen, Watch};

/// Which secrets a file may hold, by the end or a directory of its path, and why.
const MEANT: [(&str, &[&str], &str); 9] = [
    ("data/labs/lab/keys/token", &["join token"], "it is the token's file"),
    ("data/labs/lab/keys/id_ed25519", &["login key"], "it is the key's file"),
    ("data/labs/lab/keys/host/", &["host key"], "they are the keys' files"),
    (
        "data/labs/lab/seeds/",
        &["host key", "join token"],
        "a guest gets its identity from its seed",
    ),
    ("out/seed", &["host key", "join token"], "what `seed` writes is a seed"),
    (
        "data/labs/lab/pki/",
        &["server key"],
        "it is the key's file; the CA's has a passphrase",
    ),
    (
        "out/pki/",
        &["CA key", "server key"],
        "as the lab's own; this CA has no passphrase",
    ),
    ("out/server.key", &["server key"], "`pki export key` was asked for it"),
    (
        "out/registries",
        &["registry password"],
        "k3s reads the password from this file",
    ),
];

fn is_meant(hit: &Hit) -> bool {
    MEANT.iter().any(|(path, secrets, _)| {
        hit.file.starts_with(path) && secrets.iter().any(|secret| hit.secret.starts_with(secret))
    })
}

/// What is where it should not be, or where others can read it.
fn astray(place: &Place) -> Vec<String> {
    let hits = place.hits();
    let mut wrong: Vec<String> = hits
        .iter()
        .filter(|hit| hit.open || !is_meant(hit))
        .map(|hit| format!("{hit:?}"))
        .collect();
    let searcher = place.canaries.searcher();
    for (command, text) in &place.said {
        for secret in searcher.search(text) {
            let text = String::from_utf8_lossy(text);
            wrong.push(format!("`lab-cli {command}` says the {secret}: {text}"));
        }
    }
    wrong
}

#[test]
fn no_command_writes_or_prints_a_secret_but_into_the_file_that_is_meant_to_hold_it() {
    let directory = tempfile::tempdir().unwrap();
    let mut place = Place::new(
        directory.path(),
        &[
            "unknown-error@start/w1#1x9",
            "ssh-reset@ssh/m#2",
            "garbage@snapshot/*#1",
            "noise@clone/*#1",
        ],
    );
    let watch = Watch::start(place.lab.world.vmrun().display().to_string());
    before_there_is_a_lab(&mut place);
    let failed = place.run(&["-vvv"], &["up"]);
    assert!(!failed, "the first `up` meets faults: {}", place.last());
    place.bad(&["exec", "w1", "--", "true"]);
    place.lab.world.clear_faults().unwrap();
    place.good(&["up"]);
    with_a_lab(&mut place);
    certificates(&mut place);
    seeds(&mut place);
    runs(&mut place);
    assert!(place.surprises.is_empty(), "{}", place.surprises.join("\n"));
    let before: Vec<String> = place.canaries.names().map(str::to_owned).collect();
    for secret in [
        "join token",
        "login key",
        "host key m",
        "host key w1",
        "CA key",
        "server key",
    ] {
        assert!(
            before.iter().any(|name| name == secret),
            "{secret} is not known: {before:?}"
        );
    }
    let held: BTreeSet<String> = place.hits().into_iter().map(|hit| hit.secret).collect();
    for secret in [
        "join token",
        "login key",
        "host key m",
        "server key",
        "registry password",
    ] {
        assert!(
            held.contains(secret),
            "the search does not find the {secret} where it is: {held:?}"
        );
    }
    let wrong = astray(&place);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));

    place.good(&["destroy", "--yes"]);
    let wrong = astray(&place);
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(
        place.hits().iter().all(|hit| hit.file.starts_with("out/")),
        "{:?}",
        place.hits()
    );
    processes(&place, &watch.end());
}

fn before_there_is_a_lab(place: &mut Place) {
    place.good(&["config", "show"]);
    place.good(&["config", "show", "--origin"]);
    place.good(&["schema"]);
    place.both(&["doctor"]);
    place.good(&["plan"]);
    place.both(&["status"]);
    place.good(&["completions", "bash"]);
    place.good(&["man", "out/man"]);
    place.good(&["init", "--print"]);
    place.bad(&["--set", "vm.cpus=many", "plan"]);
    place.bad(&["--config", "missing.toml", "plan"]);
    place.bad(&["no-such-command"]);
    // A secret where it does not belong is not repeated by whoever refuses it.
    place.bad(&["pki", "registries", "--username", "u"]);
}

fn with_a_lab(place: &mut Place) {
    place.good(&["status"]);
    place.good(&["plan"]);
    place.good(&["doctor"]);
    place.good(&["exec", "m", "--", "hostname"]);
    place.good(&["exec", "--all", "--root", "--", "true"]);
    place.both(&["exec", "m", "--", "cat", "/no/such/file"]);
    place.bad(&["exec", "nobody", "--", "true"]);
    place.run(&["-vvv"], &["ssh", "m", "--", "hostname"]);
    place.good(&["kubeconfig"]);
    place.good(&["kubeconfig", "--write", "out/kubeconfig"]);
    for source in ["console", "cloud-init", "bootstrap", "k3s", "journal"] {
        place.both(&["logs", "m", "--source", source]);
    }
    place.run(&["-vvv"], &["snapshot", "create", "one"]);
    place.good(&["snapshot", "list"]);
    place.bad(&["snapshot", "create", "one"]);
    place.run(&["-vvv"], &["snapshot", "restore", "one", "--yes"]);
    place.run(&["-vvv"], &["snapshot", "delete", "one", "--yes"]);
    place.good(&["stop"]);
    place.good(&["start"]);
    place.run(&["-vvv"], &["restart", "w1"]);
    // Without the password the way in is SSH.
    assert!(
        place.run_with(&["-vvv"], &["up"], |command| command
            .env_remove("INSTALL_USER_PASSWORD")),
        "{}",
        place.last()
    );
}

fn certificates(place: &mut Place) {
    place.good(&["pki", "init"]);
    place.good(&["pki", "show", "--history"]);
    place.both(&["pki", "verify"]);
    place.both(&[
        "pki",
        "verify",
        "--key",
        "data/labs/lab/pki/registry.key",
        "--cert",
        "data/labs/lab/pki/registry.crt",
    ]);
    // A key where a certificate should be.
    place.bad(&["pki", "verify", "--cert", "data/labs/lab/keys/id_ed25519"]);
    place.bad(&["pki", "verify", "--cert", "data/labs/lab/pki/registry.key"]);
    place.good(&["pki", "renew"]);
    place.good(&["pki", "rotate"]);
    let passphrase = |command: &mut std::process::Command, value: Option<&str>| match value {
        Some(value) => drop(command.env("LAB_PKI_PASSPHRASE", value)),
        None => drop(command.env_remove("LAB_PKI_PASSPHRASE")),
    };
    for wrong in [None, Some("another passphrase")] {
        let well = place.run_with(&["-vvv", "--output", "json"], &["pki", "renew"], |command| {
            passphrase(command, wrong);
            command
        });
        assert!(!well, "{}", place.last());
    }
    // A CA without a passphrase, which then gets one, and loses it again.
    let plain = ["--dir", "out/pki"];
    let init = [&["pki", "init", "--host", "198.18.0.1"][..], &plain].concat();
    assert!(
        place.run_with(&["-vvv"], &init, |command| command.env_remove("LAB_PKI_PASSPHRASE")),
        "{}",
        place.last()
    );
    for what in ["bundle", "ca", "cert"] {
        place.good(&["pki", "export", what]);
    }
    place.bad(&["pki", "export", "key"]);
    for (what, file) in [
        ("key", "out/server.key"),
        ("identity", "out/id.p12"),
        ("trust-store", "out/trust.p12"),
    ] {
        place.good(&["pki", "export", what, "--to", file, "--force"]);
    }
    place.good(&["pki", "trust"]);
    place.good(&["pki", "trust", "k3s", "--write", "--root", "out/root"]);
    place.good(&[
        "pki",
        "registries",
        "--username",
        "u",
        "--to",
        "out/registries.yaml",
        "--force",
    ]);
    place.bad(&["pki", "registries", "--username", "u", "--to", "out/registries.yaml"]);
    place.both(&["pki", "registries", "--check", "out/registries.yaml"]);
    // The same file, broken behind the password: who complains must not show the line.
    let text = std::fs::read_to_string(
        "out/registries.yaml".replace("out", &place.lab.directory().join("out").display().to_string()),
    )
    .unwrap();
    for (name, broken) in [
        ("out/registries-key.yaml", text.replace("password:", "passwort:")),
        ("out/registries-list.yaml", text.replace("password: ", "password: - ")),
        ("out/registries-cut.yaml", text.replace("password: ", "password: [")),
    ] {
        let path = place.lab.directory().join(name);
        private_files::write(&path, broken.as_bytes()).unwrap();
        place.bad(&["pki", "registries", "--check", name]);
    }
}

fn seeds(place: &mut Place) {
    for form in ["cloud", "autoinstall", "guestinfo"] {
        let directory = format!("out/seed-{form}");
        place.good(&["seed", "render", "--node", "w1", "--dir", &directory, "--form", form]);
    }
    let render = [
        "seed",
        "render",
        "--node",
        "m",
        "--dir",
        "out/seed-packed",
        "--form",
        "guestinfo",
        "--encoding",
        "gzip+base64",
    ];
    place.good(&render);
    place.good(&["seed", "iso", "--dir", "out/seed-iso"]);
    place.both(&["seed", "lint", "out/seed-cloud/user-data", "--no-schema"]);
    place.both(&[
        "seed",
        "lint",
        "out/seed-cloud/meta-data",
        "--kind",
        "user-data",
        "--no-schema",
    ]);
    // A password as it is, which lint is there to find, and a document that breaks behind it.
    let text = format!(
        "#cloud-config\npassword: {}\nchpasswd: [\n",
        serde_json::Value::from(place::GUEST)
    );
    let path = place.lab.directory().join("seed-of-somebody");
    for (n, text) in [text.clone(), text.replace("chpasswd: [", "ssh_pwauth: maybe")]
        .into_iter()
        .enumerate()
    {
        std::fs::write(&path, text).unwrap();
        place.both(&["seed", "lint", "seed-of-somebody", "--no-schema"]);
        assert!(n < 2);
    }
    std::fs::remove_file(path).unwrap();
}

fn runs(place: &mut Place) {
    place.good(&["support", "--file", "out/support.tar.gz"]);
    place.both(&["image", "import", "image.vmdk"]);
    place.good(&["timings", "list"]);
    place.good(&["timings", "show"]);
    place.both(&["timings", "compare"]);
    place.good(&["timings", "eta"]);
    for form in ["svg", "html", "chrome", "json", "markdown", "openmetrics"] {
        place.good(&["timings", "export", "--format", form]);
    }
    place.bad(&["timings", "show", "no-such-run"]);
}

/// vmrun takes the guest's password as an argument and in no other way. Nothing else is in a title, and nothing in the
/// environment of programs that may outlive the command.
fn processes(place: &Place, seen: &Seen) {
    let searcher = place.canaries.searcher();
    let vmrun = place.lab.world.vmrun().display().to_string();
    let world = place.lab.world.directory().display().to_string();
    assert!(
        seen.titles
            .iter()
            .any(|title| String::from_utf8_lossy(title).contains(&world))
    );
    for title in &seen.titles {
        let found = searcher.search(title);
        let text = String::from_utf8_lossy(title).replace('\0', " ");
        let unavoidable = text.starts_with(&vmrun) && text.contains(" -gp ");
        assert!(
            found.is_empty() || (unavoidable && found.iter().all(|secret| secret == "guest password")),
            "{found:?} in the title {text}"
        );
    }
    let variable = |(_, all): &(Vec<u8>, Vec<u8>)| String::from_utf8_lossy(all).contains("LAB_DATA_DIR=");
    assert!(
        seen.environments.iter().any(variable),
        "the environment of no vmrun was seen"
    );
    for (title, environment) in &seen.environments {
        let found = searcher.search(environment);
        let title = String::from_utf8_lossy(title).replace('\0', " ");
        assert!(found.is_empty(), "{found:?} in the environment of {title}");
    }
}

#[derive(Clone, Default)]
struct Captured(Arc<Mutex<Vec<u8>>>);

impl Write for Captured {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// lab-cli has no encrypted machines, the library has.
#[tokio::test]
async fn an_encrypted_machines_password_is_in_no_error_log_or_debug_text() {
    const PASSWORD: &str = "machine'pass \"word\" & <7>|%";
    let directory = tempfile::tempdir().unwrap();
    let config = WorldConfig {
        faults: vec!["unknown-error@list/*#2x9".to_owned()],
        ..WorldConfig::default()
    };
    let world = FakeWorld::start(&built("vmrun-fake"), directory.path(), &config).unwrap();
    let log = Captured::default();
    let writer = log.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let vmrun = Vmrun::builder(world.vmrun())
        .vm_password(PASSWORD.to_owned().into())
        .build();
    let mut said = vec![format!("{vmrun:?}"), format!("{:?}", vmrun.list().await)];
    for _ in 0..2 {
        let Err(error) = vmrun.list().await else { continue };
        said.push(format!(
            "{error} {error:?} {:?} {:?} {}",
            error.source(),
            error.failure(),
            error.command()
        ));
    }
    said.push(String::from_utf8_lossy(&log.0.lock().unwrap()).into_owned());
    let said = said.join("\n");
    assert!(said.contains("-vp"), "the password was given: {said}");
    let mut canaries = Canaries::default();
    canaries.text("machine password", PASSWORD);
    let searcher = canaries.searcher();
    assert!(searcher.search(said.as_bytes()).is_empty(), "{said}");
    for (path, bytes) in place::files(directory.path()) {
        assert!(searcher.search(&bytes).is_empty(), "{}", path.display());
    }
}
