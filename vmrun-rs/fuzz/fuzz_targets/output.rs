//! See the function for what must hold.
#![no_main]

#[path = "../checks.rs"]
#[allow(dead_code, reason = "each target uses one")]
mod checks;

libfuzzer_sys::fuzz_target!(|input: &[u8]| checks::output(input));
