//! Commands that only answer: kubeconfig, completions, man.

use crate::support::Place;

#[test]
fn kubeconfig_is_a_path_or_its_content() {
    let place = Place::new();
    place.write("data/labs/lab/kubeconfig", "apiVersion: v1\n");
    let path = "[DIR]/data/labs/lab/kubeconfig\n".to_owned();
    assert_eq!(place.run(&["kubeconfig"]).code(0).stdout.replace('\\', "/"), path);
    assert_eq!(
        place.run(&["kubeconfig", "path"]).code(0).stdout.replace('\\', "/"),
        path
    );
    assert_eq!(place.run(&["kubeconfig", "--raw"]).code(0).stdout, "apiVersion: v1\n");
    let json = place.run(&["kubeconfig", "--raw", "--output", "json"]).code(0).json();
    assert_eq!(json["kubeconfig"], "apiVersion: v1\n");
}

#[test]
fn a_kubeconfig_that_was_never_fetched_is_not_ready() {
    let ran = Place::new().run(&["kubeconfig"]).code(5);
    assert!(
        ran.stderr.contains("there is no kubeconfig") && ran.stderr.contains("lab-cli up"),
        "{ran}"
    );
}

#[test]
fn completions_exist_for_every_shell_and_know_the_commands() {
    let place = Place::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = place.run(&["completions", shell]).code(0);
        assert!(
            ran.stdout.contains("kubeconfig") && ran.stdout.contains("lab-cli"),
            "{shell}"
        );
    }
    place.run(&["completions", "tcsh"]).code(2);
}

#[test]
fn man_writes_a_page_for_every_command() {
    let place = Place::new();
    let ran = place.run(&["man", "out/man1"]).code(0);
    assert_eq!(ran.stdout, "written: out/man1\n");
    for page in [
        "lab-cli.1",
        "lab-cli-up.1",
        "lab-cli-pki-verify.1",
        "lab-cli-timings-export.1",
    ] {
        let text = std::fs::read_to_string(place.file("out/man1").join(page)).unwrap();
        assert!(text.contains(".TH"), "{page}");
    }
    place.write("file", "");
    let ran = place.run(&["man", "file"]).code(1);
    assert!(ran.stderr.contains("could not write the manual pages to file"), "{ran}");
}

#[test]
fn a_reader_that_goes_away_is_no_error() {
    use std::process::Stdio;
    let place = Place::new();
    let mut child = place
        .command(&["schema"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
