//! Everything that reads what `vmrun` prints.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vmrun_rs::failure;
use vmrun_rs::vmrun::parse;

fuzz_target!(|output: &[u8]| {
    if let Some(failure) = failure::classify(Some(255), output, b"") {
        assert!(!failure.summary.contains('\n'));
    }
    let _ = failure::classify(Some(0), b"", output);
    let _ = failure::causes(output);
    let _ = parse::version(output);
    let _ = parse::running(output);
    let _ = parse::snapshots(output);
    let _ = parse::snapshot_tree(output);
    let _ = parse::tools_state(output);
    let _ = parse::guest_address(output);
    let _ = parse::host_networks(output);
    let _ = parse::port_forwardings(output);
    let _ = parse::network_adapters(output);
    let _ = parse::processes(output);
    let _ = parse::directory(output);
    let _ = parse::value(output);
});
