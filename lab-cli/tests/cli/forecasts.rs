//! What `up` and `timings eta` say of how long it will take.

use std::time::{Duration, UNIX_EPOCH};

use serde_json::Value;
use stage_timer::{Lane, ManualClock, Outcome, StageKind, Timeline};

use crate::machines;
use crate::support::Place;

/// Leaves the record of an earlier run of [`machines::place`]'s lab, which made both machines in so many seconds.
pub(crate) fn record(place: &Place, name: &str, seconds: u64) {
    let clock = std::sync::Arc::new(ManualClock::starting_at(
        UNIX_EPOCH + Duration::from_secs(1_785_555_296),
    ));
    let timeline = Timeline::builder("up")
        .shape("1+1 2cpu 4096MiB, 2 new")
        .meta("new-machines", "2")
        .labels(lab_engine::stage_labels())
        .clock(clock.clone())
        .record(place.lab().join("runs").join(format!("{name}.jsonl")))
        .start();
    let stage = timeline.stage("create-master", StageKind::Working);
    clock.advance(Duration::from_secs(1));
    stage.finish(Outcome::Ok);
    let stage = timeline.stage("wait-ready", StageKind::Waiting);
    let nodes = ["m", "w"].map(|node| stage.child("wait-ready", StageKind::Waiting, Lane::new(node)));
    clock.advance(Duration::from_secs(seconds - 1));
    for node in nodes {
        node.finish(Outcome::Ok);
    }
    stage.finish(Outcome::Ok);
    timeline.finish(Outcome::Ok);
}

#[test]
fn a_first_run_says_that_nobody_knows_how_long_it_takes() {
    let ran = machines::place().run(&["up"]).code(4);
    assert_eq!(
        ran.stderr
            .matches(" no earlier run like this one to tell how long it will take\n")
            .count(),
        1,
        "{ran}"
    );
    let ran = machines::place().run(&["--lang", "ko", "up"]).code(4);
    assert!(ran.stderr.contains("예상 소요 시간을 알 수 없습니다\n"), "{ran}");
    assert!(!ran.stderr.contains("남음"), "{ran}");
}

#[test]
fn off_a_terminal_a_line_says_how_long_it_will_take_and_the_log_keeps_it() {
    let place = machines::place();
    for (run, seconds) in [("up-1", 100), ("up-2", 100)] {
        record(&place, run, seconds);
    }
    let ran = place.run(&["up"]).code(4);
    let expected = " expected: about 1m 40s left (9 in 10: within ";
    assert_eq!(
        ran.stderr.matches(expected).count(),
        1,
        "what stays the same is said once: {ran}"
    );
    let log = place.newest_run("log");
    assert!(std::fs::read_to_string(&log).unwrap().contains(expected));
}

#[test]
fn as_json_every_forecast_is_an_event() {
    let place = machines::place();
    record(&place, "up-1", 100);
    let ran = place.run(&["--progress", "json", "--output", "json", "up"]).code(4);
    let events: Vec<Value> = ran.stderr.lines().map(|l| serde_json::from_str(l).unwrap()).collect();
    assert_eq!(
        (&events[0]["event"], &events[1]["event"]),
        (&"run_started".into(), &"forecast".into())
    );
    assert_eq!(events[1]["run"]["median"], 100.0, "{ran}");
    assert_eq!(
        (&events[1]["run"]["basis"], &events[1]["run"]["runs"]),
        (&"same_shape".into(), &1.into())
    );
    let of_nodes = events.iter().filter(|e| e["nodes"]["w"]["median"].is_f64()).count();
    assert!(of_nodes > 0, "the nodes that are waited for have their own: {ran}");
}
