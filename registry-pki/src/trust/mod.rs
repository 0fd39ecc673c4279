//! Where each consumer looks for the CAs it trusts: files to write, commands to run.
//!
//! A [`TrustPlan`] only says what would be done. [`TrustPlan::write`] writes its files; commands are never run, for
//! most need privileges: they are shown.

mod plan;
mod write;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use serde::Serialize;

pub use plan::plan;
pub use write::TrustError;

/// Who is to trust the registry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum Consumer {
    /// Debian and Ubuntu: everything that uses OpenSSL's or `GnuTLS`'s default store (`update-ca-certificates(8)`).
    Debian,
    /// Red Hat, Fedora, SUSE's relatives with p11-kit (`update-ca-trust(8)`).
    RedHat,
    /// The Docker engine, for one registry (Docker documentation, "Verify repository client with certificates").
    Docker,
    /// Podman, Buildah, Skopeo, CRI-O, for one registry (`containers-certs.d(5)`).
    Podman,
    /// containerd, for one registry (containerd documentation, "Registry Configuration").
    Containerd,
    /// k3s, for one registry (k3s documentation, "Private Registry Configuration").
    K3s,
    /// The Windows machine store.
    Windows,
    /// macOS's system keychain.
    MacOs,
    /// An NSS database: Chromium and Firefox on Linux, and others.
    Nss,
}

impl Consumer {
    /// All of them.
    pub const ALL: [Self; 9] = [
        Self::Debian,
        Self::RedHat,
        Self::Docker,
        Self::Podman,
        Self::Containerd,
        Self::K3s,
        Self::Windows,
        Self::MacOs,
        Self::Nss,
    ];

    /// The name that [`FromStr`] reads.
    pub fn name(self) -> &'static str {
        match self {
            Self::Debian => "debian",
            Self::RedHat => "red-hat",
            Self::Docker => "docker",
            Self::Podman => "podman",
            Self::Containerd => "containerd",
            Self::K3s => "k3s",
            Self::Windows => "windows",
            Self::MacOs => "mac-os",
            Self::Nss => "nss",
        }
    }
}

impl fmt::Display for Consumer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no consumer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no known consumer: use debian, red-hat, docker, podman, containerd, k3s, windows, mac-os or nss")]
pub struct UnknownConsumer(pub String);

impl FromStr for Consumer {
    type Err = UnknownConsumer;

    fn from_str(text: &str) -> Result<Self, UnknownConsumer> {
        let aliases = [
            ("ubuntu", Self::Debian),
            ("rhel", Self::RedHat),
            ("fedora", Self::RedHat),
            ("macos", Self::MacOs),
        ];
        let names = Self::ALL.into_iter().map(|consumer| (consumer.name(), consumer));
        names
            .chain(aliases)
            .find_map(|(name, consumer)| (name == text).then_some(consumer))
            .ok_or_else(|| UnknownConsumer(text.to_owned()))
    }
}

/// What is to be trusted, and where things lie.
#[derive(Clone, Debug)]
pub struct TrustRequest {
    /// The CAs, as PEM.
    pub bundle_pem: String,
    /// The registry as its clients write it, `host:port`.
    pub endpoint: String,
    /// The file system that plans write to: `/`, or the root of a machine image.
    pub root: PathBuf,
    /// Where to put CA files that only a command needs (Windows, macOS, NSS).
    pub scratch: PathBuf,
}

/// A file that makes a consumer trust the CAs, or tells it to.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TrustFile {
    /// Where.
    pub path: PathBuf,
    /// What.
    pub contents: String,
    /// Whether the file is this registry's alone. A configuration file that others may have written too is never
    /// replaced by another text.
    pub own: bool,
}

/// A command to run after the files are written.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TrustCommand {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Whether it needs root or an administrator.
    pub privileged: bool,
}

impl fmt::Display for TrustCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, word) in self.argv.iter().enumerate() {
            if index > 0 {
                f.write_str(" ")?;
            }
            let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@\\".contains(c);
            if !word.is_empty() && word.chars().all(plain) {
                f.write_str(word)?;
            } else {
                write!(f, "\"{}\"", word.replace('"', "\\\""))?;
            }
        }
        Ok(())
    }
}

/// What makes one consumer trust the registry.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct TrustPlan {
    /// Who.
    pub consumer: Consumer,
    /// Files, in the order to write them.
    pub files: Vec<TrustFile>,
    /// Commands, in the order to run them.
    pub commands: Vec<TrustCommand>,
    /// What else a person must know.
    pub notes: Vec<String>,
    /// Files of this registry's earlier CAs are those beside the planned ones that begin so.
    #[serde(skip)]
    pub(crate) prefix: String,
}

impl fmt::Display for TrustPlan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:", self.consumer)?;
        for file in &self.files {
            write!(f, "\n  write  {}", file.path.display())?;
        }
        for command in &self.commands {
            write!(
                f,
                "\n  run    {command}{}",
                if command.privileged {
                    "    (as root or administrator)"
                } else {
                    ""
                }
            )?;
        }
        for note in &self.notes {
            write!(f, "\n  note   {note}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
