//! The Windows registry.

use std::path::PathBuf;

use encoding_rs::{Encoding, WINDOWS_1252};
use windows_registry::LOCAL_MACHINE;

fn value(key: &str, name: &str) -> Option<String> {
    LOCAL_MACHINE.open(key).ok()?.get_string(name).ok()
}

/// The folders that VMware's installers registered.
pub(crate) fn install_folders() -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for product in ["VMware Workstation", "VMware Player", "VMware VIX"] {
        for root in [r"SOFTWARE\WOW6432Node\VMware, Inc.", r"SOFTWARE\VMware, Inc."] {
            let key = format!(r"{root}\{product}");
            for name in ["InstallPath", "InstallPath64"] {
                folders.extend(value(&key, name).map(PathBuf::from));
            }
        }
    }
    folders
}

/// The lease file of VMware's DHCP service.
pub(crate) fn lease_file() -> Option<PathBuf> {
    value(r"SYSTEM\CurrentControlSet\Services\VMnetDHCP\Parameters", "LeaseFile").map(PathBuf::from)
}

/// The system's ANSI code page, which programs print paths in.
pub(crate) fn ansi_encoding() -> &'static Encoding {
    let page = value(r"SYSTEM\CurrentControlSet\Control\Nls\CodePage", "ACP");
    match page.as_deref() {
        Some("932") => encoding_rs::SHIFT_JIS,
        Some("936") => encoding_rs::GBK,
        Some("949") => encoding_rs::EUC_KR,
        Some("950") => encoding_rs::BIG5,
        Some(page) => Encoding::for_label(format!("windows-{page}").as_bytes()).unwrap_or(WINDOWS_1252),
        None => WINDOWS_1252,
    }
}
