//! The Windows registry.

use std::net::Ipv4Addr;
use std::path::PathBuf;

use encoding_rs::{Encoding, WINDOWS_1252};
use windows_registry::{Key, LOCAL_MACHINE};

use crate::vmrun::HostNetwork;

/// Where 32-bit programs, such as VMware's installers, have their keys on a 64-bit system, and where others have theirs.
const ROOTS: [&str; 2] = [r"SOFTWARE\WOW6432Node\VMware, Inc.", r"SOFTWARE\VMware, Inc."];

/// A text that is there and not empty.
fn value(root: &Key, key: &str, name: &str) -> Option<String> {
    let text = root.open(key).ok()?.get_string(name).ok()?;
    Some(text).filter(|text| !text.is_empty())
}

/// The folders that VMware's installers registered.
pub(crate) fn install_folders() -> Vec<PathBuf> {
    install_folders_in(LOCAL_MACHINE)
}

fn install_folders_in(machine: &Key) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    for product in ["VMware Workstation", "VMware Player", "VMware VIX"] {
        for root in ROOTS {
            let key = format!(r"{root}\{product}");
            for name in ["InstallPath", "InstallPath64"] {
                folders.extend(value(machine, &key, name).map(PathBuf::from));
            }
        }
    }
    folders
}

/// The lease file of VMware's DHCP service.
pub(crate) fn lease_file() -> Option<PathBuf> {
    lease_file_in(LOCAL_MACHINE)
}

fn lease_file_in(machine: &Key) -> Option<PathBuf> {
    value(
        machine,
        r"SYSTEM\CurrentControlSet\Services\VMnetDHCP\Parameters",
        "LeaseFile",
    )
    .map(PathBuf::from)
}

/// The virtual networks as the Virtual Network Editor keeps them: for a `vmrun` that is too old to list them.
pub(crate) fn host_networks() -> Vec<HostNetwork> {
    host_networks_in(LOCAL_MACHINE)
}

fn host_networks_in(machine: &Key) -> Vec<HostNetwork> {
    let network = |key: &Key, name: String| -> Option<HostNetwork> {
        let lower = name.to_ascii_lowercase();
        let address = |name: &str| -> Option<Ipv4Addr> { key.get_string(name).ok()?.parse().ok() };
        let subnet = address("IPSubnetAddress")?;
        // A subkey per service; a network without an address is bridged or was never set up.
        let kind = if key.open("NAT").is_ok() { "nat" } else { "hostOnly" };
        Some(HostNetwork {
            index: lower.strip_prefix("vmnet")?.parse().ok()?,
            name: lower,
            kind: kind.to_owned(),
            dhcp: key.open("DHCP").is_ok(),
            subnet: Some(subnet),
            mask: Some(address("IPSubnetMask").unwrap_or(Ipv4Addr::new(255, 255, 255, 0))),
        })
    };
    let all = |root: &str| -> Vec<HostNetwork> {
        let Ok(config) = machine.open(format!(r"{root}\VMnetLib\VMnetConfig")) else {
            return Vec::new();
        };
        let names = config.keys().map_or_else(|_| Vec::new(), Iterator::collect);
        names
            .into_iter()
            .filter_map(|name| network(&config.open(&name).ok()?, name))
            .collect()
    };
    let mut networks = ROOTS
        .map(all)
        .into_iter()
        .find(|all| !all.is_empty())
        .unwrap_or_default();
    networks.sort_by_key(|network| network.index);
    networks
}

/// The system's ANSI code page, which programs print paths in.
pub(crate) fn ansi_encoding() -> &'static Encoding {
    encoding_of(value(LOCAL_MACHINE, r"SYSTEM\CurrentControlSet\Control\Nls\CodePage", "ACP").as_deref())
}

fn encoding_of(page: Option<&str>) -> &'static Encoding {
    match page {
        Some("932") => encoding_rs::SHIFT_JIS,
        Some("936") => encoding_rs::GBK,
        Some("949") => encoding_rs::EUC_KR,
        Some("950") => encoding_rs::BIG5,
        Some("65001") => encoding_rs::UTF_8,
        Some(page) => Encoding::for_label(format!("windows-{page}").as_bytes()).unwrap_or(WINDOWS_1252),
        None => WINDOWS_1252,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use windows_registry::CURRENT_USER;

    /// A part of the user's own registry that stands for the machine's, gone afterwards.
    struct Machine(String);

    impl Machine {
        fn new(test: &str) -> Self {
            Self(format!(r"Software\vmrun-rs-test-{test}-{}", std::process::id()))
        }

        fn set(&self, key: &str, name: &str, value: &str) {
            let key = CURRENT_USER.create(format!(r"{}\{key}", self.0)).unwrap();
            if !name.is_empty() {
                key.set_string(name, value).unwrap();
            }
        }

        fn key(&self) -> Key {
            CURRENT_USER.create(&self.0).unwrap()
        }
    }

    impl Drop for Machine {
        fn drop(&mut self) {
            let _ = CURRENT_USER.remove_tree(&self.0);
        }
    }

    #[test]
    fn the_installers_folders_are_found_in_both_views_and_empty_ones_are_none() {
        let machine = Machine::new("folders");
        assert!(install_folders_in(&machine.key()).is_empty());
        let (wow, plain) = (ROOTS[0], ROOTS[1]);
        machine.set(
            &format!(r"{wow}\VMware Workstation"),
            "InstallPath",
            r"C:\Program Files (x86)\VMware\한글\",
        );
        machine.set(&format!(r"{plain}\VMware Player"), "InstallPath64", r"D:\Player\");
        machine.set(&format!(r"{wow}\VMware VIX"), "InstallPath", "");
        assert_eq!(
            install_folders_in(&machine.key()),
            [r"C:\Program Files (x86)\VMware\한글\", r"D:\Player\"].map(PathBuf::from)
        );
    }

    #[test]
    fn the_dhcp_services_lease_file_is_found() {
        let machine = Machine::new("leases");
        assert_eq!(lease_file_in(&machine.key()), None);
        let path = r"C:\ProgramData\VMware\vmnetdhcp.leases";
        machine.set(
            r"SYSTEM\CurrentControlSet\Services\VMnetDHCP\Parameters",
            "LeaseFile",
            path,
        );
        assert_eq!(lease_file_in(&machine.key()), Some(PathBuf::from(path)));
    }

    #[test]
    fn the_virtual_networks_are_read_with_their_subnets() {
        let machine = Machine::new("networks");
        let config = format!(r"{}\VMnetLib\VMnetConfig", ROOTS[0]);
        machine.set(&format!(r"{config}\vmnet8"), "IPSubnetAddress", "192.168.137.0");
        machine.set(&format!(r"{config}\vmnet8\NAT"), "", "");
        machine.set(&format!(r"{config}\vmnet1"), "IPSubnetAddress", "172.16.0.0");
        machine.set(&format!(r"{config}\vmnet1"), "IPSubnetMask", "255.255.0.0");
        machine.set(&format!(r"{config}\vmnet1\DHCP"), "", "");
        // Never set up.
        machine.set(&format!(r"{config}\vmnet2"), "", "");
        machine.set(&format!(r"{config}\other"), "IPSubnetAddress", "10.0.0.0");
        let networks = host_networks_in(&machine.key());
        let shown: Vec<_> = networks
            .iter()
            .map(|n| format!("{} {} {} {:?} {:?}", n.name, n.kind, n.dhcp, n.subnet, n.mask))
            .collect();
        assert_eq!(
            shown,
            [
                "vmnet1 hostOnly true Some(172.16.0.0) Some(255.255.0.0)",
                "vmnet8 nat false Some(192.168.137.0) Some(255.255.255.0)"
            ]
        );
        assert!(networks[0].contains([172, 16, 9, 9].into()));
    }

    #[test]
    fn paths_are_read_in_the_systems_code_page() {
        let (text, _, _) = encoding_of(Some("949")).decode(b"C:\\\xc7\xd1\xb1\xdb");
        assert_eq!(text, r"C:\한글");
        assert_eq!(encoding_of(Some("1251")).name(), "windows-1251");
        assert_eq!(encoding_of(None).name(), "windows-1252");
        ansi_encoding();
    }
}
