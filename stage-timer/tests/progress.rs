//! How a run looks while it goes on.

mod common;

use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{ms, paused, seed_labels};
use stage_timer::progress::{Mode, Progress};
use stage_timer::{Lang, Outcome, RunRecord, StageKind, Timeline};

/// What was written, as text.
#[derive(Clone, Default)]
struct Written(Arc<Mutex<Vec<u8>>>);

impl Write for Written {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Written {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

fn shown(mode: Mode, lang: Lang) -> (String, RunRecord) {
    let written = Written::default();
    let (clock, builder) = paused("up");
    let progress = Progress::new().mode(mode).lang(lang).output(written.clone());
    let timeline = builder
        .shape("1+2")
        .labels(seed_labels())
        .observer(progress.observer())
        .start();
    let check = timeline.stage("prerequisites", StageKind::Working);
    clock.advance(ms(1_500));
    check.finish(Outcome::Ok);
    timeline
        .stage("cleanup", StageKind::Working)
        .finish(Outcome::skipped("no VM exists"));
    let wait = timeline.stage("wait-ready", StageKind::Waiting);
    let child = wait.child("ssh", StageKind::Waiting, "k3s-master1");
    child.progress(None, "TCP 22 open");
    clock.advance(ms(61_000));
    child.progress(Some(0.5), "handshake");
    child.finish(Outcome::timed_out("no answer"));
    wait.finish(Outcome::failed("0 of 1 ready"));
    let record = timeline.finish(Outcome::failed("0 of 1 ready"));
    (written.text(), record)
}

#[test]
fn off_a_terminal_every_change_is_a_line_with_its_time() {
    let (text, _) = shown(Mode::Plain, Lang::En);
    assert_eq!(
        text,
        "2025-09-02 09:00:00 started: Prerequisites\n\
         2025-09-02 09:00:01 done: Prerequisites (took 1.5s)\n\
         2025-09-02 09:00:01 started: Cleanup existing VMs\n\
         2025-09-02 09:00:01 skipped: Cleanup existing VMs (took 0.0s): no VM exists\n\
         2025-09-02 09:00:01 started: Wait for VMs ready\n\
         2025-09-02 09:00:01 started: Ssh [k3s-master1]\n\
         2025-09-02 09:00:01 Ssh [k3s-master1]: TCP 22 open\n\
         2025-09-02 09:01:02 Ssh [k3s-master1]: handshake, 50%\n\
         2025-09-02 09:01:02 timed out: Ssh [k3s-master1] (took 61.0s): no answer\n\
         2025-09-02 09:01:02 failed: Wait for VMs ready (took 61.0s): 0 of 1 ready\n\
         2025-09-02 09:01:02 Total: 62.5s (failed)\n"
    );
}

#[test]
fn the_lines_are_korean_where_korean_is_asked_for() {
    let (text, _) = shown(Mode::Plain, Lang::Ko);
    for line in [
        "2025-09-02 09:00:00 시작: 사전 검사",
        "2025-09-02 09:00:01 완료: 사전 검사 (소요: 1.5s)",
        "2025-09-02 09:01:02 시간 초과: Ssh [k3s-master1] (소요: 61.0s): no answer",
        "2025-09-02 09:01:02 총 소요 시간: 62.5s (실패)",
    ] {
        assert!(text.lines().any(|shown| shown == line), "{line}\n{text}");
    }
}

#[test]
fn the_json_lines_are_a_record_that_can_be_read() {
    let (text, record) = shown(Mode::Json, Lang::En);
    assert_eq!(RunRecord::parse(text.as_bytes()).unwrap(), record);
}

#[test]
fn none_shows_nothing() {
    assert_eq!(shown(Mode::None, Lang::En).0, "");
}

#[test]
fn while_nothing_changes_it_says_now_and_then_that_it_is_still_there() {
    let written = Written::default();
    let progress = Progress::new()
        .mode(Mode::Plain)
        .silence(Duration::from_millis(150))
        .output(written.clone());
    let timeline = Timeline::builder("up").observer(progress.observer()).start();
    let stage = timeline.stage("boot", StageKind::Waiting);
    stage.message("TCP 22 refused");
    // Real time: at least one sign of life within two seconds, however slow the machine is.
    let since = std::time::Instant::now();
    while !written.text().contains("still at: Boot (waiting") && since.elapsed() < Duration::from_secs(20) {
        std::thread::sleep(Duration::from_millis(20));
    }
    assert!(written.text().contains("TCP 22 refused"), "{}", written.text());
    assert!(written.text().contains("still at: Boot (waiting"), "{}", written.text());
    stage.finish(Outcome::Ok);
    timeline.finish(Outcome::Ok);
    assert!(
        written.text().ends_with("(ok)\n"),
        "the last line is there when the run is over"
    );
}

#[test]
fn a_stage_that_never_stops_talking_is_heard_once_a_second() {
    let written = Written::default();
    let (clock, builder) = paused("up");
    let progress = Progress::new().mode(Mode::Plain).output(written.clone());
    let timeline = builder.observer(progress.observer()).start();
    let stage = timeline.stage("copy", StageKind::Working);
    for step in 0..500 {
        clock.advance(ms(10));
        stage.progress(Some(f64::from(step) / 500.0), format!("file {step}"));
    }
    stage.finish(Outcome::Ok);
    timeline.finish(Outcome::Ok);
    let lines = written.text().lines().filter(|line| line.contains("file")).count();
    assert!((3..=8).contains(&lines), "{lines} lines in 5 s\n{}", written.text());
}

#[test]
fn an_observer_whose_reader_has_gone_harms_nobody() {
    struct Broken;
    impl Write for Broken {
        fn write(&mut self, _: &[u8]) -> std::io::Result<usize> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
        fn flush(&mut self) -> std::io::Result<()> {
            Err(std::io::ErrorKind::BrokenPipe.into())
        }
    }
    for mode in [Mode::Plain, Mode::Json] {
        let timeline = Timeline::builder("up")
            .observer(Progress::new().mode(mode).output(Broken).observer())
            .start();
        timeline.stage("a", StageKind::Working).finish(Outcome::Ok);
        assert_eq!(timeline.finish(Outcome::Ok).stages.len(), 1);
    }
}
