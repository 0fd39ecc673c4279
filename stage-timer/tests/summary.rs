//! Summaries, word by word.

mod common;

use std::time::Duration;

use common::{SEED_LIST, golden, ms, paused, seed_run, troubled_run};
use stage_timer::{Lang, Outcome, StageKind, SummaryOptions};
use unicode_width::UnicodeWidthStr;

#[test]
fn the_run_that_started_it_all_is_reproduced_line_by_line() {
    let record = seed_run();
    let list = record.brief(Lang::En);
    for (line, expected) in list.lines().zip(SEED_LIST.lines()) {
        assert_eq!(line, expected);
    }
    assert_eq!(list, SEED_LIST);
    let korean = record.brief(Lang::Ko);
    assert!(korean.ends_with("- 총 소요 시간: 1062.8s (~17분 43초)\n"), "{korean}");
    assert_eq!(record.stages.len(), 12, "nine stages and three fixed waits");
    golden("seed.en.txt", &record.summary(Lang::En));
    golden("seed.ko.txt", &record.summary(Lang::Ko));
}

#[test]
fn the_critical_path_names_the_wait_that_was_nine_tenths_of_that_run() {
    let record = seed_run();
    let path = record.critical_path();
    let bottleneck = path.bottleneck(&record).unwrap();
    assert_eq!(bottleneck.name, "wait-ready");
    assert_eq!(bottleneck.kind, StageKind::Waiting);
    let share = path.within(bottleneck.id).as_secs_f64() / record.wall.as_secs_f64();
    assert!((0.90..0.905).contains(&share), "{share}");
    assert!(
        record
            .summary(Lang::En)
            .contains("Bottleneck: Wait for VMs ready, 959.1s, 90.2% of the run (waiting)")
    );
    assert!(
        record
            .summary(Lang::Ko)
            .contains("병목 구간: VM 준비 대기, 959.1s, 전체의 90.2% (대기)")
    );
}

#[test]
fn a_troubled_run_says_what_went_wrong_in_one_line_each() {
    let record = troubled_run();
    golden("troubled.en.txt", &record.summary(Lang::En));
    golden("troubled.ko.txt", &record.summary(Lang::Ko));
    assert!(record.summary(Lang::En).contains("failed: install failed: disk full"));
}

#[test]
fn columns_line_up_by_the_width_of_the_characters() {
    for lang in [Lang::En, Lang::Ko] {
        let summary = troubled_run().summary(lang);
        // The share column ends in a percent sign; everything before it must be equally wide in every line.
        let widths: Vec<usize> = summary
            .lines()
            .skip(1)
            .take(8)
            .map(|line| line.split_once('%').unwrap().0.width())
            .collect();
        assert!(widths.iter().all(|&width| width == widths[0]), "{widths:?}\n{summary}");
        assert!(summary.lines().all(|line| line == line.trim_end()), "{summary}");
    }
}

#[test]
fn a_run_without_stages_has_a_summary() {
    let (clock, builder) = paused("up");
    let timeline = builder.start();
    clock.advance(ms(1500));
    let record = timeline.finish(Outcome::Ok);
    assert_eq!(
        record.summary(Lang::En),
        "Stage durations:\nTotal: 1.5s\nOutcome: ok\nWaiting 0.0s (0.0%), working 0.0s (0.0%), \
         outside of any stage 1.5s (100.0%)\n"
    );
    let (_, builder) = paused("up");
    assert!(
        builder
            .start()
            .finish(Outcome::Ok)
            .summary(Lang::Ko)
            .contains("총 소요 시간: 0.0s")
    );
}

#[test]
fn of_very_many_stages_the_long_and_the_failed_ones_are_shown() {
    let (clock, builder) = paused("up");
    let timeline = builder.start();
    for i in 0..100 {
        let stage = timeline.stage(format!("part-{i:02}"), StageKind::Working);
        clock.advance(if i == 50 { Duration::from_secs(9) } else { ms(10) });
        stage.finish(if i == 77 {
            Outcome::failed("bad luck")
        } else {
            Outcome::Ok
        });
    }
    let record = timeline.finish(Outcome::Ok);
    let mut options = SummaryOptions::default();
    options.breadth = 5;
    let summary = record.summary_with(Lang::En, &options);
    assert!(summary.contains("Part 50") && summary.contains("bad luck"), "{summary}");
    assert!(summary.contains("… 95 more"), "{summary}");
    let (fifty, seventy_seven) = (summary.find("Part 50").unwrap(), summary.find("Part 77").unwrap());
    assert!(fifty < seventy_seven, "in order of time");
}

#[test]
fn a_running_stage_is_not_called_aborted() {
    let (clock, builder) = paused("up");
    let timeline = builder.start();
    let _stage = timeline.stage("a", StageKind::Waiting);
    clock.advance(ms(100));
    let summary = timeline.snapshot().summary(Lang::En);
    assert!(summary.contains("running") && !summary.contains("aborted"), "{summary}");
}

#[test]
fn in_a_narrow_terminal_lines_are_cut_and_chains_wrapped() {
    let mut options = SummaryOptions::default();
    options.width = Some(60);
    for lang in [Lang::En, Lang::Ko] {
        let summary = seed_run().summary_with(lang, &options);
        assert!(summary.lines().all(|line| line.width() <= 60), "{summary}");
        let whole = seed_run().summary(lang);
        let words = |text: &str| -> Vec<String> {
            text.split("(*)")
                .nth(1)
                .unwrap()
                .split_whitespace()
                .map(str::to_owned)
                .collect()
        };
        assert_eq!(words(&summary), words(&whole), "no word is lost\n{summary}");
    }
}
