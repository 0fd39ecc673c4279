//! Runs that were ended at every possible moment, failed bootstraps, reboots and addresses that change.

use std::time::Duration;

use lab_engine::{ErrorKind, Event, Phase, UpOptions};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vmrun_rs::hypervisor::Detached;

use crate::support::{self, Fake, Guest, fails, lab, recreating, up, up_recreating};

/// Ends a run the moment that `when` says so, as if its process had been killed then: nothing of it runs any further.
async fn killed(directory: &std::path::Path, fake: &Fake, when: impl Fn(&Event) -> bool) -> bool {
    let (lab, events) = lab(directory, fake);
    let (options, cancel) = (UpOptions::default(), CancellationToken::new());
    let run = lab.up(&options, None, &cancel);
    tokio::select! {
        biased;
        () = events.until(0, when) => true,
        _ = run => false,
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_killed_when_any_stage_begins_is_continued_by_the_next_one() {
    killed_in_every_stage(false).await;
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_killed_when_any_stage_ends_is_continued_by_the_next_one() {
    killed_in_every_stage(true).await;
}

/// Each stage has a run of its own that is killed when the stage begins or has `ended`.
async fn killed_in_every_stage(ended: bool) {
    const STAGES: [&str; 11] = [
        "prerequisites",
        "cleanup",
        "create-master",
        "create-workers",
        "start",
        "wait-ready",
        "apply",
        "monitor",
        "disconnect",
        "restart",
        "verify",
    ];
    for stage in STAGES {
        let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
        fake.start_takes(Duration::from_secs(2))
            .stop_takes(Duration::from_secs(2));
        fake.guest(
            "k3s-worker1",
            Guest {
                detaches: Detached::NeedsPowerOff,
                ..Guest::default()
            },
        );
        let moment = |event: &Event| match event {
            Event::StageStarted { stage: s } => !ended && *s == stage,
            Event::StageFinished { stage: s, .. } => ended && *s == stage,
            _ => false,
        };
        killed(directory.path(), &fake, moment).await;
        let (lab, _) = lab(directory.path(), &fake);
        let nodes = up(&lab)
            .await
            .result
            .unwrap_or_else(|e| panic!("{stage}: {}", e.one_line()));
        assert_eq!(nodes.len(), 3, "{stage}");
        let state = lab.state().unwrap().unwrap();
        assert!(
            state
                .nodes
                .values()
                .all(|n| n.phase == Phase::Complete && n.media_detached),
            "{stage}"
        );
        assert_eq!(fake.names().len(), 4, "{stage}: three nodes and the template");
    }
}

#[tokio::test(start_paused = true)]
async fn a_run_that_is_killed_while_machines_are_created_makes_only_the_half_made_ones_anew() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    fake.create_takes("k3s-worker2", Duration::from_secs(60));
    let (lab, _) = lab(directory.path(), &fake);
    let (options, cancel) = (UpOptions::default(), CancellationToken::new());
    let cut = tokio::time::timeout(Duration::from_secs(30), lab.up(&options, None, &cancel)).await;
    cut.expect_err("it is still creating");
    let before = lab.state().unwrap().unwrap();
    assert_eq!(before.nodes["k3s-worker2"].phase, Phase::Creating);
    up(&lab).await.result.unwrap();
    let after = lab.state().unwrap().unwrap();
    for (node, same) in [("k3s-master1", true), ("k3s-worker1", true), ("k3s-worker2", false)] {
        assert_eq!(
            before.nodes[node].instance_id == after.nodes[node].instance_id,
            same,
            "{node}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_bootstrap_is_run_again_once_its_cause_is_mended() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let fails = Some((Duration::from_secs(305), "k3s-start", "registry cannot be reached"));
    fake.guest(
        "k3s-worker1",
        Guest {
            fails,
            ..Guest::default()
        },
    );
    let (lab, events) = lab(directory.path(), &fake);
    let error = up(&lab).await.result.unwrap_err();
    assert!(
        error
            .help_text()
            .unwrap()
            .contains("`lab-cli up` goes on with this step"),
        "{error:?}"
    );

    let error = up(&lab).await.result.unwrap_err();
    assert!(
        error.to_string().contains("registry cannot be reached"),
        "it fails again: {error}"
    );

    fake.change("k3s-worker1", |guest| guest.mended = true);
    up(&lab).await.result.unwrap();
    assert_eq!(fake.created(), 4, "no machine was made anew");
    let again = |e: &&Event| matches!(e, Event::Notice { message, .. } if message.contains("running it again"));
    assert_eq!(events.all().iter().filter(again).count(), 2);
}

#[tokio::test(start_paused = true)]
async fn a_bootstrap_that_fails_under_our_eyes_is_not_run_again_behind_the_users_back() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let fails = Some((Duration::from_secs(100), "payload-copy", "checksum differs"));
    fake.guest(
        "k3s-worker1",
        Guest {
            fails,
            ..Guest::default()
        },
    );
    let (lab, _) = lab(directory.path(), &fake);
    up(&lab).await.result.unwrap_err();
    assert!(
        !fake
            .commands("k3s-worker1")
            .iter()
            .any(|c| c.contains("lab-bootstrap.service"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_reboots_while_it_is_waited_for_is_waited_for_on() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    fake.guest(
        "k3s-worker1",
        Guest {
            completes: Duration::from_secs(400),
            reboots: Some((Duration::from_secs(310), Duration::from_secs(60))),
            ..Guest::default()
        },
    );
    let (lab, events) = lab(directory.path(), &fake);
    let started = Instant::now();
    up(&lab).await.result.unwrap();
    assert!(started.elapsed() < Duration::from_secs(404), "{:?}", started.elapsed());
    let lost = |e: &&Event| matches!(e, Event::NodeTrouble { node, .. } if node == "k3s-worker1");
    assert!(
        events.all().iter().filter(lost).count() >= 2,
        "it was told that it was gone for a while"
    );
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_is_reached_elsewhere_during_the_wait_is_found_again() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = lab(directory.path(), &fake);
    let started = Instant::now();
    let moves = async {
        tokio::time::sleep(Duration::from_secs(306)).await;
        fake.move_endpoints(2);
    };
    let (report, ()) = tokio::join!(up(&lab), moves);
    report.result.unwrap();
    // The hypervisor is asked again at most every 15 s.
    assert!(started.elapsed() < Duration::from_secs(335), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_is_gone_is_named_with_the_way_to_a_new_one() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = lab(directory.path(), &fake);
    up(&lab).await.result.unwrap();
    fake.lose("k3s-worker2");
    let error = up(&lab).await.result.unwrap_err();
    assert!(error.to_string().contains("gone"), "{error}");
    assert!(
        error.help_text().unwrap().contains("--recreate k3s-worker2"),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_recreation_that_is_killed_is_finished_by_the_next_run() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, events) = lab(directory.path(), &fake);
    up(&lab).await.result.unwrap();
    let before = events.all().len();
    let options = recreating(&["k3s-worker1"]);
    let cancel = CancellationToken::new();
    let deleted = events.until(before, |e| matches!(e, Event::StageStarted { stage: "create-master" }));
    tokio::select! {
        biased;
        () = deleted => {}
        _ = lab.up(&options, None, &cancel) => panic!("it should have been cut"),
    }
    up(&lab).await.result.unwrap();
    assert_eq!(lab.state().unwrap().unwrap().nodes.len(), 3);
    let (other, _) = support::lab(directory.path(), &fake);
    assert_eq!(up(&other).await.result.unwrap().len(), 3);
}

#[tokio::test(start_paused = true)]
async fn keys_that_were_deleted_are_told_and_not_made_anew_behind_the_machines_backs() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = lab(directory.path(), &fake);
    up(&lab).await.result.unwrap();
    let key = lab.paths().keys().join("host/k3s-worker1");
    let content = std::fs::read(&key).unwrap();
    std::fs::remove_file(&key).unwrap();
    let error = up(&lab).await.result.unwrap_err();
    assert!(error.one_line().contains("is gone"), "{}", error.one_line());
    assert!(!key.exists());
    std::fs::write(&key, content).unwrap();
    up(&lab).await.result.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_machine_whose_directory_was_deleted_or_emptied_under_it_is_stopped_before_a_new_one_takes_its_place() {
    for emptied in [false, true] {
        let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
        let (lab, _) = lab(directory.path(), &fake);
        up(&lab).await.result.unwrap();
        let instance = || lab.state().unwrap().unwrap().nodes["k3s-worker1"].instance_id.clone();
        let before = instance();
        let place = lab.paths().node("k3s-worker1");
        std::fs::remove_dir_all(&place).unwrap();
        if emptied {
            std::fs::create_dir(&place).unwrap();
        }
        up_recreating(&lab, &["k3s-worker1"]).await.unwrap();
        assert_eq!(fake.stopped_hard(), ["k3s-worker1"]);
        assert_ne!(instance(), before);
        assert_eq!(fake.running().len(), 3);
    }
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_was_deleted_in_the_hypervisor_is_named_with_the_way_to_a_new_one() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = lab(directory.path(), &fake);
    up(&lab).await.result.unwrap();
    fake.lose("k3s-worker1");
    let error = up(&lab).await.result.unwrap_err();
    assert_eq!(error.node_name(), Some("k3s-worker1"));
    assert!(
        error.help_text().unwrap().contains("--recreate k3s-worker1"),
        "{error:?}"
    );
    up_recreating(&lab, &["k3s-worker1"]).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_run_that_failed_is_continued_and_repeats_only_what_is_missing() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    fake.refuse_to_start(Some("k3s-worker2"));
    let (lab, _) = lab(directory.path(), &fake);
    let error = fails(&lab).await;
    assert_eq!(error.node_name(), Some("k3s-worker2"), "{error}");
    let before = lab.state().unwrap().unwrap();
    fake.refuse_to_start(None);
    up(&lab).await.result.unwrap();
    assert_eq!(fake.created(), 4, "no machine was made twice");
    let after = lab.state().unwrap().unwrap();
    for (name, node) in &before.nodes {
        assert_eq!(after.nodes[name].instance_id, node.instance_id);
    }
}

#[tokio::test(start_paused = true)]
async fn a_second_up_only_looks() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = lab(directory.path(), &fake);
    up(&lab).await.result.unwrap();
    let state = lab.state().unwrap();
    let started = Instant::now();
    let report = up(&lab).await;
    report.result.unwrap();
    assert!(started.elapsed() < Duration::from_secs(2), "{:?}", started.elapsed());
    assert_eq!((lab.state().unwrap(), fake.created()), (state, 4));
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_run_is_recorded_and_continued() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = lab(directory.path(), &fake);
    let cancel = CancellationToken::new();
    let trigger = cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(100)).await;
        trigger.cancel();
    });
    let report = lab.up(&UpOptions::default(), None, &cancel).await.unwrap();
    assert_eq!(report.result.unwrap_err().kind(), ErrorKind::Interrupted);
    assert_eq!(
        stage_timer::RunRecord::read(&report.record_path).unwrap().outcome,
        stage_timer::Outcome::Cancelled
    );
    up(&lab).await.result.unwrap();
    assert_eq!(fake.created(), 4);
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_was_being_created_when_the_run_died_is_made_anew() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = lab(directory.path(), &fake);
    up(&lab).await.result.unwrap();
    let path = lab.paths().state();
    let mut state: serde_json::Value = serde_json::from_slice(&std::fs::read(&path).unwrap()).unwrap();
    let old = state["nodes"]["k3s-worker1"]["instance_id"].take();
    state["nodes"]["k3s-worker1"]["instance_id"] = old.clone();
    state["nodes"]["k3s-worker1"]["phase"] = "creating".into();
    std::fs::write(&path, state.to_string()).unwrap();
    up(&lab).await.result.unwrap();
    let state = lab.state().unwrap().unwrap();
    assert_ne!(state.nodes["k3s-worker1"].instance_id, old.as_str().unwrap());
    assert_eq!(fake.created(), 5);
}
