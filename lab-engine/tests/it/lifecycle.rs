//! Stopping, starting and restarting, against a hypervisor in memory and in paused time.

use std::time::Duration;

use crate::support::{self, Fake, Guest, lab, up};
use lab_engine::{ErrorKind, Event, Lab, PowerChange, Report, Signal, UpOptions};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vmrun_rs::hypervisor::StopMode;

const NODES: [&str; 3] = ["k3s-master1", "k3s-worker1", "k3s-worker2"];

async fn stop(lab: &Lab, nodes: &[String], mode: StopMode) -> Report<PowerChange> {
    lab.stop(nodes, mode, &CancellationToken::new()).await.unwrap()
}

async fn start(lab: &Lab, nodes: &[String]) -> Report<PowerChange> {
    lab.start(nodes, None, &CancellationToken::new()).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_lab_is_stopped_all_at_once_and_started_again_until_the_cluster_is_ready() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    fake.stop_takes(Duration::from_secs(9))
        .start_takes(Duration::from_secs(4));
    let (lab, events) = lab(directory.path(), &fake);
    up(&lab).await.result.unwrap();

    let begun = Instant::now();
    let stopped = stop(&lab, &[], StopMode::Soft).await.result.unwrap();
    assert_eq!(stopped.stopped, NODES);
    assert!(fake.running().is_empty());
    assert!(
        begun.elapsed() < Duration::from_secs(10),
        "one stop's time for three: {:?}",
        begun.elapsed()
    );
    let signs = events.all();
    let stopped = |e: &&Event| {
        matches!(
            e,
            Event::NodeSignal {
                signal: Signal::Stopped,
                ..
            }
        )
    };
    assert_eq!(signs.iter().filter(stopped).count(), 3);

    let again = stop(&lab, &[], StopMode::Soft).await.result.unwrap();
    assert_eq!(again, PowerChange::default(), "stopping a stopped lab is no error");

    let begun = Instant::now();
    let started = start(&lab, &[]).await.result.unwrap();
    assert_eq!(started.started, NODES);
    assert_eq!(started.cluster.unwrap().len(), 3);
    // 4 s for all starts, 313 s until the last guest is complete again, and polling.
    assert!(begun.elapsed() < Duration::from_secs(322), "{:?}", begun.elapsed());
}

#[tokio::test(start_paused = true)]
async fn one_node_is_restarted_and_the_others_go_on() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = lab(directory.path(), &fake);
    up(&lab).await.result.unwrap();
    let worker = ["k3s-worker1".to_owned()];
    let report = lab
        .restart(&worker, StopMode::Soft, None, &CancellationToken::new())
        .await
        .unwrap();
    let change = report.result.unwrap();
    assert_eq!((&change.stopped[..], &change.started[..]), (&worker[..], &worker[..]));
    assert!(change.cluster.is_some(), "the whole lab runs again, so it is verified");
    let stopped = report
        .record
        .stages
        .iter()
        .filter(|s| s.name == "stop" && s.parent.is_some());
    assert_eq!(stopped.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_part_of_the_lab_that_is_started_is_not_called_a_ready_cluster() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = lab(directory.path(), &fake);
    up(&lab).await.result.unwrap();
    stop(&lab, &[], StopMode::Hard).await.result.unwrap();
    let change = start(&lab, &["k3s-master1".to_owned()]).await.result.unwrap();
    assert_eq!(
        (change.started.as_slice(), change.cluster),
        (["k3s-master1".to_owned()].as_slice(), None)
    );
    assert_eq!(fake.running(), ["k3s-master1"]);
}

#[tokio::test(start_paused = true)]
async fn a_guest_without_tools_is_shut_down_from_inside() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let guest = Guest {
        tools: false,
        ..Guest::default()
    };
    fake.guest("k3s-worker1", guest);
    let (lab, _) = lab(directory.path(), &fake);
    up(&lab).await.result.unwrap();
    stop(&lab, &[], StopMode::Soft).await.result.unwrap();
    assert!(fake.running().is_empty());
    let powered_off = |node| fake.commands(node).contains(&"systemctl poweroff".to_owned());
    assert_eq!(NODES.map(powered_off), [false, true, false]);
}

#[tokio::test(start_paused = true)]
async fn a_guest_that_does_not_shut_down_is_an_error_and_the_others_are_stopped_all_the_same() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = lab(directory.path(), &fake);
    up(&lab).await.result.unwrap();
    fake.change("k3s-worker1", |guest| {
        guest.tools = false;
        guest.answers = Duration::from_secs(100_000);
    });
    let error = stop(&lab, &[], StopMode::Soft).await.result.unwrap_err();
    assert_eq!(error.node_name(), Some("k3s-worker1"), "{error}");
    assert!(
        error.one_line().contains("Tools are not running"),
        "{}",
        error.one_line()
    );
    assert!(error.help_text().unwrap().contains("--hard"), "{error:?}");
    assert_eq!(fake.running(), ["k3s-worker1"]);
    stop(&lab, &[], StopMode::Hard).await.result.unwrap();
    assert!(fake.running().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_does_not_start_is_named() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = lab(directory.path(), &fake);
    up(&lab).await.result.unwrap();
    fake.power_off();
    fake.refuse_to_start(Some("k3s-worker2"));
    let error = start(&lab, &[]).await.result.unwrap_err();
    assert_eq!(error.node_name(), Some("k3s-worker2"), "{error}");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_is_neither_stopped_nor_started() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = lab(directory.path(), &fake);
    let cancel = CancellationToken::new();
    let error = lab.stop(&[], StopMode::Soft, &cancel).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotReady);
    assert!(error.help_text().unwrap().contains("lab-cli up"));
    assert!(!lab.paths().root().exists(), "asking leaves nothing behind");
    up(&lab).await.result.unwrap();
    let error = lab.start(&["nonsense".to_owned()], None, &cancel).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.help_text().unwrap().contains("k3s-worker2"), "{error:?}");
}

#[tokio::test(start_paused = true)]
async fn a_stop_that_is_interrupted_can_be_repeated() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    fake.stop_takes(Duration::from_secs(60));
    let (lab, _) = lab(directory.path(), &fake);
    up(&lab).await.result.unwrap();
    let cancel = CancellationToken::new();
    let trigger = cancel.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_secs(10)).await;
        trigger.cancel();
    });
    let error = lab
        .stop(&[], StopMode::Soft, &cancel)
        .await
        .unwrap()
        .result
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Interrupted);
    assert!(error.help_text().unwrap().contains("lab-cli stop"), "{error:?}");
    assert_eq!(stop(&lab, &[], StopMode::Soft).await.result.unwrap().stopped.len(), 3);
}

#[tokio::test(start_paused = true)]
async fn a_lab_of_another_project_is_neither_changed_nor_shown_until_it_is_adopted() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let file = |name: &str| {
        let file = directory.path().join(name).join("lab.toml");
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(&file, "").unwrap();
        Some(file)
    };
    let (first, _) = lab(directory.path(), &fake);
    let mut config = first.config().clone();
    config.lab.project = file("a");
    let (first, _) = support::with_config(config.clone(), &fake);
    up(&first).await.result.unwrap();
    config.lab.project = file("b");
    let (second, events) = support::with_config(config.clone(), &fake);
    let before = std::fs::read(first.paths().state()).unwrap();
    for error in [
        second.status().await.unwrap_err(),
        second.plan(&UpOptions::default()).await.unwrap_err(),
        second.destroy(&[]).await.unwrap_err(),
        second
            .up(&UpOptions::default(), None, &CancellationToken::new())
            .await
            .unwrap_err(),
    ] {
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
        assert!(error.help_text().unwrap().contains("--adopt"), "{error:?}");
    }
    assert_eq!(std::fs::read(first.paths().state()).unwrap(), before);

    second.adopt().unwrap();
    up(&second).await.result.unwrap();
    assert_eq!(fake.created(), 4, "the machines are those of before");
    first.status().await.unwrap_err();

    // A project that was moved is no dead end.
    std::fs::remove_file(config.lab.project.take().unwrap()).unwrap();
    config.lab.project = file("c");
    let (third, _) = support::with_config(config, &fake);
    assert!(third.status().await.unwrap().ready);
    up(&third).await.result.unwrap();
    second.status().await.unwrap_err();
    assert!(
        events
            .all()
            .iter()
            .any(|e| matches!(e, Event::Notice { message, .. } if message.contains("belonged to")))
    );
}

#[tokio::test(start_paused = true)]
async fn destroy_deletes_what_the_lab_made_and_leaves_what_it_did_not() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, events) = lab(directory.path(), &fake);
    up(&lab).await.result.unwrap();
    let foreign = lab.paths().machines().join("theirs");
    std::fs::create_dir(&foreign).unwrap();
    std::fs::write(foreign.join("disk.vmdk"), "precious").unwrap();
    lab.destroy(&[]).await.unwrap();
    assert_eq!(fake.names(), ["template"]);
    assert!(foreign.join("disk.vmdk").exists());
    assert!(lab.state().unwrap().is_none());
    assert!(
        events
            .all()
            .iter()
            .any(|e| matches!(e, Event::Notice { message, .. } if message.contains("theirs")))
    );
    lab.destroy(&[]).await.unwrap();
    std::fs::remove_dir_all(&foreign).unwrap();
    up(&lab).await.result.unwrap();
    lab.destroy(&[]).await.unwrap();
    assert!(!lab.paths().root().exists());
}
