//! vmrun-qemu: dictionary files. Its modules are its own affair, so they are taken in as source.

#[path = "../../vmrun-qemu/src/dict.rs"]
#[allow(dead_code, reason = "not all of it is needed here")]
mod dict;

use dict::Dict;

/// Any file survives; what is set is there, in memory and after writing and reading. Up to the first NUL byte the input is
/// the file, behind it the value.
pub(crate) fn dictionary(bytes: &[u8]) {
    let mut parts = bytes.splitn(2, |&b| b == 0);
    let mut dict = Dict::parse(parts.next().unwrap_or_default());
    let value = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    dict.set("displayName", &value);
    let again = Dict::parse(&dict.to_bytes());
    assert_eq!(again.get("DISPLAYNAME"), Some(value.as_str()));
    let entries: Vec<_> = dict
        .entries()
        .filter(|(key, _)| !key.eq_ignore_ascii_case(".encoding"))
        .collect();
    let kept: Vec<_> = again
        .entries()
        .filter(|(key, _)| !key.eq_ignore_ascii_case(".encoding"))
        .collect();
    assert_eq!(entries, kept, "writing and reading keeps every value");
    dict.remove_if(|key| key == "displayname");
    assert_eq!(Dict::parse(&dict.to_bytes()).get("displayName"), None);
}
