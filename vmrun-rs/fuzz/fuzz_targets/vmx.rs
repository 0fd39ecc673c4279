//! Any file survives reading and writing, and a value that could be set is the value that is there.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vmrun_rs::vmx::VmxFile;

fuzz_target!(|input: (&[u8], &str)| {
    let (bytes, value) = input;
    let mut file = VmxFile::parse(bytes);
    assert_eq!(file.to_bytes(), bytes);
    if file.set("displayName", value).is_ok() {
        assert_eq!(VmxFile::parse(&file.to_bytes()).get("DISPLAYNAME").as_deref(), Some(value));
    }
    file.remove_prefix("ethernet0.");
    file.remove("displayName");
    assert_eq!(file.get("displayName"), None);
});
