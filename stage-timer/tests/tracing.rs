//! Spans as stages, and log lines with the time.

mod common;

use std::io::Write;
use std::sync::{Arc, Mutex};

use common::{ms, nine_in_seoul, paused};
use stage_timer::tracing::{JsonLines, StageLayer, TextLines};
use stage_timer::{ManualClock, Outcome, RunRecord, StageKind};
use tracing::field::Empty;
use tracing_subscriber::layer::SubscriberExt as _;

/// Runs with a layer on a timeline whose clock stands still; gives the record.
fn with_layer(work: impl FnOnce(&ManualClock)) -> RunRecord {
    let (clock, builder) = paused("up");
    let timeline = builder.start();
    let subscriber = tracing_subscriber::registry().with(StageLayer::of(&timeline));
    tracing::subscriber::with_default(subscriber, || work(&clock));
    timeline.finish(Outcome::Ok)
}

#[test]
fn marked_spans_become_stages_with_their_nesting_kind_lane_and_time() {
    let record = with_layer(|clock| {
        let outer = tracing::info_span!("outer", stage = "wait-ready", stage.kind = "waiting").entered();
        clock.advance(ms(100));
        let plain = tracing::info_span!("plain", vm = "x").entered();
        let inner = tracing::info_span!("ssh", stage = true, stage.lane = format!("vm{}", 1)).entered();
        clock.advance(ms(250));
        tracing::info!(stage.progress = 0.5, stage.message = "handshake", "half way");
        let innermost = tracing::info_span!("key", stage = true).entered();
        drop((innermost, inner, plain, outer));
        drop(tracing::info_span!("unmarked"));
        drop(tracing::info_span!("off", stage = false));
    });
    let [outer, ssh, key] = record.stages.as_slice() else {
        panic!("{:?}", record.stages)
    };
    assert_eq!(
        (outer.name.as_str(), outer.kind, outer.duration()),
        ("wait-ready", StageKind::Waiting, ms(350))
    );
    assert_eq!(
        (ssh.name.as_str(), ssh.parent, ssh.lane.as_str()),
        ("ssh", Some(outer.id), "vm1")
    );
    assert_eq!(
        (ssh.last_message(), ssh.last_fraction()),
        (Some("handshake"), Some(0.5))
    );
    assert_eq!(
        (key.parent, key.lane.as_str()),
        (Some(ssh.id), "vm1"),
        "a child stays in the lane"
    );
    assert!(record.stages.iter().all(|stage| stage.outcome == Outcome::Ok));
}

#[test]
fn a_span_ends_as_it_says_and_silence_is_no_success_where_it_should_have_said() {
    let record = with_layer(|_| {
        let span = |outcome: &str, reason: &str| {
            let span = tracing::info_span!("s", stage = true, stage.outcome = Empty, stage.reason = Empty);
            if !outcome.is_empty() {
                span.record("stage.outcome", outcome);
                span.record("stage.reason", reason);
            }
        };
        span("ok", "");
        span("skipped", "nothing to do");
        span("failed", "no route\nto host");
        span("timed_out", "port 22");
        span("cancelled", "");
        span("", "");
        span("wonderful", "x");
    });
    let outcomes: Vec<_> = record.stages.iter().map(|stage| stage.outcome.clone()).collect();
    assert_eq!(
        outcomes,
        [
            Outcome::Ok,
            Outcome::skipped("nothing to do"),
            Outcome::failed("no route to host"),
            Outcome::timed_out("port 22"),
            Outcome::Cancelled,
            Outcome::Aborted,
            Outcome::failed("unknown outcome \"wonderful\": x"),
        ]
    );
}

#[tokio::test]
async fn a_future_in_a_span_is_a_stage_while_it_exists_whether_it_is_polled_or_not() {
    use tracing::Instrument as _;
    let (clock, builder) = paused("up");
    let timeline = builder.start();
    let subscriber = tracing_subscriber::registry().with(StageLayer::of(&timeline));
    let guard = tracing::subscriber::set_default(subscriber);
    let work = async {
        tokio::task::yield_now().await;
        clock.advance(ms(70));
    };
    work.instrument(tracing::info_span!("work", stage = true)).await;
    drop(guard);
    assert_eq!(timeline.finish(Outcome::Ok).stages[0].duration(), ms(70));
}

#[test]
fn a_layer_without_a_timeline_makes_no_stages_and_keeps_none_alive() {
    let (layer, attachment) = StageLayer::new();
    let subscriber = tracing_subscriber::registry().with(layer);
    tracing::subscriber::with_default(subscriber, || {
        drop(tracing::info_span!("before", stage = true));
        let (_, builder) = paused("up");
        let last = Arc::new(Mutex::new(String::new()));
        let theirs = Arc::clone(&last);
        let timeline = builder
            .observer(move |event| *theirs.lock().unwrap() = event.to_json_line())
            .start();
        attachment.attach(&timeline);
        drop(tracing::info_span!("during", stage = true));
        assert_eq!(timeline.snapshot().stages.len(), 1);
        drop(timeline);
        assert!(last.lock().unwrap().contains("aborted"), "the layer held the run open");
        drop(tracing::info_span!("after", stage = true));
        attachment.detach();
    });
}

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

    fn writer(&self) -> impl Fn() -> Written + use<> {
        let written = self.clone();
        move || written.clone()
    }
}

#[test]
fn every_line_of_a_log_begins_with_the_time() {
    let clock = Arc::new(ManualClock::starting_at(nine_in_seoul()));
    let written = Written::default();
    let (_, builder) = paused("up");
    let timeline = builder.start();
    let lines = tracing_subscriber::fmt::layer()
        .with_ansi(false)
        .with_writer(written.writer())
        .event_format(TextLines::new().with_clock(clock.clone(), 9 * 3600));
    let subscriber = tracing_subscriber::registry()
        .with(StageLayer::of(&timeline))
        .with(lines);
    tracing::subscriber::with_default(subscriber, || {
        tracing::info!(pid = 4711, path = "C:\\한글", "started");
        clock.advance(ms(61_000));
        tracing::warn!("two\nlines\r\n");
        let _span = tracing::info_span!("boot", stage = true, stage.lane = "k3s-master1").entered();
        tracing::error!("no answer");
    });
    let text = written.text();
    assert_eq!(
        text,
        "2025-09-02 09:00:00  INFO started pid=4711 path=\"C:\\\\한글\"\n\
         2025-09-02 09:01:01  WARN two\n\
         2025-09-02 09:01:01       lines\n\
         2025-09-02 09:01:01 ERROR [k3s-master1] no answer\n"
    );
}

#[test]
fn json_lines_say_the_same_to_machines() {
    let clock = Arc::new(ManualClock::starting_at(nine_in_seoul()));
    let written = Written::default();
    let (_, builder) = paused("up");
    let timeline = builder.start();
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(written.writer())
        .event_format(JsonLines::new().with_clock(clock, 9 * 3600));
    let subscriber = tracing_subscriber::registry()
        .with(StageLayer::of(&timeline))
        .with(lines);
    tracing::subscriber::with_default(subscriber, || {
        let _span = tracing::info_span!("x", stage = "boot", stage.lane = "vm1").entered();
        tracing::info!(pid = 4711, ok = true, "two\nlines");
    });
    let text = written.text();
    let line: serde_json::Value = serde_json::from_str(text.trim_end()).unwrap();
    assert_eq!(text.lines().count(), 1);
    assert_eq!(line["time"], "2025-09-02 09:00:00");
    assert_eq!(line["timestamp"], "2025-09-02T09:00:00.000000+09:00");
    assert_eq!(
        (&line["level"], &line["message"]),
        (&"INFO".into(), &"two\nlines".into())
    );
    assert_eq!((&line["stage"], &line["lane"]), (&"boot".into(), &"vm1".into()));
    assert_eq!(
        (&line["fields"]["pid"], &line["fields"]["ok"]),
        (&4711.into(), &true.into())
    );
}

#[test]
fn a_recording_that_fails_is_warned_of_once() {
    let written = Written::default();
    let subscriber = tracing_subscriber::registry().with(
        tracing_subscriber::fmt::layer()
            .with_ansi(false)
            .with_writer(written.writer()),
    );
    tracing::subscriber::with_default(subscriber, || {
        let (_, builder) = paused("up");
        let timeline = builder.record("/dev/null/up.jsonl").start();
        timeline.stage("a", StageKind::Working).finish(Outcome::Ok);
        timeline.finish(Outcome::Ok);
    });
    assert_eq!(written.text().matches("not recorded").count(), 1, "{}", written.text());
}
