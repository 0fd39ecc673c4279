//! What each consumer wants.

use std::path::{Path, PathBuf};

use super::{Consumer, TrustCommand, TrustError, TrustFile, TrustPlan, TrustRequest};
use crate::certificate::CertificateInfo;
use crate::host::RegistryHost;
use crate::registries::{DEFAULT_MIRRORS, Registries};

/// Says what makes `consumer` trust the CAs.
///
/// # Errors
/// [`TrustError`] where the endpoint or the CAs cannot be read.
pub fn plan(consumer: Consumer, request: &TrustRequest) -> Result<TrustPlan, TrustError> {
    let subject = Subject::read(request)?;
    let root = &request.root;
    let parts = match consumer {
        Consumer::Debian => Parts {
            files: subject.each(&root.join("usr/local/share/ca-certificates"), "crt"),
            // Without --fresh, links to files that are gone stay behind.
            commands: vec![privileged(&["update-ca-certificates", "--fresh"])],
            note: Some("programs that run already read the store again when they are restarted"),
        },
        Consumer::RedHat => Parts {
            files: subject.each(&root.join("etc/pki/ca-trust/source/anchors"), "pem"),
            commands: vec![privileged(&["update-ca-trust", "extract"])],
            note: None,
        },
        Consumer::Docker => Parts {
            files: vec![subject.bundle(&root.join("etc/docker/certs.d").join(&subject.key).join("ca.crt"))],
            commands: Vec::new(),
            note: Some("the engine reads it at the next pull; no restart is needed"),
        },
        Consumer::Podman => Parts {
            files: vec![subject.bundle(&root.join("etc/containers/certs.d").join(&subject.key).join("ca.crt"))],
            commands: Vec::new(),
            note: None,
        },
        Consumer::Containerd => subject.containerd(root),
        Consumer::K3s => subject.k3s(root)?,
        Consumer::Windows | Consumer::MacOs | Consumer::Nss => subject.by_command(consumer, &request.scratch),
    };
    let notes = parts.note.map(str::to_owned).into_iter().collect();
    let mut files = parts.files;
    for file in &mut files {
        file.path = with_slashes(&file.path);
    }
    Ok(TrustPlan {
        consumer,
        files,
        commands: parts.commands,
        notes,
        prefix: subject.prefix,
    })
}

/// A plan for a Linux machine can be made on Windows, where joining puts backslashes into the middle of a path of Linux.
fn with_slashes(path: &Path) -> PathBuf {
    match path.to_str() {
        Some(text) if cfg!(windows) && text.starts_with('/') => text.replace('\\', "/").into(),
        _ => path.to_owned(),
    }
}

/// The parts of a plan that differ.
struct Parts {
    files: Vec<TrustFile>,
    commands: Vec<TrustCommand>,
    note: Option<&'static str>,
}

/// The CAs and the registry, ready to be named.
struct Subject {
    cas: Vec<CertificateInfo>,
    /// `host:port`, normalised.
    key: String,
    /// What the names of this registry's CA files begin with.
    prefix: String,
}

impl Subject {
    fn read(request: &TrustRequest) -> Result<Self, TrustError> {
        let (host, port) = RegistryHost::parse_endpoint(&request.endpoint).map_err(|source| TrustError::Endpoint {
            endpoint: request.endpoint.clone(),
            source,
        })?;
        let cas = CertificateInfo::all_from_pem(&request.bundle_pem).map_err(TrustError::Certificate)?;
        let key = port.map_or_else(|| host.to_string(), |port| host.endpoint(port));
        let plain: String = host
            .to_string()
            .chars()
            .map(|c| if c.is_ascii_alphanumeric() || c == '.' { c } else { '-' })
            .collect();
        Ok(Self {
            cas,
            key,
            prefix: format!("registry-{plain}-"),
        })
    }

    /// One file per CA, named by its fingerprint: several of these stores take the first certificate of a file only.
    fn each(&self, dir: &Path, extension: &str) -> Vec<TrustFile> {
        let file = |ca: &CertificateInfo| TrustFile {
            path: dir.join(format!("{}{}.{extension}", self.prefix, &ca.sha256[..12])),
            contents: ca.to_pem(),
            own: true,
        };
        self.cas.iter().map(file).collect()
    }

    /// All CAs in one file.
    fn bundle(&self, path: &Path) -> TrustFile {
        let contents = self.cas.iter().map(CertificateInfo::to_pem).collect();
        TrustFile {
            path: path.to_owned(),
            contents,
            own: true,
        }
    }

    /// Stores that are filled by a command for each CA.
    fn by_command(&self, consumer: Consumer, scratch: &Path) -> Parts {
        let files = self.each(scratch, "crt");
        let command = |file: &TrustFile| {
            let path = file.path.to_string_lossy();
            let name = file.path.file_stem().unwrap_or_default().to_string_lossy();
            match consumer {
                Consumer::Windows => privileged(&["certutil.exe", "-addstore", "-f", "Root", &path]),
                Consumer::MacOs => {
                    let keychain = "/Library/Keychains/System.keychain";
                    privileged(&[
                        "security",
                        "add-trusted-cert",
                        "-d",
                        "-r",
                        "trustRoot",
                        "-k",
                        keychain,
                        &path,
                    ])
                }
                _ => {
                    let database = "sql:$HOME/.pki/nssdb";
                    let argv = ["certutil", "-A", "-d", database, "-n", &name, "-t", "C,,", "-i", &path];
                    TrustCommand {
                        argv: argv.map(str::to_owned).to_vec(),
                        privileged: false,
                    }
                }
            }
        };
        let commands = files.iter().map(command).collect();
        let note = match consumer {
            Consumer::Windows => Some("Docker Desktop reads this store when it starts"),
            Consumer::Nss => Some("Firefox has a database of its own in each profile's directory"),
            _ => None,
        };
        Parts { files, commands, note }
    }

    fn containerd(&self, root: &Path) -> Parts {
        let key = &self.key;
        let on_node = format!("/etc/containerd/certs.d/{key}");
        let dir = root.join("etc/containerd/certs.d").join(key);
        // Host and port were parsed, so nothing in them needs quoting.
        let hosts = format!(
            "server = \"https://{key}\"\n\n[host.\"https://{key}\"]\n  capabilities = [\"pull\", \"resolve\"]\n  ca = \"{on_node}/ca.crt\"\n"
        );
        let hosts = TrustFile {
            path: dir.join("hosts.toml"),
            contents: hosts,
            own: false,
        };
        let note = "config.toml must have `config_path = \"/etc/containerd/certs.d\"` under the registry section of the CRI plugin; hosts.toml itself is read at each pull";
        Parts {
            files: vec![self.bundle(&dir.join("ca.crt")), hosts],
            commands: Vec::new(),
            note: Some(note),
        }
    }

    fn k3s(&self, root: &Path) -> Result<Parts, TrustError> {
        let ca = "/etc/rancher/k3s/registry-ca.crt";
        let contents = Registries::for_mirrors(&self.key, &DEFAULT_MIRRORS, ca)
            .and_then(|registries| registries.to_yaml())
            .map_err(TrustError::Registries)?;
        let registries = TrustFile {
            path: root.join("etc/rancher/k3s/registries.yaml"),
            contents,
            own: false,
        };
        Ok(Parts {
            files: vec![self.bundle(&root.join(ca.trim_start_matches('/'))), registries],
            commands: vec![privileged(&["systemctl", "restart", "k3s"])],
            note: Some("k3s reads registries.yaml at its start only; on agents the unit is k3s-agent"),
        })
    }
}

fn privileged(argv: &[&str]) -> TrustCommand {
    TrustCommand {
        argv: argv.iter().map(|word| (*word).to_owned()).collect(),
        privileged: true,
    }
}
