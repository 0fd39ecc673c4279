//! Ubuntu Server's `autoinstall`: the answers for its installer.
//!
//! One document serves the installers of 22.04, 24.04 and 26.04: every key here is in the schemas of all three, but
//! `apt.fallback`, which came between the first and the third point release of 22.04 and is allowed, and ignored, before.
//! Left out on purpose: `identity`, which would demand a password, since the user is made by `user-data`; `timezone`,
//! whose schema knows the zones of one tzdata only and not `Etc/UTC`; `updates`, which would look for a network.

use serde::Serialize;

use super::{CloudConfig, Command, NetworkConfig};

/// The `autoinstall` key of an installer's user-data.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct Autoinstall {
    /// Always 1.
    version: u8,
    /// The installed system's locale, for example `en_US.UTF-8`.
    pub locale: String,
    /// The console's keyboard.
    pub keyboard: Keyboard,
    /// Whether the installer looks for a newer version of itself.
    pub refresh_installer: RefreshInstaller,
    /// The network of the installer and of the installed system.
    pub network: NetworkConfig,
    /// Package sources.
    pub apt: AutoinstallApt,
    /// Disks.
    pub storage: Storage,
    /// The SSH server of the installed system.
    pub ssh: AutoinstallSsh,
    /// Debian packages of the installer's own medium, or of a mirror.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub packages: Vec<String>,
    /// What the installed system's own cloud-init does when it boots for the first time.
    pub user_data: Box<CloudConfig>,
    /// Run in the installer when the system is installed, before it is left; it is below `/target`. One that fails
    /// makes the installation fail.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub late_commands: Vec<Command>,
    /// What happens when everything is done.
    pub shutdown: Shutdown,
}

impl Autoinstall {
    /// An installation without a network: offline if no mirror answers, nothing looked up, nothing refreshed.
    pub fn offline(network: NetworkConfig, user_data: CloudConfig) -> Self {
        Self {
            version: 1,
            locale: "en_US.UTF-8".to_owned(),
            keyboard: Keyboard::new("us"),
            refresh_installer: RefreshInstaller { update: false },
            network,
            apt: AutoinstallApt {
                geoip: false,
                fallback: AptFallback::OfflineInstall,
            },
            storage: Storage::whole_disk(),
            ssh: AutoinstallSsh {
                install_server: true,
                allow_pw: false,
            },
            packages: Vec::new(),
            user_data: Box::new(user_data),
            late_commands: Vec::new(),
            shutdown: Shutdown::Poweroff,
        }
    }
}

/// `keyboard`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Keyboard {
    /// XKB layout, for example `us` or `kr`.
    pub layout: String,
}

impl Keyboard {
    /// A keyboard of this XKB layout.
    pub fn new(layout: impl Into<String>) -> Self {
        Self { layout: layout.into() }
    }
}

/// `refresh-installer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct RefreshInstaller {
    /// Whether to look.
    pub update: bool,
}

/// `apt`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct AutoinstallApt {
    /// Whether a mirror is chosen by asking a service on the internet where this machine is.
    pub geoip: bool,
    /// What happens when no mirror answers.
    pub fallback: AptFallback,
}

/// `apt.fallback`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum AptFallback {
    /// Install from the medium alone.
    OfflineInstall,
    /// Give the installation up: the default of 2023's installers.
    Abort,
    /// Go on with the mirror that does not answer.
    ContinueAnyway,
}

/// `storage`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Storage {
    /// How the disk is divided.
    pub layout: StorageLayout,
    /// Swap space.
    pub swap: Swap,
}

impl Storage {
    /// One file system on the largest disk, without LVM and without swap: the kubelet does not start with swap.
    pub fn whole_disk() -> Self {
        Self {
            layout: StorageLayout {
                name: LayoutName::Direct,
            },
            swap: Swap { size: 0 },
        }
    }
}

/// `storage.layout`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StorageLayout {
    /// Which of the installer's layouts.
    pub name: LayoutName,
}

/// The installer's layouts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum LayoutName {
    /// One file system on the whole disk.
    Direct,
    /// Logical volumes.
    Lvm,
}

/// `storage.swap`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Swap {
    /// Size of the swap file in bytes; 0: none.
    pub size: u64,
}

/// `ssh`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct AutoinstallSsh {
    /// Whether the server is installed.
    pub install_server: bool,
    /// Whether it takes passwords.
    pub allow_pw: bool,
}

/// `shutdown`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Shutdown {
    /// Switch off: a host sees that, and can take the installer's medium out before the first boot.
    Poweroff,
    /// Boot the installed system.
    Reboot,
}
