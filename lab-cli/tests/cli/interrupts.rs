//! The first interrupt ends a run in good order, the second one at once.

use std::io::{BufRead as _, BufReader, Read as _};
use std::process::{Child, ChildStderr, Stdio};
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};

use crate::fake;
use crate::support::Place;

/// A place whose vmrun never answers once it was asked something.
fn hanging() -> Place {
    fake::vmrun_that_hangs()
}

/// `up`, as soon as it is at work.
fn start(place: &Place) -> (Child, BufReader<ChildStderr>) {
    let mut child = place
        .command(&["up"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stderr = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("started: Prerequisites") {
        line.clear();
        assert_ne!(
            stderr.read_line(&mut line).unwrap(),
            0,
            "it ended before it was interrupted"
        );
    }
    (child, stderr)
}

fn interrupt(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

/// Its exit code, which must come within twenty seconds.
fn code(child: &mut Child) -> i32 {
    let end = Instant::now() + Duration::from_secs(20);
    while Instant::now() < end {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code().expect("it ends by itself, not by the signal");
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    child.kill().unwrap();
    panic!("it did not end");
}

#[test]
fn an_interrupted_run_ends_with_its_summary_its_record_and_130() {
    for signal in [Signal::INT, Signal::TERM] {
        let place = hanging();
        let (mut child, mut stderr) = start(&place);
        interrupt(&child, signal);
        assert_eq!(code(&mut child), 130);
        let mut said = String::new();
        stderr.read_to_string(&mut said).unwrap();
        assert!(said.contains("interrupted: ending cleanly"), "{said}");
        assert!(
            said.ends_with("error: interrupted\nhelp: run `lab-cli up` again to continue where it stopped\n"),
            "{said}"
        );
        let mut summary = String::new();
        child.stdout.take().unwrap().read_to_string(&mut summary).unwrap();
        assert!(
            summary.contains("Stage durations:") && summary.contains("cancelled"),
            "{summary}"
        );
        let json = place.run(&["timings", "list", "--output", "json"]).json();
        assert_eq!(json[0]["outcome"]["outcome"], "cancelled");
    }
}

#[test]
fn two_interrupts_end_it_as_well() {
    let place = hanging();
    let (mut child, _stderr) = start(&place);
    interrupt(&child, Signal::INT);
    interrupt(&child, Signal::INT);
    assert_eq!(code(&mut child), 130);
}
