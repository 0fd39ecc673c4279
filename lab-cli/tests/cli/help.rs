//! What the command line says of itself.

use crate::support::Place;

/// Every command, as the help lists them.
pub(crate) fn commands(place: &Place) -> Vec<String> {
    let help = place.run(&["-h", "--lang", "en"]).code(0).stdout;
    let listed = help.lines().skip_while(|l| *l != "Commands:").skip(1);
    let names = listed
        .take_while(|l| !l.is_empty())
        .filter_map(|l| l.split_whitespace().next());
    let names: Vec<String> = names.filter(|n| *n != "help").map(str::to_owned).collect();
    assert!(names.len() >= 18 && names.contains(&"up".to_owned()), "{help}");
    names
}

#[test]
fn the_short_help_fits_on_a_screen_with_every_command_on_a_line_of_its_own() {
    let place = Place::new();
    for lang in ["en", "ko"] {
        let ran = place.run(&["-h", "--lang", lang]).code(0);
        assert!(ran.stdout.lines().count() <= 48, "{}", ran.stdout);
        for command in commands(&place) {
            let line = |l: &&str| l.starts_with(&format!("  {command} "));
            let line = ran
                .stdout
                .lines()
                .find(line)
                .unwrap_or_else(|| panic!("{command}: {ran}"));
            assert!(line.chars().count() <= 100, "{line}");
        }
    }
}

#[test]
fn the_long_help_names_exit_codes_and_environment() {
    let ran = Place::new().run(&["--help"]).code(0);
    for word in [
        "130",
        "LAB_CONFIG",
        "VMRUN_PATH",
        "REGISTRY_HOST_IP",
        "INSTALL_USER_PASSWORD",
        "NO_COLOR",
    ] {
        assert!(ran.stdout.contains(word), "{word}: {}", ran.stdout);
    }
}

#[test]
fn every_command_explains_itself() {
    let place = Place::new();
    for command in commands(&place) {
        let ran = place.run(&[&command, "--help"]).code(0);
        assert!(ran.stdout.contains(&format!("Usage: lab-cli {command}")), "{ran}");
        assert_eq!(ran.stderr, "");
        // Every line that names an option or a command also says what it is for.
        for option in ["--config", "--set", "--output", "--progress", "--lang", "--verbose"] {
            assert!(ran.stdout.contains(option), "{command} lacks {option}");
        }
    }
}

#[test]
fn the_version_is_the_packages() {
    let ran = Place::new().run(&["--version"]).code(0);
    assert_eq!(ran.stdout, format!("lab-cli {}\n", env!("CARGO_PKG_VERSION")));
}

#[test]
fn no_command_is_a_mistake_that_shows_the_help() {
    let ran = Place::new().run(&[]).code(2);
    assert!(ran.stderr.contains("Usage: lab-cli"), "{ran}");
    assert_eq!(ran.stdout, "");
}

#[test]
fn a_wrong_command_line_is_one_json_object_when_json_is_wanted() {
    let ran = Place::new().run(&["--output", "json", "upp"]).code(2);
    let error = ran.error();
    assert_eq!(error["kind"], "usage");
    assert_eq!(error["exit_code"], 2);
    assert!(error["message"].as_str().unwrap().contains("upp"), "{error}");
    assert!(error["details"].to_string().contains("up"), "{error}");
}

#[test]
fn a_setting_without_a_value_is_explained() {
    let ran = Place::new().run(&["plan", "--set", "vm.cpus"]).code(2);
    assert!(ran.stderr.contains("section.key=value"), "{ran}");
}

#[test]
fn the_readme_mentions_every_command() {
    let readme = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../README.md")).unwrap();
    for command in commands(&Place::new()) {
        let named = [
            format!("lab-cli {command}"),
            format!("`{command}`"),
            format!("`{command} "),
        ];
        assert!(named.iter().any(|n| readme.contains(n)), "{command}");
    }
}
