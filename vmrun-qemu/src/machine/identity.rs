//! The identity that VMware writes into a `.vmx` at the first start: `uuid.bios`, `uuid.location`, generated MAC addresses.

use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher, Hasher};
use std::path::Path;

use sha2::{Digest, Sha256};

use super::nics;
use crate::dict::Dict;
use crate::home::hexadecimal;

/// Adds what is missing. Whether anything was.
pub(crate) fn complete(dict: &mut Dict, vmx: &Path) -> bool {
    let location = vmware_uuid(&Sha256::digest(vmx.as_os_str().as_encoded_bytes()));
    let moved = dict.get("uuid.location").is_some_and(|known| known != location);
    // VMware asks whether the machine was moved or copied; `uuid.action = "create"` answers "copied" beforehand.
    let copied = moved
        && dict
            .get("uuid.action")
            .is_some_and(|action| action.eq_ignore_ascii_case("create"));
    let mut changed = false;
    if copied || dict.get("uuid.bios").is_none() {
        dict.set("uuid.bios", &vmware_uuid(&random()));
        changed = true;
    }
    if dict.get("uuid.location") != Some(&location) {
        dict.set("uuid.location", &location);
        changed = true;
    }
    let uuid = uuid_bytes(dict.get("uuid.bios").unwrap_or_default()).unwrap_or_default();
    for index in nics::present(dict).collect::<Vec<_>>() {
        let prefix = format!("ethernet{index}");
        let fixed = dict
            .get(&format!("{prefix}.addressType"))
            .is_some_and(|kind| kind.eq_ignore_ascii_case("static"));
        let key = format!("{prefix}.generatedAddress");
        if fixed || (!copied && dict.get(&key).is_some()) {
            continue;
        }
        dict.set(&format!("{prefix}.addressType"), "generated");
        dict.set(&key, &generated_mac(&uuid, index));
        dict.set(&format!("{prefix}.generatedAddressOffset"), &(index * 10).to_string());
        changed = true;
    }
    changed
}

/// Removes everything that must differ between a machine and its clone.
pub(crate) fn strip(dict: &mut Dict) {
    dict.remove_if(|key| {
        key.starts_with("uuid.")
            || key.starts_with("vc.uuid")
            || key.contains(".generatedaddress")
            || key == "checkpoint.vmstate"
            || key.starts_with("sched.swap.derivedname")
    });
}

/// `56 4d 01 23 45 67 89 ab-cd ef 01 23 45 67 89 ab` as `564d0123-4567-89ab-cdef-0123456789ab`.
pub(crate) fn uuid_notation(vmware: &str) -> Option<String> {
    let bytes = uuid_bytes(vmware)?;
    let hex = hexadecimal(&bytes);
    Some(format!(
        "{}-{}-{}-{}-{}",
        &hex[..8],
        &hex[8..12],
        &hex[12..16],
        &hex[16..20],
        &hex[20..]
    ))
}

fn uuid_bytes(vmware: &str) -> Option<[u8; 16]> {
    let hex: Vec<u8> = vmware.bytes().filter(u8::is_ascii_hexdigit).collect();
    if hex.len() != 32 {
        return None;
    }
    let mut bytes = [0; 16];
    for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bytes)
}

/// VMware's notation of a UUID; its own begin with `56 4d` ("VM").
fn vmware_uuid(source: &[u8]) -> String {
    let byte = |at: usize| match at {
        0 => 0x56,
        1 => 0x4d,
        _ => source.get(at).copied().unwrap_or_default(),
    };
    let half = |from: usize| {
        (from..from + 8)
            .map(|at| format!("{:02x}", byte(at)))
            .collect::<Vec<_>>()
            .join(" ")
    };
    format!("{}-{}", half(0), half(8))
}

/// VMware's prefix for generated addresses and the last three bytes of the UUID, moved on for further adapters.
fn generated_mac(uuid: &[u8; 16], index: usize) -> String {
    let tail = u32::from_be_bytes([0, uuid[13], uuid[14], uuid[15]]);
    let moved = tail
        .wrapping_add(u32::try_from(index * 10).unwrap_or_default())
        .to_be_bytes();
    format!("00:0c:29:{:02x}:{:02x}:{:02x}", moved[1], moved[2], moved[3])
}

/// Sixteen bytes that differ from every other call's: the standard library's per-process random keys are enough for a name.
fn random() -> [u8; 16] {
    let mut bytes = [0; 16];
    for chunk in bytes.chunks_exact_mut(8) {
        let mut hasher = RandomState::new().build_hasher();
        hasher.write_u32(std::process::id());
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        hasher.write_u128(now.as_nanos());
        chunk.copy_from_slice(&hasher.finish().to_ne_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_start_writes_identity_and_addresses_once() {
        let mut dict = Dict::parse(
            b"ethernet0.present = \"TRUE\"\nethernet1.present = \"TRUE\"\nethernet1.addressType = \"static\"\n\
              ethernet1.address = \"00:50:56:00:00:01\"\n",
        );
        assert!(complete(&mut dict, Path::new("/vm/a.vmx")));
        let mac = dict.get("ethernet0.generatedAddress").expect("generated").to_owned();
        assert!(mac.starts_with("00:0c:29:"), "{mac}");
        assert_eq!(dict.get("ethernet1.generatedAddress"), None);
        assert!(
            !complete(&mut dict, Path::new("/vm/a.vmx")),
            "a second start changes nothing"
        );
        assert_eq!(dict.get("ethernet0.generatedAddress"), Some(mac.as_str()));
    }

    #[test]
    fn a_copy_keeps_its_identity_unless_it_says_that_it_is_one() {
        let mut dict = Dict::parse(b"ethernet0.present = \"TRUE\"\n");
        complete(&mut dict, Path::new("/vm/a.vmx"));
        let uuid = dict.get("uuid.bios").expect("written").to_owned();
        let mut moved = dict.clone();
        complete(&mut moved, Path::new("/vm/b.vmx"));
        assert_eq!(moved.get("uuid.bios"), Some(uuid.as_str()));
        dict.set("uuid.action", "create");
        complete(&mut dict, Path::new("/vm/b.vmx"));
        assert_ne!(dict.get("uuid.bios"), Some(uuid.as_str()));
    }

    #[test]
    fn uuids_are_translated_to_the_usual_notation() {
        assert_eq!(
            uuid_notation("56 4d 01 23 45 67 89 ab-cd ef 01 23 45 67 89 ab").as_deref(),
            Some("564d0123-4567-89ab-cdef-0123456789ab")
        );
        assert_eq!(uuid_notation("rubbish"), None);
        assert_eq!(uuid_notation("é"), None);
    }
}
