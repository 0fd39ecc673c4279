//! Makes up a run of a small virtual lab (no time passes) and writes it in every form into a directory:
//! `cargo run -p stage-timer --example pictures -- target/pictures`.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use stage_timer::compare::Comparison;
use stage_timer::{Labels, Lang, ManualClock, Outcome, StageKind, Timeline};

fn main() -> std::io::Result<()> {
    let directory = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "target/pictures".to_owned()));
    std::fs::create_dir_all(&directory)?;
    let record = run(1.0);
    std::fs::write(directory.join("run.svg"), record.to_svg())?;
    std::fs::write(directory.join("run.ko.svg"), record.to_svg_in(Lang::Ko))?;
    std::fs::write(directory.join("run.html"), record.to_html())?;
    std::fs::write(directory.join("run.json"), record.to_json())?;
    std::fs::write(directory.join("run.trace.json"), record.to_chrome_trace())?;
    std::fs::write(directory.join("run.md"), record.to_markdown(Lang::En))?;
    std::fs::write(directory.join("run.prom"), record.to_openmetrics())?;
    let slower = run(1.6);
    let comparison = Comparison::of(&record, &slower);
    std::fs::write(directory.join("compare.svg"), comparison.to_svg())?;
    std::fs::write(directory.join("compare.html"), comparison.to_html(Lang::Ko))?;
    std::fs::write(directory.join("compare.md"), comparison.to_markdown(Lang::En))?;
    std::fs::write(directory.join("compare.json"), comparison.to_json())?;
    print!("{}", comparison.to_text(Lang::En));
    print!("{}", record.summary(Lang::En));
    print!("{}", record.summary(Lang::Ko));
    Ok(())
}

/// A lab of three machines. Everything on the third one takes `slowness` times as long.
fn run(slowness: f64) -> stage_timer::RunRecord {
    let clock = Arc::new(ManualClock::starting_at(
        UNIX_EPOCH + Duration::from_secs(1_785_555_296),
    ));
    let timeline = Timeline::builder("up")
        .shape("1+2")
        .labels(labels())
        .clock(clock.clone())
        .utc_offset(9 * 3600)
        .meta("version", "0.1.0")
        .start();
    let to = |seconds: f64| clock.advance_to(Duration::from_secs_f64(seconds));
    let machines = ["k3s-master1", "k3s-worker1", "k3s-worker2"];
    let slow = [1.0, 1.1, slowness * 1.25];

    let stage = timeline.stage("prerequisites", StageKind::Working);
    let check = stage.child_here("check-registry", StageKind::Waiting);
    to(0.3);
    check.finish(Outcome::Ok);
    to(0.4);
    stage.finish(Outcome::Ok);
    timeline
        .stage("cleanup", StageKind::Working)
        .finish(Outcome::skipped("no machine of this lab exists"));

    // Things that happen in several lanes at once, as a list in order of time.
    let mut events: Vec<(f64, usize, usize, bool)> = Vec::new();
    let parts: [(&str, StageKind, f64, f64); 6] = [
        ("create-vm", StageKind::Working, 0.4, 1.6),
        ("start-vm", StageKind::Working, 0.1, 3.1),
        ("boot", StageKind::Waiting, 0.0, 31.0),
        ("ssh", StageKind::Waiting, 0.0, 6.5),
        ("bootstrap", StageKind::Waiting, 0.2, 24.0),
        ("disconnect", StageKind::Working, 0.1, 2.2),
    ];
    let mut base = [0.5; 3];
    for (part, &(_, _, gap, length)) in parts.iter().enumerate() {
        for machine in 0..3 {
            let start = base[machine] + gap;
            base[machine] = start + length * slow[machine];
            events.push((start, part, machine, true));
            events.push((base[machine], part, machine, false));
        }
    }
    events.sort_by(|a, b| a.0.total_cmp(&b.0).then(a.3.cmp(&b.3)));
    let stage = timeline.stage("machines", StageKind::Working);
    let mut open = std::collections::HashMap::new();
    for (at, part, machine, starts) in events {
        to(at);
        if starts {
            let child = stage.child(parts[part].0, parts[part].1, machines[machine]);
            child.progress(Some(0.1), "waiting for the machine to answer");
            open.insert((part, machine), child);
        } else if let Some(child) = open.remove(&(part, machine)) {
            child.finish(if (part, machine) == (5, 1) {
                Outcome::failed("exit code 255: the operation was canceled (the device is in use by the guest)")
            } else {
                Outcome::Ok
            });
        }
    }
    stage.finish(Outcome::Ok);
    let stage = timeline.stage("verify", StageKind::Waiting);
    to(stage.info().map_or(0.0, |info| info.start().as_secs_f64()) + 4.2);
    stage.finish(Outcome::Ok);
    timeline.finish(Outcome::Ok)
}

fn labels() -> Labels {
    Labels::new()
        .with("prerequisites", "Prerequisites", "사전 점검")
        .with("check-registry", "Check registry", "레지스트리 확인")
        .with("cleanup", "Cleanup existing VMs", "기존 VM 정리")
        .with("machines", "Bring up machines", "가상 머신 준비")
        .with("create-vm", "Create VM", "VM 생성")
        .with("start-vm", "Start VM", "VM 시작")
        .with("boot", "Boot", "부팅 대기")
        .with("ssh", "SSH answers", "SSH 응답 대기")
        .with("bootstrap", "Bootstrap k3s", "k3s 부트스트랩")
        .with("disconnect", "Disconnect ISO", "ISO 분리")
        .with("verify", "Verify cluster", "클러스터 확인")
}
