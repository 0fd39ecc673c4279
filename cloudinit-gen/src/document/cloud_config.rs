//! `#cloud-config`.

use serde::Serialize;

use super::{Autoinstall, Command, SshKeys, User, WriteFile};
use crate::yaml::{self, YamlError};

/// The first line that makes user-data a cloud-config.
pub(crate) const HEADER: &str = "#cloud-config\n";

/// Room for a node's user-data in bytes: two copies of the bootstrap script and what is around them.
const USUAL_LEN: usize = 48 * 1024;

/// A cloud-config document. Keys that are `None` or empty are left out, and cloud-init's own default holds.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct CloudConfig {
    /// Answers for Ubuntu's installer. What stands beside this key is for the installer's own system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub autoinstall: Option<Autoinstall>,
    /// Host name without a domain.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hostname: Option<String>,
    /// Whether cloud-init rewrites `/etc/hosts` on every boot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub manage_etc_hosts: Option<bool>,
    /// Time zone by its tz database name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub timezone: Option<String>,
    /// Users to make. A list without `default` leaves out the image's own default user.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub users: Vec<User>,
    /// Whether root may not log in over SSH.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disable_root: Option<bool>,
    /// Whether SSH takes passwords.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh_pwauth: Option<bool>,
    /// Whether host keys of the image are removed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh_deletekeys: Option<bool>,
    /// Host keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh_keys: Option<SshKeys>,
    /// Leaves the fingerprints of authorized keys off the console.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub no_ssh_fingerprints: Option<bool>,
    /// What of the host keys is printed on the console.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ssh: Option<KeysToConsole>,
    /// Certificates for the system's trust store.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca_certs: Option<CaCerts>,
    /// Growing the root partition.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub growpart: Option<GrowPart>,
    /// Growing the root file system.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub resize_rootfs: Option<ResizeRootfs>,
    /// Network time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ntp: Option<NtpConfig>,
    /// Debian's package manager.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub apt: Option<AptConfig>,
    /// Reconfiguring grub for the disk it was booted from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub grub_dpkg: Option<GrubDpkg>,
    /// Modules of the network stage, in order; absent: the image's own list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_init_modules: Option<Vec<String>>,
    /// Modules of the config stage, in order; absent: the image's own list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_config_modules: Option<Vec<String>>,
    /// Modules of the final stage, in order; absent: the image's own list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cloud_final_modules: Option<Vec<String>>,
    /// Files, written in this order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub write_files: Vec<WriteFile>,
    /// Commands run once, at the end. One that fails does not stop the next.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub runcmd: Vec<Command>,
}

impl CloudConfig {
    /// The document as cloud-init reads it, header line first.
    pub fn to_user_data(&self) -> Result<String, YamlError> {
        let mut text = String::with_capacity(USUAL_LEN);
        text.push_str(HEADER);
        yaml::append(&mut text, "user-data", self)?;
        Ok(text)
    }
}

/// `ssh`: what is printed on the console.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct KeysToConsole {
    /// Whether host keys are printed on the console.
    pub emit_keys_to_console: bool,
}

impl KeysToConsole {
    /// Prints nothing.
    pub fn off() -> Self {
        Self {
            emit_keys_to_console: false,
        }
    }
}

/// `ca_certs`.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct CaCerts {
    /// Certificates in PEM form, one per entry.
    pub trusted: Vec<String>,
}

impl CaCerts {
    /// Adds these certificates to those the system trusts already.
    pub fn trusting(trusted: Vec<String>) -> Self {
        Self { trusted }
    }
}

/// `growpart`.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct GrowPart {
    /// Which tool grows the partition.
    pub mode: GrowPartMode,
    /// Mount points or devices.
    pub devices: Vec<String>,
}

impl GrowPart {
    /// Grows the root partition to the end of its disk.
    pub fn root() -> Self {
        Self {
            mode: GrowPartMode::Auto,
            devices: vec!["/".to_owned()],
        }
    }
}

/// The tool that grows a partition.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum GrowPartMode {
    /// Whatever the image has.
    Auto,
    /// None.
    Off,
}

/// `resize_rootfs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum ResizeRootfs {
    /// Grow, and wait for it.
    Wait,
    /// Grow in the background.
    InBackground,
    /// Leave the file system as it is.
    Off,
}

impl Serialize for ResizeRootfs {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::Wait => serializer.serialize_bool(true),
            Self::InBackground => serializer.serialize_str("noblock"),
            Self::Off => serializer.serialize_bool(false),
        }
    }
}

/// `ntp`.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct NtpConfig {
    /// Whether cloud-init sets up a time client at all.
    pub enabled: bool,
}

impl NtpConfig {
    /// Leaves time clients alone.
    pub fn off() -> Self {
        Self { enabled: false }
    }
}

/// `apt`.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct AptConfig {
    /// Whether the image's package sources stay as they are.
    pub preserve_sources_list: bool,
}

impl AptConfig {
    /// Leaves the image's package sources alone.
    pub fn preserved() -> Self {
        Self {
            preserve_sources_list: true,
        }
    }
}

/// `grub_dpkg`.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct GrubDpkg {
    /// Whether debconf is told which disk grub lives on.
    pub enabled: bool,
}

impl GrubDpkg {
    /// Leaves debconf alone.
    pub fn off() -> Self {
        Self { enabled: false }
    }
}
