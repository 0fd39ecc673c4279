//! Predictions: when there are none, what they say, and how far off they are.

mod common;

use std::sync::Arc;
use std::time::Duration;

use common::{ms, paused, seed_labels, seed_run};
use stage_timer::eta::{Basis, Estimator, Replay};
use stage_timer::{Lang, ManualClock, Outcome, RunRecord, StageKind, Timeline};

use StageKind::{Waiting, Working};

/// A small generator of pseudo-random numbers (xorshift64*), the same in every run of the tests.
struct Random(u64);

impl Random {
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    fn uniform(&mut self) -> f64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// About normal: the sum of twelve.
    fn normal(&mut self) -> f64 {
        (0..12).map(|_| self.uniform()).sum::<f64>() - 6.0
    }

    /// Around 1, never below zero, with a longer tail upwards.
    fn factor(&mut self, spread: f64) -> f64 {
        (self.normal() * spread).exp()
    }
}

/// What differs from run to run.
#[derive(Clone, Copy)]
struct World {
    /// Of every stage by itself.
    noise: f64,
    /// Of the whole machine.
    pace: f64,
    /// How often the slow way of creating machines is taken (an image is not cached).
    cold: f64,
}

/// Makes up runs of a lab: three machines side by side in three of the stages, with a barrier after each of these.
fn lab(name: &str, machines: usize, world: World, random: &mut Random) -> RunRecord {
    let (clock, builder) = paused(name);
    let timeline = builder.shape(format!("1+{}", machines - 1)).start();
    let pace = random.factor(world.pace);
    let cold = random.uniform() < world.cold;
    let mut took = |seconds: f64| seconds * pace * random.factor(world.noise);

    let stage = timeline.stage("prerequisites", Working);
    clock.advance(Duration::from_secs_f64(took(0.5)));
    stage.finish(Outcome::Ok);
    let stage = timeline.stage("create", Working);
    clock.advance(Duration::from_secs_f64(took(if cold { 60.0 } else { 4.0 })));
    stage.finish(Outcome::Ok);
    let mut parallel = |stage: &str, kind, parts: &[(&'static str, f64)]| {
        let stage = timeline.stage(stage.to_owned(), kind);
        let from = clock_now(&clock);
        // All machines' parts as a list of moments.
        let mut moments: Vec<(f64, usize, usize, bool)> = Vec::new();
        for machine in 0..machines {
            let mut at = from;
            for (part, &(_, seconds)) in parts.iter().enumerate() {
                moments.push((at, part, machine, true));
                at += took(seconds);
                moments.push((at, part, machine, false));
            }
        }
        moments.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.3.cmp(&b.3)));
        let mut open = std::collections::HashMap::new();
        for (at, part, machine, begins) in moments {
            clock.advance_to(Duration::from_secs_f64(at));
            if begins {
                open.insert(
                    (part, machine),
                    stage.child(parts[part].0, kind, format!("vm{machine}")),
                );
            } else if let Some(child) = open.remove(&(part, machine)) {
                child.finish(Outcome::Ok);
            }
        }
        stage.finish(Outcome::Ok);
    };
    parallel("start", Working, &[("start-vm", 3.0)]);
    parallel("wait", Waiting, &[("boot", 40.0), ("ssh", 8.0), ("bootstrap", 30.0)]);
    parallel("disconnect", Working, &[("disconnect-vm", 2.5)]);
    let stage = timeline.stage("verify", Waiting);
    clock.advance(Duration::from_secs_f64(took(6.0)));
    stage.finish(Outcome::Ok);
    timeline.finish(Outcome::Ok)
}

fn clock_now(clock: &Arc<ManualClock>) -> f64 {
    use stage_timer::Clock as _;
    clock.now().as_secs_f64()
}

fn history(runs: usize, machines: usize, world: World, seed: u64) -> Vec<RunRecord> {
    let mut random = Random(seed);
    (0..runs).map(|_| lab("up", machines, world, &mut random)).collect()
}

const STEADY: World = World {
    noise: 0.0,
    pace: 0.0,
    cold: 0.0,
};
const NOISY: World = World {
    noise: 0.15,
    pace: 0.05,
    cold: 0.0,
};

#[test]
fn a_first_run_is_not_predicted() {
    let run = seed_run();
    assert_eq!(
        Estimator::from_history(&[], "1+2").remaining(&run.as_of(ms(5_000))),
        None
    );
    let failed = {
        let (clock, builder) = paused("up");
        let timeline = builder.shape("1+2").start();
        clock.advance(ms(1000));
        timeline.finish(Outcome::failed("no"))
    };
    assert_eq!(
        Estimator::from_history(&[failed], "1+2").remaining(&run.as_of(ms(5_000))),
        None
    );
    let other_command = lab("destroy", 3, STEADY, &mut Random(1));
    assert_eq!(
        Estimator::from_history(&[other_command], "1+2").remaining(&run.as_of(ms(5_000))),
        None
    );
    assert_eq!(
        Estimator::from_history(std::slice::from_ref(&run), "1+2").remaining(&run),
        None,
        "a run that is over"
    );
}

#[test]
fn a_run_like_the_one_before_is_predicted_exactly_at_every_moment() {
    let run = seed_run();
    let estimator = Estimator::from_history(std::slice::from_ref(&run), "1+2");
    for second in [0, 1, 33, 100, 340, 700, 1000, 1062] {
        let eta = estimator.remaining(&run.as_of(ms(second * 1000))).unwrap();
        let actual = run.wall.saturating_sub(ms(second * 1000));
        assert!(eta.median.abs_diff(actual) < ms(50), "{second}: {eta:?}");
        assert!(eta.p90 >= eta.median && eta.overrun.is_none() && eta.basis == Basis::SameShape && eta.runs == 1);
    }
    let three = history(3, 3, STEADY, 7);
    let replay = Replay::of(&three);
    assert!(
        replay
            .points
            .iter()
            .all(|p| p.predicted.median.abs_diff(p.actual) < ms(50)),
        "{}",
        replay.to_text(Lang::En)
    );
    assert_eq!(replay.without_history, 1);
}

#[test]
fn only_the_remaining_critical_path_counts() {
    // Two machines side by side: 10 s and 60 s. When the slow one is done early, the rest does not shrink below what
    // the other still needs.
    let run = |slow: u64, fast: u64| {
        let (clock, builder) = paused("up");
        let timeline = builder.shape("x").start();
        let stage = timeline.stage("wait", Waiting);
        let (a, b) = (stage.child("boot", Waiting, "a"), stage.child("boot", Waiting, "b"));
        clock.advance(ms(fast * 1000));
        b.finish(Outcome::Ok);
        clock.advance(ms((slow - fast) * 1000));
        a.finish(Outcome::Ok);
        stage.finish(Outcome::Ok);
        let verify = timeline.stage("verify", Working);
        clock.advance(ms(5_000));
        verify.finish(Outcome::Ok);
        timeline.finish(Outcome::Ok)
    };
    let estimator = Estimator::from_history(&[run(60, 10)], "x");
    let eta = estimator.remaining(&run(60, 30).as_of(ms(25_000))).unwrap();
    assert!(
        eta.median.abs_diff(ms(40_000)) < ms(1500),
        "b is late, but a is what the run hangs on: {eta:?}"
    );
    let wait = run(60, 10).as_of(ms(20_000));
    let of_stage = estimator.remaining_of(&wait, wait.stages[1].id).unwrap();
    assert_eq!((of_stage.median, of_stage.elapsed), (ms(40_000), ms(20_000)));
    assert_eq!(estimator.remaining_of(&wait, wait.stages[2].id), None, "it is over");
}

#[test]
fn an_overrun_says_so_and_is_not_predicted_to_end_at_once() {
    let runs = history(5, 3, NOISY, 3);
    let estimator = Estimator::from_history(&runs, "1+2");
    // The boot of one machine hangs: nothing else is open.
    let (clock, builder) = paused("up");
    let timeline = builder.shape("1+2").labels(seed_labels()).start();
    for (name, seconds) in [("prerequisites", 0.5), ("create", 4.0), ("start", 3.0)] {
        let stage = timeline.stage(name, Working);
        clock.advance(Duration::from_secs_f64(seconds));
        stage.finish(Outcome::Ok);
    }
    let wait = timeline.stage("wait", Waiting);
    let _boot = wait.child("boot", Waiting, "vm1");
    clock.advance(ms(30_000));
    let before = estimator.remaining(&timeline.snapshot()).unwrap();
    assert_eq!(before.overrun, None);
    clock.advance(ms(170_000));
    let late = estimator.remaining(&timeline.snapshot()).unwrap();
    let overrun = late.overrun.clone().unwrap();
    assert_eq!((overrun.name.as_str(), overrun.lane.as_str()), ("boot", "vm1"));
    assert!(overrun.by > ms(100_000) && late.median > ms(40_000), "{late:?}");
    assert!(late.p90 > late.median * 2);
    let said = late.describe(&seed_labels(), Lang::En);
    assert!(
        said.contains("Boot [vm1] is") && said.contains("over the longest ever"),
        "{said}"
    );
    assert!(
        late.describe(&seed_labels(), Lang::Ko)
            .contains("지금까지의 최장 시간을"),
        "{late:?}"
    );
}

#[test]
fn runs_of_another_shape_give_a_wider_prediction() {
    let runs = history(6, 3, NOISY, 11);
    let larger = lab("up", 5, NOISY, &mut Random(99));
    let now = larger.as_of(larger.wall.mul_f64(0.3));
    let guess = Estimator::from_history(&runs, &larger.shape).remaining(&now).unwrap();
    assert_eq!(guess.basis, Basis::OtherShape);
    let known = Estimator::from_history(&history(6, 5, NOISY, 12), &larger.shape)
        .remaining(&now)
        .unwrap();
    assert_eq!(known.basis, Basis::SameShape);
    let spread = |eta: &stage_timer::eta::Eta| eta.p90.as_secs_f64() / eta.median.as_secs_f64();
    assert!(spread(&guess) > spread(&known) * 1.3, "{guess:?} {known:?}");
    assert!(guess.describe(&seed_labels(), Lang::En).contains("another shape"));
    let off = guess
        .median
        .abs_diff(larger.wall.saturating_sub(now.wall))
        .as_secs_f64()
        / larger.wall.as_secs_f64();
    assert!(off < 0.25, "{off}");
}

#[test]
fn a_run_that_does_what_others_skipped_is_not_judged_by_them() {
    // Mostly nothing is to be done; twice everything was.
    let idle = || {
        let (clock, builder) = paused("up");
        let timeline = builder.shape("1+2").start();
        for name in ["prerequisites", "create", "start", "wait", "disconnect", "verify"] {
            let stage = timeline.stage(name, Working);
            clock.advance(ms(100));
            stage.finish(if name == "prerequisites" {
                Outcome::Ok
            } else {
                Outcome::skipped("done already")
            });
        }
        timeline.finish(Outcome::Ok)
    };
    let mut runs = history(2, 3, STEADY, 5);
    runs.extend((0..5).map(|_| idle()));
    let busy = lab("up", 3, STEADY, &mut Random(5));
    let estimator = Estimator::from_history(&runs, "1+2");
    let now = busy.as_of(ms(20_000));
    let eta = estimator.remaining(&now).unwrap();
    let actual = busy.wall.saturating_sub(now.wall);
    assert!(eta.median.abs_diff(actual) < ms(3_000), "{eta:?} {actual:?}");
}

#[test]
fn replayed_histories_are_predicted_better_than_by_their_total_times() {
    let worlds = [
        (
            "every stage varies by itself",
            World {
                noise: 0.2,
                pace: 0.0,
                cold: 0.0,
            },
        ),
        (
            "the machine is slower or faster as a whole",
            World {
                noise: 0.05,
                pace: 0.3,
                cold: 0.0,
            },
        ),
        (
            "a third of the runs is cold",
            World {
                noise: 0.1,
                pace: 0.1,
                cold: 0.33,
            },
        ),
    ];
    for (number, (what, world)) in worlds.into_iter().enumerate() {
        let mut runs = Vec::new();
        for seed in 0..6 {
            // Histories of their own, not one of 180 runs.
            let replay = Replay::of(&history(18, 3, world, 1 + seed * 77 + number as u64));
            runs.push(replay);
        }
        let mut all = runs.remove(0);
        for replay in runs {
            all.points.extend(replay.points);
            all.without_history += replay.without_history;
        }
        println!("{what}:\n{}", all.to_text(Lang::En));
        assert_eq!(all.without_history, 6);
        for moment in [0.1, 0.25, 0.5, 0.75, 0.9] {
            let (error, naive) = (all.mean_error(moment).unwrap(), all.mean_naive_error(moment).unwrap());
            // Where nothing that has happened says anything of what will, both can only say the same.
            assert!(error <= naive + 0.005, "{what} at {moment}: {error} against {naive}");
            let coverage = all.coverage(moment).unwrap();
            assert!(
                (0.85..=1.0).contains(&coverage),
                "{what} at {moment}: p90 was kept by {coverage}"
            );
        }
        // The nearer the end, the better.
        assert!(all.mean_error(0.9).unwrap() < all.mean_error(0.1).unwrap());
        assert!(all.mean_error(0.9).unwrap() < 0.05, "{what}");
    }
}

#[test]
fn what_a_stage_says_on_its_way_makes_its_prediction_better() {
    let mut random = Random(41);
    // A boot and a bootstrap that vary a lot as a whole; both tell how far they are.
    let mut boot = || {
        let (clock, builder) = paused("up");
        let timeline = builder.shape("1+2").start();
        let stage = timeline.stage("wait", Waiting);
        let slow = random.factor(0.4);
        for (word, seconds) in [
            ("running", 2.0),
            ("address reported", 20.0),
            ("SSH server answers", 15.0),
            ("", 8.0),
        ] {
            clock.advance(Duration::from_secs_f64(seconds * slow * random.factor(0.05)));
            if !word.is_empty() {
                stage.progress(None, word);
            }
        }
        stage.finish(Outcome::Ok);
        timeline.finish(Outcome::Ok)
    };
    let said: Vec<RunRecord> = (0..60).map(|_| boot()).collect();
    let mut silent = said.clone();
    for stage in silent.iter_mut().flat_map(|run| &mut run.stages) {
        stage.notes.clear();
    }
    let (said, silent) = (Replay::of(&said), Replay::of(&silent));
    println!(
        "said:\n{}\nsilent:\n{}",
        said.to_text(Lang::En),
        silent.to_text(Lang::En)
    );
    for (moment, part) in [(0.1, 0.95), (0.25, 0.95), (0.5, 0.5), (0.75, 0.4), (0.9, 0.2)] {
        let (with, without) = (said.mean_error(moment).unwrap(), silent.mean_error(moment).unwrap());
        assert!(with < without * part, "at {moment}: {with} against {without}");
    }
}

#[test]
fn a_live_timeline_is_predicted_through_its_snapshots() {
    let runs = history(4, 3, STEADY, 2);
    let estimator = Estimator::from_history(&runs, "1+2");
    let (clock, builder) = paused("up");
    let timeline: Timeline = builder.shape("1+2").start();
    let at_start = estimator.remaining(&timeline.snapshot()).unwrap();
    assert!(at_start.median.abs_diff(runs[0].wall) < ms(50));
    assert!(at_start.fraction() < 0.001);
    let stage = timeline.stage("prerequisites", Working);
    clock.advance(ms(500));
    stage.finish(Outcome::Ok);
    let later = estimator.remaining(&timeline.snapshot()).unwrap();
    assert!(at_start.median.saturating_sub(later.median).abs_diff(ms(500)) < ms(50));
    assert_eq!(later.total(), later.elapsed + later.median);
}

#[test]
fn a_recorded_history_of_real_work_is_predicted_better_the_longer_a_run_goes_on() {
    // Fourteen runs of gzip and sha256sum, recorded by `examples/record_history.rs` on a machine on which much else
    // went on: the slowest run took three times as long as the fastest.
    let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/history");
    let records = stage_timer::History::new(directory).records(usize::MAX).unwrap();
    assert_eq!(records.len(), 14);
    let replay = Replay::of(&records);
    println!("{}", replay.to_text(Lang::En));
    let error = |moment| replay.mean_error(moment).unwrap();
    let naive = |moment| replay.mean_naive_error(moment).unwrap();
    assert!(error(0.5) < naive(0.5) * 0.7 && error(0.75) < naive(0.75) * 0.4 && error(0.97) < 0.03);
    assert!(error(0.05) > error(0.5) && error(0.5) > error(0.75) && error(0.75) > error(0.97));
    for moment in [0.05, 0.25, 0.5, 0.75, 0.9] {
        assert!(replay.coverage(moment).unwrap() > 0.75, "at {moment}");
    }
}
