//! What a node takes from the payload's medium, and what it refuses.

use std::fs;

use super::{MARKERS, impatient, install, ready_to_boot};
use crate::sandbox::Sandbox;

#[test]
fn an_installer_copies_the_payload_and_the_installed_systems_first_boot_does_the_rest() {
    let Some(sandbox) = ready_to_boot() else { return };
    assert!(sandbox.boot_with(&["payload"]));
    assert_eq!(sandbox.read("var/lib/iso-copy-complete"), "k3s-master1-0001\n");
    assert!(sandbox.path("var/lib/lab/payload/k3s").is_file());
    for marker in ["var/lib/cloud-init-complete", "var/lib/k3s-bootstrap.done"] {
        assert!(!sandbox.path(marker).exists(), "{marker}");
    }
    for call in ["swapoff", "modprobe", "dpkg", "systemctl", "cloud-init"] {
        assert_eq!(sandbox.calls(call), 0, "{call} in an installer's own system");
    }
    // The installer's drive is gone when the installed system boots.
    fs::remove_file(sandbox.path("dev/disk/by-label/LABPAYLOAD")).unwrap();
    assert!(sandbox.boot());
    for marker in MARKERS {
        assert_eq!(sandbox.read(marker), "k3s-master1-0001\n", "{marker}");
    }
}

#[test]
fn an_installation_fails_when_the_payload_cannot_be_copied_and_says_why() {
    let Some(sandbox) = ready_to_boot() else { return };
    fs::remove_file(sandbox.path("dev/disk/by-label/LABPAYLOAD")).unwrap();
    assert!(!sandbox.boot_with(&["payload"]));
    assert_eq!(sandbox.failure().step, "payload-wait");
}

#[test]
fn a_damaged_payload_is_named_and_nothing_of_it_is_installed() {
    let Some(sandbox) = ready_to_boot() else { return };
    let image = sandbox.path("dev/disk/by-label/LABPAYLOAD");
    let mut bytes = fs::read(&image).unwrap();
    let place = bytes.windows(5).position(|window| window == b"ustar").unwrap();
    bytes[place + 100] ^= 1;
    fs::write(&image, bytes).unwrap();
    assert!(!sandbox.boot());
    let failure = sandbox.failure();
    assert_eq!(failure.step, "payload-copy");
    assert_eq!(failure.reason, "the payload is damaged: images/images.tar: FAILED");
    assert_eq!(failure.instance_id, "k3s-master1-0001");
    assert!(!sandbox.path("var/lib/iso-copy-complete").exists());
    assert!(!sandbox.path("usr/local/bin/k3s").exists());
    assert_eq!(sandbox.calls("umount"), 1, "the medium is released");
}

#[test]
fn a_file_that_is_not_what_its_known_digest_says_is_found_before_anything_is_installed() {
    let Some(sandbox) = Sandbox::new() else { return };
    let mut payload = sandbox.payload(false);
    payload
        .known_digests
        .insert(sandbox.path("host/images.tar"), "0".repeat(64).parse().unwrap());
    let mut node = impatient();
    node.payload = Some(sandbox.insert(&payload).to_ref());
    install(&sandbox, node);
    assert!(!sandbox.boot());
    let failure = sandbox.failure();
    assert_eq!(failure.step, "payload-copy");
    assert_eq!(failure.reason, "the payload is damaged: images/images.tar: FAILED");
    assert!(!sandbox.path("usr/local/bin/k3s").exists());
    assert!(!sandbox.path("var/lib/iso-copy-complete").exists());
}

#[test]
fn another_payload_than_the_nodes_own_is_refused() {
    let Some(sandbox) = Sandbox::new() else { return };
    let mut node = impatient();
    let mut reference = sandbox.insert_payload(false).to_ref();
    reference.digest = Some("0".repeat(64).parse().unwrap());
    node.payload = Some(reference);
    install(&sandbox, node);
    assert!(!sandbox.boot());
    assert!(
        sandbox.failure().reason.contains("another payload"),
        "{}",
        sandbox.failure().reason
    );
}

#[test]
fn a_medium_that_never_appears_ends_the_wait_with_its_label() {
    let Some(sandbox) = ready_to_boot() else { return };
    fs::remove_file(sandbox.path("dev/disk/by-label/LABPAYLOAD")).unwrap();
    assert!(!sandbox.boot());
    assert_eq!(sandbox.failure().step, "payload-wait");
    assert!(sandbox.failure().reason.contains("LABPAYLOAD"));
    assert_eq!(sandbox.read("var/lib/lab/progress"), "payload-wait\n");
}

#[test]
fn a_payload_cannot_name_files_outside_itself() {
    let Some(sandbox) = Sandbox::new() else { return };
    let mut iso = cloudinit_gen::iso::IsoBuilder::new("LABPAYLOAD".parse().unwrap());
    let sums = format!("{}  ../../../etc/owned\n", "0".repeat(64));
    iso.file("SHA256SUMS", cloudinit_gen::iso::Source::bytes(sums)).unwrap();
    fs::create_dir_all(sandbox.path("dev/disk/by-label")).unwrap();
    iso.write_file(&sandbox.path("dev/disk/by-label/LABPAYLOAD")).unwrap();
    install(&sandbox, impatient());
    assert!(!sandbox.boot());
    assert!(
        sandbox
            .failure()
            .reason
            .contains("names a path outside it: ../../../etc/owned")
    );
}
