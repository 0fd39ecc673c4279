//! `init` and `schema`.

use crate::support::Place;

#[test]
fn init_writes_a_file_that_is_accepted_and_changes_nothing() {
    let place = Place::new();
    let ran = place.run(&["init"]).code(0);
    assert!(
        ran.stdout.starts_with("written: lab.toml\nnext: set image.disk, "),
        "{ran}"
    );
    let with = place.run(&["--output", "json", "config", "show"]).code(0).json();
    std::fs::remove_file(place.file("lab.toml")).unwrap();
    let without = place.run(&["--output", "json", "config", "show"]).code(0).json();
    assert_eq!(with["config"], without["config"]);
    assert_eq!(
        (&with["file"], &without["file"]),
        (&"lab.toml".into(), &serde_json::Value::Null)
    );
}

#[test]
fn init_never_writes_over_a_file_unless_told_to() {
    let place = Place::new().toml("# mine\n");
    let ran = place.run(&["init"]).code(2);
    assert_eq!(
        ran.stderr,
        "error: lab.toml exists already\nhelp: `--force` writes over it; `--print` shows the new one\n"
    );
    assert_eq!(std::fs::read_to_string(place.file("lab.toml")).unwrap(), "# mine\n");
    place.run(&["init", "--force"]).code(0);
    assert!(
        std::fs::read_to_string(place.file("lab.toml"))
            .unwrap()
            .contains("[registry]")
    );
}

#[cfg(unix)]
#[test]
fn init_told_to_write_over_a_link_replaces_what_it_leads_to() {
    let place = Place::new();
    let kept = place.write("dotfiles/lab.toml", "# mine\n");
    std::os::unix::fs::symlink(&kept, place.file("lab.toml")).unwrap();
    place.run(&["init", "--force"]).code(0);
    assert!(place.file("lab.toml").is_symlink());
    assert!(std::fs::read_to_string(&kept).unwrap().contains("[registry]"));
}

#[test]
fn init_writes_where_the_configuration_is_looked_for() {
    let place = Place::new();
    place.run(&["init", "--config", "other.toml"]).code(0);
    assert!(place.file("other.toml").is_file() && !place.file("lab.toml").exists());
    let place = Place::new().env("LAB_CONFIG", "third.toml");
    place.run(&["init"]).code(0);
    assert!(place.file("third.toml").is_file());
}

#[test]
fn init_print_writes_nothing() {
    let place = Place::new();
    let ran = place.run(&["init", "--print"]).code(0);
    assert!(ran.stdout.contains("#memory_mib = 4096"), "{ran}");
    assert!(!place.file("lab.toml").exists());
}

#[test]
fn init_into_a_missing_directory_names_it() {
    let ran = Place::new().run(&["init", "-c", "missing/lab.toml"]).code(1);
    assert!(
        ran.stderr
            .starts_with("error: could not write missing/lab.toml\n  caused by: "),
        "{ran}"
    );
}

#[test]
fn schema_is_a_json_schema_that_knows_every_section() {
    let schema = Place::new().run(&["schema"]).code(0).json();
    assert!(schema["$schema"].as_str().unwrap().contains("json-schema.org"));
    for section in [
        "lab",
        "hypervisor",
        "network",
        "vm",
        "nodes",
        "guest",
        "image",
        "k3s",
        "registry",
        "timeouts",
    ] {
        assert!(schema["properties"].get(section).is_some(), "{section}");
    }
}
