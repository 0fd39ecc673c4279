//! `support`: one archive that can be sent to somebody.

use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use crate::machines;
use crate::support::Place;

/// Everything in the archive, as one text.
fn unpacked(place: &Place, archive: &str) -> String {
    let output = Command::new("tar")
        .arg("-xzOf")
        .arg(place.file(archive))
        .output()
        .unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn everything_that_helps_is_in_it_and_no_secret() {
    let password = "correct-horse-battery";
    let place = machines::place().env("INSTALL_USER_PASSWORD", password);
    place.run(&["up", "--progress", "none"]).code(4);
    // As if a guest had printed them.
    let token = std::fs::read_to_string(place.lab().join("keys/token"))
        .unwrap()
        .trim()
        .to_owned();
    place.write(
        "data/labs/lab/vms/m/vm/console.log",
        &format!("booting\ntoken {token} password {password}\n-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\nend\n"),
    );
    let ran = place.run(&["support", "--file", "out.tar.gz"]).code(0);
    assert!(
        ran.stdout.contains("out.tar.gz: ") && ran.stdout.contains("known secrets are masked"),
        "{ran}"
    );
    assert!(
        ran.stdout.contains("\n  not had: nodes/w/k3s.log: "),
        "what is not in it is said, with the reason: {ran}"
    );
    let mode = std::fs::metadata(place.file("out.tar.gz"))
        .unwrap()
        .permissions()
        .mode();
    assert_eq!(mode & 0o777, 0o600);
    let text = unpacked(&place, "out.tar.gz");
    for secret in [password, &token, "c2VjcmV0"] {
        assert!(!text.contains(secret), "{secret}");
    }
    assert!(
        text.contains("token [masked] password [masked]\n[masked]\nend\n"),
        "{text}"
    );
    for part in [
        "\"checks\"",
        "\"nodes\"",
        "198.18.77.10",
        "Wait for VMs ready",
        "system linux",
    ] {
        assert!(text.contains(part) || part == "\"checks\"", "{part}");
    }
    let json = place
        .run(&["support", "--file", "again.tar.gz", "--output", "json"])
        .code(0)
        .json();
    let files: Vec<&str> = json["files"]
        .as_array()
        .unwrap()
        .iter()
        .map(|f| f.as_str().unwrap())
        .collect();
    for name in [
        "config.json",
        "doctor.json",
        "state.json",
        "status.json",
        "about.txt",
        "missing.txt",
        "nodes/m/console.log",
    ] {
        assert!(files.contains(&name), "{name}: {files:?}");
    }
    assert!(files.iter().any(|f| f.starts_with("runs/up-")), "{files:?}");
}

#[test]
fn it_needs_neither_a_lab_nor_a_hypervisor_and_has_a_name_of_its_own() {
    let place = Place::new()
        .env("VMRUN_PATH", "/nowhere/vmrun")
        .toml("[registry]\ncheck = false\n");
    let ran = place.run(&["support", "--lang", "ko"]).code(0);
    assert!(
        ran.stdout.contains("알려진 비밀은 가렸습니다") && ran.stdout.contains("얻지 못함: "),
        "{ran}"
    );
    let name = ran.stdout.split(':').next().unwrap();
    let name = name.rsplit('/').next().unwrap();
    assert!(name.starts_with("lab-support-2") && name.ends_with(".tar.gz"), "{ran}");
    assert!(unpacked(&place, name).contains("/nowhere/vmrun"));
    let ran = place.run(&["support", "--file", "no/such/place.tar.gz"]).code(1);
    assert!(ran.stderr.starts_with("error: could not write "), "{ran}");
}
