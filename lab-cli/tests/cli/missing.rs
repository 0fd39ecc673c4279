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
fn doctor_shows_it_as_a_check_with_its_remedy() {
    let place = Place::new().env("VMRUN_PATH", "/nowhere/vmrun");
    let ran = place.run(&["doctor"]).code(3);
    assert!(
        ran.stdout.contains("hypervisor") && ran.stdout.contains("help: correct"),
        "{ran}"
    );
    let json = place.run(&["doctor", "--output", "json"]).code(3).json();
    assert_eq!(json["ok"], false);
    assert_eq!(json["checks"][0]["status"], "failed");
}
