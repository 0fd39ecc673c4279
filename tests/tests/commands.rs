//! Every command of `lab-cli` that has to do with machines or guests, on a lab that is ready: what it says against what is true of them.

use std::io::{BufRead as _, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use lab_tests::fake::WorldConfig;
use lab_tests::fake::lab::{FakeLab, LabShape};
use lab_tests::programs::{built, said};
use serde_json::{Value, json};

/// A lab of a master and a worker that is ready.
fn ready(directory: &Path) -> FakeLab {
    let config = WorldConfig {
        scale: 40.0,
        ..WorldConfig::default()
    };
    let shape = LabShape {
        workers: 1,
        more: "[timeouts]\nready = 90\nbootstrap = 90\nrestart = 90\nverify = 90\n".to_owned(),
    };
    built("lab-cli");
    let programs: PathBuf = built("vmrun-fake").parent().unwrap().to_owned();
    let lab = FakeLab::start(&programs, directory, &config, &shape).unwrap();
    answer(&lab, &["up"]);
    lab
}

fn run(lab: &FakeLab, arguments: &[&str]) -> Output {
    lab.command(arguments).output().unwrap()
}

/// Its standard output; it must end with this code.
#[track_caller]
fn text(lab: &FakeLab, arguments: &[&str], code: i32) -> String {
    let output = run(lab, arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}", said(&output));
    String::from_utf8_lossy(&output.stdout).replace("\r\n", "\n")
}

#[track_caller]
fn answer(lab: &FakeLab, arguments: &[&str]) -> Value {
    let output = run(lab, &[&["--output", "json", "--progress", "none"], arguments].concat());
    assert!(output.status.success(), "{arguments:?}: {}", said(&output));
    serde_json::from_slice(&output.stdout).unwrap()
}

fn machine(lab: &FakeLab, name: &str) -> Value {
    let truth = lab.world.truth().unwrap();
    let machines = truth["machines"].as_array().unwrap();
    machines.iter().find(|m| m["name"] == name).unwrap().clone()
}

fn powers(lab: &FakeLab) -> [Value; 2] {
    ["m", "w1"].map(|name| machine(lab, name)["power"].clone())
}

#[test]
fn logs_of_every_source_are_shown_and_followed() {
    let directory = tempfile::tempdir().unwrap();
    let lab = ready(directory.path());
    for (source, node, part) in [
        ("console", "w1", "Linux version 6.12 (boot 1)"),
        ("cloud-init", "w1", "modules:final"),
        ("bootstrap", "w1", "step: payload-copy"),
        ("k3s", "m", "k3s[900]: starting k3s"),
        ("k3s", "w1", "k3s-agent[900]: starting k3s-agent"),
        ("journal", "w1", "kernel: Linux version"),
    ] {
        let log = text(&lab, &["logs", node, "--source", source], 0);
        assert!(
            log.contains(part) && !log.contains("cursor"),
            "{source} of {node}: {log}"
        );
        let json = answer(&lab, &["logs", node, "--source", source, "-n", "1"]);
        assert_eq!((&json["node"], &json["source"]), (&node.into(), &source.into()));
        assert_eq!(json["lines"].as_array().unwrap().len(), 1, "{json}");
    }
    let k3s = text(&lab, &["logs", "w1", "--source", "k3s"], 0);
    assert!(!k3s.contains("kernel:"), "of its unit alone: {k3s}");

    // What is written while it is followed comes, through a restart too.
    let followed = Followed::new(&lab, &["logs", "w1", "--source", "journal", "--follow", "-n", "1"]);
    followed.until(|_| true);
    answer(&lab, &["restart", "w1"]);
    followed.until(|line| line == "kernel: Linux version 6.12 (boot 2)");
}

/// A command that does not end by itself, and its lines as they come.
struct Followed {
    child: Child,
    lines: Receiver<String>,
}

impl Followed {
    fn new(lab: &FakeLab, arguments: &[&str]) -> Self {
        let mut command = lab.command(arguments);
        let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        // It ends with the command's output.
        std::thread::spawn(move || {
            output
                .lines()
                .map_while(Result::ok)
                .try_for_each(|line| sender.send(line))
        });
        Self { child, lines }
    }

    /// Waits for such a line.
    #[track_caller]
    fn until(&self, wanted: impl Fn(&str) -> bool) {
        let mut seen = Vec::new();
        let end = Instant::now() + Duration::from_secs(120);
        while !seen.last().is_some_and(|line: &String| wanted(line)) {
            let left = end.saturating_duration_since(Instant::now());
            match self.lines.recv_timeout(left) {
                Ok(line) => seen.push(line),
                Err(why) => panic!("{why} after {seen:#?}"),
            }
        }
    }
}

impl Drop for Followed {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[test]
fn machines_stop_start_and_restart_in_truth_one_by_one_and_all_at_once() {
    let directory = tempfile::tempdir().unwrap();
    let lab = ready(directory.path());
    let stopped = text(&lab, &["stop", "w1"], 0);
    assert!(stopped.starts_with("stopped: w1\n"), "{stopped}");
    assert_eq!(powers(&lab), ["running", "off"]);
    assert_eq!(answer_of(&lab, &["status"], 5)["nodes"][1]["power"], "off");
    let started = answer(&lab, &["start"]);
    assert_eq!((&started["started"], &started["stopped"]), (&json!(["w1"]), &json!([])));
    let ready: Vec<&Value> = started["cluster"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| &n["ready"])
        .collect();
    assert_eq!(ready, [true, true]);
    assert_eq!(
        (&machine(&lab, "m")["boots"], &machine(&lab, "w1")["boots"]),
        (&1.into(), &2.into())
    );

    let restarted = text(&lab, &["restart", "--lang", "ko"], 0);
    assert!(
        restarted.contains("정지됨: m, w1\n")
            && restarted.contains("시작됨: m, w1\n")
            && restarted.contains("모든 노드가 준비"),
        "{restarted}"
    );
    assert_eq!(
        (&machine(&lab, "m")["boots"], &machine(&lab, "w1")["boots"]),
        (&2.into(), &3.into())
    );
    assert_eq!(answer(&lab, &["status"])["ready"], true);
    let restarted = answer(&lab, &["restart", "w1", "--hard"]);
    assert_eq!(restarted["stopped"], json!(["w1"]));
    answer(&lab, &["stop", "--hard"]);
    assert_eq!(powers(&lab), ["off", "off"]);
    let nothing = text(&lab, &["stop"], 0);
    assert!(nothing.starts_with("nothing to do"), "{nothing}");
    assert_eq!(answer(&lab, &["up"])["ready"], true, "up starts what was stopped");
}

/// The JSON that it prints although it ends with another code than 0.
#[track_caller]
fn answer_of(lab: &FakeLab, arguments: &[&str], code: i32) -> Value {
    let text = text(lab, &[&["--output", "json"], arguments].concat(), code);
    serde_json::from_str(&text).unwrap_or_else(|e| panic!("{e}: {text}"))
}

#[test]
fn a_snapshot_takes_the_whole_lab_back() {
    let directory = tempfile::tempdir().unwrap();
    let lab = ready(directory.path());
    let taken = text(&lab, &["snapshot", "create", "clean"], 0);
    assert!(
        taken.starts_with("snapshot clean taken of 2 machines\nstarted: m, w1\n"),
        "{taken}"
    );
    assert_eq!(powers(&lab), ["running", "running"]);
    for node in ["m", "w1"] {
        text(&lab, &["exec", node, "--", "touch", "/home/ubuntu/made-later"], 0);
    }
    let list = answer(&lab, &["snapshot", "list"]);
    assert_eq!(
        (&list["snapshots"][0]["name"], &list["snapshots"][0]["consistent"]),
        (&"clean".into(), &true.into())
    );
    let table = text(&lab, &["snapshot", "list", "--lang", "ko"], 0);
    assert!(table.starts_with("이름") && table.contains("clean"), "{table}");
    let restored = text(&lab, &["snapshot", "restore", "clean", "--yes", "--lang", "ko"], 0);
    assert!(
        restored.starts_with("스냅샷 clean으(로) 복원됨\n시작됨: m, w1\n"),
        "{restored}"
    );
    for node in ["m", "w1"] {
        text(&lab, &["exec", node, "--", "test", "-e", "/home/ubuntu/made-later"], 1);
    }
    assert_eq!(answer(&lab, &["status"])["ready"], true);
    answer(&lab, &["snapshot", "restore", "clean", "--yes", "--leave-off"]);
    assert_eq!(powers(&lab), ["off", "off"]);
    text(&lab, &["snapshot", "delete", "clean"], 0);
    let output = run(&lab, &["snapshot", "restore", "clean", "--yes"]);
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
}

#[test]
fn commands_run_on_one_several_and_all_nodes_with_their_exit_codes() {
    let directory = tempfile::tempdir().unwrap();
    let lab = ready(directory.path());
    assert_eq!(text(&lab, &["exec", "w1", "--", "hostname"], 0), "w1\n");
    assert_eq!(text(&lab, &["ssh", "m", "--", "hostname"], 0), "m\n");
    for (options, id) in [(&[][..], "1000\n"), (&["--root"], "0\n")] {
        for command in ["exec", "ssh"] {
            let arguments = [&[command, "w1"], options, &["--", "id", "-u"]].concat();
            assert_eq!(text(&lab, &arguments, 0), id, "{arguments:?}");
        }
    }
    text(&lab, &["ssh", "m", "--", "sh", "-c", "exit 7"], 7);
    text(&lab, &["exec", "w1", "--", "sh", "-c", "exit 3"], 3);
    let both = text(&lab, &["exec", "--all", "--", "hostname"], 0);
    assert!(both.contains("m  | m\n") && both.contains("w1 | w1\n"), "{both}");
    let one_fails = ["exec", "m", "w1", "--", "sh", "-c", "test $(hostname) = m"];
    let json = answer_of(&lab, &one_fails, 1);
    let codes: Vec<(&Value, &Value)> = json
        .as_array()
        .unwrap()
        .iter()
        .map(|n| (&n["node"], &n["exit_code"]))
        .collect();
    assert_eq!(codes, [(&"m".into(), &0.into()), (&"w1".into(), &1.into())], "{json}");
}

#[test]
fn the_kubeconfig_leads_to_the_master_and_leaves_with_the_lab() {
    let directory = tempfile::tempdir().unwrap();
    let lab = ready(directory.path());
    let raw = text(&lab, &["kubeconfig", "--raw"], 0);
    let config = lab.directory().join("home/.kube/config");
    let merged = answer(&lab, &["kubeconfig", "--merge", &config.display().to_string()]);
    assert_eq!((&merged["context"], &merged["current"]), (&"lab".into(), &true.into()));
    let merged = std::fs::read_to_string(&config).unwrap();
    let server = raw.lines().find(|l| l.contains("server: ")).unwrap().trim();
    assert!(
        merged.contains(server) && !merged.contains("127.0.0.1:6443"),
        "{merged}"
    );
    let destroyed = answer(&lab, &["destroy", "--yes"]);
    assert_eq!(destroyed["contexts"][0]["context"], "lab", "{destroyed}");
    assert!(!config.exists(), "it held nothing else");
}

#[test]
fn a_support_bundle_of_a_ready_lab_lacks_nothing_but_its_secrets() {
    let directory = tempfile::tempdir().unwrap();
    let lab = ready(directory.path());
    let token = std::fs::read_to_string(lab.root().join("keys/token")).unwrap();
    let bundle = answer(&lab, &["support", "--file", "bundle.tar.gz"]);
    assert_eq!(bundle["missing"], json!([]), "{bundle}");
    let archive = std::fs::read(lab.directory().join("bundle.tar.gz")).unwrap();
    let mut text = String::new();
    std::io::Read::read_to_string(&mut flate2::read::GzDecoder::new(&archive[..]), &mut text).unwrap();
    assert!(text.contains("k3s-agent[900]: starting") && text.contains("198.18.0.11"));
    assert!(!text.contains(token.trim()));
    // The kubeconfig is not in it, and no private key of the lab's.
    assert!(
        !text.contains("client-key-data") && !text.contains("BEGIN OPENSSH"),
        "{text}"
    );
}

#[test]
fn status_plan_and_timings_tell_of_a_ready_lab_in_both_languages() {
    let directory = tempfile::tempdir().unwrap();
    let lab = ready(directory.path());
    let status = text(&lab, &["status"], 0);
    let korean = text(&lab, &["status", "--lang", "ko"], 0);
    for node in ["m", "w1"] {
        assert!(status.contains(node) && korean.contains(node), "{status}{korean}");
    }
    assert!(
        status.contains("Ready") && korean.contains("준비됨"),
        "{status}{korean}"
    );
    let plan = answer(&lab, &["plan"]);
    let actions: Vec<&Value> = plan["steps"].as_array().unwrap().iter().map(|s| &s["action"]).collect();
    assert_eq!(actions, ["keep", "keep"], "{plan}");
    let show = answer(&lab, &["timings", "show"]);
    assert!(show["stages"].as_array().unwrap().len() >= 10, "{show}");
    let eta = answer(&lab, &["timings", "eta", "--recreate-all"]);
    assert!(eta["eta"].is_object(), "a run like it was recorded: {eta}");
    for (form, part) in [
        ("svg", "<svg"),
        ("html", "<html"),
        ("chrome", "traceEvents"),
        ("markdown", "|"),
        ("openmetrics", "# EOF"),
    ] {
        let written = text(&lab, &["timings", "export", "--format", form], 0);
        assert!(written.contains(part), "{form}: {written}");
    }
}
