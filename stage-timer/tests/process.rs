//! Processes that die: what they had done must be in their records.

mod common;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use stage_timer::{Outcome, RunRecord, RunState, StageKind, Timeline};

const ROLE: &str = "STAGE_TIMER_TEST_ROLE";
const RECORD: &str = "STAGE_TIMER_TEST_RECORD";

/// Not a test unless it is started with a role: what the other tests run in a process of its own.
#[test]
fn child_role() {
    let Ok(role) = std::env::var(ROLE) else { return };
    let record = PathBuf::from(std::env::var_os(RECORD).unwrap());
    match role.as_str() {
        "busy" => busy(record),
        "short" => short(record),
        other => panic!("no role {other}"),
    }
}

/// After everything that it did it says so on its standard output.
fn busy(path: PathBuf) {
    let out = std::io::stdout();
    let say = |what: &str| {
        let mut out = out.lock();
        let _ = writeln!(out, "did {what}");
        let _ = out.flush();
    };
    let timeline = Timeline::builder("up").shape("1+2").record(path).start();
    say("run");
    let outer = timeline.stage("outer", StageKind::Waiting);
    say("start");
    // Bounded: a test that fails to kill it must not leave it running for ever.
    for i in 0..200_000 {
        let stage = outer.child("inner", StageKind::Working, if i % 2 == 0 { "a" } else { "b" });
        say("start");
        stage.progress(Some(f64::from(i % 100) / 100.0), format!("step {i}"));
        say("progress");
        stage.finish(Outcome::Ok);
        say("end");
    }
    let record = timeline.finish(Outcome::Ok);
    say(&format!("finish {:?}", record.recording_error));
}

fn start_busy(path: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_role", "--nocapture"])
        .env(ROLE, "busy")
        .env(RECORD, path)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[test]
fn killed_a_hundred_times_it_never_loses_what_it_had_done() {
    let directory = common::fast_directory();
    let mut unfinished = 0;
    for round in 0..100_u64 {
        let path = directory.path().join(format!("{round}.jsonl"));
        let mut child = start_busy(&path);
        let mut out = BufReader::new(child.stdout.take().unwrap());
        // Random moments: from before the first line on; the hash keys of the standard library are random.
        let random = std::hash::BuildHasher::hash_one(&std::hash::RandomState::new(), round);
        let mut done: Vec<String> = Vec::new();
        if round % 10 != 0 {
            read_some(&mut out, &mut done, 1);
        }
        std::thread::sleep(Duration::from_micros(random % 15_000));
        child.kill().unwrap();
        read_some(&mut out, &mut done, usize::MAX);
        child.wait().unwrap();

        let count = |what: &str| done.iter().filter(|line| line.as_str() == what).count();
        if !path.exists() || std::fs::read(&path).unwrap().is_empty() {
            assert_eq!(done.len(), 0, "round {round}: it had begun, and there is no record");
            continue;
        }
        let record = match RunRecord::read(&path) {
            Ok(record) => record,
            Err(error) => {
                assert_eq!(done.len(), 0, "round {round}: {error}");
                continue;
            }
        };
        unfinished += 1;
        assert_eq!(record.damage, None, "round {round}");
        assert_eq!(
            (record.state, &record.outcome),
            (RunState::Interrupted, &Outcome::Aborted)
        );
        // At most the event that it was in the middle of is missing, or is there without having been reported.
        let ended = record.stages.iter().filter(|stage| !stage.open).count();
        let (started_said, ended_said) = (count("did start"), count("did end"));
        assert!(
            (started_said..=started_said + 1).contains(&record.stages.len()),
            "round {round}: {done:?}"
        );
        assert!((ended_said..=ended_said + 1).contains(&ended), "round {round}");
        assert!(
            record
                .stages
                .iter()
                .filter(|stage| !stage.open)
                .all(|stage| stage.outcome == Outcome::Ok)
        );
        assert!(
            record
                .stages
                .iter()
                .filter(|stage| stage.open)
                .all(|stage| stage.outcome == Outcome::Aborted)
        );
        assert!(record.summary(stage_timer::Lang::En).contains("Outcome: aborted"));
    }
    assert!(
        unfinished >= 50,
        "only {unfinished} of 100 were killed in the middle: the test shows little"
    );
}

/// Reads complete lines, at most `limit` of them that report something.
fn read_some(out: &mut impl BufRead, done: &mut Vec<String>, limit: usize) {
    let mut found = 0;
    let mut line = String::new();
    while found < limit && out.read_line(&mut line).unwrap_or(0) > 0 {
        if line.ends_with('\n') && line.starts_with("did ") {
            done.push(line.trim_end().to_owned());
            found += 1;
        }
        line.clear();
    }
}

/// The file size limit of the process stands in for a disk that is full.
#[cfg(unix)]
#[test]
fn a_record_that_stops_fitting_on_the_disk_ends_there_and_the_run_goes_on() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("up.jsonl");
    let exe = std::env::current_exe().unwrap();
    let script = "trap '' XFSZ; ulimit -f 8; exec \"$0\" --exact child_role --nocapture";
    let output = Command::new("sh")
        .arg("-c")
        .arg(script)
        .arg(exe)
        .env(ROLE, "short")
        .env(RECORD, &path)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    assert!(said.contains("1000 stages, cannot write to the record"), "{said}");
    let record = RunRecord::read(&path).unwrap();
    assert_eq!(record.state, RunState::Interrupted);
    assert!((10..1000).contains(&record.stages.len()), "{}", record.stages.len());
    assert_eq!(record.damage, None);
}

/// More stages than fit, and what came of them.
fn short(path: PathBuf) {
    let timeline = Timeline::builder("up").record(path).start();
    for _ in 0..1000 {
        timeline.stage("inner", StageKind::Working).finish(Outcome::Ok);
    }
    let record = timeline.finish(Outcome::Ok);
    println!(
        "{} stages, {}",
        record.stages.len(),
        record.recording_error.unwrap_or_default()
    );
}
