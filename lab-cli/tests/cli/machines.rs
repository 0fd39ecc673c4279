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
    assert_eq!(actions(&["--set", "vm.cpus=1"]), ["refuse", "refuse"]);

    let ran = place.run(&["up", "--set", "vm.cpus=1"]).code(2);
    assert!(ran.stderr.contains("help: `lab-cli up --recreate m`"), "{ran}");

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
