//! `destroy`: says what goes, asks, and touches nothing else.

use crate::support::Place;

/// A place with a lab that has its own directory and certificates, and no machines yet.
fn place() -> Place {
    let place = Place::new();
    let vmrun = place.write("vmrun", "");
    let place = place.env("VMRUN_PATH", vmrun.display().to_string());
    place.run(&["pki", "init"]).code(0);
    assert!(place.lab().join("state.json").is_file());
    place
}

#[test]
fn off_a_terminal_it_wants_yes_and_says_what_would_go() {
    let place = place();
    let ran = place.run(&["destroy"]).code(2);
    assert!(
        ran.stderr.starts_with("this will be deleted:\n  the directory "),
        "{ran}"
    );
    assert!(ran.stderr.ends_with("help: say it with `--yes`\n"), "{ran}");
    assert!(place.lab().join("pki/ca.key").is_file());
}

#[test]
fn with_yes_all_that_the_lab_made_goes_and_nothing_else() {
    let place = place();
    let foreign = place.write("data/labs/other/vms/theirs/theirs.vmx", "");
    let ran = place.run(&["destroy", "--yes"]).code(0);
    assert!(
        ran.stdout.starts_with("this will be deleted:\n") && ran.stdout.ends_with("deleted\n"),
        "{ran}"
    );
    assert!(!place.lab().exists());
    assert!(foreign.is_file());
    let again = place.run(&["destroy", "--yes"]).code(0);
    assert_eq!(again.stdout, "there is no such lab: nothing to delete\n");
}

#[test]
fn as_json_it_lists_what_went() {
    let json = place().run(&["destroy", "--yes", "--output", "json"]).code(0).json();
    assert_eq!(
        (&json["existed"], &json["deleted"]),
        (&true.into(), &serde_json::json!([]))
    );
    assert!(json["directory"].as_str().unwrap().ends_with("lab"));
}

#[test]
fn an_unknown_node_is_a_mistake() {
    let place = place();
    let ran = place.run(&["destroy", "--yes", "--node", "k3s-worker9"]).code(2);
    assert!(ran.stderr.contains("there is no node `k3s-worker9`"), "{ran}");
    assert!(place.lab().exists());
}
