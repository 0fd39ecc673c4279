//! What only one operating system has.

#[cfg(windows)]
mod windows;

#[cfg(windows)]
pub(crate) use windows::{ansi_encoding, host_networks, install_folders, lease_file};

/// Where else the installer put the product: only Windows keeps a registry.
#[cfg(not(windows))]
pub(crate) fn install_folders() -> Vec<std::path::PathBuf> {
    Vec::new()
}

/// The DHCP server's lease file where it is registered: only on Windows.
#[cfg(not(windows))]
pub(crate) fn lease_file() -> Option<std::path::PathBuf> {
    None
}

/// The virtual networks where they are registered: only on Windows.
#[cfg(not(windows))]
pub(crate) fn host_networks() -> Vec<crate::vmrun::HostNetwork> {
    Vec::new()
}
