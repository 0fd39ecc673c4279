//! What programs read: every command's JSON, the event stream and its published schema, the log.

use std::collections::BTreeSet;
use std::io::{BufRead as _, BufReader, Read as _};
use std::path::Path;
use std::process::Stdio;

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::help;
use crate::{fake, machines};

#[test]
fn every_command_answers_in_json_and_fails_in_json() {
    let place = machines::place();
    place.run(&["up", "--progress", "none"]).code(4);
    let commands: &[&[&str]] = &[
        &["init"],
        &["init", "--print"],
        &["config", "show"],
        &["schema"],
        &["schema", "--events"],
        &["doctor"],
        &["plan"],
        &["up", "--progress", "none"],
        &["status"],
        &["ssh", "m"],
        &["ssh", "m", "--", "true"],
        &["exec", "--all", "--", "true"],
        &["stop", "--hard", "--progress", "none"],
        &["start", "--progress", "none"],
        &["restart", "--hard", "--progress", "none"],
        &["kubeconfig"],
        &["pki", "init"],
        &["pki", "show"],
        &["pki", "verify", "--connect", "127.0.0.1:1"],
        &["timings", "list"],
        &["timings", "show"],
        &["completions", "bash"],
        &["man", "pages"],
        &["destroy"],
        &["destroy", "--yes"],
    ];
    let mut seen = BTreeSet::new();
    for arguments in commands {
        let ran = place.run(&[&["--output", "json", "--set", "timeouts.ready=1"], *arguments].concat());
        if ran.stdout.is_empty() {
            assert_ne!(ran.code, 0, "{arguments:?}: {ran}");
            // A question that cannot be asked may stand above.
            let last = ran.stderr.lines().last().unwrap_or_default();
            let last: Value = serde_json::from_str(last).unwrap_or_else(|e| panic!("{e}: {arguments:?}: {ran}"));
            assert!(last["error"]["message"].is_string(), "{arguments:?}: {ran}");
        } else {
            ran.json();
        }
        seen.insert(arguments[0]);
    }
    // Commands that this test does not know yet: at least their mistakes are JSON.
    for command in help::commands(&place).iter().filter(|c| !seen.contains(c.as_str())) {
        let ran = place.run(&["--output", "json", command, "--no-such-option"]).code(2);
        assert_eq!(ran.error()["exit_code"], 2, "{command}");
    }
}

/// Each line must be of a kind that the schema describes, with all that it requires and nothing that it does not know.
fn check(line: &str, schema: &Value) -> String {
    let value: Value = serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}"));
    let event = value["event"].as_str().unwrap_or_else(|| panic!("{line}"));
    let kinds: Vec<&Value> = schema["oneOf"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|kind| kind["properties"]["event"]["const"] == event)
        .collect();
    let [kind] = kinds[..] else {
        panic!("{event} is described {} times", kinds.len())
    };
    let fields = value.as_object().unwrap();
    for required in kind["required"].as_array().unwrap() {
        assert!(
            fields.contains_key(required.as_str().unwrap()),
            "{line} lacks {required}"
        );
    }
    let own = kind["properties"].as_object().unwrap();
    // The parts of an outcome are described beside the event's own.
    let outcome = ["outcome", "reason"];
    for field in fields.keys() {
        assert!(
            own.contains_key(field) || outcome.contains(&field.as_str()),
            "{field} of {line} is not described"
        );
    }
    event.to_owned()
}

#[test]
fn every_line_of_the_stream_is_an_event_as_the_schema_says_and_the_error_is_the_last() {
    let place = machines::place();
    let schema = place.run(&["schema", "--events"]).code(0).json();
    let ran = place.run(&["up", "--progress", "json"]).code(4);
    let lines: Vec<&str> = ran.stderr.lines().collect();
    let (last, events) = lines.split_last().unwrap();
    let events: BTreeSet<String> = events.iter().map(|l| check(l, &schema)).collect();
    for event in [
        "run_started",
        "stage_started",
        "stage_finished",
        "node_signal",
        "node_trouble",
        "run_finished",
    ] {
        assert!(events.contains(event), "{event}: {ran}");
    }
    let last: Value = serde_json::from_str(last).unwrap();
    assert_eq!(last["error"]["kind"], "timed_out", "{ran}");
}

#[test]
fn an_interrupt_and_log_lines_do_not_break_the_stream() {
    let place = fake::vmrun_that_hangs();
    let mut command = place.command(&["up", "--progress", "json", "-vv"]);
    let mut child = command.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut first = String::new();
    while !first.contains("stage_started") {
        assert_ne!(stderr.read_line(&mut first).unwrap(), 0, "it ended: {first}");
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let mut rest = String::new();
    stderr.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    let lines: Vec<Value> = first
        .lines()
        .chain(rest.lines())
        .map(|l| serde_json::from_str(l).unwrap_or_else(|e| panic!("{e}: {l}")))
        .collect();
    assert!(lines.iter().any(|l| l["event"] == "interrupt_requested"), "{rest}");
    assert_eq!(lines.last().unwrap()["error"]["kind"], "interrupted");
}

#[test]
fn the_schema_of_the_events_is_published_as_it_is() {
    let schema = crate::support::Place::new().run(&["schema", "--events"]).code(0).stdout;
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/events.schema.json");
    if std::env::var_os("UPDATE_DOCS").is_some() {
        std::fs::write(&path, &schema).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert!(
        published == schema,
        "run `UPDATE_DOCS=1 cargo test -p lab-cli --test cli schema_of_the_events`"
    );
}

#[test]
fn the_log_also_holds_what_vmrun_was_told_with_times_and_without_secrets() {
    let secret = "correct-horse-battery";
    let place = machines::place().env("INSTALL_USER_PASSWORD", secret);
    let answer = place
        .run(&["up", "--progress", "none", "--output", "json"])
        .code(4)
        .json();
    let path = answer["log"]
        .as_str()
        .unwrap()
        .replace("[DIR]", &place.path().display().to_string());
    let log = std::fs::read_to_string(path).unwrap();
    for line in log.lines().filter(|l| l.contains("vmrun_rs")) {
        assert!(line.as_bytes()[..4].iter().all(u8::is_ascii_digit), "{line}");
    }
    assert!(log.contains("DEBUG") && log.contains("clone"), "{log}");
    assert!(!log.contains(secret));
}

#[test]
fn a_classified_failure_of_vmrun_is_one_line_of_the_summary_and_its_advice_the_help() {
    let place = machines::place();
    place.write("start-fails", "The file is already in use");
    let ran = place.run(&["up"]).code(1);
    let start = ran
        .stdout
        .lines()
        .find(|l| l.contains("Start VMs"))
        .unwrap_or_else(|| panic!("{ran}"));
    assert!(start.contains("file locked: The file is already in use"), "{ran}");
    assert!(
        ran.stderr.contains("help: close the machine in the VMware window"),
        "{ran}"
    );
    let ran = place.run(&["up", "--lang", "ko"]).code(1);
    assert!(ran.stdout.contains("파일 잠김: "), "{ran}");
    assert!(ran.stderr.contains("도움말: VMware 창에서 VM을 닫거나"), "{ran}");
}
