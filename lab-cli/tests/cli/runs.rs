//! `up`, as far as it comes without a hypervisor that makes machines: to the prerequisites, which are missing.

use serde_json::Value;

use crate::fake;

#[test]
fn what_is_missing_is_said_with_its_remedy_after_the_summary() {
    let place = fake::dead_guests();
    let ran = place.run(&["up"]).code(3);
    assert!(
        ran.stderr.contains("no disk image") && ran.stderr.contains("\nhelp: "),
        "{ran}"
    );
    assert!(
        ran.stderr.contains("| also: "),
        "everything that is missing is said at once: {ran}"
    );
    assert!(ran.stdout.starts_with("Stage durations:\n"), "{ran}");
    assert!(ran.stdout.contains("\ntimeline: [DIR]/data/labs/lab/runs/up-"), "{ran}");
    assert!(ran.stdout.contains("\nlog: [DIR]/data/labs/lab/runs/up-"), "{ran}");
    assert!(!ran.stdout.contains("kubeconfig:"), "{ran}");
}

#[test]
fn off_a_terminal_every_change_is_a_line_with_its_time() {
    let ran = fake::dead_guests().run(&["up"]).code(3);
    let lines: Vec<&str> = ran.stderr.lines().take_while(|l| !l.starts_with("error: ")).collect();
    assert!(lines.len() >= 4, "{ran}");
    for line in &lines {
        let (time, _) = line.split_at(19);
        let digits = time
            .bytes()
            .map(|b| if b.is_ascii_digit() { '0' } else { char::from(b) })
            .collect::<String>();
        assert_eq!(digits, "0000-00-00 00:00:00", "{line}");
    }
    let has = |word: &str| lines.iter().any(|l| l[20..].starts_with(word));
    assert!(
        has("started: Prerequisites") && has("failed: Prerequisites (took "),
        "{ran}"
    );
    assert!(
        lines.iter().any(|l| l.contains("vmrun: named by the configuration")),
        "it says which hypervisor: {ran}"
    );
}

#[test]
fn in_korean_the_lines_are_those_that_people_know() {
    let ran = fake::dead_guests().run(&["up", "--lang", "ko"]).code(3);
    assert!(
        ran.stderr.contains(" 시작: 사전 검사\n") && ran.stderr.contains(" 실패: 사전 검사 (소요: "),
        "{ran}"
    );
    assert!(
        ran.stdout.contains("단계별 소요 시간 요약:") && ran.stdout.contains("총 소요 시간: "),
        "{ran}"
    );
}

#[test]
fn as_json_there_is_one_document_and_a_stream_of_events() {
    let place = fake::dead_guests();
    let ran = place.run(&["--output", "json", "--progress", "json", "up"]).code(3);
    let answer = ran.json();
    assert_eq!(answer["ready"], false);
    assert_eq!(answer["stages"][0]["stage"], "prerequisites");
    assert_eq!(answer["stages"][0]["outcome"], "failed");
    assert!(answer["picture"].as_str().unwrap().contains("/runs/up-"));
    let lines: Vec<Value> = ran.stderr.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(lines[0]["event"], "run_started");
    assert_eq!(lines[lines.len() - 2]["event"], "run_finished");
    assert_eq!(lines[lines.len() - 1]["error"]["kind"], "prerequisite");
}

#[test]
fn progress_none_leaves_only_the_error() {
    let ran = fake::dead_guests().run(&["up", "--progress", "none"]).code(3);
    assert!(ran.stderr.starts_with("error: "), "{ran}");
}

#[test]
fn the_log_holds_the_lines_whatever_the_terminal_shows() {
    let place = fake::dead_guests();
    let answer = place
        .run(&["up", "--progress", "none", "--output", "json"])
        .code(3)
        .json();
    let log = answer["log"]
        .as_str()
        .unwrap()
        .replace("[DIR]", &place.path().display().to_string());
    let log = std::fs::read_to_string(log).unwrap();
    for word in [
        "started: Prerequisites",
        "failed: Prerequisites",
        "Stage durations:",
        "error: ",
    ] {
        assert!(log.contains(word), "{word}: {log}");
    }
}

#[test]
fn the_password_of_the_guests_user_is_never_shown() {
    let secret = "correct-horse-battery";
    let place = fake::dead_guests().env("INSTALL_USER_PASSWORD", secret);
    let ran = place.run(&["-vvv", "up"]).code(3);
    assert!(!ran.to_string().contains(secret));
    let runs = std::fs::read_dir(place.lab().join("runs")).unwrap().flatten();
    for entry in runs {
        assert!(
            !std::fs::read_to_string(entry.path()).unwrap().contains(secret),
            "{:?}",
            entry.path()
        );
    }
}

#[test]
fn doctor_shows_every_check_with_its_remedy() {
    let place = fake::dead_guests();
    let ran = place.run(&["doctor"]).code(3);
    for check in [
        "hypervisor",
        "image",
        "k3s",
        "network",
        "registry",
        "addresses",
        "disk-space",
    ] {
        assert!(ran.stdout.contains(check), "{check}: {ran}");
    }
    let json = place.run(&["--output", "json", "doctor"]).code(3).json();
    let checks = json["checks"].as_array().unwrap();
    assert_eq!(checks[0]["status"], "ok", "{json}");
    for check in checks.iter().filter(|c| c["status"] == "failed") {
        assert!(check["remedy"].is_string(), "{check}");
    }
}

#[test]
fn a_second_run_at_the_same_time_is_told_who_holds_the_lab() {
    let place = fake::dead_guests();
    place.run(&["pki", "init"]).code(0);
    let lock = std::fs::OpenOptions::new()
        .write(true)
        .open(place.lab().join("lock"))
        .unwrap();
    lock.lock().unwrap();
    let ran = place.run(&["up"]).code(1);
    assert!(ran.stderr.contains("is working on this lab"), "{ran}");
}
