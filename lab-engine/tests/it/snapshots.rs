//! Snapshots of the whole lab: all machines or none.

use std::time::Duration;

use lab_engine::{ErrorKind, Event, Lab, LabError, SetPhase, SnapshotChange, UpOptions};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vmrun_rs::hypervisor::StopMode;

use crate::support::{Events, Fake, changed, lab, up_recreating};

const NODES: [&str; 3] = ["k3s-master1", "k3s-worker1", "k3s-worker2"];

async fn ready(directory: &std::path::Path, fake: &Fake) -> (Lab, Events) {
    let (lab, events) = lab(directory, fake);
    up_recreating(&lab, &[]).await.unwrap();
    (lab, events)
}

async fn create(lab: &Lab, name: &str) -> Result<SnapshotChange, LabError> {
    let report = lab
        .snapshot_create(Some(name), false, None, &CancellationToken::new())
        .await;
    report?.result
}

async fn restore(lab: &Lab, name: &str) -> Result<SnapshotChange, LabError> {
    let report = lab.snapshot_restore(name, false, None, &CancellationToken::new()).await;
    report?.result
}

async fn delete(lab: &Lab, name: &str) -> Result<SnapshotChange, LabError> {
    lab.snapshot_delete(name, &CancellationToken::new()).await?.result
}

async fn problems(lab: &Lab, name: &str) -> Vec<String> {
    let list = lab.snapshot_list().await.unwrap();
    let status = list.into_iter().find(|s| s.set.name == name).expect("it is listed");
    assert_eq!(status.consistent, status.problems.is_empty());
    status.problems
}

fn counts(fake: &Fake) -> [usize; 3] {
    NODES.map(|node| fake.snapshots_of(node).len())
}

#[tokio::test(start_paused = true)]
async fn a_running_lab_is_shut_down_taken_at_once_and_started_again() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = ready(directory.path(), &fake).await;
    fake.stop_takes(Duration::from_secs(9))
        .snapshot_takes(Duration::from_secs(5));
    let begun = Instant::now();
    let change = create(&lab, "before-upgrade").await.unwrap();
    assert_eq!(change.started, NODES);
    assert_eq!(fake.running().len(), 3);
    // 9 s for all stops, 5 s for all snapshots, 313 s until the last guest is complete again.
    assert!(begun.elapsed() < Duration::from_secs(332), "{:?}", begun.elapsed());
    let label = format!("before-upgrade-{}", change.snapshot.id);
    assert!(NODES.iter().all(|node| fake.snapshots_of(node) == [label.clone()]));
    assert!(problems(&lab, "before-upgrade").await.is_empty());
    assert_eq!(lab.state().unwrap().unwrap().snapshots[0].phase, SetPhase::Complete);
}

#[tokio::test(start_paused = true)]
async fn a_lab_that_is_off_stays_off() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = ready(directory.path(), &fake).await;
    lab.stop(&[], StopMode::Soft, &CancellationToken::new())
        .await
        .unwrap()
        .result
        .unwrap();
    assert!(create(&lab, "cold").await.unwrap().started.is_empty());
    assert!(restore(&lab, "cold").await.unwrap().started.is_empty());
    assert!(fake.running().is_empty());
}

#[tokio::test(start_paused = true)]
async fn restoring_brings_every_machine_back_to_what_the_lab_knew_then() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = ready(directory.path(), &fake).await;
    let id = create(&lab, "good").await.unwrap().snapshot.id;
    let state = lab.state().unwrap().unwrap();
    let change = restore(&lab, &id).await.unwrap();
    assert_eq!((change.snapshot.name.as_str(), change.started.len()), ("good", 3));
    let after = lab.state().unwrap().unwrap();
    assert_eq!((after.nodes, after.restoring), (state.nodes, None));
    up_recreating(&lab, &[]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn of_a_set_that_cannot_be_completed_nothing_is_left_and_the_lab_goes_on() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = ready(directory.path(), &fake).await;
    fake.refuse_snapshot(Some("k3s-worker1"));
    let error = create(&lab, "partial").await.unwrap_err();
    assert_eq!(error.node_name(), Some("k3s-worker1"), "{error}");
    assert!(
        error.one_line().contains("insufficient disk space"),
        "{}",
        error.one_line()
    );
    assert!(
        error.detail_lines().iter().any(|l| l.contains("deleted again")),
        "{error:?}"
    );
    assert_eq!(counts(&fake), [0, 0, 0]);
    assert!(lab.snapshot_list().await.unwrap().is_empty());
    assert_eq!(fake.running().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_cleaned_up_is_listed_as_not_consistent_and_can_be_deleted_later() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = ready(directory.path(), &fake).await;
    fake.refuse_snapshot(Some("k3s-worker1"))
        .refuse_delete_snapshot(Some("k3s-worker2"));
    let error = create(&lab, "stuck").await.unwrap_err();
    assert!(
        error.help_text().unwrap().contains("snapshot delete stuck"),
        "{error:?}"
    );
    let found = problems(&lab, "stuck").await;
    assert!(
        found[0].contains("interrupted") && found.iter().any(|p| p.contains("k3s-worker1 does not have it")),
        "{found:?}"
    );
    let error = restore(&lab, "stuck").await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotReady);
    assert!(error.help_text().unwrap().contains("nothing was changed"), "{error:?}");
    fake.refuse_delete_snapshot(None);
    delete(&lab, "stuck").await.unwrap();
    assert_eq!(counts(&fake), [0, 0, 0]);
    assert!(lab.snapshot_list().await.unwrap().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_set_that_was_interrupted_while_it_was_taken_never_looks_whole() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, events) = ready(directory.path(), &fake).await;
    fake.snapshot_takes(Duration::from_secs(60));
    let before = events.all().len();
    tokio::select! {
        biased;
        () = events.until(before, |e| matches!(e, Event::StageStarted { stage: "snapshot" })) => {}
        _ = create(&lab, "cut") => panic!("it should have been cut"),
    }
    assert!(problems(&lab, "cut").await[0].contains("interrupted"));
    up_recreating(&lab, &[]).await.unwrap();
    delete(&lab, "cut").await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_restore_that_was_interrupted_must_be_finished_before_anything_else() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, events) = ready(directory.path(), &fake).await;
    create(&lab, "good").await.unwrap();
    fake.snapshot_takes(Duration::from_secs(60));
    let before = events.all().len();
    tokio::select! {
        biased;
        () = events.until(before, |e| matches!(e, Event::StageStarted { stage: "revert" })) => {}
        _ = restore(&lab, "good") => panic!("it should have been cut"),
    }
    let start = lab
        .start(&[], None, &CancellationToken::new())
        .await
        .unwrap()
        .result
        .map(drop);
    for error in [
        start.unwrap_err(),
        up_recreating(&lab, &[]).await.unwrap_err(),
        delete(&lab, "good").await.unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::NotReady, "{error}");
        assert!(
            error.help_text().unwrap().contains("snapshot restore good"),
            "{error:?}"
        );
    }
    restore(&lab, "good").await.unwrap();
    up_recreating(&lab, &[]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_set_without_a_machine_of_today_is_named_with_what_it_lacks() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = ready(directory.path(), &fake).await;
    create(&lab, "old").await.unwrap();
    up_recreating(&lab, &["k3s-worker2"]).await.unwrap();
    assert_eq!(problems(&lab, "old").await, ["k3s-worker2 has been made anew since"]);
    restore(&lab, "old").await.unwrap_err();
    assert_eq!(fake.running().len(), 3, "nothing was touched");
    create(&lab, "new").await.unwrap();
    assert!(problems(&lab, "new").await.is_empty());
    lab.destroy(&["k3s-worker1".to_owned()]).await.unwrap();
    assert_eq!(problems(&lab, "new").await, ["k3s-worker1 has left the lab since"]);
}

#[tokio::test(start_paused = true)]
async fn a_name_that_is_taken_or_cannot_be_one_is_refused_before_anything_stops() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = ready(directory.path(), &fake).await;
    create(&lab, "a").await.unwrap();
    for name in ["a", "", "a/b", "-x", "이름", "x y"] {
        let error = create(&lab, name).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{name}");
    }
    let error = restore(&lab, "nonsense").await.unwrap_err();
    assert!(error.help_text().unwrap().contains("there are: a"), "{error:?}");
    assert_eq!(counts(&fake), [1, 1, 1]);
}

#[tokio::test(start_paused = true)]
async fn what_was_applied_after_a_snapshot_is_known_to_be_missing_once_it_is_restored() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (first, _) = lab(directory.path(), &fake);
    up_recreating(&first, &[]).await.unwrap();
    create(&first, "before").await.unwrap();
    let changed = changed(&first, &fake, |c| c.guest.timezone = "Europe/Berlin".to_owned());
    up_recreating(&changed, &[]).await.unwrap();
    let applies = async || {
        let steps = changed.plan(&UpOptions::default()).await.unwrap();
        steps.iter().all(|step| step.action == lab_engine::Action::Apply)
    };
    assert!(!applies().await);
    restore(&changed, "before").await.unwrap();
    assert!(applies().await);
}
