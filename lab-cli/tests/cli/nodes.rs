//! Commands that name nodes.

use crate::support::Place;

/// A place where a vmrun is found that nothing here needs to run.
fn place() -> Place {
    let place = Place::new();
    let vmrun = place.write("vmrun", "");
    place.env("VMRUN_PATH", vmrun.display().to_string())
}

#[test]
fn plan_of_a_lab_that_is_not_there_creates_every_node() {
    let place = place();
    insta::assert_snapshot!(place.run(&["plan"]).code(0).stdout);
    insta::assert_snapshot!("plan_ko", place.run(&["plan", "--lang", "ko"]).code(0).stdout);
    let json = place.run(&["plan", "--output", "json"]).code(0).json();
    let actions: Vec<_> = json["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| s["action"].as_str().unwrap())
        .collect();
    assert_eq!(actions, ["create"; 3]);
    assert_eq!(json["hypervisor"]["drop_in"], false);
    assert!(!place.file("data").exists(), "plan makes nothing");
}

#[test]
fn an_unknown_node_is_named_with_those_that_exist() {
    let place = place();
    let commands: [&[&str]; 6] = [
        &["up", "--recreate", "k3s-worker9"],
        &["plan", "--recreate", "k3s-worker1,k3s-worker9"],
        &["ssh", "k3s-worker9"],
        &["ssh", "k3s-worker9", "--", "true"],
        &["exec", "k3s-worker9", "--", "true"],
        &["exec", "k3s-master1", "k3s-worker9", "--", "true"],
    ];
    for arguments in commands {
        let ran = place.run(arguments).code(2);
        assert_eq!(
            ran.stderr,
            "error: there is no node `k3s-worker9`\nhelp: the nodes are: k3s-master1, k3s-worker1, k3s-worker2\n"
        );
    }
    assert!(!place.file("data").exists(), "nothing was made");
}

#[test]
fn a_node_that_was_not_created_is_not_ready() {
    let place = place();
    for arguments in [&["ssh", "k3s-master1"][..], &["exec", "k3s-master1", "--", "true"]] {
        let ran = place.run(arguments).code(5);
        assert!(
            ran.stderr.contains("k3s-master1: its machine has not been created"),
            "{ran}"
        );
        assert!(ran.stderr.contains("help: run `lab-cli up` first"), "{ran}");
    }
}

#[test]
fn exec_needs_nodes_and_a_command() {
    let place = place();
    for arguments in [
        &["exec", "--", "true"][..],
        &["exec", "k3s-master1"],
        &["exec", "k3s-master1", "--all", "--", "true"],
    ] {
        place.run(arguments).code(2);
    }
}

#[test]
fn status_of_a_lab_that_is_not_there_is_not_ready() {
    let place = place();
    insta::assert_snapshot!(place.run(&["status"]).code(5).stdout);
    insta::assert_snapshot!("status_ko", place.run(&["status", "--lang", "ko"]).code(5).stdout);
    let json = place.run(&["--output", "json", "status"]).code(5).json();
    assert_eq!((&json["exists"], &json["ready"]), (&false.into(), &false.into()));
    assert_eq!(json["nodes"].as_array().unwrap().len(), 3);
}
