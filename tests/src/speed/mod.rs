//! The figures of `docs/performance.md` about `up`: against the critical path of the machines themselves, and beside the
//! sequential flow of scripts that this lab replaces.
//!
//! The world has the timings that were measured there: a start takes 4.2 s, a guest is ready 300 s after it, a soft stop takes
//! 8.8 s, and a drive can only be taken out while the machine is off.

mod flow;
mod process;
mod up;

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use crate::fake::lab::{FakeLab, LabShape};
use crate::fake::{GuestTimes, Latency, WorldConfig};
use crate::programs::wants_help;

const HELP: &str = "\
speed: how fast lab-cli is on a world with the timings of the flow that it replaces

  speed commands      lab-cli --version, plan
  speed up N          up with N nodes, in real time (about six minutes)
  speed up N SECONDS  the same with guests that bootstrap in so many seconds instead of 260: only what is above the critical
                      path is to be looked at
  speed flow [SCALE]  the sequential flow of the replaced scripts, time-scaled (20)
";

/// Runs it.
pub fn main() -> ExitCode {
    let argv: Vec<String> = std::env::args().skip(1).collect();
    if wants_help(&argv) {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let words: Vec<&str> = argv.iter().map(String::as_str).collect();
    let result = match words.as_slice() {
        ["commands"] => commands(),
        ["up", nodes] => number(nodes).and_then(|nodes| up::run(nodes, None)),
        ["up", nodes, bootstrap] => number(nodes).and_then(|nodes| up::run(nodes, Some(number(bootstrap)?))),
        ["flow"] => flow::run(20.0),
        ["flow", scale] => scale.parse().map_err(|_| HELP.to_owned()).and_then(flow::run),
        _ => Err(HELP.to_owned()),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            eprintln!("{reason}");
            ExitCode::from(2)
        }
    }
}

/// The world of the figures.
fn world() -> WorldConfig {
    WorldConfig {
        hot_detach: false,
        latency: Latency {
            start: 4.2,
            stop_soft: 8.8,
            ..Latency::default()
        },
        guest: GuestTimes {
            tools: 15.0,
            address: 20.0,
            ssh: 25.0,
            first_boot: 15.0,
            k3s: 25.0,
            bootstrap: 260.0,
            components: 0.0,
            ..GuestTimes::default()
        },
        ..WorldConfig::default()
    }
}

fn programs() -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    Ok(program.parent().map(Path::to_owned).unwrap_or_default())
}

fn number<T: std::str::FromStr>(text: &str) -> Result<T, String> {
    text.parse().map_err(|_| HELP.to_owned())
}

fn lab(directory: &Path, config: &WorldConfig, nodes: usize) -> Result<FakeLab, String> {
    let shape = LabShape {
        workers: nodes.saturating_sub(1),
        more: String::new(),
    };
    FakeLab::start(&programs()?, directory, config, &shape)
}

/// `--version` and `plan`, each many times; what must not be missed is the median.
fn commands() -> Result<bool, String> {
    const RUNS: usize = 41;
    let directory = tempfile::tempdir().map_err(|e| e.to_string())?;
    let lab = lab(directory.path(), &world(), 3)?;
    let mut fine = true;
    for (arguments, limit) in [(&["--version"][..], 10.0), (&["plan"], 50.0)] {
        let mut times = Vec::new();
        for _ in 0..RUNS {
            let begun = Instant::now();
            let output = lab.command(arguments).output().map_err(|e| e.to_string())?;
            times.push(begun.elapsed());
            if !output.status.success() {
                return Err(crate::programs::said(&output));
            }
        }
        times.sort();
        let median = milliseconds(times[RUNS / 2]);
        println!(
            "lab-cli {}: median {median:.1} ms, fastest {:.1} ms of {RUNS} (limit {limit} ms)",
            arguments.join(" "),
            milliseconds(times[0])
        );
        fine &= median < limit;
    }
    Ok(fine)
}

fn milliseconds(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
