//! What the handles promise.

mod common;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use common::{ms, paused};
use stage_timer::{EventKind, Lane, Outcome, RunState, Stage, StageHandle, StageKind, Timeline, TokioClock};

use StageKind::{Waiting, Working};

fn is_send<T: Send + 'static>() {}
fn is_sync<T: Sync>() {}
fn is_clone<T: Clone>() {}
fn future_is_send<F: Send + 'static>(_: &F) {}

#[test]
fn handles_can_go_anywhere() {
    is_send::<Timeline>();
    is_sync::<Timeline>();
    is_clone::<Timeline>();
    is_send::<Stage>();
    is_sync::<Stage>();
    is_send::<StageHandle>();
    is_clone::<StageHandle>();
    let stage = Timeline::start("x").stage("y", Working);
    let future = stage.run(async { Ok::<_, String>(()) });
    future_is_send(&future);
}

#[test]
fn durations_are_those_of_the_clock() {
    let (clock, builder) = paused("up");
    let timeline = builder.start();
    clock.advance(ms(100));
    let stage = timeline.stage("a", Working);
    clock.advance(ms(250));
    let child = stage.child("b", Waiting, Lane::new("vm1"));
    child.progress(Some(0.4), "ssh handshake");
    clock.advance(ms(1000));
    child.finish(Outcome::Ok);
    stage.finish(Outcome::Ok);
    let record = timeline.finish(Outcome::Ok);
    assert_eq!(record.wall, ms(1350));
    assert_eq!(record.started.to_string(), "2025-09-02 09:00:00");
    let [a, b] = record.stages.as_slice() else {
        panic!("{:?}", record.stages)
    };
    assert_eq!((a.start, a.end, a.parent), (ms(100), ms(1350), None));
    assert_eq!((b.start, b.duration(), b.parent), (ms(350), ms(1000), Some(a.id)));
    assert_eq!(
        (b.last_message(), b.last_fraction()),
        (Some("ssh handshake"), Some(0.4))
    );
    assert_eq!(b.lane.as_str(), "vm1");
}

#[test]
fn a_dropped_stage_is_aborted_and_an_open_one_at_the_end_too() {
    let timeline = Timeline::start("up");
    drop(timeline.stage("dropped", Working));
    let open = timeline.stage("open", Working);
    let record = timeline.finish(Outcome::Ok);
    open.finish(Outcome::Ok);
    assert_eq!(record.outcome, Outcome::Ok);
    assert!(
        record
            .stages
            .iter()
            .all(|stage| stage.outcome == Outcome::Aborted && !stage.open),
        "{record:?}"
    );
    assert_eq!(
        timeline.finish(Outcome::Cancelled),
        record,
        "a second finish changes nothing"
    );
    assert!(
        !timeline.stage("late", Working).is_open(),
        "there is no run left for it"
    );
}

#[test]
fn a_panic_fails_the_stage_it_passes_through() {
    let timeline = Timeline::start("up");
    let stage = timeline.stage("boom", Working);
    let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        let _stage = stage;
        panic!("boom");
    }));
    assert!(result.is_err());
    assert_eq!(
        timeline.finish(Outcome::Ok).stages[0].outcome,
        Outcome::failed("panicked")
    );
}

#[tokio::test(start_paused = true)]
async fn a_future_ends_its_stage_as_it_ends() {
    let timeline = Timeline::builder("up").clock(Arc::new(TokioClock::new())).start();
    let sleep = |seconds| tokio::time::sleep(Duration::from_secs(seconds));
    let value = timeline
        .stage("ok", Waiting)
        .run(async {
            sleep(30).await;
            Ok::<_, String>(7)
        })
        .await;
    assert_eq!(value, Ok(7));
    let failed = timeline
        .stage("failed", Waiting)
        .run(async {
            sleep(5).await;
            Err::<(), _>("no\nroute")
        })
        .await;
    assert_eq!(failed, Err("no\nroute"));
    let timed_out = timeline.stage("slow", Waiting).run_with_outcome(
        tokio::time::timeout(Duration::from_secs(2), sleep(60)),
        |result| {
            if result.is_ok() {
                Outcome::Ok
            } else {
                Outcome::timed_out("60 s of sleep")
            }
        },
    );
    assert!(timed_out.await.is_err());
    let record = timeline.finish(Outcome::Ok);
    let ended: Vec<_> = record
        .stages
        .iter()
        .map(|s| (s.duration().as_secs(), s.outcome.clone()))
        .collect();
    assert_eq!(
        ended,
        [
            (30, Outcome::Ok),
            (5, Outcome::failed("no route")),
            (2, Outcome::timed_out("60 s of sleep")),
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_dropped_future_cancels_its_stage_and_what_is_open_inside_of_it() {
    let timeline = Timeline::builder("up").clock(Arc::new(TokioClock::new())).start();
    let stage = timeline.stage("outer", Waiting);
    let handle = stage.handle();
    let work = stage.run(async move {
        let held = handle.child("held", Waiting, "vm1");
        let inner = handle
            .child("run", Waiting, "vm2")
            .run(std::future::pending::<Result<(), String>>());
        let result = inner.await;
        held.finish(Outcome::Ok);
        result
    });
    assert!(tokio::time::timeout(Duration::from_secs(10), work).await.is_err());
    drop(
        timeline
            .stage("never polled", Waiting)
            .run(async { Ok::<_, String>(()) }),
    );
    let record = timeline.finish(Outcome::Ok);
    assert_eq!(record.stages.len(), 4);
    assert!(
        record.stages.iter().all(|stage| stage.outcome == Outcome::Cancelled),
        "{:?}",
        record.stages
    );
    assert_eq!(record.stages[0].duration().as_secs(), 10);
}

#[tokio::test]
async fn a_panicking_task_fails_its_stage_though_the_executor_catches_the_panic() {
    let timeline = Timeline::start("up");
    let stage = timeline.stage("task", Working);
    let task = tokio::spawn(stage.run(async {
        tokio::task::yield_now().await;
        assert_eq!(1 + 1, 3, "boom");
        Ok::<_, String>(())
    }));
    assert!(task.await.unwrap_err().is_panic());
    assert_eq!(
        timeline.finish(Outcome::Ok).stages[0].outcome,
        Outcome::failed("panicked")
    );
}

#[test]
fn a_snapshot_marks_what_is_still_open() {
    let (clock, builder) = paused("up");
    let timeline = builder.start();
    let open = timeline.stage("open", Waiting);
    clock.advance(ms(500));
    let snapshot = timeline.snapshot();
    assert_eq!((snapshot.state, snapshot.wall), (RunState::Running, ms(500)));
    assert!(snapshot.stages[0].open);
    assert_eq!(snapshot.stages[0].duration(), ms(500));
    open.finish(Outcome::Ok);
    assert!(!timeline.snapshot().stages[0].open);
}

#[test]
fn observers_see_everything_in_order_and_may_use_the_timeline() {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let used: Arc<Mutex<Option<Timeline>>> = Arc::default();
    let (their_seen, their_used) = (Arc::clone(&seen), Arc::clone(&used));
    let timeline = Timeline::builder("up")
        .observer(move |event| {
            their_seen.lock().unwrap().push(event.to_json_line());
            if matches!(&event.kind, EventKind::StageStarted { stage } if stage.name() == "a")
                && let Some(timeline) = &*their_used.lock().unwrap()
            {
                timeline.stage("from-the-observer", Working).finish(Outcome::Ok);
                assert_eq!(timeline.snapshot().stages.len(), 2);
            }
        })
        .observer(|_| panic!("an observer that panics is not called again, and harms nobody"))
        .start();
    *used.lock().unwrap() = Some(timeline.clone());
    timeline.stage("a", Working).finish(Outcome::Ok);
    let record = timeline.finish(Outcome::Ok);
    assert_eq!(record.stages.len(), 2);
    let seen = seen.lock().unwrap();
    let kinds: Vec<_> = seen.iter().map(|line| line.split('"').nth(3).unwrap()).collect();
    assert_eq!(kinds, ["run", "start", "start", "end", "end", "finish"], "{seen:#?}");
}

#[test]
fn many_threads_lose_no_event_and_observers_see_them_in_the_order_of_their_times() {
    let ats = Arc::new(Mutex::new(Vec::new()));
    let theirs = Arc::clone(&ats);
    let timeline = Timeline::builder("up")
        .observer(move |event| theirs.lock().unwrap().push(event.at))
        .start();
    std::thread::scope(|scope| {
        for lane in 0..8 {
            let timeline = timeline.clone();
            scope.spawn(move || {
                for _ in 0..200 {
                    let stage = timeline.stage_in("work", Working, format!("lane{lane}"));
                    stage.message("x");
                    stage.finish(Outcome::Ok);
                }
            });
        }
    });
    let record = timeline.finish(Outcome::Ok);
    assert_eq!(record.stages.len(), 1600);
    assert!(record.stages.iter().all(|stage| stage.outcome == Outcome::Ok));
    let ats = ats.lock().unwrap();
    assert_eq!(ats.len(), 2 + 1600 * 3);
    assert!(ats.is_sorted());
}

#[test]
fn a_timeline_that_is_dropped_tells_its_observers_that_it_was_aborted() {
    let last = Arc::new(Mutex::new(String::new()));
    let theirs = Arc::clone(&last);
    let timeline = Timeline::builder("up")
        .observer(move |event| *theirs.lock().unwrap() = event.to_json_line())
        .start();
    let stage = timeline.stage("a", Working);
    drop(timeline);
    stage.finish(Outcome::Ok);
    assert!(last.lock().unwrap().contains(r#""event":"finish""#));
    assert!(last.lock().unwrap().contains(r#""outcome":"aborted""#));
}
