//! What a run says of how long it will take, from the records of the runs before it.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use crate::support::{Events, Fake, lab, up};
use lab_engine::{Event, Forecast, Lab, UpOptions};
use stage_timer::eta::{Basis, Eta};
use stage_timer::{Lane, ManualClock, Outcome, StageKind, Timeline};

/// What was said so far of how long the whole run takes.
fn forecasts(events: &Events) -> Vec<Option<Eta>> {
    let of = |event| match event {
        Event::Forecast { run, .. } => Some(run),
        _ => None,
    };
    events.all().into_iter().filter_map(of).collect()
}

/// Leaves the record of a run of this shape, 100 s of which it waited for its nodes.
fn record(lab: &Lab, name: &str, shape: &str, new: &str, outcome: Outcome) {
    let clock = Arc::new(ManualClock::starting_at(
        UNIX_EPOCH + Duration::from_secs(1_785_555_296),
    ));
    let timeline = Timeline::builder("up")
        .shape(shape)
        .meta("new-machines", new)
        .clock(clock.clone())
        .record(lab.paths().runs().join(format!("{name}.jsonl")))
        .start();
    let stage = timeline.stage("create-workers", StageKind::Working);
    clock.advance(Duration::from_secs(20));
    stage.finish(Outcome::Ok);
    let stage = timeline.stage("wait-ready", StageKind::Waiting);
    let child = stage.child("wait-ready", StageKind::Waiting, Lane::new("k3s-worker1"));
    clock.advance(Duration::from_secs(100));
    child.finish(Outcome::Ok);
    stage.finish(Outcome::Ok);
    timeline.finish(outcome);
}

#[tokio::test(start_paused = true)]
async fn a_first_run_says_once_that_nobody_knows() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, events) = lab(directory.path(), &fake);
    up(&lab).await.result.unwrap();
    assert_eq!(forecasts(&events), [None]);
    let all = events.all();
    assert!(matches!(all[0], Event::RunStarted { .. }) && matches!(all[1], Event::Forecast { .. }));
}

#[tokio::test(start_paused = true)]
async fn a_run_like_an_earlier_one_is_predicted_from_its_first_moment_to_its_end() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, events) = lab(directory.path(), &fake);
    record(&lab, "up-1", "1+2 2cpu 4096MiB, 3 new", "3", Outcome::Ok);
    up(&lab).await.result.unwrap();
    let all = forecasts(&events);
    let first = all[0].clone().unwrap();
    assert_eq!(
        (first.median, first.basis, first.runs),
        (Duration::from_secs(120), Basis::SameShape, 1)
    );
    // Every 2 s of the 313 that the guests take, and with every stage and every node.
    assert!(all.len() > 150 && all.iter().all(Option::is_some), "{}", all.len());
    let of_a_node = events.all().into_iter().any(|event| match event {
        Event::Forecast { nodes, .. } => nodes
            .get("k3s-worker1")
            .is_some_and(|eta| eta.median > Duration::from_secs(90)),
        _ => false,
    });
    assert!(of_a_node, "a node at work is predicted too");
}

#[tokio::test(start_paused = true)]
async fn a_run_that_makes_machines_is_not_judged_by_those_that_only_looked() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, events) = lab(directory.path(), &fake);
    up(&lab).await.result.unwrap();
    for _ in 0..3 {
        up(&lab).await.result.unwrap();
    }
    let said: Vec<Eta> = forecasts(&events).into_iter().flatten().collect();
    assert_eq!(
        said.first().unwrap().basis,
        Basis::OtherShape,
        "the second run made none, the first all"
    );
    assert_eq!(
        (said.last().unwrap().basis, said.last().unwrap().runs),
        (Basis::SameShape, 2)
    );
    let (next, anew) = (
        UpOptions::default(),
        UpOptions {
            recreate_all: true,
            ..UpOptions::default()
        },
    );
    let of = |options| Forecast::of(lab.config(), lab.paths(), options).unwrap();
    assert_eq!(
        (of(&next).shape(), of(&next).whole().unwrap().runs),
        ("1+2 2cpu 4096MiB", 3)
    );
    assert_eq!(
        (of(&anew).shape(), of(&anew).whole().unwrap().runs),
        ("1+2 2cpu 4096MiB, 3 new", 1)
    );
    let of_one = of(&UpOptions {
        recreate: vec!["k3s-worker2".to_owned()],
        ..UpOptions::default()
    })
    .whole()
    .unwrap();
    assert_eq!(
        (of_one.basis, of_one.runs),
        (Basis::OtherShape, 1),
        "of the others, the one that made machines counts"
    );
}

#[tokio::test(start_paused = true)]
async fn failed_runs_and_files_that_are_no_records_say_nothing() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = lab(directory.path(), &fake);
    let whole = || {
        Forecast::of(lab.config(), lab.paths(), &UpOptions::default())
            .unwrap()
            .whole()
    };
    assert_eq!(whole(), None, "there is no directory yet");
    record(&lab, "up-1", "1+2 2cpu 4096MiB, 3 new", "3", Outcome::failed("no"));
    let write = |name: &str, text: &[u8]| std::fs::write(Path::new(&lab.paths().runs()).join(name), text).unwrap();
    write("up-2.jsonl", b"nonsense\n");
    write("up-3.jsonl", b"");
    assert_eq!(whole(), None);
    record(&lab, "up-4", "1+2 2cpu 4096MiB, 3 new", "3", Outcome::Ok);
    assert_eq!(whole().unwrap().runs, 1);
}
