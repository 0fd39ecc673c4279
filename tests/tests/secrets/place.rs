//! A lab on a world, with a secret wherever one can be given, and everything that its commands say.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Output;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use lab_tests::canary::{Canaries, Searcher};
use lab_tests::fake::WorldConfig;
use lab_tests::fake::lab::{FakeLab, LabShape};
use lab_tests::programs::built;
use registry_pki::PrivateKey;
use russh::keys::ssh_key;
use secrecy::{ExposeSecret as _, SecretString};

// Every kind of quoting changes these.
pub(crate) const GUEST: &str = "guest'pass \"word\" & <7>|%";
pub(crate) const PASSPHRASE: &str = "ca'pass \"phrase\" & <7>|%";
const REGISTRY: &str = "registry'pass \"word\" & <7>|%";
const PKCS12: &str = "export'pass \"word\" & <7>|%";

const VARIABLES: [(&str, &str, &str); 4] = [
    ("guest password", "INSTALL_USER_PASSWORD", GUEST),
    ("CA passphrase", "LAB_PKI_PASSPHRASE", PASSPHRASE),
    ("registry password", "LAB_REGISTRY_PASSWORD", REGISTRY),
    ("PKCS#12 password", "LAB_PKI_PASSWORD", PKCS12),
];

/// The lab, the secrets known so far, and what was said.
pub(crate) struct Place {
    pub(crate) lab: FakeLab,
    pub(crate) canaries: Canaries,
    /// The commands and what they said.
    pub(crate) said: Vec<(String, Vec<u8>)>,
    /// The keys whose numbers are known: to decrypt one is slow on purpose.
    read: BTreeSet<String>,
    /// The commands that did not end as they should.
    pub(crate) surprises: Vec<String>,
}

/// A file in which something was found: its path below the place, what, and whether others can read it.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Hit {
    pub(crate) file: String,
    pub(crate) secret: String,
    pub(crate) open: bool,
}

impl Place {
    pub(crate) fn new(directory: &Path, faults: &[&str]) -> Self {
        let config = WorldConfig {
            scale: 40.0,
            faults: faults.iter().map(|fault| (*fault).to_owned()).collect(),
            ..WorldConfig::default()
        };
        let shape = LabShape {
            workers: 1,
            more: String::new(),
        };
        let programs = built("lab-cli").parent().unwrap().to_owned();
        built("vmrun-fake");
        let lab = FakeLab::start(&programs, directory, &config, &shape).unwrap();
        std::fs::create_dir(directory.join("out")).unwrap();
        let mut canaries = Canaries::default();
        for (name, _, value) in VARIABLES {
            canaries.text(name, value);
        }
        Self {
            lab,
            canaries,
            said: Vec::new(),
            read: BTreeSet::new(),
            surprises: Vec::new(),
        }
    }

    /// Runs a command at the highest log level, once for people and once for programs; whether each ended well.
    pub(crate) fn both(&mut self, arguments: &[&str]) -> [bool; 2] {
        [
            self.run(&["-vvv", "--progress", "plain"], arguments),
            self.run(&["-vvv", "--progress", "json", "--output", "json"], arguments),
        ]
    }

    /// It must end well both times.
    pub(crate) fn good(&mut self, arguments: &[&str]) {
        let ends = self.both(arguments);
        if ends != [true, true] {
            self.surprises.push(format!("{ends:?} of {}", self.last()));
        }
    }

    /// It must fail both times.
    pub(crate) fn bad(&mut self, arguments: &[&str]) {
        let ends = self.both(arguments);
        if ends != [false, false] {
            self.surprises.push(format!("{ends:?} of {}", self.last()));
        }
    }

    pub(crate) fn run(&mut self, how: &[&str], arguments: &[&str]) -> bool {
        self.run_with(how, arguments, |command| command)
    }

    pub(crate) fn run_with(
        &mut self,
        how: &[&str],
        arguments: &[&str],
        change: impl FnOnce(&mut std::process::Command) -> &mut std::process::Command,
    ) -> bool {
        let all = [how, arguments].concat();
        let mut command = self.lab.command(&all);
        for (_, variable, value) in VARIABLES {
            command.env(variable, value);
        }
        for stage in ["READY", "BOOTSTRAP", "RESTART", "VERIFY"] {
            command.env(format!("LAB_TIMEOUTS_{stage}"), "90");
        }
        let output: Output = change(&mut command).output().unwrap();
        let text = [output.stdout, b"\n--- stderr\n".to_vec(), output.stderr].concat();
        self.said.push((all.join(" "), text));
        self.learn();
        output.status.success()
    }

    pub(crate) fn last(&self) -> String {
        let (command, text) = self.said.last().unwrap();
        format!("{command}\n{}", String::from_utf8_lossy(text))
    }

    /// The secrets that commands have made: the token, and every private key in every file that there is.
    fn learn(&mut self) {
        if let Ok(token) = std::fs::read_to_string(self.lab.root().join("keys/token")) {
            self.canaries.text("join token", token.trim());
        }
        for (path, bytes) in files(self.lab.directory()) {
            let Ok(text) = String::from_utf8(bytes) else { continue };
            let is_key = text.starts_with("-----BEGIN ") && text.contains("PRIVATE KEY-----");
            if !is_key || !self.read.insert(text.clone()) {
                continue;
            }
            let name = path.file_name().unwrap().to_string_lossy().into_owned();
            let name = if path.parent().unwrap().ends_with("keys/host") {
                format!("host key {name}")
            } else if path.parent().unwrap().ends_with("keys") {
                "login key".to_owned()
            } else if name.starts_with("ca") {
                "CA key".to_owned()
            } else {
                "server key".to_owned()
            };
            self.canaries.bytes(&name, &secret_number(&text));
            // Within the file's text the line that holds some of the number is a secret, too; an encrypted key's is not.
            let line = if text.contains("OPENSSH") { 4 } else { 1 };
            if !text.contains("ENCRYPTED") {
                self.canaries.text(&name, text.lines().nth(line).unwrap());
            }
        }
    }

    /// Where in the files the secrets are.
    pub(crate) fn hits(&self) -> BTreeSet<Hit> {
        let searcher = self.canaries.searcher();
        files(self.lab.directory())
            .flat_map(|(path, bytes)| self.hits_in(&searcher, &path, &bytes))
            .collect()
    }

    fn hits_in(&self, searcher: &Searcher<'_>, path: &Path, bytes: &[u8]) -> Vec<Hit> {
        let file = path
            .strip_prefix(self.lab.directory())
            .unwrap()
            .to_string_lossy()
            .into_owned();
        let found = searcher.search(bytes);
        let open = !found.is_empty() && private_files::others_can_read(path).unwrap();
        found
            .into_iter()
            .map(|secret| Hit {
                file: file.clone(),
                secret,
                open,
            })
            .collect()
    }
}

/// All files below a directory that are not programs.
pub(crate) fn files(directory: &Path) -> impl Iterator<Item = (PathBuf, Vec<u8>)> {
    let mut waiting = vec![directory.to_owned()];
    let mut found = Vec::new();
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                waiting.push(path);
            } else if !name.to_string_lossy().starts_with("vm") || path.extension().is_some_and(|e| e != "exe") {
                found.push(path);
            }
        }
    }
    found.into_iter().filter_map(|path| {
        let bytes = std::fs::read(&path).ok()?;
        Some((path, bytes))
    })
}

/// The number that a private key is, of a key in PEM: ECDSA on P-256 in PKCS#8, or Ed25519 in OpenSSH's format.
fn secret_number(pem: &str) -> Vec<u8> {
    if pem.contains("OPENSSH") {
        let key = ssh_key::PrivateKey::from_openssh(pem).unwrap();
        return key
            .key_data()
            .ed25519()
            .expect("the lab's keys are Ed25519")
            .private
            .to_bytes()
            .to_vec();
    }
    let passphrase = SecretString::from(PASSPHRASE);
    let key = PrivateKey::from_pem_with_passphrase(pem, Some(&passphrase)).unwrap();
    let plain = key.to_pem();
    let body: String = plain
        .expose_secret()
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    let der = STANDARD.decode(body).unwrap();
    // SEC 1: version 1, then the number as an octet string.
    let begin = b"\x02\x01\x01\x04\x20";
    let at = der
        .windows(begin.len())
        .position(|window| window == begin)
        .expect("a key on P-256");
    der[at + begin.len()..at + begin.len() + 32].to_vec()
}
