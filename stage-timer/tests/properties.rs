//! What must hold for any run whatsoever.

mod common;

use std::time::Duration;

use common::{fast_directory, paused};
use proptest::prelude::*;
use stage_timer::{Outcome, RunRecord, Stage, StageKind};

#[derive(Debug, Clone)]
enum Step {
    /// Start a stage: inside of one of the open ones or outermost, in one of the lanes.
    Start {
        inside: Option<prop::sample::Index>,
        lane: u8,
        waiting: bool,
    },
    /// End one of the open ones.
    End {
        which: prop::sample::Index,
        outcome: u8,
    },
    Progress {
        which: prop::sample::Index,
        fraction: f64,
    },
    Wait {
        micros: u32,
    },
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (prop::option::weighted(0.7, any::<prop::sample::Index>()), 0..4_u8, any::<bool>())
            .prop_map(|(inside, lane, waiting)| Step::Start { inside, lane, waiting }),
        3 => (any::<prop::sample::Index>(), 0..6_u8).prop_map(|(which, outcome)| Step::End { which, outcome }),
        1 => (any::<prop::sample::Index>(), -1.0..2.0).prop_map(|(which, fraction)| Step::Progress { which, fraction }),
        4 => (0..5_000_000_u32).prop_map(|micros| Step::Wait { micros }),
    ]
}

/// Carries the steps out, recorded in a file; what is left open at the end is left to the run's end.
fn run(steps: &[Step]) -> (RunRecord, Vec<u8>) {
    let directory = fast_directory();
    let path = directory.path().join("run.jsonl");
    let (clock, builder) = paused("any");
    let timeline = builder.record(&path).start();
    let mut open: Vec<Stage> = Vec::new();
    for step in steps {
        match step {
            Step::Start { inside, lane, waiting } => {
                let kind = if *waiting {
                    StageKind::Waiting
                } else {
                    StageKind::Working
                };
                let name = format!("s{}", open.len() % 3);
                let lane = format!("lane{lane}");
                let stage = match inside.filter(|_| !open.is_empty()) {
                    Some(index) => index.get(&open).child(name, kind, lane),
                    None => timeline.stage_in(name, kind, lane),
                };
                open.push(stage);
            }
            Step::End { which, outcome } if !open.is_empty() => {
                let stage = open.swap_remove(which.index(open.len()));
                match outcome {
                    0 => stage.finish(Outcome::failed("because")),
                    1 => stage.finish(Outcome::skipped("nothing")),
                    2 => stage.finish(Outcome::timed_out("late")),
                    3 => stage.finish(Outcome::Cancelled),
                    4 => drop(stage),
                    _ => stage.finish(Outcome::Ok),
                }
            }
            Step::Progress { which, fraction } if !open.is_empty() => {
                which.get(&open).progress(Some(*fraction), format!("{fraction:.1}"));
            }
            Step::Wait { micros } => clock.advance(Duration::from_micros(u64::from(*micros))),
            _ => {}
        }
    }
    let record = timeline.finish(Outcome::Ok);
    (record, std::fs::read(path).unwrap())
}

fn any_run() -> impl Strategy<Value = Run> {
    prop::collection::vec(step(), 0..60).prop_map(|steps| {
        let (record, contents) = run(&steps);
        Run(record, contents)
    })
}

struct Run(RunRecord, Vec<u8>);

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("\n")?;
        f.write_str(&String::from_utf8_lossy(&self.1))
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 120, ..ProptestConfig::default() })]

    #[test]
    fn children_lie_inside_their_parents(Run(record, _) in any_run()) {
        for stage in &record.stages {
            prop_assert!(stage.start <= stage.end && stage.end <= record.wall);
            prop_assert!(!stage.open);
            if let Some(parent) = stage.parent {
                let parent = record.stage(parent).unwrap();
                prop_assert!(parent.id < stage.id);
                prop_assert!(parent.start <= stage.start && stage.end <= parent.end, "{stage:?} in {parent:?}");
            }
        }
    }

    #[test]
    fn lane_sums_never_exceed_wall_times_lanes(Run(record, _) in any_run()) {
        let totals = record.totals();
        let lanes = u32::try_from(totals.lanes.len()).unwrap();
        prop_assert!(totals.lane_time <= record.wall * lanes);
        prop_assert!(totals.lanes.iter().all(|lane| lane.busy <= record.wall && lane.working + lane.waiting == lane.busy));
        prop_assert_eq!(totals.lane_time, totals.lanes.iter().map(|lane| lane.busy).sum());
        prop_assert_eq!(totals.working + totals.waiting + totals.untracked, record.wall);
        prop_assert!(totals.speed_up >= 1.0 - 1e-9 && totals.speed_up <= f64::from(lanes.max(1)) + 1e-9);
    }

    #[test]
    fn the_critical_path_covers_the_run_without_gap_or_overlap(Run(record, _) in any_run()) {
        let path = record.critical_path();
        let mut at = Duration::ZERO;
        for step in &path.steps {
            prop_assert_eq!(step.start, at);
            prop_assert!(step.end > step.start);
            if let Some(stage) = step.stage.map(|id| record.stage(id).unwrap()) {
                prop_assert!(stage.start <= step.start && step.end <= stage.end);
                prop_assert!(path.contains(stage.id));
            }
            at = step.end;
        }
        prop_assert_eq!(at, record.wall);
        for stage in &record.stages {
            prop_assert!(path.within(stage.id) <= stage.duration());
        }
    }

    #[test]
    fn what_is_read_is_what_was(Run(record, contents) in any_run()) {
        prop_assert_eq!(RunRecord::parse(&contents).unwrap(), record);
    }

    #[test]
    fn a_record_cut_off_anywhere_holds_all_that_was_before(Run(record, contents) in any_run(), at: prop::sample::Index) {
        let cut = &contents[..at.index(contents.len() + 1)];
        let complete = cut.split(|&byte| byte == b'\n').count() - 1;
        let read = RunRecord::parse(cut);
        if complete == 0 && read.is_err() {
            return Ok(());
        }
        let read = read.unwrap();
        prop_assert_eq!(&read.damage, &None);
        let lines: Vec<&str> = std::str::from_utf8(&contents).unwrap().lines().take(complete).collect();
        let started = lines.iter().filter(|line| line.starts_with(r#"{"event":"start""#)).count();
        // A torn line may happen to lack nothing but its end.
        prop_assert!((started..=started + 1).contains(&read.stages.len()));
        for (stage, original) in read.stages.iter().zip(&record.stages) {
            prop_assert_eq!((&stage.name, stage.start, stage.parent), (&original.name, original.start, original.parent));
            prop_assert!(stage.outcome == original.outcome || stage.outcome == Outcome::Aborted);
        }
    }

    #[test]
    fn no_bytes_make_the_reader_panic(
        Run(_, mut contents) in any_run(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
        noise in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        for (index, byte) in changes {
            let index = index.index(contents.len());
            contents[index] = byte;
        }
        if let Ok(record) = RunRecord::parse(&contents) {
            let _ = (record.summary(stage_timer::Lang::Ko), record.to_svg());
        }
        let _ = RunRecord::parse(&noise);
    }
}
