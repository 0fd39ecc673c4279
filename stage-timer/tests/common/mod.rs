//! Runs that tests have in common. No time passes in any of them.
#![allow(dead_code, reason = "every test binary compiles this file and uses a part of it")]

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use stage_timer::{Labels, ManualClock, Outcome, RunRecord, StageKind, Timeline, TimelineBuilder};

/// 2025-09-02 09:00:00 in Seoul.
pub(crate) fn nine_in_seoul() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(1_756_771_200)
}

/// A clock that stands still at nine in Seoul, and a timeline that uses it.
pub(crate) fn paused(name: &str) -> (Arc<ManualClock>, TimelineBuilder) {
    let clock = Arc::new(ManualClock::starting_at(nine_in_seoul()));
    let builder = Timeline::builder(name)
        .clock(clock.clone())
        .utc_offset(9 * 3600)
        .id("20250902T000000Z-00000001");
    (clock, builder)
}

pub(crate) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The stages of the run that started it all, in milliseconds such that each of them and their total round to what was
/// reported: nine stages, and inside of the long wait a fixed one per machine, one after the other.
pub(crate) const SEED: [(&str, StageKind, u64); 9] = [
    ("prerequisites", StageKind::Working, 10),
    ("cleanup", StageKind::Working, 10),
    ("create-master", StageKind::Working, 490),
    ("create-workers", StageKind::Working, 880),
    ("start-vms", StageKind::Working, 32_480),
    ("wait-ready", StageKind::Waiting, 959_080),
    ("monitor", StageKind::Waiting, 12_990),
    ("disconnect", StageKind::Working, 41_480),
    ("restart", StageKind::Working, 15_380),
];

/// The list as it was reported.
pub(crate) const SEED_LIST: &str = "\
- Prerequisites: 0s
- Cleanup existing VMs: 0s
- Create master VM: 0.5s
- Create worker VMs: 0.9s
- Start VMs: 32.5s
- Wait for VMs ready: 959.1s
- Monitor initialization completion: 13s
- Disconnect ISOs: 41.5s
- Restart VMs: 15.4s
- Total: 1062.8s (~17m 43s)
";

pub(crate) fn seed_labels() -> Labels {
    Labels::new()
        .with("prerequisites", "Prerequisites", "사전 검사")
        .with("cleanup", "Cleanup existing VMs", "기존 VM 정리")
        .with("create-master", "Create master VM", "마스터 VM 생성")
        .with("create-workers", "Create worker VMs", "워커 VM 생성")
        .with("start-vms", "Start VMs", "VM 시작")
        .with("wait-ready", "Wait for VMs ready", "VM 준비 대기")
        .with("fixed-wait", "Fixed wait", "고정 대기")
        .with("monitor", "Monitor initialization completion", "초기화 완료 모니터링")
        .with("disconnect", "Disconnect ISOs", "ISO 분리")
        .with("restart", "Restart VMs", "VM 재시작")
}

/// The run of the table: 9 stages, 3 fixed waits of 300 s inside of the longest, 1,062.8 s in all.
pub(crate) fn seed_run() -> RunRecord {
    let (clock, builder) = paused("up");
    let timeline = builder.shape("1+2").labels(seed_labels()).start();
    for (name, kind, took) in SEED {
        let stage = timeline.stage(name, kind);
        if name == "wait-ready" {
            let mut left = took;
            for machine in ["k3s-master1", "k3s-worker1", "k3s-worker2"] {
                let wait = stage.child("fixed-wait", StageKind::Waiting, machine);
                clock.advance(ms(300_000));
                wait.finish(Outcome::Ok);
                clock.advance(ms(19_000));
                left -= 319_000;
            }
            clock.advance(ms(left));
        } else {
            clock.advance(ms(took));
        }
        stage.finish(if name == "cleanup" {
            Outcome::skipped("no VM exists")
        } else {
            Outcome::Ok
        });
    }
    timeline.finish(Outcome::Ok)
}

/// A run in three lanes in which much goes wrong: every outcome, nesting, Hangul in names and reasons.
pub(crate) fn troubled_run() -> RunRecord {
    let (clock, builder) = paused("up");
    let timeline = builder.shape("1+2").labels(seed_labels()).start();
    let check = timeline.stage("prerequisites", StageKind::Working);
    clock.advance(ms(1_200));
    check.finish(Outcome::Ok);
    timeline
        .stage("cleanup", StageKind::Working)
        .finish(Outcome::skipped("no VM exists"));
    let wait = timeline.stage("wait-ready", StageKind::Waiting);
    let master = wait.child("ssh", StageKind::Waiting, "k3s-master1");
    let first = wait.child("ssh", StageKind::Waiting, "k3s-worker1");
    let second = wait.child("ssh", StageKind::Waiting, "작업자-2");
    master.progress(Some(0.5), "TCP 22 open");
    clock.advance(ms(30_000));
    master.finish(Outcome::Ok);
    let install = wait.child("설치", StageKind::Working, "k3s-master1");
    clock.advance(ms(10_000));
    install.finish(Outcome::failed("install failed:\n\tdisk full"));
    clock.advance(ms(20_000));
    first.finish(Outcome::timed_out("22번 포트 응답 없음"));
    second.finish(Outcome::Cancelled);
    wait.finish(Outcome::failed("1 of 3 machines is ready"));
    clock.advance(ms(3_000));
    let left_open = timeline.stage("monitor", StageKind::Waiting);
    clock.advance(ms(800));
    drop(left_open);
    timeline.finish(Outcome::failed("1 of 3 machines is ready"))
}

/// A directory in memory where there is one: tests that write thousands of records and sync them should not wait for a
/// disk that is busy with other things.
pub(crate) fn fast_directory() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

/// Compares with a file in `tests/golden/`; with `UPDATE_GOLDEN=1` in the environment, writes it.
pub(crate) fn golden(name: &str, actual: &str) {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/golden")
        .join(name);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, actual).unwrap();
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default().replace("\r\n", "\n");
    assert!(
        expected == actual,
        "{name} differs (UPDATE_GOLDEN=1 accepts it)\n--- expected\n{expected}\n--- actual\n{actual}"
    );
}
