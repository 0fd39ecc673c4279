//! The program `chaos`, as a person runs it.

use std::path::Path;
use std::process::Command;

use lab_tests::programs::{built, said};

/// Runs it over one seed and returns what it printed.
fn chaos(keep: &Path, more: &[&str]) -> String {
    let output = Command::new(built("chaos"))
        .args(["--seeds", "4..5", "--verbose", "--keep"])
        .arg(keep)
        .args(more)
        .output()
        .unwrap();
    assert!(output.status.success(), "{}", said(&output));
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn faults(log: &Path) -> Vec<String> {
    let text = std::fs::read_to_string(log).unwrap();
    let fault = |line: &str| {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        value["fault"].as_str().map(str::to_owned)
    };
    let mut faults: Vec<String> = text.lines().filter_map(fault).collect();
    faults.sort();
    faults.dedup();
    faults
}

#[test]
fn the_faults_that_struck_strike_again_when_their_log_is_replayed() {
    built("lab-cli");
    built("vmrun-fake");
    let directory = tempfile::tempdir().unwrap();
    let (first, second) = (directory.path().join("first"), directory.path().join("second"));
    // The last two never strike: the lab has no such call, and ends long before.
    let asked =
        "locked@start/m#1x2,reboot@guest/m+45,ssh-refuse@guest/w1+12~5,crash@suspend/m#1,poweroff@guest/m+90000";
    let said = chaos(&first, &["--actions", "up,status", "--faults", asked]);
    let log = first.join("seed-4.log");
    assert_eq!(
        faults(&log),
        ["locked@start/m#1x2", "reboot@guest/m+45", "ssh-refuse@guest/w1+12~5"],
        "{said}"
    );
    let replay = ["--actions", "up,status", "--replay", log.to_str().unwrap()];
    let said = chaos(&second, &replay);
    assert_eq!(faults(&second.join("seed-4.log")), faults(&log), "{said}");
    assert!(
        said.contains("schedules=1 false_ready=0 lost=0 leaked=0 unexplained=0"),
        "{said}"
    );
}

#[test]
fn chaos_says_what_it_does_when_asked() {
    let output = Command::new(built("chaos")).arg("--help").output().unwrap();
    assert!(output.status.success() && output.stderr.is_empty(), "{}", said(&output));
    let output = Command::new(built("chaos")).arg("--nonsense").output().unwrap();
    assert_eq!(output.status.code(), Some(2), "{}", said(&output));
}
