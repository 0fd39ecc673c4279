//! Lease files of every format.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vmrun_rs::leases;

fuzz_target!(|bytes: &[u8]| {
    for lease in leases::parse(bytes) {
        assert_eq!(leases::normalise_mac(&lease.mac), Some(lease.mac));
    }
});
