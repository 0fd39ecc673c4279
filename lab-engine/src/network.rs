//! Whether the hypervisor's virtual network is the one that the nodes' addresses are meant for.

use std::net::Ipv4Addr;

use vmrun_rs::vmrun::HostNetwork;

use crate::config::NetworkSection;
use crate::error::LabError;

/// What the network is, in one line; an error says what it should be and how to make it so.
pub(crate) fn fits(wanted: &NetworkSection, networks: &[HostNetwork], drop_in: bool) -> Result<String, LabError> {
    let name = &wanted.name;
    if networks.is_empty() {
        return Ok(format!("the hypervisor does not say what {name} is"));
    }
    let Some(found) = networks.iter().find(|n| n.name.eq_ignore_ascii_case(name)) else {
        let names: Vec<&str> = networks.iter().map(|n| n.name.as_str()).collect();
        return Err(LabError::prerequisite(
            format!("there is no virtual network {name}; there are {}", names.join(", ")),
            format!(
                "{}, or set network.name to one that exists",
                how_to_make(wanted, drop_in)
            ),
        ));
    };
    let (Some(subnet), Some(mask)) = (found.subnet, found.mask) else {
        return Ok(format!("{name} is {}", found.kind));
    };
    let is = format!("{name} is {subnet}/{} ({})", prefix(mask), found.kind);
    if subnet == network_of(wanted) && mask == mask_of(wanted.prefix) {
        return Ok(is);
    }
    Err(LabError::prerequisite(
        format!(
            "{is}, but the nodes' addresses are in {}/{}",
            network_of(wanted),
            wanted.prefix
        ),
        format!(
            "{}; or keep {name} as it is, and set network.gateway to this host's address in it, the nodes' addresses and \
             registry.host to match",
            how_to_make(wanted, drop_in)
        ),
    ))
}

/// How to give the network the subnet that is wanted.
fn how_to_make(wanted: &NetworkSection, drop_in: bool) -> String {
    let (name, subnet) = (&wanted.name, network_of(wanted));
    if drop_in {
        return format!(
            "give {name} the subnet {subnet} in networks.json in vmrun-qemu's own directory (see its README)"
        );
    }
    let mask = mask_of(wanted.prefix);
    if cfg!(windows) {
        let vmnet = name.to_ascii_lowercase();
        return format!(
            "start the Virtual Network Editor as administrator and give {name} the subnet {subnet} with the mask {mask}; or, \
             in PowerShell as administrator in VMware's folder: `foreach ($c in 'stop dhcp', 'set vnet {vmnet} mask {mask}', \
             'set vnet {vmnet} addr {subnet}', 'update dhcp {vmnet}', 'update adapter {vmnet}', 'start dhcp') \
             {{ Start-Process -Wait .\\vnetlib64.exe \"-- $c\" }}`"
        );
    }
    if cfg!(target_os = "macos") {
        return format!("give {name} the subnet {subnet} with the mask {mask} in VMware Fusion's network settings");
    }
    format!("run `sudo vmware-netcfg` and give {name} the subnet {subnet} with the mask {mask}")
}

fn network_of(section: &NetworkSection) -> Ipv4Addr {
    section.gateway & mask_of(section.prefix)
}

fn mask_of(prefix: u8) -> Ipv4Addr {
    let bits = u32::MAX.checked_shl(32 - u32::from(prefix.min(32))).unwrap_or(0);
    Ipv4Addr::from_bits(bits)
}

fn prefix(mask: Ipv4Addr) -> u32 {
    mask.to_bits().leading_ones()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn networks() -> Vec<HostNetwork> {
        let table =
            b"Total host networks: 3\nINDEX  NAME  TYPE  DHCP  SUBNET  MASK\n0 vmnet0 bridged false empty empty\n\
            1 vmnet1 hostOnly true 172.16.11.0 255.255.255.0\n8 vmnet8 nat true 192.168.6.0 255.255.254.0\n";
        vmrun_rs::vmrun::parse::host_networks(table).unwrap()
    }

    fn wanted(name: &str, gateway: [u8; 4], prefix: u8) -> NetworkSection {
        NetworkSection {
            name: name.to_owned(),
            gateway: gateway.into(),
            prefix,
            dns: Vec::new(),
        }
    }

    #[test]
    fn a_network_with_the_nodes_subnet_is_good_whatever_the_case_of_its_name() {
        let text = fits(&wanted("VMnet1", [172, 16, 11, 1], 24), &networks(), false).unwrap();
        assert_eq!(text, "VMnet1 is 172.16.11.0/24 (hostOnly)");
    }

    #[test]
    fn a_network_with_another_subnet_or_mask_is_named_with_both_and_with_the_way_out() {
        for (section, is) in [
            (
                wanted("VMnet1", [192, 168, 6, 1], 24),
                "VMnet1 is 172.16.11.0/24 (hostOnly)",
            ),
            (wanted("VMnet8", [192, 168, 6, 1], 24), "VMnet8 is 192.168.6.0/23 (nat)"),
        ] {
            for drop_in in [false, true] {
                let error = fits(&section, &networks(), drop_in).unwrap_err();
                let text = error.to_string();
                assert!(text.starts_with(is) && text.ends_with("192.168.6.0/24"), "{text}");
                let help = error.help_text().unwrap();
                assert!(
                    help.contains("192.168.6.0") && help.contains("network.gateway"),
                    "{help}"
                );
                assert_eq!(help.contains("networks.json"), drop_in, "{help}");
            }
        }
    }

    #[test]
    fn a_network_that_does_not_exist_is_an_error_that_says_which_do() {
        let error = fits(&wanted("VMnet5", [192, 168, 6, 1], 24), &networks(), false).unwrap_err();
        assert!(error.to_string().contains("vmnet0, vmnet1, vmnet8"), "{error}");
    }

    #[test]
    fn what_cannot_be_known_is_no_failure() {
        fits(&wanted("VMnet0", [192, 168, 6, 1], 24), &networks(), false).unwrap();
        fits(&wanted("VMnet1", [192, 168, 6, 1], 24), &[], false).unwrap();
        assert_eq!(mask_of(0), Ipv4Addr::UNSPECIFIED);
        assert_eq!(mask_of(30), Ipv4Addr::new(255, 255, 255, 252));
    }
}
