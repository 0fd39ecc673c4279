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
    let clock = std::sync::Arc::new(ManualClock::starting_at(
        UNIX_EPOCH + Duration::from_secs(1_785_555_296),
    ));
    let timeline = Timeline::builder("up")
        .shape("1+2 2cpu 4096MiB")
        .labels(lab_engine::stage_labels())
        .clock(clock.clone())
        .utc_offset(9 * 3600)
        .record(place.lab().join("runs").join(format!("{name}.jsonl")))
        .start();
    let stage = timeline.stage("start", StageKind::Working);
    clock.advance(Duration::from_millis(103_700));
    stage.finish(Outcome::Ok);
    let stage = timeline.stage("wait-ready", StageKind::Waiting);
    let child = stage.child("wait-ready", StageKind::Waiting, Lane::new("k3s-master1"));
    clock.advance(Duration::from_millis(959_100));
    child.finish(Outcome::Ok);
    stage.finish(Outcome::timed_out("k3s-worker1: the guest did not answer"));
    timeline.finish(Outcome::timed_out("k3s-worker1: the guest did not answer"));
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
fn a_run_that_is_not_there_or_not_the_only_one_is_a_mistake() {
    let place = place();
    record(&place, "up-20260803-120000-000");
    for run in ["down", "up-"] {
        let ran = place.run(&["timings", "show", run]).code(2);
        assert!(ran.stderr.contains("timings list"), "{ran}");
    }
    place.run(&["timings", "show", "latest"]).code(0);
    Place::new().run(&["timings", "show"]).code(2);
}

#[test]
fn export_writes_every_form() {
    let place = place();
    for (form, sign) in [
        ("svg", "<svg"),
        ("html", "<html"),
        ("chrome", "\"ph\""),
        ("json", "wait-ready"),
    ] {
        let ran = place.run(&["timings", "export", "--format", form]).code(0);
        assert!(ran.stdout.contains(sign), "{form}");
        let file = format!("out.{form}");
        place
            .run(&["timings", "export", "latest", "--format", form, "--file", &file])
            .code(0);
        assert_eq!(
            std::fs::read_to_string(place.file(&file)).unwrap().len(),
            ran.stdout.len()
        );
    }
    place.run(&["timings", "export"]).code(2);
}
