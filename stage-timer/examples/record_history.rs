//! Records runs of real work, some seconds each, as a history to predict from and to replay:
//! `cargo run --release -p stage-timer --example record_history -- DIRECTORY RUNS`. Needs gzip and sha256sum.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use stage_timer::{History, Lang, Outcome, Stage, StageKind, Timeline};

fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let directory = PathBuf::from(arguments.next().unwrap_or_else(|| "target/history".to_owned()));
    let runs: usize = arguments.next().map_or(Ok(3), |runs| runs.parse())?;
    let history = History::new(directory);
    let work = std::env::temp_dir().join(format!("record-history-{}", std::process::id()));
    for _ in 0..runs {
        fs::create_dir_all(&work)?;
        let result = run(&history, &work);
        fs::remove_dir_all(&work)?;
        result?;
    }
    let replay = stage_timer::eta::Replay::of(&history.records(usize::MAX)?);
    print!("{}", replay.to_text(Lang::En));
    Ok(())
}

/// Makes three files, then compresses each in a lane of its own, checks it, and adds them up.
fn run(history: &History, work: &Path) -> Result<(), Box<dyn Error>> {
    let timeline = Timeline::builder("pack")
        .shape("3")
        .record_in(history.directory())
        .start();
    let files: Vec<PathBuf> = ["small", "medium", "large"]
        .iter()
        .map(|name| work.join(name))
        .collect();
    timeline.stage("generate", StageKind::Working).in_scope(|_| {
        files
            .iter()
            .zip([8_u64, 16, 24])
            .try_for_each(|(file, megabytes)| fs::write(file, noise(megabytes << 20)))
    })?;
    let pack = timeline.stage("pack", StageKind::Working);
    let all_well = std::thread::scope(|scope| {
        let lanes: Vec<_> = files.iter().map(|file| scope.spawn(|| pack_one(&pack, file))).collect();
        lanes.into_iter().all(|lane| lane.join().is_ok_and(|packed| packed))
    });
    let outcome = if all_well {
        Outcome::Ok
    } else {
        Outcome::failed("a file could not be packed")
    };
    pack.finish(outcome.clone());
    timeline
        .stage("sum", StageKind::Waiting)
        .in_scope(|_| command("sha256sum", &files))?;
    print!("{}", timeline.finish(outcome).brief(Lang::En));
    Ok(())
}

fn pack_one(pack: &Stage, file: &Path) -> bool {
    let lane = file
        .file_name()
        .map_or(String::new(), |name| name.to_string_lossy().into_owned());
    let file = [file.to_owned()];
    ["-1", "-6", "-t"].into_iter().all(|mode| {
        let (name, arguments) = match mode {
            "-t" => ("check", vec!["-t".to_owned()]),
            level => (
                if level == "-1" { "try" } else { "compress" },
                vec!["-kf".to_owned(), level.to_owned()],
            ),
        };
        let packed = [PathBuf::from(format!("{}.gz", file[0].display()))];
        let files = if mode == "-t" { &packed } else { &file };
        let arguments: Vec<PathBuf> = arguments
            .into_iter()
            .map(PathBuf::from)
            .chain(files.iter().cloned())
            .collect();
        pack.child(name, StageKind::Waiting, lane.clone())
            .in_scope(|_| command("gzip", &arguments))
            .is_ok()
    })
}

fn command(program: &str, arguments: &[PathBuf]) -> Result<(), String> {
    let status = Command::new(program).args(arguments).stdout(Stdio::null()).status();
    match status {
        Ok(status) if status.success() => Ok(()),
        Ok(status) => Err(format!("{program}: {status}")),
        Err(error) => Err(format!("{program}: {error}")),
    }
}

/// Bytes that are neither all alike nor all different.
fn noise(bytes: u64) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..bytes)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state % 61).to_le_bytes()[0]
        })
        .collect()
}
