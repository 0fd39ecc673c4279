//! A support bundle: everything that helps to understand a lab's trouble, in one archive, without its secrets.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use futures::future::join_all;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;
use tokio::time::timeout;

use crate::error::{Context as _, LabError};
use crate::files;
use crate::lab::Lab;
use crate::logs::{LogRequest, LogSource};

/// How many lines of each log.
const LINES: usize = 2000;
/// How long reading one guest's log may take.
const LOOK: Duration = Duration::from_secs(30);
/// How many of the newest runs.
const RUNS: usize = 10;
/// What stands in the place of a secret.
const MASK: &str = "[masked]";

/// A bundle that was written.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SupportBundle {
    /// The archive: a gzipped tar that only its owner can read.
    pub path: PathBuf,
    /// The files in it.
    pub files: Vec<String>,
    /// What could not be had, and why.
    pub missing: Vec<String>,
}

impl Lab {
    /// Gathers configuration, state, checks, status, runs and logs into an archive. Keys, tokens and passwords that the
    /// lab knows are masked wherever they occur, and private keys of any kind.
    ///
    /// # Errors
    ///
    /// If the archive cannot be written. What cannot be gathered is in [`SupportBundle::missing`].
    pub async fn support(&self, to: &Path, password: Option<SecretString>) -> Result<SupportBundle, LabError> {
        let mut gathered = Gathered::default();
        gathered.json("config.json", self.config());
        gathered.json("hypervisor.json", self.chosen());
        match self.state() {
            Ok(state) => gathered.json("state.json", &state),
            Err(error) => gathered.missing("state.json", &error.one_line()),
        }
        let (checks, status, logs) = tokio::join!(self.doctor(), self.status(), self.all_logs(password.as_ref()));
        gathered.json("doctor.json", &checks);
        match status {
            Ok(status) => gathered.json("status.json", &status),
            Err(error) => gathered.missing("status.json", &error.one_line()),
        }
        for (name, log) in logs {
            match log {
                Ok(text) => gathered.text(name, text),
                Err(why) => gathered.missing(&name, &why),
            }
        }
        self.gather_files(&mut gathered);
        let mask = self.mask(password.as_ref());
        let about = format!(
            "lab-engine {}\nsystem {} {}\nwritten {}\n",
            env!("CARGO_PKG_VERSION"),
            std::env::consts::OS,
            std::env::consts::ARCH,
            jiff::Zoned::now().strftime("%Y-%m-%d %H:%M:%S %z"),
        );
        gathered.text("about.txt".to_owned(), about);
        if !gathered.missing.is_empty() {
            gathered.text("missing.txt".to_owned(), gathered.missing.join("\n") + "\n");
        }
        let path = std::path::absolute(to).map_err(|e| LabError::io("find", to, e))?;
        let archive = gathered.archive(&mask).context("could not make the archive")?;
        files::write_private(&path, &archive)?;
        Ok(SupportBundle {
            path,
            files: gathered.files.into_keys().collect(),
            missing: gathered.missing,
        })
    }

    /// Every log of every node, all at once.
    async fn all_logs(&self, password: Option<&SecretString>) -> Vec<(String, Result<String, String>)> {
        let sources = [
            (LogSource::Console, "console"),
            (LogSource::Bootstrap, "bootstrap"),
            (LogSource::CloudInit, "cloud-init"),
            (LogSource::K3s, "k3s"),
            (LogSource::Journal, "journal"),
        ];
        let nodes = self.node_names();
        let wanted = nodes.iter().flat_map(|node| sources.iter().map(move |s| (node, s)));
        join_all(wanted.map(async |(node, (source, name))| {
            let request = LogRequest {
                source: *source,
                lines: LINES,
                follow: false,
            };
            let mut text = String::new();
            let mut line = |l: &str| {
                text.push_str(l);
                text.push('\n');
            };
            let read = timeout(LOOK, self.logs(node, request, password.cloned(), &mut line)).await;
            let result = match read {
                Ok(Ok(())) => Ok(text),
                Ok(Err(error)) => Err(error.one_line()),
                Err(_) => Err(format!("no answer within {} s", LOOK.as_secs())),
            };
            (format!("nodes/{node}/{name}.log"), result)
        }))
        .await
    }

    /// The newest runs, and the hypervisor's own files of each machine.
    fn gather_files(&self, gathered: &mut Gathered) {
        let mut runs = entries(&self.paths().runs());
        runs.retain(|p| p.extension().is_some_and(|e| e == "jsonl" || e == "log"));
        // Names carry the time, behind the operation.
        runs.sort_by_key(|p| std::fs::metadata(p).and_then(|m| m.modified()).ok());
        for path in runs.iter().rev().take(2 * RUNS) {
            gathered.file(&format!("runs/{}", name(path)), path);
        }
        for node in self.node_names() {
            for path in entries(&self.paths().machine(&node)) {
                if path.extension().is_some_and(|e| e == "vmx" || e == "vmsd") || name(&path) == "vmware.log" {
                    gathered.file(&format!("nodes/{node}/{}", name(&path)), &path);
                }
            }
        }
    }

    /// The secrets that this lab has.
    fn mask(&self, password: Option<&SecretString>) -> Mask {
        let mut secrets: Vec<String> = password.iter().map(|p| p.expose_secret().to_owned()).collect();
        let keys = self.paths().keys();
        secrets.extend(std::fs::read_to_string(keys.join("token")).ok());
        let text = std::fs::read_to_string(self.paths().kubeconfig()).unwrap_or_default();
        let config: serde_json::Value = serde_saphyr::from_str(&text).unwrap_or_default();
        for user in config["users"].as_array().into_iter().flatten() {
            for key in ["client-key-data", "client-certificate-data", "token", "password"] {
                secrets.extend(user["user"][key].as_str().map(str::to_owned));
            }
        }
        Mask::new(secrets)
    }
}

/// Takes secrets out of texts.
struct Mask(Vec<String>);

impl Mask {
    fn new(secrets: Vec<String>) -> Self {
        let mut secrets: Vec<String> = secrets.into_iter().map(|s| s.trim().to_owned()).collect();
        // Too short to be found without hitting other words, except for what somebody really chose as a password.
        secrets.retain(|s| s.len() >= 4);
        secrets.sort_by_key(|s| std::cmp::Reverse(s.len()));
        Self(secrets)
    }

    fn text(&self, text: &str) -> String {
        let mut text = text.to_owned();
        for secret in &self.0 {
            text = text.replace(secret.as_str(), MASK);
        }
        without_private_keys(&text)
    }
}

/// Everything between `BEGIN … PRIVATE KEY` and its end goes, whoever's key it is.
fn without_private_keys(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut inside = false;
    for line in text.split_inclusive('\n') {
        let marks = |word: &str| line.contains(&format!("-----{word} ")) && line.contains("PRIVATE KEY-----");
        if marks("BEGIN") {
            inside = true;
            out.push_str(MASK);
            out.push('\n');
        }
        if !inside {
            out.push_str(line);
        }
        if marks("END") {
            inside = false;
        }
    }
    out
}

#[derive(Default)]
struct Gathered {
    files: BTreeMap<String, String>,
    missing: Vec<String>,
}

impl Gathered {
    fn text(&mut self, name: String, text: String) {
        self.files.insert(name, text);
    }

    fn json(&mut self, name: &str, value: &impl Serialize) {
        match serde_json::to_string_pretty(value) {
            Ok(text) => self.text(name.to_owned(), text),
            Err(error) => self.missing(name, &error.to_string()),
        }
    }

    fn file(&mut self, name: &str, path: &Path) {
        match std::fs::read(path) {
            Ok(bytes) => {
                const MOST: usize = 4 << 20;
                let end = &bytes[bytes.len().saturating_sub(MOST)..];
                self.text(name.to_owned(), String::from_utf8_lossy(end).into_owned());
            }
            Err(error) => self.missing(name, &error.to_string()),
        }
    }

    fn missing(&mut self, name: &str, why: &str) {
        self.missing.push(format!("{name}: {why}"));
    }

    fn archive(&self, mask: &Mask) -> std::io::Result<Vec<u8>> {
        let mut tar = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::default()));
        let now = jiff::Timestamp::now().as_second();
        for (name, text) in &self.files {
            let text = mask.text(text);
            let mut header = tar::Header::new_gnu();
            header.set_size(text.len() as u64);
            header.set_mode(0o600);
            header.set_mtime(u64::try_from(now).unwrap_or(0));
            tar.append_data(&mut header, format!("support/{name}"), text.as_bytes())?;
        }
        let mut gzip = tar.into_inner()?;
        gzip.flush()?;
        gzip.finish()
    }
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory);
    entries.into_iter().flatten().flatten().map(|e| e.path()).collect()
}

fn name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_and_private_keys_of_any_kind_are_masked() {
        let mask = Mask::new(vec![
            "hunter22\n".to_owned(),
            "hunter22-and-more".to_owned(),
            "x".to_owned(),
        ]);
        let text = "a hunter22-and-more b hunter22 x\n-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\nrest";
        assert_eq!(mask.text(text), "a [masked] b [masked] x\n[masked]\nrest");
    }
}
