//! `logs` of machines whose guests never answer: the console, which the host has. What guests keep is in `tests/`.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::machines;
use crate::support::Place;

fn place() -> Place {
    let place = machines::place();
    place.run(&["up", "--progress", "none"]).code(4);
    place
}

const CONSOLE: &str = "data/labs/lab/vms/m/vm/console.log";

#[test]
fn the_console_is_shown_also_of_a_guest_that_does_not_answer() {
    let place = place();
    let whole = "[    0.000000] Linux version 6.12\n[    9.000000] Kernel panic - not syncing: no init found\n";
    for arguments in [&["logs", "m"][..], &["logs", "m", "--source", "console"]] {
        assert_eq!(place.run(arguments).code(0).stdout, whole);
    }
    let last = place.run(&["logs", "m", "-n", "1"]).code(0).stdout;
    assert_eq!(last, "[    9.000000] Kernel panic - not syncing: no init found\n");
    let json = place
        .run(&["logs", "m", "--lines", "1", "--output", "json"])
        .code(0)
        .json();
    assert_eq!((&json["node"], &json["source"]), (&"m".into(), &"console".into()));
    assert_eq!(json["lines"].as_array().unwrap().len(), 1);
    // What a guest prints cannot drive the terminal of who reads it.
    place.write(CONSOLE, "\u{1b}]0;title\u{7}\u{1b}[2Jhello\r\n");
    assert!(!place.run(&["logs", "m"]).code(0).stdout.contains('\u{1b}'));
}

#[test]
fn what_a_guest_keeps_cannot_be_had_from_one_that_does_not_answer_and_a_wrong_name_is_named() {
    let place = place();
    for source in ["cloud-init", "bootstrap", "k3s", "journal"] {
        let ran = place.run(&["logs", "m", "--source", source]).code(1);
        assert!(
            ran.stderr
                .starts_with("error: m: could not read the log\n  caused by: "),
            "{ran}"
        );
    }
    let ran = place.run(&["logs", "m", "--source", "k3s", "--lang", "ko"]).code(1);
    assert!(ran.stderr.starts_with("오류: m: 로그를 읽지 못했습니다\n"), "{ran}");
    let ran = place.run(&["logs", "nobody"]).code(2);
    assert!(ran.stderr.contains("help: the nodes are: m, w"), "{ran}");
    let ran = place.run(&["logs", "m", "--source", "kubelet"]).code(2);
    assert!(
        ran.stderr.contains("console, cloud-init, bootstrap, k3s, journal"),
        "{ran}"
    );
    std::fs::remove_file(place.file(CONSOLE)).unwrap();
    let ran = place.run(&["logs", "m"]).code(5);
    assert!(ran.stderr.contains("there is no console at "), "{ran}");
    let ran = machines::place().run(&["logs", "m"]).code(5);
    assert!(ran.stderr.contains("help: run `lab-cli up` first"), "{ran}");
}

#[test]
fn it_is_followed_line_by_line_until_an_interrupt() {
    let place = place();
    for json in [false, true] {
        let form = if json { "json" } else { "text" };
        let mut command = place.command(&["logs", "m", "-f", "-n", "1", "--output", form]);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut next = || {
            let line = lines.next().unwrap().unwrap();
            if json {
                let value: Value = serde_json::from_str(&line).unwrap();
                assert_eq!(value["node"], "m");
                value["line"].as_str().unwrap().to_owned()
            } else {
                line
            }
        };
        next();
        for n in 0..3 {
            use std::io::Write as _;
            let mut console = std::fs::OpenOptions::new()
                .append(true)
                .open(place.file(CONSOLE))
                .unwrap();
            writeln!(console, "new {n}").unwrap();
            assert_eq!(next(), format!("new {n}"));
        }
        kill_process(Pid::from_child(&child), Signal::INT).unwrap();
        assert_eq!(child.wait().unwrap().code(), Some(130));
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(said, "", "whoever ends it knows that");
    }
}

#[test]
fn a_reader_that_went_away_ends_what_is_followed() {
    let place = place();
    let mut command = place.command(&["logs", "m", "-f"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    stdout.read_line(&mut String::new()).unwrap();
    drop(stdout);
    let end = std::time::Instant::now() + std::time::Duration::from_secs(20);
    // As after `| head -1`: the next line finds nobody.
    while child.try_wait().unwrap().is_none() {
        use std::io::Write as _;
        let console = std::fs::OpenOptions::new().append(true).open(place.file(CONSOLE));
        writeln!(console.unwrap(), "more").unwrap();
        assert!(std::time::Instant::now() < end, "it goes on although nobody reads");
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    assert_eq!(child.wait().unwrap().code(), Some(0));
}
