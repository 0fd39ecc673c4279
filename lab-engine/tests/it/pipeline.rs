//! The pipeline against a hypervisor in memory, in paused time: what it claims is checked against what is true.

use std::time::Duration;

use crate::support::{Fake, Guest, fails, lab, up};
use lab_engine::{ErrorKind, Event, Phase, UpOptions};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vmrun_rs::hypervisor::Detached;

#[tokio::test(start_paused = true)]
async fn three_guests_that_need_300_s_each_are_waited_for_together() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = lab(directory.path(), &fake);
    let started = Instant::now();
    let nodes = up(&lab).await.result.unwrap();
    assert_eq!(nodes.len(), 3);
    // 313 s is when the last guest is complete; the rest is polling.
    assert!(started.elapsed() < Duration::from_secs(320), "{:?}", started.elapsed());
    assert_eq!(fake.names().len(), 4, "three nodes and the template");
    assert!(
        ["k3s-master1", "k3s-worker1", "k3s-worker2"]
            .iter()
            .all(|n| fake.attached(n) == 0)
    );
}

#[tokio::test(start_paused = true)]
async fn a_machine_is_started_as_soon_as_it_is_made_while_others_are_still_made() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    fake.create_takes("k3s-worker2", Duration::from_secs(60));
    fake.guest(
        "k3s-worker2",
        Guest {
            answers: Duration::from_secs(200),
            completes: Duration::from_secs(240),
            ..Guest::default()
        },
    );
    let (lab, _) = lab(directory.path(), &fake);
    let started = Instant::now();
    up(&lab).await.result.unwrap();
    // The others complete after 313 s, the late one after 60 + 240.
    assert!(started.elapsed() < Duration::from_secs(320), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_cannot_be_made_is_what_is_told_and_the_others_are_started() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, events) = lab(directory.path(), &fake);
    fake.refuse_to_create(Some("k3s-worker1"));
    let error = fails(&lab).await;
    assert_eq!(error.node_name(), Some("k3s-worker1"));
    assert!(error.to_string().contains("could not create the machine"), "{error}");
    assert!(
        fake.running().contains(&"k3s-master1".to_owned()),
        "{:?}",
        fake.running()
    );
    let (mut open, mut closed) = (Vec::new(), Vec::new());
    for event in events.all() {
        match event {
            Event::StageStarted { stage } => open.push(stage),
            Event::StageFinished { stage, .. } => closed.push(stage),
            _ => {}
        }
    }
    open.sort_unstable();
    closed.sort_unstable();
    assert_eq!(open, closed, "every stage that began was told to have ended");
    fake.refuse_to_create(None);
    up(&lab).await.result.unwrap();
}

#[tokio::test(start_paused = true)]
async fn machines_are_started_together() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    fake.start_takes(Duration::from_secs(30));
    let (lab, _) = lab(directory.path(), &fake);
    let report = up(&lab).await;
    report.result.unwrap();
    let started = Instant::now();
    fake.power_off();
    up(&lab).await.result.unwrap();
    // 30 s for all three starts, 313 s until the last guest is complete again, and polling.
    assert!(started.elapsed() < Duration::from_secs(350), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn an_event_is_noticed_within_one_poll() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    for node in ["k3s-master1", "k3s-worker1", "k3s-worker2"] {
        let guest = Guest {
            answers: Duration::from_secs(100),
            completes: Duration::from_secs(200),
            ..Guest::default()
        };
        fake.guest(node, guest);
    }
    let (lab, _) = lab(directory.path(), &fake);
    let started = Instant::now();
    up(&lab).await.result.unwrap();
    // Two waits (ready, complete), each ending at most one pause of 2 s and one look after the event, and a verification.
    assert!(started.elapsed() < Duration::from_secs(203), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_marker_of_an_earlier_life_of_the_disk_does_not_count() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    fake.guest(
        "k3s-worker1",
        Guest {
            stale_marker: Some("lab-k3s-worker1-000000"),
            ..Guest::default()
        },
    );
    let (lab, _) = lab(directory.path(), &fake);
    let error = fails(&lab).await;
    assert_eq!(
        (error.kind(), error.node_name()),
        (ErrorKind::TimedOut, Some("k3s-worker1")),
        "{error}"
    );
    assert!(error.to_string().contains("last signal"), "{error}");
    assert_eq!(lab.state().unwrap().unwrap().nodes["k3s-worker1"].phase, Phase::Created);
}

#[tokio::test(start_paused = true)]
async fn a_failure_file_ends_the_wait_at_once_with_step_and_reason() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let fails_at = Some((Duration::from_secs(320), "payload-copy", "k3s: checksum differs"));
    fake.guest(
        "k3s-worker2",
        Guest {
            fails: fails_at,
            ..Guest::default()
        },
    );
    let (lab, _) = lab(directory.path(), &fake);
    let started = Instant::now();
    let error = fails(&lab).await;
    assert!(
        error.to_string().contains("payload-copy") && error.to_string().contains("checksum differs"),
        "{error}"
    );
    assert_eq!(error.node_name(), Some("k3s-worker2"));
    assert!(started.elapsed() < Duration::from_secs(325), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_bootstrap_that_cloud_init_never_started_ends_the_wait_with_the_cause() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    fake.guest(
        "k3s-worker2",
        Guest {
            never_starts: true,
            ..Guest::default()
        },
    );
    let (lab, _) = lab(directory.path(), &fake);
    let started = Instant::now();
    let error = fails(&lab).await;
    assert!(
        error
            .to_string()
            .contains("without starting the bootstrap: the disk is full"),
        "{error}"
    );
    assert_eq!(error.node_name(), Some("k3s-worker2"));
    assert!(started.elapsed() < Duration::from_secs(315), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_goes_off_ends_the_wait_within_a_poll_with_its_console() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    fake.guest(
        "k3s-worker1",
        Guest {
            goes_off: Some(Duration::from_secs(50)),
            ..Guest::default()
        },
    );
    let (lab, _) = lab(directory.path(), &fake);
    let started = Instant::now();
    let error = fails(&lab).await;
    assert!(error.to_string().contains("powered off"), "{error}");
    assert!(
        error.detail_lines().iter().any(|l| l.contains("k3s-worker1.log")),
        "{:?}",
        error.detail_lines()
    );
    assert!(started.elapsed() < Duration::from_secs(53), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn another_machine_at_a_nodes_address_ends_the_wait_at_once() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    fake.guest(
        "k3s-master1",
        Guest {
            wrong_host_key: true,
            ..Guest::default()
        },
    );
    let (lab, _) = lab(directory.path(), &fake);
    let started = Instant::now();
    let error = fails(&lab).await;
    assert!(error.to_string().contains("another machine"), "{error}");
    assert!(error.one_line().contains("SHA256:wrong"), "{}", error.one_line());
    let status = lab.status().await.unwrap();
    assert_eq!(
        (status.nodes[0].bootstrapped, status.nodes[0].ready),
        (None, false),
        "nobody could look, which is neither finished nor unfinished"
    );
    assert!(started.elapsed() < Duration::from_secs(303), "{:?}", started.elapsed());
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_never_answers_times_out_with_the_last_trouble() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    fake.guest(
        "k3s-master1",
        Guest {
            answers: Duration::from_secs(100_000),
            ..Guest::default()
        },
    );
    let (lab, _) = lab(directory.path(), &fake);
    let error = fails(&lab).await;
    assert_eq!(error.kind(), ErrorKind::TimedOut);
    assert!(
        error.to_string().contains("last signal: running") && error.to_string().contains("cannot reach"),
        "{error}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_node_that_never_joins_is_never_called_ready() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    fake.guest(
        "k3s-worker2",
        Guest {
            joins: false,
            ..Guest::default()
        },
    );
    let (lab, _) = lab(directory.path(), &fake);
    let error = fails(&lab).await;
    assert_eq!(error.kind(), ErrorKind::NotReady);
    assert!(error.to_string().contains("k3s-worker2 has not joined"), "{error}");
    let status = lab.status().await.unwrap();
    assert!(!status.ready);
    assert_eq!(
        status.nodes.iter().map(|n| n.ready).collect::<Vec<_>>(),
        [true, true, false]
    );
}

#[tokio::test(start_paused = true)]
async fn where_a_medium_cannot_be_detached_hot_only_that_machine_is_restarted() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    fake.guest(
        "k3s-worker1",
        Guest {
            detaches: Detached::NeedsPowerOff,
            ..Guest::default()
        },
    );
    let (lab, events) = lab(directory.path(), &fake);
    let report = up(&lab).await;
    report.result.unwrap();
    assert_eq!(fake.attached("k3s-worker1"), 0);
    let restarts = report
        .record
        .stages
        .iter()
        .filter(|s| s.name == "restart" && s.parent.is_some())
        .count();
    assert_eq!(restarts, 1);
    let skipped = |e: &Event| {
        matches!(
            e,
            Event::StageFinished {
                stage: "restart",
                end: lab_engine::StageEnd::Skipped { .. },
                ..
            }
        )
    };
    assert!(!events.all().iter().any(skipped));
}

#[tokio::test(start_paused = true)]
async fn a_missing_prerequisite_is_found_before_anything_is_created() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (first, _) = lab(directory.path(), &fake);
    let mut config = first.config().clone();
    config.k3s.images = Some(directory.path().join("missing.tar.zst"));
    config.image.disk = None;
    let (broken, _) = crate::support::with_config(config, &fake);
    let error = fails(&broken).await;
    assert_eq!(error.kind(), ErrorKind::Prerequisite);
    assert!(error.help_text().is_some());
    assert!(
        error.detail_lines().iter().any(|l| l.contains("missing.tar.zst")),
        "all of them are told: {error:?}"
    );
    assert_eq!(fake.created(), 0);
}

#[tokio::test(start_paused = true)]
async fn a_second_process_is_told_who_holds_the_lab() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = lab(directory.path(), &fake);
    let (cancel, options) = (CancellationToken::new(), UpOptions::default());
    let (first, second) = tokio::join!(lab.up(&options, None, &cancel), async {
        tokio::time::sleep(Duration::from_secs(10)).await;
        lab.up(&options, None, &cancel).await
    });
    first.unwrap().result.unwrap();
    assert!(
        second
            .unwrap_err()
            .to_string()
            .contains(&std::process::id().to_string())
    );
}
