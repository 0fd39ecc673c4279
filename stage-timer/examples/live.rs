//! A made-up run of a few seconds, shown while it goes on, predicted from its own earlier runs:
//! `cargo run -p stage-timer --features progress --example live -- target/live`.

use std::sync::Arc;
use std::thread::sleep;
use std::time::Duration;

use stage_timer::eta::Estimator;
use stage_timer::progress::{Mode, Progress};
use stage_timer::{History, Labels, Lang, Outcome, Stage, StageKind, Timeline};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let history = History::new(arguments.next().unwrap_or_else(|| "target/live".to_owned()));
    let mode: Mode = arguments.next().unwrap_or_else(|| "auto".to_owned()).parse()?;
    let lang = Lang::from_env();
    let estimator = Arc::new(Estimator::from_history(&history.records(20)?, "3"));
    let progress = Progress::new()
        .mode(mode)
        .lang(lang)
        .silence(Duration::from_secs(2))
        .estimator(estimator);
    let timeline = Timeline::builder("live")
        .shape("3")
        .labels(
            Labels::new()
                .with("boot", "Boot", "부팅 대기")
                .with("wait", "Wait for machines", "머신 준비 대기"),
        )
        .record_in(history.directory())
        .observer(progress.observer())
        .start();

    let check = timeline.stage("check", StageKind::Working);
    sleep(Duration::from_millis(600));
    check.finish(Outcome::Ok);
    timeline
        .stage("cleanup", StageKind::Working)
        .finish(Outcome::skipped("nothing is there"));
    let wait = timeline.stage("wait", StageKind::Waiting);
    std::thread::scope(|scope| {
        for (number, machine) in ["master1", "worker1", "worker2"].into_iter().enumerate() {
            let boot = wait.child("boot", StageKind::Waiting, machine);
            scope.spawn(move || machine_comes_up(boot, number as u64));
        }
    });
    wait.finish(Outcome::Ok);
    let record = timeline.finish(Outcome::Ok);
    print!("{}", record.summary(lang));
    Ok(())
}

fn machine_comes_up(boot: Stage, number: u64) {
    let steps = [
        (0.0, "powered on"),
        (0.25, "address reported"),
        (0.5, "TCP 22 open"),
        (0.75, "SSH answers"),
    ];
    for (fraction, message) in steps {
        boot.progress(Some(fraction), message);
        sleep(Duration::from_millis(700 + 200 * number));
    }
    boot.finish(Outcome::Ok);
}
