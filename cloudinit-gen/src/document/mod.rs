//! The documents that cloud-init reads, as types.
//!
//! Field names are cloud-init's own keys. Only keys that exist in cloud-init 22.4 (Debian 12) and are not deprecated in
//! 26.2 are here, because a deprecated key alone makes `cloud-init status` report a recoverable error.

mod autoinstall;
mod cloud_config;
mod command;
mod content;
mod meta_data;
mod network_config;
mod user;
mod write_file;

pub use autoinstall::{
    AptFallback, Autoinstall, AutoinstallApt, AutoinstallSsh, Keyboard, LayoutName, RefreshInstaller, Shutdown,
    Storage, StorageLayout, Swap,
};
pub use cloud_config::{
    AptConfig, CaCerts, CloudConfig, GrowPart, GrowPartMode, GrubDpkg, KeysToConsole, NtpConfig, ResizeRootfs,
};
pub use command::Command;
pub use content::Content;
pub use meta_data::MetaData;
pub use network_config::{Ethernet, Match, Nameservers, NetworkConfig, Route};
pub use user::{SshKeys, User};
pub use write_file::{Permissions, WriteFile};
