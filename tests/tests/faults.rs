//! Real faults on real guests: each happens on purpose, is noticed at once, is named, and is over with the next `up`.
//!
//! One scenario, because booting emulated guests takes minutes. Runs when `LAB_GUEST_TESTS=1`, as `guests.rs` does.
#![cfg(target_os = "linux")]

use std::io::{BufRead as _, BufReader, Read as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Stdio};
use std::time::{Duration, Instant};

use lab_tests::lab::TestLab;
use lab_tests::programs::{built, processes_of, said};
use lab_tests::registry::Registry;
use serde_json::Value;

const PORT: u16 = 5000;
const LAB: &str = "faults";
const MASTER: &str = "k3s-master1";
const WORKER: &str = "k3s-worker1";

#[test]
fn every_fault_is_noticed_named_and_survived() {
    if std::env::var_os("LAB_GUEST_TESTS").is_none() {
        println!("skipped: set LAB_GUEST_TESTS=1, or run scripts/test.sh");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (lab, hang) = lab(directory.path());
    lab.succeed(&["pki", "init"]);
    let registry = start_registry(&lab);

    a_machine_that_dies_during_the_wait_ends_it_at_once(&lab);
    a_full_disk_ends_the_bootstrap_and_says_so(&lab);
    a_wrong_token_is_named_and_not_shown(&lab);
    a_new_machine_mends_it(&lab);
    a_node_without_ssh_is_not_called_ready_and_is_waited_for(&lab);
    a_missing_registry_stops_up_before_it_does_anything(&lab, registry);
    a_vmrun_that_hangs_is_given_up_and_leaves_nothing(&lab, &hang);
    a_lab_that_saw_all_this_is_ready_and_leaves_nothing(&lab);
}

/// The lab, and the file that makes its vmrun hang while it exists.
fn lab(directory: &Path) -> (TestLab, PathBuf) {
    let hang = directory.join("hang");
    let bin = directory.join("bin");
    std::fs::create_dir(&bin).unwrap();
    let vmrun = bin.join("vmrun-qemu");
    let script = format!(
        "#!/bin/sh\n[ ! -e '{}' ] || kill -STOP $$\nexec '{}' \"$@\"\n",
        hang.display(),
        built("vmrun-qemu").display()
    );
    std::fs::write(&vmrun, script).unwrap();
    std::fs::set_permissions(&vmrun, std::fs::Permissions::from_mode(0o755)).unwrap();
    let disks = "vmware-vdiskmanager-qemu";
    std::os::unix::fs::symlink(built(disks), bin.join(disks)).unwrap();
    let toml = format!(
        "nodes = [\n\
           {{ name = \"{MASTER}\", role = \"master\", address = \"192.168.6.10\" }},\n\
           {{ name = \"{WORKER}\", role = \"worker\", address = \"192.168.6.11\" }},\n\
         ]\n\
         [lab]\nname = \"{LAB}\"\n[hypervisor]\nkind = \"qemu\"\nvmrun = \"{}\"\n[registry]\nport = {PORT}\n",
        vmrun.display()
    );
    (TestLab::on_guests(directory, &toml), hang)
}

fn start_registry(lab: &TestLab) -> Registry {
    let pki = lab.root(LAB).join("pki");
    Registry::start(
        lab.directory(),
        PORT,
        &pki.join("registry.crt"),
        &pki.join("registry.key"),
    )
}

fn a_machine_that_dies_during_the_wait_ends_it_at_once(lab: &TestLab) {
    step("a machine that dies during the wait ends it at once");
    let mut up = Up::start(lab, &["up"]);
    // Both were seen running, so the wait has begun for both.
    up.until("both machines to run", |events| {
        [MASTER, WORKER].iter().all(|node| signalled(events, node, "running"))
    });
    let (id, _) = qemu_of(lab, WORKER);
    signal("KILL", id);
    let killed = Instant::now();
    let (code, text) = up.end();
    println!("    noticed after {:.1} s", killed.elapsed().as_secs_f64());
    assert_eq!(code, 1, "{text}");
    assert!(text.contains(WORKER) && text.contains("powered off"), "{text}");
    assert!(killed.elapsed() < Duration::from_secs(20), "{:?}", killed.elapsed());
}

fn a_full_disk_ends_the_bootstrap_and_says_so(lab: &TestLab) {
    step("a disk that is full ends the bootstrap, which says so although it cannot write a file");
    let mut up = Up::start(lab, &["up"]);
    up.until("the worker to answer", |events| {
        signalled(events, WORKER, "guest_command")
    });
    // Nearly all of it at once, before the bootstrap is through; then the rest, block by block.
    let fill = "sudo fallocate -l $(($(stat -f -c '%f * %S' /) - 4194304)) /filling; \
                sudo dd if=/dev/zero of=/filling.rest bs=4096 status=none; sync; df -Pk / | tail -n 1";
    let (_, filled) = lab.guest_fails(WORKER, fill);
    println!(
        "    {}",
        filled.lines().find(|l| l.contains('%')).unwrap_or(&filled).trim()
    );
    let (code, text) = up.end();
    assert_eq!(code, 1, "{text}");
    assert!(text.contains(WORKER) && text.contains("the disk is full"), "{text}");
    let status = status(lab);
    assert_eq!(status["ready"], false, "{status}");
    lab.guest(WORKER, "sudo rm /filling /filling.rest");
}

fn a_wrong_token_is_named_and_not_shown(lab: &TestLab) {
    step("a worker with a wrong token says so, and nobody shows a token");
    let path = lab.root(LAB).join("keys/token");
    let right = std::fs::read_to_string(&path).unwrap();
    let wrong = "0123456789abcdef".repeat(3);
    std::fs::write(&path, &wrong).unwrap();
    let output = lab.run(&["-vvv", "up", "--recreate", WORKER]);
    std::fs::write(&path, &right).unwrap();
    let text = said(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains(WORKER) && text.contains("does not accept the token"),
        "{text}"
    );
    assert!(!text.contains(&wrong) && !text.contains(right.trim()), "{text}");
    assert_eq!(node_status(lab, MASTER)["ready"], true, "the master is as it was");
    assert_eq!(node_status(lab, WORKER)["ready"], false);
}

fn a_new_machine_mends_it(lab: &TestLab) {
    step("with the right token a new machine joins");
    lab.json(&["up", "--recreate", WORKER]);
    assert_eq!(status(lab)["ready"], true);
}

fn a_node_without_ssh_is_not_called_ready_and_is_waited_for(lab: &TestLab) {
    step("a node whose SSH server is down is not called ready; up waits until it is back");
    lab.guest(
        WORKER,
        "sudo systemd-run --quiet --on-active=30 systemctl start ssh.service && \
         sudo systemd-run --quiet systemctl stop ssh.socket ssh.service",
    );
    let worker = eventually(|| {
        let worker = node_status(lab, WORKER);
        (worker["ready"] == false).then_some(worker)
    });
    assert!(
        worker["problem"].as_str().is_some_and(|p| p.contains("guest")),
        "{worker}"
    );
    lab.json(&["up"]);
    assert_eq!(status(lab)["ready"], true);
}

fn a_missing_registry_stops_up_before_it_does_anything(lab: &TestLab, registry: Registry) {
    step("a registry that is gone is a missing prerequisite");
    drop(registry);
    let before = lab.state(LAB);
    let output = lab.run(&["up"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(text.contains("192.168.6.1:5000"), "{text}");
    assert_eq!(lab.state(LAB), before);
}

fn a_vmrun_that_hangs_is_given_up_and_leaves_nothing(lab: &TestLab, hang: &Path) {
    step("a vmrun that hangs is given up at its deadline, and no process of it is left");
    std::fs::write(hang, "").unwrap();
    let started = Instant::now();
    let output = lab.run(&["--output", "json", "status"]);
    println!("    given up after {:.0} s", started.elapsed().as_secs_f64());
    std::fs::remove_file(hang).unwrap();
    let answer: Value = serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", said(&output)));
    assert_eq!(output.status.code(), Some(5), "{answer}");
    assert_eq!(answer["ready"], false, "{answer}");
    let worker = &answer["nodes"][1];
    assert!(worker["problem"].as_str().unwrap().contains("timeout"), "{answer}");
    assert_eq!(worker["power"], Value::Null, "nobody knows, so nobody says: {answer}");
    let stopped: Vec<_> = processes_of(lab.directory())
        .into_iter()
        .filter(|(id, _)| is_stopped(*id))
        .collect();
    assert!(stopped.is_empty(), "left behind: {stopped:?}");
}

fn a_lab_that_saw_all_this_is_ready_and_leaves_nothing(lab: &TestLab) {
    step("after all this the lab is ready, and nothing of it is left after destroy");
    let registry = start_registry(lab);
    lab.json(&["up"]);
    assert_eq!(status(lab)["ready"], true);
    lab.succeed(&["destroy", "--yes"]);
    drop(registry);
    let left = processes_of(lab.directory());
    assert!(left.is_empty(), "left behind: {left:?}");
    assert!(!lab.root(LAB).join("vms").exists());
}

// --- a run of `up` that is watched ------------------------------------------------------------------------------------

/// A run of `up` in the background, seen through its event stream. Dropped, it is ended.
struct Up {
    child: Child,
    lines: BufReader<ChildStderr>,
    events: Vec<Value>,
}

impl Up {
    fn start(lab: &TestLab, arguments: &[&str]) -> Self {
        let mut command = lab.command(&["--progress", "json"]);
        let mut child = command
            .args(arguments)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stderr.take().unwrap());
        Self {
            child,
            lines,
            events: Vec::new(),
        }
    }

    /// Reads events until `enough` of them are there. The run's own limits end this if nothing else does.
    fn until(&mut self, what: &str, enough: impl Fn(&[Value]) -> bool) {
        let mut line = String::new();
        while !enough(&self.events) {
            line.clear();
            let read = self.lines.read_line(&mut line).unwrap();
            assert_ne!(read, 0, "up ended while waiting for {what}: {:#?}", self.events);
            self.events.extend(serde_json::from_str(&line));
        }
    }

    /// Waits for the end; the exit code and everything that was said.
    fn end(mut self) -> (i32, String) {
        let mut rest = String::new();
        self.lines.read_to_string(&mut rest).unwrap();
        let code = self.child.wait().unwrap().code().expect("up ends by itself");
        (code, rest)
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn signalled(events: &[Value], node: &str, signal: &str) -> bool {
    events
        .iter()
        .any(|e| e["event"] == "node_signal" && e["node"] == node && e["signal"] == signal)
}

// --- looking ----------------------------------------------------------------------------------------------------------

fn status(lab: &TestLab) -> Value {
    let output = lab.run(&["--output", "json", "status"]);
    serde_json::from_slice(&output.stdout).unwrap_or_else(|e| panic!("{e}: {}", said(&output)))
}

fn node_status(lab: &TestLab, node: &str) -> Value {
    let status = status(lab);
    let nodes = status["nodes"].as_array().unwrap();
    nodes.iter().find(|n| n["name"] == node).unwrap().clone()
}

/// Asks until there is an answer, for a minute.
fn eventually<T>(mut ask: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < end, "it did not happen within a minute");
    }
}

/// The emulator that runs a node's machine.
fn qemu_of(lab: &TestLab, node: &str) -> (u32, String) {
    let vms = lab.root(LAB).join("vms").join(node);
    processes_of(&vms)
        .into_iter()
        .find(|(_, line)| line.contains("qemu-system"))
        .unwrap_or_else(|| panic!("no emulator runs {node}: {:?}", processes_of(lab.directory())))
}

fn signal(name: &str, process: u32) {
    let status = Command::new("kill")
        .args(["-s", name, &process.to_string()])
        .status()
        .unwrap();
    assert!(status.success());
}

fn is_stopped(process: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{process}/stat")).unwrap_or_default();
    stat.rsplit_once(") ")
        .is_some_and(|(_, rest)| rest.starts_with(['T', 't']))
}

fn step(what: &str) {
    println!("--- {what}");
}
