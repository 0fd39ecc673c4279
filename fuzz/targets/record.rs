//! See the function for what must hold.
#![no_main]

#[path = "../checks/mod.rs"]
#[allow(dead_code, unused_imports, reason = "each target uses one of them")]
mod checks;
#[path = "../../vmrun-qemu/src/files.rs"]
#[allow(dead_code, reason = "what `checks::vmrun_qemu` takes in needs some of it")]
mod files;

libfuzzer_sys::fuzz_target!(|input: &[u8]| checks::timer::record(input));
