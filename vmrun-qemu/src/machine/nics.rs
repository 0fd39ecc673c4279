//! Network adapters: `ethernetN.*`.

use super::needs_express;
use crate::dict::Dict;
use crate::fault::Fault;

/// More than VMware allows.
const MOST_NICS: usize = 10;

/// A network adapter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Nic {
    /// The number in `ethernetN`.
    pub(crate) index: usize,
    /// The virtual network, `vmnetN`.
    pub(crate) network: String,
    /// QEMU's device for it.
    pub(crate) device: &'static str,
    /// Six bytes with colons. Empty only before the first start.
    pub(crate) mac: String,
    /// Plugged in at power-on.
    pub(crate) connected: bool,
}

/// The numbers of the adapters that a `.vmx` has.
pub(crate) fn present(dict: &Dict) -> impl Iterator<Item = usize> {
    (0..MOST_NICS).filter(|index| dict.is_true(&format!("ethernet{index}.present")))
}

/// Reads the adapters.
pub(crate) fn read(dict: &Dict) -> Result<Vec<Nic>, Fault> {
    present(dict).map(|index| nic(dict, index)).collect()
}

fn nic(dict: &Dict, index: usize) -> Result<Nic, Fault> {
    let key = |name: &str| format!("ethernet{index}.{name}");
    let kind = dict.get(&key("virtualDev")).unwrap_or("vlance").to_ascii_lowercase();
    let device = match kind.as_str() {
        "e1000" => "e1000",
        "e1000e" => "e1000e",
        "vmxnet3" => "vmxnet3",
        // Not VMware's, but a .vmx written for QEMU may say so.
        "virtio" | "virtio-net" => "virtio-net-pci",
        "vlance" => "pcnet",
        _ => {
            return Err(Fault::canceled(format!(
                "ethernet{index}.virtualDev = \"{kind}\" is not supported on QEMU"
            )));
        }
    };
    if matches!(device, "e1000e" | "vmxnet3") {
        needs_express(dict, &kind, &format!("Ethernet{index}"))?;
    }
    let fixed = dict
        .get(&key("addressType"))
        .is_some_and(|kind| kind.eq_ignore_ascii_case("static"));
    let mac = dict
        .get(&key(if fixed { "address" } else { "generatedAddress" }))
        .unwrap_or_default();
    if !(mac.is_empty() && !fixed || is_mac(mac)) {
        return Err(Fault::canceled(format!(
            "ethernet{index}: \"{mac}\" is no MAC address of a single adapter"
        )));
    }
    Ok(Nic {
        index,
        network: network(dict, index)?,
        device,
        mac: mac.to_ascii_lowercase(),
        connected: dict.is_true_or(&key("startConnected"), true),
    })
}

fn network(dict: &Dict, index: usize) -> Result<String, Fault> {
    let kind = dict
        .get(&format!("ethernet{index}.connectionType"))
        .unwrap_or("bridged")
        .to_ascii_lowercase();
    match kind.as_str() {
        "hostonly" => Ok("vmnet1".to_owned()),
        "nat" => Ok("vmnet8".to_owned()),
        "custom" => {
            let name = dict.get(&format!("ethernet{index}.vnet")).unwrap_or_default();
            let name = name.strip_prefix("/dev/").unwrap_or(name).to_ascii_lowercase();
            let number = name.strip_prefix("vmnet").and_then(|number| number.parse::<u8>().ok());
            number
                .map(|number| format!("vmnet{number}"))
                .ok_or_else(|| Fault::canceled(format!("ethernet{index}.vnet = \"{name}\" is no virtual network")))
        }
        _ => Err(Fault::canceled(format!(
            "ethernet{index}.connectionType = \"{kind}\": QEMU without root has no bridged network; use hostonly, nat or \
             custom"
        ))),
    }
}

/// Six hexadecimal bytes, not a group address.
fn is_mac(text: &str) -> bool {
    let bytes: Vec<Option<u8>> = text
        .split(':')
        .map(|byte| (byte.len() == 2).then(|| u8::from_str_radix(byte, 16).ok()).flatten())
        .collect();
    bytes.len() == 6 && bytes.iter().all(Option::is_some) && bytes[0].is_some_and(|first| first & 1 == 0)
}
