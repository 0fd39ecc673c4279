//! vmrun-rs: what vmrun prints, what VMware's programs leave in files.

use vmrun_rs::vmx::VmxFile;
use vmrun_rs::{failure, leases, vmrun::parse};

/// Everything that reads what `vmrun` prints.
pub(crate) fn output(output: &[u8]) {
    for exit in [Some(255), Some(0), None] {
        if let Some(failure) = failure::classify(exit, output, b"") {
            assert!(!failure.summary.contains(['\n', '\r']) && !failure.hint.is_empty());
        }
        let _ = failure::classify(exit, b"", output);
    }
    let _ = parse::version(output);
    let _ = parse::running(output);
    assert!(parse::paths(output).iter().all(|path| path.is_absolute()));
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
}

/// Any file survives reading and writing, and a value that could be set is the value that is there. Up to the first NUL
/// byte the input is the file, behind it the value.
pub(crate) fn vmx(input: &[u8]) {
    let mut parts = input.splitn(2, |&b| b == 0);
    let bytes = parts.next().unwrap_or_default();
    let value = String::from_utf8_lossy(parts.next().unwrap_or_default()).into_owned();
    let mut file = VmxFile::parse(bytes);
    assert_eq!(file.to_bytes(), bytes);
    if file.set("displayName", &value).is_ok() {
        let again = VmxFile::parse(&file.to_bytes());
        assert_eq!(again.get("DISPLAYNAME").as_deref(), Some(value.as_str()));
        let before = file.to_bytes();
        file.set("displayName", &value).unwrap();
        assert_eq!(file.to_bytes(), before, "setting what is there changes nothing");
        // Another encoding keeps the meaning.
        if file.set(".encoding", "UTF-8").is_ok() {
            let again = VmxFile::parse(&file.to_bytes());
            assert_eq!(again.get("displayName").as_deref(), Some(value.as_str()));
        }
    }
    file.remove_prefix("ethernet0.");
    file.remove("displayName");
    assert_eq!(file.get("displayName"), None);
}

/// Lease files of every format.
pub(crate) fn lease_file(bytes: &[u8]) {
    let all = leases::parse(bytes);
    let now = time::OffsetDateTime::UNIX_EPOCH;
    for lease in &all {
        assert_eq!(leases::normalise_mac(&lease.mac).as_ref(), Some(&lease.mac));
        let best = leases::best(&all, &lease.mac, now);
        assert!(
            best.is_some_and(|best| best.is_valid(now) || !all.iter().any(|l| l.mac == lease.mac && l.is_valid(now)))
        );
    }
}

/// A `vmware.log`: few causes, each a line that a person can read.
pub(crate) fn vmware_log(log: &[u8]) {
    let causes = failure::causes(log);
    assert!(causes.len() <= 10);
    for cause in &causes {
        assert!(
            !cause.trim().is_empty() && !cause.contains(char::is_control),
            "{cause:?}"
        );
    }
}
