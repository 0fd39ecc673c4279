//! `timings`, over records as `up` leaves them.

use std::time::{Duration, UNIX_EPOCH};

use stage_timer::{Lane, ManualClock, Outcome, StageKind, Timeline};

use crate::support::Place;

/// A place with the record of a run that took 1,062.8 s, 959.1 of them in one wait.
fn place() -> Place {
    let place = Place::new();
    record(&place, "up-20260801-120000-000");
    place
}

fn record(place: &Place, name: &str) {
    record_of(place, name, 959_100);
}

/// Leaves the record of a run that waited for so many milliseconds, and in vain.
fn record_of(place: &Place, name: &str, waited: u64) {
    let (clock, timeline) = begun(place, name, "1+2 2cpu 4096MiB");
    let stage = timeline.stage("start", StageKind::Working);
    clock.advance(Duration::from_millis(103_700));
    stage.finish(Outcome::Ok);
    let stage = timeline.stage("wait-ready", StageKind::Waiting);
    let child = stage.child("wait-ready", StageKind::Waiting, Lane::new("k3s-master1"));
    clock.advance(Duration::from_millis(waited));
    child.finish(Outcome::Ok);
    stage.finish(Outcome::timed_out("k3s-worker1: the guest did not answer"));
    timeline.finish(Outcome::timed_out("k3s-worker1: the guest did not answer"));
}

/// Leaves the record of a run that made three machines, waited for one of them for so many milliseconds, and was ready.
fn good(place: &Place, name: &str, waited: u64) {
    let (clock, timeline) = begun(place, name, "1+2 2cpu 4096MiB, 3 new");
    let stage = timeline.stage("start", StageKind::Working);
    clock.advance(Duration::from_secs(1));
    stage.finish(Outcome::Ok);
    let stage = timeline.stage("wait-ready", StageKind::Waiting);
    let child = stage.child("wait-ready", StageKind::Waiting, Lane::new("k3s-master1"));
    clock.advance(Duration::from_millis(waited));
    child.finish(Outcome::Ok);
    stage.finish(Outcome::Ok);
    timeline.finish(Outcome::Ok);
}

fn begun(place: &Place, name: &str, shape: &str) -> (std::sync::Arc<ManualClock>, Timeline) {
    let clock = std::sync::Arc::new(ManualClock::starting_at(
        UNIX_EPOCH + Duration::from_secs(1_785_555_296),
    ));
    let timeline = Timeline::builder("up")
        .shape(shape)
        .labels(lab_engine::stage_labels())
        .clock(clock.clone())
        .utc_offset(9 * 3600)
        .record(place.lab().join("runs").join(format!("{name}.jsonl")))
        .start();
    (clock, timeline)
}

#[test]
fn a_run_that_another_process_still_writes_is_listed_as_going_on() {
    let place = place();
    let (_clock, timeline) = begun(&place, "up-20260803-120000-000", "1+2 2cpu 4096MiB");
    let _stage = timeline.stage("start", StageKind::Working);
    let ran = place.run(&["timings", "list"]).code(0);
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(
        lines[1].ends_with("timed out") && lines[2].ends_with("still running"),
        "{ran}"
    );
    let ran = place.run(&["timings", "list", "--lang", "ko"]).code(0);
    assert!(ran.stdout.trim_end().ends_with("진행 중"), "{ran}");
    let json = place.run(&["timings", "list", "--output", "json"]).code(0).json();
    assert_eq!(
        (&json[0]["state"], &json[1]["state"]),
        (&"finished".into(), &"running".into()),
        "{json}"
    );
}

#[test]
fn list_shows_the_runs() {
    let place = place();
    place.write("data/labs/lab/runs/up-20260802-120000-000.jsonl", "not a record\n");
    let ran = place.run(&["timings", "list"]).code(0);
    assert_eq!(ran.stdout.lines().count(), 3, "{ran}");
    assert!(
        ran.stdout.contains("1062.8s") && ran.stdout.contains("timed out"),
        "{ran}"
    );
    let json = place.run(&["timings", "list", "--output", "json"]).code(0).json();
    assert_eq!(json[0]["seconds"], 1062.8);
    assert!(
        json[1]["error"].is_string(),
        "a record that cannot be read is listed as such: {json}"
    );
}

#[test]
fn show_is_the_summary_in_either_language() {
    let place = place();
    let english = place.run(&["timings", "show"]).code(0).stdout;
    assert!(
        english.contains("Wait for VMs ready") && english.contains("Total: 1062.8s"),
        "{english}"
    );
    let korean = place
        .run(&["timings", "show", "up-2026", "--lang", "ko"])
        .code(0)
        .stdout;
    assert!(
        korean.contains("VM 준비 대기") && korean.contains("총 소요 시간: 1062.8s"),
        "{korean}"
    );
}

#[test]
fn a_run_that_is_not_there_or_not_the_only_one_is_a_mistake_that_says_what_there_is() {
    let place = place();
    let ran = place.run(&["timings", "show", "previous"]).code(5);
    assert!(
        ran.stderr
            .contains("no run of its kind before `up-20260801-120000-000`"),
        "{ran}"
    );
    for day in 2..9 {
        record(&place, &format!("up-2026080{day}-120000-000"));
    }
    let ran = place.run(&["timings", "show", "down"]).code(2);
    assert!(
        ran.stderr
            .contains("error: no run is called `down`\nhelp: the runs are: up-20260804-120000-000, ")
            && ran.stderr.contains(" and 3 older ones"),
        "{ran}"
    );
    let ran = place.run(&["timings", "show", "up-", "--output", "json"]).code(2);
    assert_eq!(ran.error()["message"], "`up-` is the beginning of 8 runs");
    place.run(&["timings", "show", "latest"]).code(0);
    place.run(&["timings", "show", "previous"]).code(0);
}

#[test]
fn a_list_can_be_limited_to_the_newest() {
    let place = place();
    for day in 2..5 {
        record(&place, &format!("up-2026080{day}-120000-000"));
    }
    let list = |arguments: &[&str]| place.run(&[&["timings", "list"], arguments].concat()).code(0);
    assert_eq!(list(&["--output", "json"]).json().as_array().unwrap().len(), 4);
    let newest = list(&["--last", "2", "--output", "json"]).json();
    let names: Vec<&str> = newest
        .as_array()
        .unwrap()
        .iter()
        .map(|r| r["run"].as_str().unwrap())
        .collect();
    assert_eq!(names, ["up-20260803-120000-000", "up-20260804-120000-000"]);
    assert_eq!(list(&["--last", "1"]).stdout.lines().count(), 2, "a heading and a run");
}

#[test]
fn before_the_first_run_every_command_says_that_there_is_none() {
    let place = Place::new();
    for command in ["show", "compare", "export"] {
        let ran = place.run(&["timings", command]).code(5);
        assert!(
            ran.stderr
                .starts_with("error: no run has been recorded yet\nhelp: `lab-cli up` "),
            "{ran}"
        );
        let korean = place.run(&["timings", command, "--lang", "ko"]).code(5);
        assert!(
            korean
                .stderr
                .starts_with("오류: 기록된 실행이 아직 없습니다\n도움말: `lab-cli up`"),
            "{korean}"
        );
        let error = place.run(&["timings", command, "--output", "json"]).code(5).error();
        assert_eq!((&error["kind"], &error["exit_code"]), (&"not_ready".into(), &5.into()));
    }
    assert!(place.run(&["timings", "list"]).code(0).stdout.contains("no run"));
    let ran = place.run(&["timings", "eta"]).code(0);
    assert_eq!(
        ran.stdout,
        "no earlier run like this one to tell how long it will take (1+2 2cpu 4096MiB, 3 new)\n"
    );
    let json = place.run(&["timings", "eta", "--output", "json"]).code(0).json();
    assert!(json["eta"].is_null() && json["typical"].is_null(), "{json}");
}

#[test]
fn a_record_whose_last_line_is_torn_is_shown_as_far_as_it_goes_and_nonsense_is_named() {
    let place = place();
    let path = place.lab().join("runs/up-20260801-120000-000.jsonl");
    let text = std::fs::read_to_string(&path).unwrap();
    let whole: Vec<&str> = text.lines().collect();
    let torn = format!(
        "{}\n{}",
        whole[..whole.len() - 2].join("\n"),
        &whole[whole.len() - 2][..20]
    );
    std::fs::write(&path, torn).unwrap();
    let ran = place.run(&["timings", "show"]).code(0);
    assert!(
        ran.stdout.contains("Wait for VMs ready") && ran.stdout.contains("aborted"),
        "{ran}"
    );
    std::fs::write(&path, "nonsense\n").unwrap();
    let ran = place.run(&["timings", "show"]).code(1);
    assert!(
        ran.stderr.contains("could not read [DIR]/data/labs/lab/runs/up-2026"),
        "{ran}"
    );
}

#[test]
fn compare_is_a_table_of_the_newest_two_runs_or_of_any_two_in_any_form() {
    let place = place();
    record_of(&place, "up-20260802-120000-000", 459_100);
    let ran = place.run(&["timings", "compare"]).code(0);
    let row = ran.stdout.lines().find(|l| l.contains("Wait for VMs ready  ")).unwrap();
    assert!(
        row.contains("959.1s") && row.contains("459.1s") && row.contains("-500.0s") && row.contains("faster"),
        "{ran}"
    );
    let (older, newer) = ("up-20260801", "up-20260802");
    assert_eq!(
        place.run(&["timings", "compare", older, newer]).code(0).stdout,
        ran.stdout
    );
    let back = place
        .run(&["timings", "compare", "latest", "previous", "--lang", "ko"])
        .code(0);
    assert!(
        back.stdout.contains("+500.0s") && back.stdout.contains("느려짐"),
        "{back}"
    );
    let json = place.run(&["timings", "compare", "--output", "json"]).code(0).json();
    assert_eq!((&json["fair"], &json["change"]), (&true.into(), &"faster".into()));
    for (file, sign) in [
        ("x.svg", "<svg"),
        ("x.html", "<html"),
        ("x.md", "| Stage |"),
        ("x.json", "\"slowdown\""),
        ("x.txt", "Total"),
    ] {
        let ran = place.run(&["timings", "compare", "--file", file]).code(0);
        assert!(ran.stdout.ends_with(&format!("{file}\n")), "{ran}");
        assert!(
            std::fs::read_to_string(place.file(file)).unwrap().contains(sign),
            "{file}"
        );
    }
    let ran = place.run(&["timings", "compare", "--file", "x.gif"]).code(2);
    assert!(
        ran.stderr
            .contains("--format with one of text, svg, html, markdown, json"),
        "{ran}"
    );
}

#[test]
fn eta_predicts_the_next_run_and_says_what_its_stages_usually_take() {
    let place = Place::new();
    for (run, wait) in [("up-1", 99_000), ("up-2", 119_000), ("up-3", 109_000)] {
        good(&place, run, wait);
    }
    let ran = place.run(&["timings", "eta"]).code(0);
    assert!(
        ran.stdout
            .starts_with("the next `up` of lab lab (1+2 2cpu 4096MiB, 3 new): about 1m 5")
            && ran.stdout.contains(", from 3 earlier runs\n"),
        "{ran}"
    );
    let row = |name: &str| {
        ran.stdout
            .lines()
            .find(|l| l.trim_start().starts_with(name))
            .unwrap()
            .to_owned()
    };
    assert_eq!(
        row("Wait for VMs ready [").split_whitespace().last(),
        Some("3"),
        "{ran}"
    );
    assert!(
        row("Start VMs").contains("1.0s") && row("Total").contains("120.0s"),
        "{ran}"
    );
    let json = place.run(&["timings", "eta", "--output", "json"]).code(0).json();
    assert_eq!(
        (&json["eta"]["runs"], &json["eta"]["basis"]),
        (&3.into(), &"same_shape".into())
    );
    assert_eq!(json["typical"]["stages"][1]["longest"], 119.0);
    let korean = place.run(&["timings", "eta", "--lang", "ko"]).code(0).stdout;
    assert!(
        korean.contains("이전 실행 3건 기준") && korean.contains("중앙값"),
        "{korean}"
    );
    let replay = place.run(&["timings", "eta", "--replay"]).code(0).stdout;
    assert!(
        replay.contains("mean error") && replay.contains("1 runs had no earlier run"),
        "{replay}"
    );
    let replay = place
        .run(&["timings", "eta", "--replay", "--output", "json"])
        .code(0)
        .json();
    assert_eq!(replay["replay"]["runs_without_history"], 1);
    let other = place.run(&["timings", "eta", "--set", "vm.cpus=4"]).code(0).stdout;
    assert!(other.contains("a guess from runs of another shape"), "{other}");
    let ran = place.run(&["timings", "eta", "--recreate", "nobody"]).code(2);
    assert!(ran.stderr.contains("help: the nodes are: k3s-master1, "), "{ran}");
}

#[test]
fn export_writes_every_form() {
    let place = place();
    for (form, extension, sign) in [
        ("svg", "svg", "<svg"),
        ("html", "html", "<html"),
        ("chrome", "trace", "\"ph\""),
        ("json", "json", "wait-ready"),
        ("markdown", "md", "| **Wait for VMs ready** |"),
        ("openmetrics", "prom", "# EOF"),
    ] {
        let ran = place.run(&["timings", "export", "--format", form]).code(0);
        assert!(ran.stdout.contains(sign), "{form}: {ran}");
        let file = format!("out.{extension}");
        place.run(&["timings", "export", "latest", "--file", &file]).code(0);
        assert_eq!(
            std::fs::read_to_string(place.file(&file)).unwrap().len(),
            ran.stdout.len()
        );
    }
    let ran = place.run(&["timings", "export"]).code(2);
    assert!(
        ran.stderr
            .contains("help: add --format with one of svg, html, chrome, "),
        "{ran}"
    );
    let korean = place
        .run(&["timings", "export", "--format", "svg", "--lang", "ko"])
        .code(0);
    assert!(korean.stdout.contains("VM 준비 대기"), "{korean}");
}
