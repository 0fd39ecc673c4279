//! A lab whose machines run and whose guests never answer. Everything stays on this host's loopback.

use crate::fake;
use crate::support::Place;

/// A lab of two nodes that waits two seconds for its guests. Its addresses are of the range for benchmarks (RFC 2544), which
/// no machine has; they are reached through forwarded ports of this host's loopback.
pub(crate) fn place() -> Place {
    waiting(2)
}

/// The same, which waits for this many seconds.
pub(crate) fn waiting(seconds: u32) -> Place {
    let place = fake::dead_guests();
    let mut disk = b"KDMV\x01\x00\x00\x00\x03\x00\x00\x00".to_vec();
    disk.resize(512, 0);
    std::fs::write(place.file("image.vmdk"), disk).unwrap();
    place.write("k3s", "#!/bin/sh\n");
    std::fs::write(place.file("images.tar.gz"), b"\x1f\x8b images").unwrap();
    place.toml(&format!(
        "[network]\ngateway = \"198.18.77.1\"\n\
         [registry]\nhost = \"198.18.77.1\"\nport = 1\ncheck = false\n\
         [image]\ndisk = \"image.vmdk\"\n\
         [k3s]\nbinary = \"k3s\"\nimages = \"images.tar.gz\"\n\
         [timeouts]\nready = {seconds}\n\
         [[nodes]]\nname = \"m\"\nrole = \"master\"\naddress = \"198.18.77.10\"\n\
         [[nodes]]\nname = \"w\"\nrole = \"worker\"\naddress = \"198.18.77.11\"\n"
    ))
}

#[test]
fn a_guest_that_never_answers_ends_with_its_last_signs_and_the_end_of_its_console() {
    let place = place();
    let ran = place.run(&["up"]).code(4);
    let error = &ran.stderr[ran.stderr.find("\nerror: ").expect("an error comes last")..];
    assert!(
        error.contains(": the guest did not answer within 2 s; last signal: running; last error: "),
        "{ran}"
    );
    assert!(
        error.contains("\n  |   [    9.000000] Kernel panic - not syncing: no init found\n"),
        "{ran}"
    );
    assert!(error.contains("\nhelp: "), "{ran}");
    assert!(
        ran.stderr.contains(" m: running\n") && ran.stderr.contains(" w: trouble: "),
        "{ran}"
    );
    assert!(
        ran.stdout.contains("Wait for VMs ready") && ran.stdout.contains("timed out"),
        "{ran}"
    );
    let ran = place.run(&["--output", "json", "--progress", "none", "up"]).code(4);
    assert_eq!(ran.error()["kind"], "timed_out");
    assert!(ran.error()["details"].to_string().contains("Kernel panic"));
    let stages = ran.json()["stages"].as_array().unwrap().clone();
    let outcomes: Vec<_> = stages
        .iter()
        .map(|s| (s["stage"].as_str().unwrap(), s["outcome"].as_str().unwrap()))
        .collect();
    assert_eq!(
        outcomes[1..],
        [
            ("cleanup", "skipped"),
            ("create-master", "skipped"),
            ("create-workers", "skipped"),
            ("start", "skipped"),
            ("wait-ready", "timed_out"),
        ]
    );
}

#[test]
fn what_was_made_is_planned_refused_seen_and_destroyed_node_by_node() {
    let place = place();
    place.run(&["up", "--progress", "none"]).code(4);

    let actions = |arguments: &[&str]| {
        let json = place
            .run(&[&["plan", "--output", "json"], arguments].concat())
            .code(0)
            .json();
        json["steps"]
            .as_array()
            .unwrap()
            .iter()
            .map(|s| s["action"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    assert_eq!(actions(&[]), ["keep", "keep"]);
    assert_eq!(actions(&["--recreate", "w"]), ["keep", "recreate"]);
    assert_eq!(actions(&["--set", "vm.disk_gib=80"]), ["refuse", "refuse"]);

    let ran = place.run(&["up", "--set", "vm.disk_gib=80"]).code(2);
    assert!(
        ran.stderr.contains("| m: vm.disk_gib: 40 → 80\n") && ran.stderr.contains("help: `lab-cli up --recreate-all`"),
        "{ran}"
    );
    let ran = place
        .run(&["plan", "--set", "vm.disk_gib=80", "--set", "nodes.w.cpus=1"])
        .code(0);
    for line in [
        "w: vm.disk_gib: 40 → 80 (needs a new machine)\n",
        "w: vm.cpus: 2 → 1 (applied by `up`, which restarts the machine for it)\n",
    ] {
        assert!(ran.stdout.contains(line), "{ran}");
    }
    assert_eq!(actions(&["--set", "nodes.w.cpus=1"]), ["keep", "apply"]);
    assert_eq!(actions(&["--set", "guest.timezone=Europe/Berlin"]), ["apply", "apply"]);

    let status = place.run(&["status", "--output", "json"]).code(5).json();
    assert_eq!((&status["exists"], &status["ready"]), (&true.into(), &false.into()));
    assert_eq!(status["nodes"][1]["power"], "running");
    assert!(status["nodes"][1]["problem"].is_string());

    let ran = place.run(&["exec", "--all", "--", "true"]).code(1);
    assert_eq!(ran.stderr.matches("error: ").count(), 2, "{ran}");
    assert!(
        ran.stderr.contains("error: w: ") && ran.stderr.contains("caused by: "),
        "{ran}"
    );

    let ran = place.run(&["destroy", "--node", "w", "--yes"]).code(0);
    assert!(
        ran.stdout.contains("the machine w\n") && !ran.stdout.contains("the directory"),
        "{ran}"
    );
    assert_eq!(actions(&[]), ["keep", "create"]);
    place.run(&["destroy", "--yes"]).code(0);
    assert!(!place.lab().exists());
    assert_eq!(
        std::fs::read_dir(place.file("machines")).unwrap().count(),
        0,
        "nothing runs any more"
    );
}

#[test]
fn machines_are_stopped_and_started_by_name_or_all_at_once() {
    let place = place();
    let ran = place.run(&["stop"]).code(5);
    assert!(ran.stderr.contains("help: run `lab-cli up` first"), "{ran}");
    place.run(&["up", "--progress", "none"]).code(4);

    let ran = place.run(&["stop", "w"]).code(0);
    assert!(ran.stdout.starts_with("stopped: w\ntook "), "{ran}");
    let json = place.run(&["stop", "--hard", "--output", "json"]).code(0).json();
    assert_eq!(
        (&json["ok"], &json["stopped"]),
        (&true.into(), &serde_json::json!(["m"]))
    );
    assert!(json["record"].as_str().unwrap().contains("/runs/stop-"));
    let ran = place.run(&["stop", "--lang", "ko"]).code(0);
    assert!(ran.stdout.starts_with("할 일 없음"), "{ran}");

    // These guests never answer, which is a time-out and not a success.
    let ran = place
        .run(&["start", "m", "--output", "json", "--progress", "none"])
        .code(4);
    assert_eq!((&ran.json()["ok"], &ran.error()["node"]), (&false.into(), &"m".into()));
    place.run(&["restart", "m", "--hard", "--progress", "none"]).code(4);
    let ran = place.run(&["start", "nonsense"]).code(2);
    assert!(ran.stderr.contains("help: the nodes are: m, w"), "{ran}");
}

#[test]
fn snapshots_are_of_the_whole_lab_and_a_broken_one_is_named() {
    let place = place();
    let ran = place.run(&["snapshot", "list"]).code(0);
    assert!(ran.stdout.starts_with("there is no snapshot yet"), "{ran}");
    place.run(&["snapshot", "create", "a"]).code(5);
    place.run(&["up", "--progress", "none"]).code(4);

    let ran = place.run(&["snapshot", "create", "a", "--leave-off"]).code(0);
    assert!(ran.stdout.starts_with("snapshot a taken of 2 machines\ntook "), "{ran}");
    place.run(&["snapshot", "list"]).code(0);
    // Somebody deletes one machine's part of it behind the lab's back.
    place.write("data/labs/lab/vms/w/vm/w.vmx.snapshots", "");
    let ran = place.run(&["snapshot", "list"]).code(5);
    assert!(
        ran.stdout
            .starts_with("warning: a cannot be restored: w does not have it"),
        "{ran}"
    );
    let ran = place.run(&["snapshot", "restore", "a"]).code(2);
    assert!(
        ran.stderr.contains("is lost\n") && ran.stderr.contains("help: say it with `--yes`"),
        "{ran}"
    );
    let ran = place.run(&["snapshot", "restore", "a", "--yes"]).code(5);
    assert!(ran.stderr.contains("is not consistent"), "{ran}");
    let json = place
        .run(&["snapshot", "delete", "a", "--output", "json"])
        .code(0)
        .json();
    assert_eq!(json["snapshot"]["name"], "a");
    let json = place.run(&["snapshot", "list", "--output", "json"]).code(0).json();
    assert_eq!(json["snapshots"], serde_json::json!([]));
}

#[test]
fn a_second_project_with_the_same_lab_name_is_refused_until_it_adopts_the_lab() {
    let place = place();
    place.run(&["up", "--progress", "none"]).code(4);
    std::fs::copy(place.file("lab.toml"), place.file("other.toml")).unwrap();
    for arguments in [&["status"][..], &["plan"], &["stop"], &["destroy", "--yes"], &["up"]] {
        let ran = place.run(&[&["--config", "other.toml"], arguments].concat()).code(2);
        assert!(
            ran.stderr.contains("belongs to") && ran.stderr.contains("`lab-cli up --adopt`"),
            "{ran}"
        );
    }
    place.run(&["status"]).code(5);
    let ran = place
        .run(&["--config", "other.toml", "up", "--adopt", "--progress", "plain"])
        .code(4);
    assert!(ran.stderr.contains("belongs to this lab.toml now"), "{ran}");
    place.run(&["--config", "other.toml", "status"]).code(5);
    place.run(&["status"]).code(2);
    std::fs::remove_file(place.file("other.toml")).unwrap();
    place.run(&["status"]).code(5);
}
