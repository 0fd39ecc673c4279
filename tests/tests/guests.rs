//! The whole of it on real guests: `lab-cli up` makes three machines with the QEMU drop-in, and what a user cares about is
//! read from inside them. The guests' k3s is a stand-in that checks its configuration; everything else is the real thing.
//!
//! One scenario, because booting three emulated guests takes minutes. Runs when `LAB_GUEST_TESTS=1`; `scripts/test.sh` sets
//! that, and gives the test a network namespace of its own so that no packet of a guest can leave the machine.

use std::path::Path;
use std::time::{Duration, Instant};

use lab_tests::lab::TestLab;
use lab_tests::programs::{processes_of, said};
use lab_tests::registry::Registry;
use serde_json::Value;
use stage_timer::RunRecord;

const PORT: u16 = 5000;
const LAB: &str = "real";
const NODES: [(&str, &str, &str); 3] = [
    ("k3s-master1", "192.168.6.10", "/var/lib/k3s-bootstrap.done"),
    ("k3s-worker1", "192.168.6.11", "/var/lib/k3s-agent-bootstrap.done"),
    ("k3s-worker2", "192.168.6.12", "/var/lib/k3s-agent-bootstrap.done"),
];
const STAGES: [&str; 10] = [
    "prerequisites",
    "cleanup",
    "create-master",
    "create-workers",
    "start",
    "wait-ready",
    "monitor",
    "disconnect",
    "restart",
    "verify",
];

#[test]
fn one_command_brings_up_a_real_lab_that_is_what_it_says_and_takes_it_away() {
    if std::env::var_os("LAB_GUEST_TESTS").is_none() {
        println!("skipped: set LAB_GUEST_TESTS=1, or run scripts/test.sh");
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let lab = lab(directory.path());

    refuses_to_start_without_a_registry(&lab);
    let registry = start_registry(&lab, "registry.crt", "registry.key");
    let first = up(&lab);
    the_run_record_has_every_stage(&first);
    every_node_is_ready(&lab);
    static_addresses_are_set(&lab);
    cloud_init_finished_without_errors(&lab);
    every_marker_carries_this_lifes_instance_id(&lab);
    a_wrong_host_key_is_refused(&lab);
    seed_images_are_out_of_the_drives(&lab);
    the_kubeconfig_points_at_a_server_that_answers(&lab);
    guests_are_air_gapped(&lab);
    a_second_up_changes_nothing(&lab);
    the_registry_is_trusted_with_the_right_certificate_only(&lab, registry);
    let registry = start_registry(&lab, "registry.crt", "registry.key");
    a_machine_that_was_cut_off_and_one_that_was_stopped_come_back_with_start(&lab);
    a_restarted_machine_comes_back_ready_and_the_others_do_not_notice(&lab);
    drop(registry);
    logs_kubeconfig_and_support_tell_of_the_lab(&lab);
    a_snapshot_of_the_stopped_lab_can_be_taken_listed_and_restored(&lab);
    destroy_leaves_nothing_but_what_is_not_the_labs(&lab);
}

fn logs_kubeconfig_and_support_tell_of_the_lab(lab: &TestLab) {
    step("logs of every source, a merged kubeconfig, a support bundle without the token");
    for source in ["console", "cloud-init", "bootstrap", "k3s", "journal"] {
        let log = lab.json(&["logs", "k3s-worker1", "--source", source, "-n", "5"]);
        assert!(!log["lines"].as_array().unwrap().is_empty(), "{source}: {log}");
    }
    let file = lab.directory().join("kube/config");
    let merged = lab.json(&["kubeconfig", "--merge", &file.display().to_string(), "--name", "mine"]);
    assert_eq!((&merged["context"], &merged["current"]), (&"mine".into(), &true.into()));
    assert!(file.is_file());
    let bundle = lab.directory().join("support.tar.gz");
    lab.succeed(&["support", "--file", &bundle.display().to_string()]);
    let token = std::fs::read_to_string(lab.root(LAB).join("keys/token")).unwrap();
    let unpacked = std::process::Command::new("tar")
        .args(["-xzOf", &bundle.display().to_string()])
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&unpacked.stdout);
    assert!(text.contains("k3s-worker2") && !text.contains(token.trim()));
}

/// Without starting the guests again, which takes minutes where they are emulated.
fn a_snapshot_of_the_stopped_lab_can_be_taken_listed_and_restored(lab: &TestLab) {
    step("all machines stop together; a snapshot of the lab is taken, listed, restored and deleted");
    let stopped = lab.json(&["stop"]);
    assert_eq!(stopped["stopped"].as_array().unwrap().len(), 3, "{stopped}");
    lab.json(&["snapshot", "create", "first"]);
    let list = lab.json(&["snapshot", "list"]);
    assert_eq!(list["snapshots"][0]["consistent"], true, "{list}");
    lab.json(&["snapshot", "restore", "first", "--yes"]);
    lab.json(&["snapshot", "delete", "first"]);
    assert_eq!(lab.json(&["snapshot", "list"])["snapshots"], serde_json::json!([]));
}

fn lab(directory: &Path) -> TestLab {
    TestLab::on_guests(
        directory,
        &format!("[lab]\nname = \"{LAB}\"\n[hypervisor]\nkind = \"qemu\"\n[registry]\nport = {PORT}\n"),
    )
}

fn refuses_to_start_without_a_registry(lab: &TestLab) {
    step("a missing registry is a missing prerequisite that names itself and the remedy");
    let output = lab.run(&["up"]);
    let text = said(&output);
    assert_eq!(output.status.code(), Some(3), "{text}");
    assert!(
        text.contains("192.168.6.1:5000") && text.contains("registry.crt"),
        "{text}"
    );
    assert!(
        !lab.root(LAB).join("vms").exists(),
        "no machine is made before the prerequisites are met"
    );
}

fn start_registry(lab: &TestLab, certificate: &str, key: &str) -> Registry {
    let pki = lab.root(LAB).join("pki");
    Registry::start(lab.directory(), PORT, &pki.join(certificate), &pki.join(key))
}

/// Brings the lab up, with the progress on this test's stderr.
fn up(lab: &TestLab) -> Value {
    step("up");
    let started = Instant::now();
    let output = lab
        .command(&["--output", "json", "up"])
        .stderr(std::process::Stdio::inherit())
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    println!("    up took {:.0} s", started.elapsed().as_secs_f64());
    serde_json::from_slice(&output.stdout).unwrap()
}

fn the_run_record_has_every_stage(report: &Value) {
    step("the run record has every stage");
    let path = report["record"].as_str().expect("the report names its record");
    let record = RunRecord::read(Path::new(path)).unwrap();
    for id in STAGES {
        let stage = record.stages.iter().find(|s| s.name == id && s.parent.is_none());
        let stage = stage.unwrap_or_else(|| panic!("no stage `{id}` in {path}"));
        assert!(stage.outcome.is_success(), "{id}: {}", stage.outcome);
    }
    let picture = report["picture"].as_str().expect("the report names its picture");
    assert!(std::fs::read_to_string(picture).unwrap().contains("k3s-worker2"));
}

fn every_node_is_ready(lab: &TestLab) {
    step("status lists three ready nodes");
    let status = lab.json(&["status"]);
    assert_eq!(status["ready"], true, "{status}");
    let nodes = status["nodes"].as_array().unwrap();
    assert_eq!(nodes.len(), 3);
    for ((name, address, _), node) in NODES.iter().zip(nodes) {
        assert_eq!(
            (&node["name"], &node["address"], &node["ready"]),
            (&(*name).into(), &(*address).into(), &true.into())
        );
    }
}

fn static_addresses_are_set(lab: &TestLab) {
    step("static addresses and the default route are set");
    for (node, address, _) in NODES {
        let text = lab.guest(
            node,
            "ip -4 -o addr show scope global; ip -4 route show default; hostname",
        );
        assert!(text.contains(&format!("{address}/24")), "{node}: {text}");
        assert!(text.contains("default via 192.168.6.1"), "{node}: {text}");
        assert!(text.ends_with(node), "{text}");
    }
}

fn cloud_init_finished_without_errors(lab: &TestLab) {
    step("cloud-init is done without errors");
    for (node, ..) in NODES {
        let text = lab.guest(node, "cat /run/cloud-init/result.json");
        let result: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(result["v1"]["errors"], serde_json::json!([]), "{node}: {text}");
        assert!(
            result["v1"]["datasource"].as_str().unwrap().contains("NoCloud"),
            "{node}: {text}"
        );
    }
}

fn every_marker_carries_this_lifes_instance_id(lab: &TestLab) {
    step("every marker carries this life's instance id");
    let state = lab.state(LAB);
    for (node, _, done) in NODES {
        let id = state["nodes"][node]["instance_id"].as_str().unwrap();
        for marker in ["/var/lib/iso-copy-complete", "/var/lib/cloud-init-complete", done] {
            assert_eq!(lab.guest(node, &format!("cat {marker}")), id, "{node}: {marker}");
        }
        assert_eq!(
            lab.guest(node, "test -e /var/lib/lab/failed || echo none"),
            "none",
            "{node}"
        );
    }
}

fn a_wrong_host_key_is_refused(lab: &TestLab) {
    step("a host key other than the injected one is refused");
    let keys = lab.root(LAB).join("keys/host");
    let (right, other) = (keys.join("k3s-worker1"), keys.join("k3s-worker2"));
    let saved = std::fs::read(&right).unwrap();
    std::fs::copy(&other, &right).unwrap();
    let (code, text) = lab.guest_fails("k3s-worker1", "true");
    std::fs::write(&right, saved).unwrap();
    assert_ne!(code, 0);
    assert!(text.to_lowercase().contains("host key"), "{text}");
    lab.guest("k3s-worker1", "true");
}

fn seed_images_are_out_of_the_drives(lab: &TestLab) {
    step("seed images are out of the drives");
    for (node, ..) in NODES {
        let text = lab.guest(
            node,
            "for d in /sys/block/sr*; do cat $d/size; done; ls /dev/disk/by-label",
        );
        assert!(
            !text.contains("CIDATA") && !text.contains("LABPAYLOAD"),
            "{node}: {text}"
        );
    }
}

fn the_kubeconfig_points_at_a_server_that_answers(lab: &TestLab) {
    step("the kubeconfig points at a server that answers");
    let path = lab.root(LAB).join("kubeconfig");
    let text = std::fs::read_to_string(&path).unwrap();
    let server = text
        .lines()
        .find_map(|l| l.trim().strip_prefix("server:"))
        .expect("the kubeconfig names a server");
    let address = server
        .trim()
        .trim_matches(['"', '\''])
        .strip_prefix("https://")
        .expect("over https");
    std::net::TcpStream::connect_timeout(&address.parse().unwrap(), Duration::from_secs(10)).unwrap();
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    }
}

fn guests_are_air_gapped(lab: &TestLab) {
    step("a guest reaches the registry and the other nodes, and nothing else of this host");
    // A listener on another port of this host's loopback: a host-only network must not lead to it.
    let other = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = other.local_addr().unwrap().port();
    let line = format!("timeout 5 bash -c 'echo > /dev/tcp/192.168.6.1/{port}' 2>/dev/null; echo $?");
    assert_ne!(lab.guest("k3s-worker1", &line), "0");
    assert_eq!(
        lab.guest(
            "k3s-worker1",
            "timeout 10 bash -c 'echo > /dev/tcp/192.168.6.10/6443'; echo $?"
        ),
        "0"
    );
}

fn a_second_up_changes_nothing(lab: &TestLab) {
    step("a second up looks, changes nothing and is quick");
    let before = lab.state(LAB);
    let started = Instant::now();
    lab.json(&["up"]);
    let took = started.elapsed();
    println!("    second up took {:.1} s", took.as_secs_f64());
    assert_eq!(lab.state(LAB), before);
    assert!(took < Duration::from_secs(60), "{took:?}");
}

fn the_registry_is_trusted_with_the_right_certificate_only(lab: &TestLab, registry: Registry) {
    step("the guests' trust store accepts the registry, and refuses it once its certificate lacks the address");
    let curl = "curl -sS -o /dev/null -w '%{http_code}' --max-time 30 https://192.168.6.1:5000/v2/";
    for (node, ..) in NODES {
        assert_eq!(lab.guest(node, curl), "200", "{node}");
    }
    drop(registry);
    let (certificate, key) = certificate_for_localhost_only(lab);
    let _registry = Registry::start(lab.directory(), PORT, &certificate, &key);
    let (code, text) = lab.guest_fails("k3s-worker1", curl);
    assert_eq!(code, 60, "curl calls it a certificate problem: {text}");
    let verdict = said(&lab.run(&[
        "pki",
        "verify",
        "--connect",
        "127.0.0.1:5000",
        "--host",
        "192.168.6.1",
        "--ca",
        &lab.root(LAB).join("pki/ca.crt").display().to_string(),
    ]));
    assert!(
        verdict.contains("192.168.6.1") && verdict.contains("localhost"),
        "{verdict}"
    );
    let output = lab.run(&["up"]);
    assert_eq!(output.status.code(), Some(3), "up notices it too: {}", said(&output));
}

/// The seed's mistake: a certificate of the right CA that names only localhost.
fn certificate_for_localhost_only(lab: &TestLab) -> (std::path::PathBuf, std::path::PathBuf) {
    let pki = lab.root(LAB).join("pki");
    let (certificate, key) = (
        lab.directory().join("localhost.crt"),
        lab.directory().join("localhost.key"),
    );
    let line = format!(
        "openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=localhost \
           -addext subjectAltName=DNS:localhost -keyout {key} \
         | openssl x509 -req -days 30 -CA {ca} -CAkey {ca_key} -CAcreateserial -CAserial {key}.srl -copy_extensions copy -out {certificate}",
        key = key.display(),
        ca = pki.join("ca.crt").display(),
        ca_key = pki.join("ca.key").display(),
        certificate = certificate.display(),
    );
    let output = std::process::Command::new("sh").args(["-c", &line]).output().unwrap();
    assert!(output.status.success(), "{}", said(&output));
    (certificate, key)
}

/// Both at once, because booting an emulated guest takes a minute. `up` after a machine died is a step of `faults.rs`.
fn a_machine_that_was_cut_off_and_one_that_was_stopped_come_back_with_start(lab: &TestLab) {
    step(
        "one machine is cut off, one is stopped; start brings both back, without seed images, with the same host keys",
    );
    let before = boots(lab);
    let vmx = lab.state(LAB)["nodes"]["k3s-worker2"]["vm"]
        .as_str()
        .unwrap()
        .to_owned();
    let output = std::process::Command::new(lab_tests::programs::built("vmrun-qemu"))
        .args(["-T", "ws", "stop", &vmx, "hard"])
        .env("VMRUN_QEMU_HOME", lab.directory().join("vmrun-qemu"))
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    let started = Instant::now();
    let stopped = lab.json(&["stop", "k3s-worker1"]);
    println!("    stop took {:.0} s", started.elapsed().as_secs_f64());
    assert_eq!(stopped["stopped"], serde_json::json!(["k3s-worker1"]), "{stopped}");
    let status: Value = serde_json::from_slice(&lab.run(&["--output", "json", "status"]).stdout).unwrap();
    assert_eq!(
        status["ready"], false,
        "a machine that is off is never called ready: {status}"
    );
    for worker in [1, 2] {
        assert_eq!(status["nodes"][worker]["power"], "off", "{status}");
    }
    let started = Instant::now();
    let report = lab.json(&["start"]);
    println!("    start took {:.0} s", started.elapsed().as_secs_f64());
    assert_eq!(
        report["started"],
        serde_json::json!(["k3s-worker1", "k3s-worker2"]),
        "{report}"
    );
    every_node_is_ready(lab);
    booted_again(&before, &boots(lab), &["k3s-worker1", "k3s-worker2"]);
}

fn a_restarted_machine_comes_back_ready_and_the_others_do_not_notice(lab: &TestLab) {
    step("a restarted machine has booted anew, is Ready again, and no other has booted");
    let before = boots(lab);
    let started = Instant::now();
    let report = lab.json(&["restart", "k3s-worker1"]);
    println!("    restart took {:.0} s", started.elapsed().as_secs_f64());
    let only = serde_json::json!(["k3s-worker1"]);
    assert_eq!((&report["stopped"], &report["started"]), (&only, &only), "{report}");
    every_node_is_ready(lab);
    booted_again(&before, &boots(lab), &["k3s-worker1"]);
}

/// What each guest's kernel calls its present boot.
fn boots(lab: &TestLab) -> Vec<String> {
    let of = |node| lab.guest(node, "cat /proc/sys/kernel/random/boot_id");
    NODES.iter().map(|(node, ..)| of(node)).collect()
}

fn booted_again(before: &[String], after: &[String], expected: &[&str]) {
    for (n, (node, ..)) in NODES.iter().enumerate() {
        assert_eq!(
            before[n] != after[n],
            expected.contains(node),
            "{node}: {before:?} {after:?}"
        );
    }
}

fn destroy_leaves_nothing_but_what_is_not_the_labs(lab: &TestLab) {
    step("destroy leaves nothing behind, and nothing of others is touched");
    let machines = lab.root(LAB).join("vms");
    let foreign = [lab.root("other").join("vms/theirs"), machines.join("theirs")];
    for directory in &foreign {
        std::fs::create_dir_all(directory).unwrap();
        std::fs::write(directory.join("theirs.vmx"), "config.version = \"8\"\n").unwrap();
    }
    let refused = lab.run(&["destroy"]);
    assert_eq!(
        refused.status.code(),
        Some(2),
        "off a terminal it wants --yes: {}",
        said(&refused)
    );
    lab.succeed(&["destroy", "--yes"]);
    let kubeconfig = lab.directory().join("kube/config");
    assert!(!kubeconfig.exists(), "it held the lab's context and nothing else");
    for directory in &foreign {
        assert!(
            directory.join("theirs.vmx").is_file(),
            "{} was touched",
            directory.display()
        );
    }
    for (node, ..) in NODES {
        assert!(!machines.join(node).exists());
    }
    let processes = processes_of(lab.directory());
    assert!(processes.is_empty(), "left behind: {processes:?}");
    lab.succeed(&["destroy", "--yes"]);
}

fn step(what: &str) {
    println!("--- {what}");
}
