//! Commands that only answer: completions, man.

use crate::support::Place;

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

/// What bash itself completes with the script, the last word being the one that is typed.
#[cfg(target_os = "linux")]
#[test]
fn bash_completes_commands_options_and_their_values() {
    const ASK: &str = ". ./script;  f=$(complete -p lab-cli | sed 's/.*-F \\([^ ]*\\).*/\\1/'); \
        COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); $f lab-cli \"${COMP_WORDS[COMP_CWORD]}\" \
        \"${COMP_WORDS[COMP_CWORD-1]}\"; echo \"${COMPREPLY[*]}\"";
    let place = Place::new();
    let script = place.run(&["completions", "bash"]).code(0).stdout;
    place.write("script", &script);
    for (typed, completed) in [
        (&["tim"][..], "timings"),
        (&["kubeconfig", "--me"], "--merge"),
        (&["timings", "e"], "export eta"),
        (&["pki", "ro"], "rotate"),
        (&["logs", "m", "--source", "c"], "console cloud-init"),
        (&["--lang", ""], "auto en ko"),
    ] {
        let mut bash = std::process::Command::new("bash");
        bash.args(["--norc", "-c", ASK, "bash", "lab-cli"]).args(typed);
        let output = bash.current_dir(place.path()).output().unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        assert_eq!(
            said.trim(),
            completed,
            "{typed:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
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

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named_with_what_to_do_whatever_is_written() {
    use std::process::Stdio;
    let place = Place::new();
    let full = || std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    for arguments in [
        &["schema"][..],
        &["init", "--print"],
        &["completions", "bash"],
        &["timings", "list"],
    ] {
        for (lang, help) in [
            ("en", "help: free some space"),
            ("ko", "도움말: 그 디스크의 공간을 확보하거나"),
        ] {
            let mut command = place.command(&[arguments, &["--lang", lang]].concat());
            let output = command.stdout(Stdio::from(full())).output().unwrap();
            let stderr = String::from_utf8_lossy(&output.stderr);
            assert_eq!(output.status.code(), Some(1), "{arguments:?}: {stderr}");
            assert!(stderr.contains(help), "{arguments:?}: {stderr}");
        }
    }
    // Nobody can be told, but it ends as it should.
    let mut command = place.command(&["kubeconfig"]);
    let output = command.stderr(Stdio::from(full())).output().unwrap();
    assert_eq!(output.status.code(), Some(5));
}
