//! A changed lab.toml: what would change, what is applied, and what only a new machine can take on.

use lab_engine::{Action, Config, ErrorKind, Lab, UpOptions};
use tokio_util::sync::CancellationToken;

use crate::support::{self, Fake, all_anew, fails, lab, up_recreating, up_with};

/// A lab that is up, and the same lab with a changed configuration.
async fn changed(directory: &std::path::Path, fake: &Fake, change: impl FnOnce(&mut Config)) -> Lab {
    let (first, _) = lab(directory, fake);
    up_recreating(&first, &[]).await.unwrap();
    support::changed(&first, fake, change)
}

/// The plan as `node: action: changes`.
async fn plan(lab: &Lab) -> Vec<String> {
    let steps = lab.plan(&UpOptions::default()).await.unwrap();
    let line = |step: lab_engine::Step| {
        let changes: Vec<String> = step.changes.iter().map(ToString::to_string).collect();
        let action = serde_json::to_value(&step.action).unwrap()["action"].clone();
        format!("{}: {}: {}", step.node, action.as_str().unwrap(), changes.join("; "))
    };
    steps.into_iter().map(line).collect()
}

/// What was run in a guest to apply changes, by the word that says what.
fn applied(fake: &Fake, node: &str) -> Vec<String> {
    let commands = fake.commands(node);
    let arguments = commands
        .iter()
        .filter_map(|c| c.split_once(" lab-apply ").map(|(_, a)| a));
    arguments.map(|a| a.split(' ').next().unwrap().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn an_unchanged_lab_is_kept() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let lab = changed(directory.path(), &fake, |_| {}).await;
    assert_eq!(
        plan(&lab).await,
        ["k3s-master1: keep: ", "k3s-worker1: keep: ", "k3s-worker2: keep: "]
    );
}

#[tokio::test(start_paused = true)]
async fn a_change_that_needs_a_new_machine_is_told_key_by_key_and_refused() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let lab = changed(directory.path(), &fake, |c| {
        c.nodes.0[1].memory_mib = Some(8192);
        c.nodes.0[1].disk_gib = Some(80);
    })
    .await;
    // This hypervisor cannot change a machine's memory.
    assert_eq!(
        plan(&lab).await[1],
        "k3s-worker1: refuse: vm.disk_gib: 40 → 80; vm.memory_mib: 4096 → 8192"
    );
    let error = up_recreating(&lab, &[]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert_eq!(
        error.detail_lines(),
        [
            "k3s-worker1: vm.disk_gib: 40 → 80",
            "k3s-worker1: vm.memory_mib: 4096 → 8192"
        ]
    );
    assert!(
        error
            .help_text()
            .unwrap()
            .contains("`lab-cli up --recreate k3s-worker1`"),
        "{error:?}"
    );
    up_recreating(&lab, &["k3s-worker1"]).await.unwrap();
    assert_eq!(fake.created(), 5);
    assert!(plan(&lab).await[1].starts_with("k3s-worker1: keep"));
}

/// A worker that is to have other processors and memory.
async fn resized(directory: &std::path::Path, fake: &Fake) -> Lab {
    fake.reconfigures();
    changed(directory, fake, |c| {
        c.nodes.0[1].memory_mib = Some(8192);
        c.nodes.0[1].cpus = Some(4);
    })
    .await
}

/// Which lanes a run had of this name, in their order.
fn lanes(report: &lab_engine::UpReport, name: &str) -> Vec<String> {
    let stages = report.record.stages.iter();
    let of_node = stages.filter(|s| s.parent.is_some() && s.name == name);
    of_node.map(|s| s.lane.as_str().to_owned()).collect()
}

#[tokio::test(start_paused = true)]
async fn processors_and_memory_are_changed_over_a_clean_restart_and_the_machine_stays_the_same() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let lab = resized(directory.path(), &fake).await;
    let steps = lab.plan(&UpOptions::default()).await.unwrap();
    assert_eq!(steps[1].action, Action::Apply);
    assert!(steps[1].changes.iter().all(|c| c.applicable && c.restart), "{steps:?}");
    let before = lab.state().unwrap().unwrap().nodes["k3s-worker1"].instance_id.clone();
    let report = lab
        .up(&UpOptions::default(), None, &CancellationToken::new())
        .await
        .unwrap();
    assert_eq!(lanes(&report, "reconfigure"), ["k3s-worker1"]);
    assert_eq!(lanes(&report, "start"), ["k3s-worker1"]);
    report.result.unwrap();
    assert_eq!(fake.hardware("k3s-worker1"), (4, 8192, true));
    assert_eq!(fake.hardware("k3s-worker2"), (2, 4096, true));
    assert_eq!(fake.created(), 4, "no machine was made anew");
    assert_eq!(lab.state().unwrap().unwrap().nodes["k3s-worker1"].instance_id, before);
    assert!(plan(&lab).await[1].starts_with("k3s-worker1: keep"));
}

#[tokio::test(start_paused = true)]
async fn a_machine_that_is_off_is_changed_before_its_start() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let lab = resized(directory.path(), &fake).await;
    fake.power_off();
    up_recreating(&lab, &[]).await.unwrap();
    assert_eq!(fake.hardware("k3s-worker1"), (4, 8192, true));
}

#[tokio::test(start_paused = true)]
async fn a_change_of_memory_that_was_cut_off_is_finished_by_the_next_run() {
    // The stop takes 2 s and so does the start: in the stop, after it, in the start, after it.
    for moment in [1, 3, 5, 7] {
        let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
        let lab = resized(directory.path(), &fake).await;
        let second = std::time::Duration::from_secs(1);
        fake.start_takes(2 * second).stop_takes(2 * second);
        let (options, cancel) = (UpOptions::default(), CancellationToken::new());
        let cut = tokio::time::timeout(moment * second, lab.up(&options, None, &cancel)).await;
        assert!(cut.is_err(), "{moment}: it is over already");
        up_recreating(&lab, &[]).await.unwrap();
        assert_eq!(fake.hardware("k3s-worker1"), (4, 8192, true), "{moment}");
        assert!(plan(&lab).await[1].starts_with("k3s-worker1: keep"), "{moment}");
    }
}

#[tokio::test(start_paused = true)]
async fn what_can_be_applied_is_applied_once_where_it_counts() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let lab = changed(directory.path(), &fake, |c| {
        c.k3s.disable = vec!["traefik".to_owned(), "servicelb".to_owned()];
        c.registry.mirrors = vec!["docker.io".to_owned()];
        c.guest.timezone = "Europe/Berlin".to_owned();
        c.guest.authorized_keys = vec!["ssh-ed25519 AAAA someone".to_owned()];
    })
    .await;
    let steps = plan(&lab).await;
    assert!(
        steps[0].starts_with("k3s-master1: apply: ") && steps[0].contains("k3s.disable: none → traefik, servicelb"),
        "{steps:?}"
    );
    assert!(
        steps[1].contains("guest.timezone: Asia/Seoul → Europe/Berlin"),
        "{steps:?}"
    );
    assert!(
        !steps[1].contains("k3s.disable"),
        "an agent has no such thing: {steps:?}"
    );
    up_recreating(&lab, &[]).await.unwrap();
    assert_eq!(fake.created(), 4, "no machine was made anew");
    assert_eq!(
        applied(&fake, "k3s-master1"),
        ["keys", "timezone", "write", "write", "restart"]
    );
    assert_eq!(applied(&fake, "k3s-worker1"), ["keys", "timezone", "write", "restart"]);
    assert!(plan(&lab).await.iter().all(|s| s.contains(": keep: ")));
    up_recreating(&lab, &[]).await.unwrap();
    assert_eq!(applied(&fake, "k3s-worker1").len(), 4, "nothing is applied twice");
}

#[tokio::test(start_paused = true)]
async fn a_new_worker_is_made_and_the_others_learn_its_name() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let lab = changed(directory.path(), &fake, |c| {
        let mut node = c.nodes.0[2].clone();
        (node.name, node.address) = ("k3s-worker3".to_owned(), "192.168.6.13".parse().unwrap());
        c.nodes.0.push(node);
    })
    .await;
    let steps = plan(&lab).await;
    assert_eq!(steps[3], "k3s-worker3: create: ");
    assert!(steps[0].starts_with("k3s-master1: apply: nodes: "), "{steps:?}");
    up_recreating(&lab, &[]).await.unwrap();
    assert_eq!(fake.created(), 5);
    assert_eq!(applied(&fake, "k3s-worker1"), ["lines"]);
    assert!(
        fake.commands("k3s-master1")
            .iter()
            .any(|c| c.ends_with("delete node k3s-worker3 --ignore-not-found"))
    );
}

#[tokio::test(start_paused = true)]
async fn a_worker_that_left_stays_until_it_is_destroyed_and_the_cluster_forgets_it_then() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let lab = changed(directory.path(), &fake, |c| drop(c.nodes.0.pop())).await;
    assert_eq!(plan(&lab).await[2], "k3s-worker2: leave: ");
    up_recreating(&lab, &[]).await.unwrap();
    assert!(
        fake.names().contains(&"k3s-worker2".to_owned()),
        "nothing is deleted by surprise"
    );
    lab.destroy(&["k3s-worker2".to_owned()]).await.unwrap();
    assert!(!fake.names().contains(&"k3s-worker2".to_owned()));
    let forgot = |c: &String| c.ends_with("delete node k3s-worker2 --ignore-not-found");
    assert_eq!(fake.commands("k3s-master1").iter().filter(|c| forgot(c)).count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_recreated_worker_can_join_under_its_old_name() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = lab(directory.path(), &fake);
    up_recreating(&lab, &[]).await.unwrap();
    up_recreating(&lab, &["k3s-worker1"]).await.unwrap();
    let commands = fake.commands("k3s-master1");
    let forgot: Vec<_> = commands.iter().filter(|c| c.contains("kubectl delete node")).collect();
    assert_eq!(
        forgot,
        ["/usr/local/bin/k3s kubectl delete node k3s-worker1 --ignore-not-found"]
    );
}

#[tokio::test(start_paused = true)]
async fn a_new_master_is_refused_while_workers_of_the_old_one_stay() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = lab(directory.path(), &fake);
    up_recreating(&lab, &[]).await.unwrap();
    let error = up_recreating(&lab, &["k3s-master1"]).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.help_text().unwrap().contains("--recreate-all"), "{error:?}");
    assert_eq!(fake.created(), 4);
    lab.destroy(&["k3s-master1".to_owned()]).await.unwrap();
    up_recreating(&lab, &[]).await.unwrap_err();
    assert_eq!(fake.created(), 4);
    up_with(&lab, &all_anew()).await.result.unwrap();
    assert_eq!(fake.created(), 7);
}

#[tokio::test(start_paused = true)]
async fn a_plan_changes_nothing_and_needs_no_lab() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let (lab, _) = lab(directory.path(), &fake);
    let steps = lab.plan(&UpOptions::default()).await.unwrap();
    assert!(steps.iter().all(|s| s.action == Action::Create));
    assert!(!lab.paths().root().exists());
}

#[tokio::test(start_paused = true)]
async fn a_changed_configuration_is_neither_ignored_nor_applied_by_surprise() {
    let (directory, fake) = (tempfile::tempdir().unwrap(), Fake::default());
    let changed = changed(directory.path(), &fake, |c| c.nodes.0[1].disk_gib = Some(80)).await;
    let error = fails(&changed).await;
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(
        error.to_string().contains("k3s-worker1") && error.help_text().unwrap().contains("--recreate"),
        "{error}"
    );
    up_recreating(&changed, &["k3s-worker1"]).await.unwrap();
    assert_eq!(fake.created(), 5);
}
