//! What is missing names itself and the way to get it; exit code 3.

use crate::support::Place;

/// Every command that needs a hypervisor.
const COMMANDS: [&[&str]; 6] = [
    &["up"],
    &["plan"],
    &["status"],
    &["destroy", "--yes"],
    &["ssh", "k3s-master1"],
    &["exec", "--all", "--", "true"],
];

#[test]
fn a_vmrun_that_is_not_where_it_should_be_is_named() {
    for arguments in COMMANDS {
        let ran = Place::new().env("VMRUN_PATH", "/nowhere/vmrun").run(arguments).code(3);
        assert!(
            ran.stderr
                .starts_with("error: vmrun, which drives the virtual machines, is not at "),
            "{ran}"
        );
        assert!(
            ran.stderr.contains("\nhelp: correct hypervisor.vmrun or VMRUN_PATH"),
            "{ran}"
        );
        assert_eq!(ran.stdout, "");
    }
}

#[test]
fn without_vmware_the_error_says_how_to_get_it() {
    let ran = Place::new()
        .toml("[hypervisor]\nkind = \"vmware\"\n")
        .run(&["up"])
        .code(3);
    assert!(
        ran.stderr.contains("VMware's vmrun") && ran.stderr.contains("install VMware Workstation"),
        "{ran}"
    );
}

#[test]
fn as_json_it_is_one_object_with_kind_and_help() {
    let ran = Place::new()
        .env("VMRUN_PATH", "/nowhere/vmrun")
        .run(&["--output", "json", "up"])
        .code(3);
    let error = ran.error();
    assert_eq!(error["kind"], "prerequisite");
    assert_eq!(error["exit_code"], 3);
    assert!(error["help"].as_str().unwrap().contains("VMRUN_PATH"));
}

#[test]
fn without_a_hypervisor_doctor_looks_at_everything_that_needs_none() {
    let place = Place::new()
        .env("VMRUN_PATH", "/nowhere/vmrun")
        .toml("[image]\ndisk = \"/nowhere/image.img\"\n\n[registry]\ncheck = false\n");
    let ran = place.run(&["doctor"]).code(3);
    assert!(ran.stdout.contains("help: correct hypervisor.vmrun"), "{ran}");
    let json = place.run(&["doctor", "--output", "json"]).code(3).json();
    assert_eq!(json["ok"], false);
    let checks = json["checks"].as_array().unwrap();
    let found: Vec<(&str, &str)> = checks
        .iter()
        .map(|check| (check["id"].as_str().unwrap(), check["status"].as_str().unwrap()))
        .filter(|(id, _)| *id != "disk-space")
        .collect();
    assert_eq!(
        found,
        [
            ("hypervisor", "failed"),
            ("image", "failed"),
            ("k3s", "failed"),
            ("network", "warning"),
            ("registry", "ok"),
            ("addresses", "ok"),
            ("names", "ok"),
            ("ports", "ok"),
        ],
        "{json}"
    );
    for check in checks.iter().filter(|check| check["status"] == "failed") {
        assert!(check["remedy"].is_string(), "{check}");
    }
    assert!(json.to_string().contains("/nowhere/image.img"), "{json}");
}
