//! What it costs to time something, and to look at it afterwards. Prints figures; asserts nothing.
//! `cargo bench -p stage-timer`.

use std::hint::black_box;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use stage_timer::compare::Comparison;
use stage_timer::eta::Estimator;
use stage_timer::tracing::StageLayer;
use stage_timer::{Lang, ManualClock, Outcome, RunRecord, StageKind, Timeline};
use tracing_subscriber::layer::SubscriberExt as _;

fn main() {
    println!("one stage, start and finish");
    per_piece("without a record", 200_000, |n| stages(&Timeline::start("bench"), n));
    per_piece("with an observer", 200_000, |n| {
        let timeline = Timeline::builder("bench")
            .observer(|event| {
                black_box(event);
            })
            .start();
        stages(&timeline, n);
    });
    let temporary = tempfile::tempdir().expect("a temporary directory");
    recorded("recorded, on this disk", temporary.path());
    if let Ok(memory) = tempfile::tempdir_in("/dev/shm") {
        recorded("recorded, in memory (so without fsync)", memory.path());
    }

    let record = large();
    println!(
        "\na run of {} stages in {} lanes",
        record.stages.len(),
        record.totals().lanes.len()
    );
    once("critical path", || record.critical_path());
    once("totals", || record.totals());
    once("summary", || record.summary(Lang::Ko));
    once("JSON", || record.to_json());
    once("Chrome trace", || record.to_chrome_trace());
    once("SVG", || record.to_svg());
    once("HTML", || record.to_html());
    once("Markdown", || record.to_markdown(Lang::En));
    once("OpenMetrics", || record.to_openmetrics());
    once("comparison with itself, as text", || {
        Comparison::of(&record, &record).to_text(Lang::En)
    });
    let file = temporary.path().join("large.jsonl");
    once("recording it", || write_large(&file));
    once("reading it", || RunRecord::read(&file));

    let runs: Vec<RunRecord> = (0..20).map(|_| medium()).collect();
    let estimator = Estimator::from_history(&runs, "");
    let live = runs[0].as_of(runs[0].wall.mul_f64(0.99));
    println!("\na prediction from 20 runs of {} stages", live.stages.len());
    once("learning", || Estimator::from_history(&runs, ""));
    once("predicting", || estimator.remaining(&live));

    lab_of_a_hundred();

    println!("\none tracing span, made, entered and closed");
    let count = 500_000;
    let plain = spans("without the layer", tracing_subscriber::registry(), count);
    let (layer, _) = StageLayer::new();
    let idle = spans(
        "with the layer, no timeline",
        tracing_subscriber::registry().with(layer),
        count,
    );
    let timeline = Timeline::start("bench");
    let attached = tracing_subscriber::registry().with(StageLayer::of(&timeline));
    let unmarked = spans("with the layer and a timeline, span not marked", attached, count);
    println!(
        "  the layer costs {:.0} ns idle, {:.0} ns attached",
        idle - plain,
        unmarked - plain
    );
}

fn stages(timeline: &Timeline, count: u32) {
    for _ in 0..count {
        timeline.stage("stage", StageKind::Working).finish(Outcome::Ok);
    }
}

fn recorded(name: &str, directory: &Path) {
    let mut number = 0;
    per_piece(name, 50_000, |n| {
        number += 1;
        let timeline = Timeline::builder("bench")
            .record(directory.join(format!("{number}.jsonl")))
            .start();
        stages(&timeline, n);
        assert_eq!(timeline.snapshot().recording_error, None);
        // Dropping it finishes it; the final fsync is part of the figure, spread over all stages.
    });
}

/// The best of five: what it costs when nothing else disturbs.
fn per_piece(name: &str, count: u32, mut work: impl FnMut(u32)) -> f64 {
    let best = (0..5)
        .map(|_| {
            let start = Instant::now();
            work(count);
            start.elapsed()
        })
        .min()
        .unwrap_or_default();
    let nanos = best.as_secs_f64() * 1e9 / f64::from(count);
    println!("  {name:<50} {nanos:>9.0} ns");
    nanos
}

fn once<T>(name: &str, mut work: impl FnMut() -> T) {
    let best = (0..3)
        .map(|_| {
            let start = Instant::now();
            black_box(work());
            start.elapsed()
        })
        .min()
        .unwrap_or_default();
    println!("  {name:<50} {:>9.1} ms", best.as_secs_f64() * 1e3);
}

fn spans(name: &str, subscriber: impl tracing::Subscriber + Send + Sync, count: u32) -> f64 {
    tracing::subscriber::with_default(subscriber, || {
        per_piece(name, count, |n| {
            for i in 0..n {
                let _entered = tracing::info_span!("work", number = i, what = "nothing").entered();
            }
        })
    })
}

/// What a lab asks for every two seconds: a run in which a hundred machines are waited for, each of which has said how far
/// it is, from twenty runs like it.
fn lab_of_a_hundred() {
    let begin = |lasts: u64| {
        let clock = Arc::new(ManualClock::starting_at(std::time::UNIX_EPOCH));
        let timeline = Timeline::builder("up").clock(clock.clone()).start();
        for part in ["prerequisites", "create", "start"] {
            let stage = timeline.stage(part, StageKind::Working);
            for machine in 0..100 {
                let child = stage.child(part, StageKind::Working, format!("vm{machine}"));
                clock.advance(Duration::from_millis(10));
                child.finish(Outcome::Ok);
            }
            stage.finish(Outcome::Ok);
        }
        let stage = timeline.stage("wait", StageKind::Waiting);
        let machines: Vec<_> = (0..100)
            .map(|machine| stage.child("wait", StageKind::Waiting, format!("vm{machine}")))
            .collect();
        for sign in [
            "running",
            "address reported",
            "SSH server answers",
            "guest command answered",
        ] {
            clock.advance(Duration::from_secs(lasts));
            for machine in &machines {
                machine.progress(None, sign);
            }
        }
        clock.advance(Duration::from_secs(lasts));
        (timeline, stage, machines)
    };
    let runs: Vec<RunRecord> = (0..20)
        .map(|run| {
            let (timeline, stage, machines) = begin(50 + run);
            for machine in machines {
                machine.finish(Outcome::Ok);
            }
            stage.finish(Outcome::Ok);
            timeline.finish(Outcome::Ok)
        })
        .collect();
    let estimator = Estimator::from_history(&runs, "");
    let (timeline, _stage, _machines) = begin(49);
    let open = timeline.snapshot();
    println!("\nwhat is said every two seconds of a run in which 100 machines are waited for");
    once("the run as it is now", || timeline.snapshot());
    once("predicting it and each of its machines", || {
        let outlook = estimator.outlook(&open).expect("there are earlier runs");
        assert_eq!(outlook.open.len(), 101);
        outlook
    });
}

/// 100,000 stages: 1,000 outermost ones, each with 99 inside of it, in 16 lanes.
fn fill(timeline: &Timeline) {
    for outer in 0..1_000_u32 {
        let stage = timeline.stage(if outer % 2 == 0 { "build" } else { "wait" }, StageKind::Waiting);
        for inner in 0..99_u32 {
            let child = stage.child("part", StageKind::Working, format!("lane{}", inner % 16));
            child.finish(if inner == 50 {
                Outcome::failed("because")
            } else {
                Outcome::Ok
            });
        }
        stage.finish(Outcome::Ok);
    }
}

fn large() -> RunRecord {
    let timeline = Timeline::start("bench");
    fill(&timeline);
    timeline.finish(Outcome::Ok)
}

fn write_large(path: &Path) -> RunRecord {
    // The record of the round before is in the way.
    let _ = std::fs::remove_file(path);
    let timeline = Timeline::builder("bench").record(path).start();
    fill(&timeline);
    timeline.finish(Outcome::Ok)
}

/// A lab of ten machines: a little over a hundred stages.
fn medium() -> RunRecord {
    let timeline = Timeline::start("bench");
    for part in ["create", "start", "wait", "disconnect", "verify"] {
        let stage = timeline.stage(part, StageKind::Waiting);
        for machine in 0..10 {
            let child = stage.child("machine", StageKind::Waiting, format!("vm{machine}"));
            child.child_here("step", StageKind::Working).finish(Outcome::Ok);
            child.finish(Outcome::Ok);
        }
        stage.finish(Outcome::Ok);
    }
    std::thread::sleep(Duration::from_micros(200));
    timeline.finish(Outcome::Ok)
}
