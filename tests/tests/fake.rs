//! `vmrun-fake` as a program, and `lab-cli` on it.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, Instant};

use lab_tests::fake::lab::{FakeLab, LabShape};
use lab_tests::fake::{WORLD_VARIABLE, WorldConfig};
use lab_tests::programs::{built, said};
use serde_json::Value;

fn programs() -> PathBuf {
    built("vmrun-fake").parent().unwrap().to_owned()
}

fn lab(directory: &Path, change: impl FnOnce(&mut WorldConfig)) -> FakeLab {
    let mut config = WorldConfig {
        scale: 40.0,
        ..WorldConfig::default()
    };
    change(&mut config);
    let shape = LabShape {
        workers: 2,
        more: String::new(),
    };
    built("lab-cli");
    FakeLab::start(&programs(), directory, &config, &shape).unwrap()
}

/// With limits that end a run that will not end well before the test runner does.
fn command(lab: &FakeLab, arguments: &[&str]) -> Command {
    let mut command = lab.command(arguments);
    for stage in ["READY", "BOOTSTRAP", "RESTART", "VERIFY"] {
        command.env(format!("LAB_TIMEOUTS_{stage}"), "90");
    }
    command
}

fn run(lab: &FakeLab, arguments: &[&str]) -> Output {
    command(lab, arguments).output().unwrap()
}

#[track_caller]
fn json(lab: &FakeLab, arguments: &[&str]) -> Value {
    let output = run(lab, &[&["--output", "json"], arguments].concat());
    assert!(output.status.success(), "{}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn machines(lab: &FakeLab) -> Vec<Value> {
    lab.world.truth().unwrap()["machines"].as_array().unwrap().clone()
}

#[test]
fn up_makes_a_lab_that_is_ready_in_truth_and_destroy_takes_it_away() {
    let directory = tempfile::tempdir().unwrap();
    let lab = lab(directory.path(), |_| {});
    let report = json(&lab, &["up"]);
    assert_eq!(report["ready"], true);
    for name in ["m", "w1", "w2"] {
        let machine = machines(&lab).into_iter().find(|m| m["name"] == name).unwrap();
        assert_eq!(
            (&machine["ready"], &machine["complete"]),
            (&true.into(), &true.into()),
            "{machine}"
        );
        assert_eq!(
            machine["media"],
            serde_json::json!({}),
            "the seed images are out of the drives"
        );
    }
    let state: Value = serde_json::from_slice(&std::fs::read(lab.root().join("state.json")).unwrap()).unwrap();
    let master = machines(&lab).into_iter().find(|m| m["name"] == "m").unwrap();
    assert_eq!(state["nodes"]["m"]["instance_id"], master["instance_id"]);
    let again = Instant::now();
    assert_eq!(json(&lab, &["up"])["ready"], true);
    // Under wine it takes as long to start a program as to do what it does.
    let enough = Duration::from_secs(if cfg!(windows) { 60 } else { 10 });
    assert!(again.elapsed() < enough);
    assert_eq!(json(&lab, &["status"])["ready"], true);
    let output = run(&lab, &["exec", "w1", "--", "hostname"]);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        "w1",
        "{}",
        said(&output)
    );
    assert!(run(&lab, &["destroy", "--yes"]).status.success());
    let left: Vec<Value> = machines(&lab).into_iter().filter(|m| m["name"] != "template").collect();
    assert!(left.is_empty() && !lab.root().exists(), "{left:?}");
    assert_eq!(lab.world.truth().unwrap()["forwards"], serde_json::json!([]));
    assert_eq!(std::fs::read_dir(directory.path().join("tmp")).unwrap().count(), 0);
}

#[test]
fn with_a_password_the_way_in_is_vmrun_and_where_drives_stay_the_machines_are_restarted() {
    let directory = tempfile::tempdir().unwrap();
    let lab = lab(directory.path(), |config| {
        config.hot_detach = false;
        config.auth_after_command = true;
    });
    let output = command(&lab, &["--output", "json", "up"])
        .env("INSTALL_USER_PASSWORD", "p'w 1")
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let log = std::fs::read_to_string(lab.world.directory().join("world.log")).unwrap();
    assert!(log.contains("runProgramInGuest") && !log.contains("p'w 1"));
    let boots: Vec<_> = machines(&lab)
        .iter()
        .filter(|m| m["name"] != "template")
        .map(|m| m["boots"].clone())
        .collect();
    assert_eq!(boots, [2, 2, 2]);
}

#[test]
fn memory_is_changed_over_one_restart_of_that_machine_and_its_file_says_so() {
    let directory = tempfile::tempdir().unwrap();
    let lab = lab(directory.path(), |_| {});
    json(&lab, &["up"]);
    let machine = |name: &str| machines(&lab).into_iter().find(|m| m["name"] == name).unwrap();
    let before = ["m", "w1", "w2"].map(machine);
    let larger = ["--set", "nodes.w1.memory_mib=8192", "--set", "nodes.w1.cpus=4"];
    assert_eq!(json(&lab, &[&larger[..], &["up"]].concat())["ready"], true);
    for before in before {
        let after = machine(before["name"].as_str().unwrap());
        let boots = before["boots"].as_u64().unwrap() + u64::from(before["name"] == "w1");
        assert_eq!(
            (&after["boots"], &after["instance_id"]),
            (&boots.into(), &before["instance_id"])
        );
    }
    let vmx = std::fs::read_to_string(machine("w1")["vmx"].as_str().unwrap()).unwrap();
    for line in ["memsize = \"8192\"", "numvcpus = \"4\""] {
        assert!(vmx.contains(line), "{vmx}");
    }
    let plan = json(&lab, &[&larger[..], &["plan"]].concat());
    assert!(
        plan["steps"]
            .as_array()
            .unwrap()
            .iter()
            .all(|step| step["action"] == "keep"),
        "{plan}"
    );
}

#[test]
fn addresses_of_machines_that_run_are_refused_to_a_lab_of_another_data_directory() {
    let directory = tempfile::tempdir().unwrap();
    let lab = lab(directory.path(), |_| {});
    json(&lab, &["up"]);
    let other = format!("lab.data_dir={}", directory.path().join("other").display());
    let output = run(&lab, &["--set", &other, "--set", "lab.name=second", "up"]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(text.contains("198.18.0.10") && text.contains("m.vmx"), "{text}");
    assert_eq!(machines(&lab).len(), 4, "nothing was made");
}

#[test]
fn a_snapshot_that_was_reported_and_not_taken_fails_this_run_and_not_the_next() {
    let directory = tempfile::tempdir().unwrap();
    let lab = lab(directory.path(), |config| {
        config.faults.push("lie@snapshot/*#1".to_owned());
    });
    let output = run(&lab, &["up"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("reported as taken"), "{}", said(&output));
    assert_eq!(json(&lab, &["up"])["ready"], true);
}

#[test]
fn a_node_that_the_cluster_still_believes_in_is_not_called_ready() {
    let directory = tempfile::tempdir().unwrap();
    let lab = lab(directory.path(), |config| {
        // The worker dies while the packaged components are still waited for; the cluster never notices.
        config.guest.grace = 1e6;
        config.guest.components = 600.0;
    });
    let mut up = command(&lab, &["up"])
        .env("LAB_TIMEOUTS_VERIFY", "20")
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut text = String::new();
    for line in BufReader::new(up.stderr.take().unwrap()).lines() {
        let line = line.unwrap();
        if line.contains("started: Verify cluster") {
            let all = machines(&lab);
            let vmx = all.iter().find(|m| m["name"] == "w1").unwrap()["vmx"].as_str().unwrap();
            lab.world.call(&["-T", "ws", "stop", vmx, "hard"]).unwrap();
        }
        text.push_str(&line);
        text.push('\n');
    }
    assert!(!up.wait().unwrap().success() && text.contains("w1"), "{text}");
    assert!(text.contains("does not answer any more"), "{text}");
}

#[test]
fn workers_of_an_earlier_master_are_made_anew_by_the_command_that_the_failure_names() {
    let directory = tempfile::tempdir().unwrap();
    let lab = lab(directory.path(), |_| {});
    json(&lab, &["up"]);
    assert!(run(&lab, &["destroy", "--yes", "--node", "m"]).status.success());
    let output = run(&lab, &["up"]);
    let text = said(&output);
    assert!(!output.status.success(), "{text}");
    assert!(text.contains("`lab-cli up --recreate-all`"), "{text}");
    assert_eq!(json(&lab, &["up", "--recreate-all"])["ready"], true);
}

#[test]
fn a_guest_without_tools_shuts_down_although_vmrun_waits_for_ever() {
    let directory = tempfile::tempdir().unwrap();
    let lab = lab(directory.path(), |config| config.tools = false);
    json(&lab, &["up"]);
    let begun = Instant::now();
    json(&lab, &["stop"]);
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    let off = machines(&lab).iter().filter(|m| m["power"] == "off").count();
    assert_eq!(off, 4, "three nodes and the template");
}

#[test]
#[cfg_attr(
    windows,
    ignore = "a server that a call starts inherits the call's pipes there, and a directory in use cannot be removed"
)]
fn the_world_starts_by_itself_and_ends_when_told_or_when_its_directory_goes() {
    let directory = tempfile::tempdir().unwrap();
    let world = directory.path().join("world");
    let fake = built("vmrun-fake");
    let keeper = |command: &str| Command::new(&fake).arg(command).arg(&world).output().unwrap();
    assert!(keeper("install").status.success());
    let vmrun = world.join(format!("vmrun{}", std::env::consts::EXE_SUFFIX));
    let list = || {
        Command::new(&vmrun)
            .args(["-T", "ws", "list"])
            .env_remove(WORLD_VARIABLE)
            .output()
            .unwrap()
    };
    let pid = || {
        let text = std::fs::read(world.join("server.json")).unwrap();
        serde_json::from_slice::<Value>(&text).unwrap()["pid"].as_u64().unwrap()
    };
    assert_eq!(String::from_utf8_lossy(&list().stdout).trim(), "Total running VMs: 0");
    let first = pid();
    list();
    assert_eq!(pid(), first, "one server for all calls");
    assert!(keeper("end").status.success());
    gone(first);
    list();
    let second = pid();
    assert_ne!(first, second);
    std::fs::remove_dir_all(&world).unwrap();
    gone(second);
}

fn gone(pid: u64) {
    let end = Instant::now() + Duration::from_secs(10);
    while Path::new(&format!("/proc/{pid}")).exists() && cfg!(target_os = "linux") {
        assert!(Instant::now() < end, "the server {pid} does not end");
        std::thread::sleep(Duration::from_millis(20));
    }
}
