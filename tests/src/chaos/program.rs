//! The program: seeds in, one line of figures out.

use std::collections::BTreeMap;
use std::io::IsTerminal as _;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use super::play::{self, Outcome, struck};
use super::schedule::{Action, Schedule};
use super::{Verdict, kill};
use crate::programs::wants_help;

const HELP: &str = "\
chaos: lab-cli on a world in which things go wrong, checked against the world's truth

Needs lab-cli and vmrun-fake of the same build: cargo build -p lab-cli -p lab-tests --bins

  chaos --seeds A..B [--jobs N] [--verbose]    schedules of up, stop, start, destroy with faults
  chaos --kill --seeds A..B                    SIGKILL at random moments of up, destroy, pki rotate, snapshot
  chaos --seeds A..B --actions up,stop --faults 'hang@start/w1#1,reboot@guest/m+40'
                                               the seed's quirks with these commands and faults instead
  chaos --replay WORLD_LOG --seeds A..B        the faults that struck, from a world's log
  chaos … --keep DIR                           keeps the world's log of each schedule: DIR/seed-N.log

  --seeds A..B    which schedules, without B (0..10); a seed always means the same schedule
  --jobs N        so many at a time (twice the processors)
  --verbose       the story of each one, not only of those with a finding
  --actions LIST  of up, stop, start, destroy, status, in this order
  --faults LIST   as tests/README.md has them

Ends with 0 only if nothing was called ready (or stopped) that was not, nothing was lost, leaked or left unexplained.
";

struct Options {
    seeds: Range<u64>,
    jobs: usize,
    kill: bool,
    verbose: bool,
    actions: Option<Vec<Action>>,
    faults: Option<Vec<String>>,
    keep: Option<PathBuf>,
}

/// Runs it.
pub fn main() -> ExitCode {
    let argv: Vec<String> = std::env::args().skip(1).collect();
    if wants_help(&argv) {
        print!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let result = options(&argv).and_then(|options| run(&options));
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(reason) => {
            eprint!("{reason}\n\n{HELP}");
            ExitCode::from(2)
        }
    }
}

fn options(argv: &[String]) -> Result<Options, String> {
    let mut options = Options {
        seeds: 0..10,
        jobs: std::thread::available_parallelism().map_or(2, usize::from) * 2,
        kill: false,
        verbose: false,
        actions: None,
        faults: None,
        keep: None,
    };
    let mut rest = argv.iter();
    while let Some(flag) = rest.next() {
        let mut value = || rest.next().ok_or(format!("{flag} needs a value"));
        let list = |text: &String| {
            text.split(',')
                .filter(|t| !t.is_empty())
                .map(str::to_owned)
                .collect::<Vec<_>>()
        };
        match flag.as_str() {
            "--kill" => options.kill = true,
            "--verbose" => options.verbose = true,
            "--seeds" => {
                let text = value()?;
                let ends = text
                    .split_once("..")
                    .and_then(|(a, b)| Some(a.parse().ok()?..b.parse().ok()?));
                options.seeds = ends.ok_or(format!("`{text}` is no range of seeds: A..B"))?;
            }
            "--jobs" => options.jobs = value()?.parse().map_err(|_| "--jobs needs a number".to_owned())?,
            "--actions" => {
                let actions = list(value()?)
                    .into_iter()
                    .map(|name| Action::parse(&name).ok_or(format!("`{name}` is no action")));
                options.actions = Some(actions.collect::<Result<_, _>>()?);
            }
            "--faults" => options.faults = Some(list(value()?)),
            "--replay" => {
                let path = value()?;
                let text = std::fs::read_to_string(path).map_err(|e| format!("{path}: {e}"))?;
                options.faults = Some(struck(&text));
            }
            "--keep" => options.keep = Some(PathBuf::from(value()?)),
            _ => return Err(format!("`{flag}` is not known")),
        }
    }
    if options.kill && (options.actions.is_some() || options.faults.is_some() || options.keep.is_some()) {
        return Err("--kill goes with --seeds, --jobs and --verbose only".to_owned());
    }
    Ok(options)
}

fn run(options: &Options) -> Result<bool, String> {
    let programs = beside()?;
    if let Some(directory) = &options.keep {
        std::fs::create_dir_all(directory).map_err(|e| format!("{}: {e}", directory.display()))?;
    }
    let begun = Instant::now();
    let missing = if options.kill {
        kill::missing(&programs)
    } else {
        Vec::new()
    };
    for (_, name) in &missing {
        println!("not killed: this lab-cli has no `{name}`");
    }
    let next = AtomicU64::new(options.seeds.start);
    let results: Mutex<BTreeMap<u64, Result<Outcome, String>>> = Mutex::default();
    std::thread::scope(|scope| {
        for _ in 0..options.jobs.max(1) {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= options.seeds.end {
                        return;
                    }
                    if missing.iter().any(|(n, _)| *n == seed % 4) {
                        continue;
                    }
                    let result = one(&programs, options, seed);
                    if options.verbose || result.as_ref().map_or(true, |o| !o.findings.is_empty()) {
                        print(seed, &result);
                    }
                    let mut results = results.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                    results.insert(seed, result);
                    progress(results.len(), options);
                }
            });
        }
    });
    let results = results.into_inner().unwrap_or_default();
    for (seed, result) in &results {
        if matches!(result, Ok(outcome) if !outcome.findings.is_empty()) && !options.kill {
            minimise(&programs, options, *seed);
        }
    }
    Ok(summary(&results, begun))
}

/// On a terminal, how far it is.
fn progress(played: usize, options: &Options) {
    let all = options.seeds.end - options.seeds.start;
    if std::io::stderr().is_terminal() {
        eprint!("\r{played} of {all} ");
    }
}

fn one(programs: &Path, options: &Options, seed: u64) -> Result<Outcome, String> {
    if options.kill {
        kill::play(programs, seed)
    } else {
        play::play(programs, &schedule(options, seed), options.keep.as_deref())
    }
}

fn schedule(options: &Options, seed: u64) -> Schedule {
    let mut schedule = Schedule::new(seed);
    if let Some(actions) = &options.actions {
        schedule.actions.clone_from(actions);
    }
    if let Some(faults) = &options.faults {
        schedule.config.faults.clone_from(faults);
    }
    schedule
}

/// The programs of the same build.
fn beside() -> Result<PathBuf, String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let directory = program.parent().map(Path::to_owned).unwrap_or_default();
    for name in ["lab-cli", "vmrun-fake"] {
        let path = directory.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        if !path.is_file() {
            return Err(format!(
                "{} is not built: cargo build -p lab-cli -p lab-tests --bins",
                path.display()
            ));
        }
    }
    Ok(directory)
}

fn print(seed: u64, result: &Result<Outcome, String>) {
    let mut lines = vec![format!("seed {seed}:")];
    match result {
        Err(reason) => lines.push(format!("  could not be played: {reason}")),
        Ok(outcome) => {
            lines.extend(outcome.story.iter().map(|line| format!("  {line}")));
            let found = outcome.findings.iter();
            lines.extend(found.map(|finding| format!("  {:?}: {}", finding.verdict, finding.what)));
        }
    }
    // In one piece: several schedules are played at a time.
    println!("{}", lines.join("\n"));
}

/// Leaves away what the finding does not need, and prints the rest as a command line.
fn minimise(programs: &Path, options: &Options, seed: u64) {
    let mut smallest = schedule(options, seed);
    let fails =
        |candidate: &Schedule| play::play(programs, candidate, None).is_ok_and(|outcome| !outcome.findings.is_empty());
    let mut n = 0;
    while n < smallest.config.faults.len() {
        let mut candidate = smallest.clone();
        candidate.config.faults.remove(n);
        if fails(&candidate) {
            smallest = candidate;
        } else {
            n += 1;
        }
    }
    while smallest.actions.len() > 1 {
        let mut candidate = smallest.clone();
        candidate.actions.pop();
        if !fails(&candidate) {
            break;
        }
        smallest = candidate;
    }
    let actions: Vec<&str> = smallest.actions.iter().map(|a| a.name()).collect();
    println!(
        "seed {seed} again: chaos --verbose --seeds {seed}..{} --actions {} --faults '{}'",
        seed + 1,
        actions.join(","),
        smallest.config.faults.join(",")
    );
}

/// Prints the figures; whether all is well.
fn summary(results: &BTreeMap<u64, Result<Outcome, String>>, begun: Instant) -> bool {
    let played: Vec<&Outcome> = results.values().filter_map(|r| r.as_ref().ok()).collect();
    let count = |verdict: Verdict| {
        played
            .iter()
            .filter(|o| o.findings.iter().any(|f| f.verdict == verdict))
            .count()
    };
    let counts = [
        Verdict::FalseReady,
        Verdict::Lost,
        Verdict::Leaked,
        Verdict::Unexplained,
    ]
    .map(count);
    let unplayed = results.len() - played.len();
    println!(
        "schedules={} false_ready={} lost={} leaked={} unexplained={}",
        results.len(),
        counts[0],
        counts[1],
        counts[2],
        counts[3]
    );
    println!(
        "commands={} failed={} faults={} unplayed={unplayed} seconds={:.0}",
        played.iter().map(|o| o.runs).sum::<usize>(),
        played.iter().map(|o| o.failed).sum::<usize>(),
        played.iter().map(|o| o.struck).sum::<usize>(),
        begun.elapsed().as_secs_f64()
    );
    unplayed == 0 && counts.iter().all(|count| *count == 0)
}
