//! The record on the disk.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{ms, paused, seed_run, troubled_run};
use stage_timer::{
    EventKind, FindRunError, History, ManualClock, Outcome, ReadRecordError, RunRecord, RunState, StageKind, Timeline,
};

#[test]
fn what_is_read_is_what_was_recorded() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("새 폴더/up.jsonl");
    let (clock, builder) = paused("up");
    let timeline = builder
        .shape("1+2")
        .labels(common::seed_labels())
        .meta("version", "1")
        .record(&path)
        .start();
    let stage = timeline.stage("wait-ready", StageKind::Waiting);
    let child = stage.child("ssh", StageKind::Waiting, "작업자 \"1\"");
    clock.advance(std::time::Duration::from_nanos(1_234_567_891));
    child.progress(Some(0.25), "TCP 22\topen \u{1b}[1m\\");
    child.finish(Outcome::timed_out("no\nanswer"));
    stage.finish(Outcome::Ok);
    timeline.stage("다음", StageKind::Working).finish(Outcome::skipped(""));
    let record = timeline.finish(Outcome::Cancelled);
    assert_eq!(record.recording_error, None);
    assert_eq!(RunRecord::read(&path).unwrap(), record);
    assert_eq!(record.stages[1].outcome, Outcome::timed_out("no answer"));
}

#[test]
fn a_live_run_can_be_read_and_a_dead_one_is_told_apart() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("up.jsonl");
    let timeline = Timeline::builder("up").record(&path).start();
    let stage = timeline.stage("a", StageKind::Working);
    let live = RunRecord::read(&path).unwrap();
    if cfg!(not(windows)) {
        assert_eq!(live.state, RunState::Running);
    }
    assert!(live.stages[0].open);
    // A copy has no writer.
    let copy = directory.path().join("copy.jsonl");
    std::fs::copy(&path, &copy).unwrap();
    let dead = RunRecord::read(&copy).unwrap();
    assert_eq!((dead.state, &dead.outcome), (RunState::Interrupted, &Outcome::Aborted));
    assert_eq!(
        (&dead.stages[0].outcome, dead.stages[0].open),
        (&Outcome::Aborted, true)
    );
    stage.finish(Outcome::Ok);
    timeline.finish(Outcome::Ok);
    assert_eq!(RunRecord::read(&path).unwrap().state, RunState::Finished);
}

#[test]
fn a_record_that_cannot_be_written_is_reported_once_and_harms_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let taken = directory.path().join("taken.jsonl");
    std::fs::write(&taken, "something else").unwrap();
    let reports = std::sync::Arc::new(std::sync::Mutex::new(0));
    let theirs = std::sync::Arc::clone(&reports);
    let timeline = Timeline::builder("up")
        .record(&taken)
        .observer(move |event| {
            if matches!(event.kind, EventKind::RecordingFailed { .. }) {
                *theirs.lock().unwrap() += 1;
            }
        })
        .start();
    timeline.stage("a", StageKind::Working).finish(Outcome::Ok);
    let record = timeline.finish(Outcome::Ok);
    assert_eq!(record.stages[0].outcome, Outcome::Ok);
    assert!(
        record.recording_error.as_ref().unwrap().contains("taken.jsonl"),
        "{:?}",
        record.recording_error
    );
    assert_eq!(*reports.lock().unwrap(), 1);
    assert_eq!(std::fs::read_to_string(&taken).unwrap(), "something else");
}

#[test]
fn a_directory_that_cannot_be_made_is_reported_too() {
    let directory = tempfile::tempdir().unwrap();
    let file = directory.path().join("file");
    std::fs::write(&file, "where a directory should be").unwrap();
    let timeline = Timeline::builder("up").record(file.join("up.jsonl")).start();
    timeline.stage("a", StageKind::Working).finish(Outcome::Ok);
    assert!(timeline.finish(Outcome::Ok).recording_error.is_some());
}

#[test]
fn what_is_no_record_says_so() {
    let error = |contents: &str| RunRecord::parse(contents.as_bytes()).unwrap_err();
    assert!(matches!(error(""), ReadRecordError::NotARecord { .. }));
    assert!(matches!(error("{}\n"), ReadRecordError::NotARecord { .. }));
    assert!(matches!(
        error("{\"event\":\"finish\",\"at_us\":1}\n"),
        ReadRecordError::NotARecord { .. }
    ));
    let newer = error("{\"event\":\"run\",\"version\":9,\"whatever\":true}\n");
    assert!(matches!(newer, ReadRecordError::TooNew { found: 9 }), "{newer}");
    assert!(
        RunRecord::read("/nonexistent/up.jsonl")
            .unwrap_err()
            .to_string()
            .contains("/nonexistent/up.jsonl")
    );
}

#[test]
fn damage_in_the_middle_is_reported_and_the_rest_is_read() {
    let head = r#"{"event":"run","version":1,"id":"x","name":"up","shape":"","started":"2025-09-02T09:00:00+09:00"}"#;
    let lines = [
        head,
        r#"{"event":"start","at_us":1,"id":1,"name":"a","kind":"working","lane":"main"}"#,
        "\0\0\0\0",
        r#"{"event":"end","at_us":5,"id":1,"outcome":"ok"}"#,
        r#"{"event":"something-newer","at_us":6}"#,
        r#"{"event":"end","at_us":7,"id":99,"outcome":"ok"}"#,
        r#"{"event":"start","at_us":2,"id":3,"parent":77,"name":"b","kind":"waiting","lane":"x","colour":"red"}"#,
        r#"{"event":"en"#,
    ];
    let record = RunRecord::parse(lines.join("\n").as_bytes()).unwrap();
    assert_eq!(
        record.damage.as_deref(),
        Some("1 of 8 lines are not readable, the first is line 3")
    );
    assert_eq!(record.stages.len(), 2);
    assert_eq!(record.stages[0].outcome, Outcome::Ok);
    assert_eq!(
        (record.stages[1].parent, record.stages[1].start.as_micros()),
        (None, 7),
        "time does not go back"
    );
    assert_eq!(record.state, RunState::Interrupted);
}

#[test]
fn a_history_is_a_directory_of_records_oldest_first() {
    let directory = tempfile::tempdir().unwrap();
    let history = History::new(directory.path().join("runs"));
    assert!(history.entries(10).unwrap().is_empty());
    for reference in ["latest", "previous", "x"] {
        assert!(matches!(history.find(reference), Err(FindRunError::Empty)));
    }
    for run in 0..4 {
        let (clock, builder) = paused("up");
        clock.advance(ms(0));
        let timeline = builder
            .id(format!("2025090{run}T000000Z-0000000{run}"))
            .record_in(history.directory())
            .start();
        timeline.finish(Outcome::Ok);
    }
    std::fs::write(history.directory().join("20250905T000000Z-x.up.jsonl"), "rubbish").unwrap();
    std::fs::write(history.directory().join("notes.txt"), "not a record").unwrap();
    let entries = history.entries(3).unwrap();
    assert_eq!(entries.len(), 3);
    assert!(entries[2].record.is_err());
    let records = history.records(3).unwrap();
    assert_eq!(
        records.iter().map(|r| r.id.as_str()).collect::<Vec<_>>(),
        ["20250902T000000Z-00000002", "20250903T000000Z-00000003"]
    );
    let found = |reference: &str| {
        let path = history.find(reference).unwrap();
        path.file_name().unwrap().to_string_lossy().into_owned()
    };
    assert_eq!(found("latest"), "20250905T000000Z-x.up.jsonl");
    assert_eq!(found("previous"), "20250903T000000Z-00000003.up.jsonl");
    assert_eq!(found("20250901"), "20250901T000000Z-00000001.up.jsonl");
    assert_eq!(found("20250905T000000Z-x.up.jsonl"), "20250905T000000Z-x.up.jsonl");
    std::fs::write(history.directory().join("20250905T000000Z-x.jsonl"), "rubbish").unwrap();
    assert_eq!(
        found("20250905T000000Z-x"),
        "20250905T000000Z-x.jsonl",
        "a whole name is no beginning of another"
    );
    match history.find("2025090") {
        Err(FindRunError::Ambiguous { runs, .. }) => assert_eq!(runs.len(), 6),
        other => panic!("{other:?}"),
    }
    match history.find("nonsense") {
        Err(FindRunError::Unknown { runs, .. }) => assert_eq!(runs[0], "20250900T000000Z-00000000.up"),
        other => panic!("{other:?}"),
    }
    assert_eq!(history.prune(1).unwrap(), 1, "of two that cannot be read one is newer");
    assert_eq!(history.paths(99).unwrap().len(), 5, "the good ones predict");
    for record in &history.paths(99).unwrap()[..4] {
        std::fs::remove_file(record).unwrap();
    }
    assert!(matches!(
        history.find("previous"),
        Err(FindRunError::NonePrevious { .. })
    ));
}

#[test]
fn runs_that_nobody_needs_are_pruned_and_one_that_goes_on_never_is() {
    let directory = tempfile::tempdir().unwrap();
    let history = History::new(directory.path());
    let mut minute = 0;
    let mut begin = |shape: &str| {
        minute += 1;
        let clock = Arc::new(ManualClock::starting_at(
            std::time::UNIX_EPOCH + Duration::from_secs(minute * 60),
        ));
        let path = directory.path().join(format!("{minute}.jsonl"));
        (
            Timeline::builder("up").shape(shape).clock(clock).record(&path).start(),
            path,
        )
    };
    let (running, oldest) = begin("1+2");
    let (new_lab, made) = begin("1+2, 3 new");
    new_lab.finish(Outcome::Ok);
    let failed: Vec<_> = (0..3)
        .map(|_| {
            let (timeline, path) = begin("1+2, 3 new");
            timeline.finish(Outcome::failed("no"));
            path
        })
        .collect();
    for _ in 0..30 {
        begin("1+2").0.finish(Outcome::Ok);
    }
    assert_eq!(history.surplus(99).unwrap(), [""; 0].map(std::path::PathBuf::from));
    let surplus = history.surplus(32).unwrap();
    assert_eq!(
        surplus,
        [&*failed[0]],
        "of 34 that are over 32 are kept, and a good one of another kind"
    );
    assert_eq!(
        history.prune(5).unwrap(),
        3 + 10,
        "20 of a kind are kept to predict from"
    );
    assert!(made.exists() && oldest.exists());
    assert_eq!(history.paths(99).unwrap().len(), 22);
    running.finish(Outcome::Ok);
}

#[test]
fn a_machine_that_slept_is_noticed_by_its_calendar() {
    let line = |ended: &str| {
        format!(
            "{{\"event\":\"run\",\"version\":1,\"id\":\"x\",\"name\":\"up\",\"shape\":\"\",\
             \"started\":\"2025-09-02T09:00:00+09:00\"}}\n\
             {{\"event\":\"finish\",\"at_us\":60000000,\"outcome\":\"ok\",\"ended\":\"{ended}\"}}\n"
        )
    };
    let read = |ended: &str| RunRecord::parse(line(ended).as_bytes()).unwrap();
    assert_eq!(read("2025-09-02T09:01:01+09:00").asleep(), None);
    let slept = read("2025-09-02T10:01:00+09:00");
    assert_eq!(slept.asleep(), Some(ms(3_600_000)));
    assert!(
        slept
            .summary(stage_timer::Lang::En)
            .contains("By the calendar it took 1h 00m more")
    );
    assert_eq!(
        read("2025-09-02T08:00:00+09:00").asleep(),
        None,
        "a clock that was set back says nothing"
    );
}

#[test]
fn records_of_any_run_have_stages_in_order_and_parents_first() {
    for record in [seed_run(), troubled_run()] {
        for (index, stage) in record.stages.iter().enumerate() {
            assert_eq!(record.stage(stage.id).unwrap(), stage);
            assert_eq!(stage.id.get(), index as u64 + 1);
            assert!(stage.parent.is_none_or(|parent| parent < stage.id));
        }
    }
}
