//! Writing a payload image of 2 GiB, against cp, xorriso and genisoimage: `cargo bench -p cloudinit-gen --bench iso`.
//!
//! Every round runs each once, in another order than the round before, each in a process of its own, and waits until the
//! disk is idle in between; what is printed is each one's best round, and the ratios of these. What disturbs a run only makes it longer,
//! and there is much of that: a virtual machine that has given free memory back to its host gets it again page by page, which takes
//! several times as long as the copy; so before each run an image's worth of memory is used and let go. "payload" is what the crate
//! does for a lab: the image, the SHA-256 of everything in it, the manifest. "payload, known" is the same when the digests are
//! known beforehand. "image" is the image alone, which is what the others write; "cp+sha256sum" is how one would otherwise get both. Time is given by the clock, until the program ends
//! and until its image is on the disk, and as processor time, which other work on the machine disturbs less.
//!
//! `ISO_BENCH_MIB=2048` is the payload's size, `ISO_BENCH_ROUNDS=9` how many rounds there are, `ISO_BENCH_DIR=/tmp` where
//! it happens; that needs twice the size.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use cloudinit_gen::iso::{IsoBuilder, Source};
use cloudinit_gen::payload::{Payload, PayloadManifest};

/// One way to write it.
struct Writer {
    name: &'static str,
    command: fn(&Path, &Path) -> Command,
}

const WRITERS: [Writer; 7] = [
    Writer {
        name: "cp",
        command: |source, out| arguments("cp", &[source, out]),
    },
    Writer {
        name: "payload",
        command: |source, out| own("--payload", source, out),
    },
    Writer {
        name: "payload, known",
        command: |source, out| own("--known", source, out),
    },
    Writer {
        name: "image",
        command: |source, out| own("--image", source, out),
    },
    Writer {
        name: "xorriso",
        command: |source, out| {
            let mut command = Command::new("xorriso");
            command.args([
                "-as",
                "mkisofs",
                "-quiet",
                "-iso-level",
                "3",
                "-J",
                "-R",
                "-V",
                "LABPAYLOAD",
                "-o",
            ]);
            command.arg(out).arg(source);
            command
        },
    },
    Writer {
        name: "genisoimage",
        command: |source, out| {
            let mut command = Command::new("genisoimage");
            command.args(["-quiet", "-iso-level", "3", "-J", "-R", "-V", "LABPAYLOAD", "-o"]);
            command.arg(out).arg(source);
            command
        },
    },
    Writer {
        name: "cp+sha256sum",
        command: |source, out| {
            let mut command = Command::new("sh");
            command.args(["-c", r#"cp "$1" "$2" && sha256sum "$1" >"$2.sum""#, "sh"]);
            command.arg(source).arg(out);
            command
        },
    },
];

fn arguments(program: &str, paths: &[&Path]) -> Command {
    let mut command = Command::new(program);
    command.args(paths);
    command
}

fn own(mode: &str, source: &Path, out: &Path) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.arg(mode).arg(source).arg(out);
    command
}

/// What one run took.
#[derive(Clone, Copy, Default)]
struct Run {
    clock: f64,
    /// Until what was written is on the disk.
    flushed: f64,
    processor: f64,
    /// Peak resident memory in KiB; 0 for programs that do not say.
    peak: u64,
}

fn main() {
    let arguments: Vec<String> = std::env::args().collect();
    match arguments
        .iter()
        .position(|a| ["--payload", "--known", "--image"].contains(&a.as_str()))
    {
        Some(at) => {
            write(&arguments[at], arguments[at + 1].as_ref(), arguments[at + 2].as_ref());
            print!("{}", peak_memory());
        }
        None => compare(),
    }
}

/// The measured process.
fn write(mode: &str, source: &Path, out: &Path) {
    if mode == "--image" {
        let mut iso = IsoBuilder::new("LABPAYLOAD".parse().unwrap());
        let name = source.file_name().unwrap().to_str().unwrap();
        iso.file(name, Source::path(source)).unwrap();
        iso.write_file(out).unwrap();
    } else {
        let mut payload = Payload::new(source.with_file_name("k3s"));
        payload.images = vec![source.to_owned()];
        if mode == "--known" {
            let first = PayloadManifest::read(&first_image(source)).unwrap();
            payload.known_digests = first.files.into_iter().map(|file| (file.source, file.sha256)).collect();
        }
        payload.write_iso(out).unwrap();
    }
}

/// This process's, in KiB as text.
fn peak_memory() -> String {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.unwrap_or("0").trim().trim_end_matches(" kB").to_owned()
}

/// An image that was written before anything was measured: its manifest has the digests.
fn first_image(source: &Path) -> PathBuf {
    source.with_file_name("first.iso")
}

fn load() -> String {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(1).collect()
}

fn compare() {
    let setting = |name: &str, default: u64| std::env::var(name).map_or(default, |text| text.parse().unwrap());
    let (size, rounds) = (setting("ISO_BENCH_MIB", 2048) << 20, setting("ISO_BENCH_ROUNDS", 9));
    let parent = std::env::var_os("ISO_BENCH_DIR").map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = tempfile::tempdir_in(parent).unwrap();
    let source = directory.path().join("images.tar");
    fill(&source, size);
    fs::write(directory.path().join("k3s"), "#!/bin/sh\n").unwrap();
    let out = directory.path().join("out.iso");
    let first = first_image(&source);
    write("--payload", &source, &first);
    fs::remove_file(first).unwrap();

    let load_before = load();
    let mut runs: Vec<[Run; WRITERS.len()]> = Vec::new();
    for round in 0..usize::try_from(rounds).unwrap() {
        let mut results = [Run::default(); WRITERS.len()];
        for turn in 0..WRITERS.len() {
            let writer = (turn + round) % WRITERS.len();
            results[writer] = run(&WRITERS[writer], &source, &out);
        }
        runs.push(results);
    }
    println!(
        "{} MiB, best of {rounds} rounds; ratio: time of cp (of xorriso) by the time of this; load {load_before} to {}",
        size >> 20,
        load()
    );
    let of = |name| WRITERS.iter().position(|writer| writer.name == name).unwrap();
    let (cp, xorriso) = (of("cp"), of("xorriso"));
    for (index, writer) in WRITERS.iter().enumerate() {
        let best = |value: fn(&Run) -> f64, of: usize| {
            let values = runs.iter().map(|results| value(&results[of]));
            values.fold(f64::INFINITY, f64::min)
        };
        let times = |value| {
            let own = best(value, index);
            format!(
                "{own:5.2} s  {:5.2} ({:5.2})",
                best(value, cp) / own,
                best(value, xorriso) / own
            )
        };
        let peak = runs.iter().map(|results| results[index].peak).max().unwrap_or(0);
        println!(
            "{:14} {}   on the disk {}   processor {}   peak memory {}",
            writer.name,
            times(|r| r.clock),
            times(|r| r.flushed),
            times(|r| r.processor),
            if peak == 0 {
                "-".to_owned()
            } else {
                format!("{:.1} MiB", peak_mib(peak))
            },
        );
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few thousand KiB")]
fn peak_mib(kib: u64) -> f64 {
    kib as f64 / 1024.0
}

fn run(writer: &Writer, source: &Path, out: &Path) -> Run {
    fs::copy(source, out).unwrap();
    let _ = Command::new("sync").status();
    fs::remove_file(out).unwrap();
    let before = children_time();
    let start = Instant::now();
    let output = (writer.command)(source, out)
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", writer.name));
    let clock = start.elapsed().as_secs_f64();
    let processor = children_time() - before;
    assert!(
        output.status.success(),
        "{}: {}",
        writer.name,
        String::from_utf8_lossy(&output.stderr)
    );
    let _ = Command::new("sync").arg(out).status();
    let flushed = start.elapsed().as_secs_f64();
    assert!(fs::metadata(out).unwrap().len() >= fs::metadata(source).unwrap().len());
    Run {
        clock,
        flushed,
        processor,
        peak: String::from_utf8_lossy(&output.stdout).trim().parse().unwrap_or(0),
    }
}

/// Processor time of all children that have ended, in seconds: fields 16 and 17 of /proc/self/stat, in ticks of 10 ms.
fn children_time() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let fields: Vec<&str> = stat.rsplit_once(')').unwrap().1.split_whitespace().collect();
    let ticks = |index: usize| fields[index].parse::<f64>().unwrap();
    (ticks(13) + ticks(14)) / 100.0
}

/// Bytes without repetition, behind the head of a tar archive.
fn fill(path: &Path, size: u64) {
    use std::io::Write as _;
    let mut file = fs::File::create(path).unwrap();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut block = vec![0; 1 << 20];
    for number in 0..size >> 20 {
        for word in block.chunks_exact_mut(8) {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            word.copy_from_slice(&state.to_le_bytes());
        }
        if number == 0 {
            block[257..262].copy_from_slice(b"ustar");
        }
        file.write_all(&block).unwrap();
    }
    file.sync_all().unwrap();
}
