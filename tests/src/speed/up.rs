//! `up`, in real time, against the critical path.

use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::process::{Look, look};
use super::{lab, world};

/// When all guests wait, from the start of `up`: the machines are made and started, none is ready.
const WAITING: (f64, f64) = (170.0, 270.0);

/// What no program can be faster than: a template's snapshot, one clone after the other of one parent, the start of the last
/// machine, its bootstrap, a clean stop and a start to take the drives out, its boot.
fn critical_path(nodes: usize) -> f64 {
    let config = world();
    let (latency, guest) = (&config.latency, &config.guest);
    let clones = f64::from(u32::try_from(nodes).unwrap_or(0)) * latency.clone;
    let bootstrapped = guest.ssh + guest.first_boot + guest.bootstrap;
    let restart = latency.stop_soft + latency.unlock + latency.start + guest.ssh.max(guest.k3s);
    latency.snapshot + clones + latency.start + bootstrapped + restart
}

pub(super) fn run(nodes: usize) -> Result<bool, String> {
    let directory = tempfile::tempdir().map_err(|e| e.to_string())?;
    let lab = lab(directory.path(), nodes)?;
    let mut child = lab
        .command(&["--output", "json", "--progress", "none", "up"])
        .stdout(Stdio::piped())
        .spawn()
        .map_err(|e| e.to_string())?;
    let (pid, begun) = (child.id(), Instant::now());
    let watcher = std::thread::spawn(move || {
        let mut looks: Vec<Look> = Vec::new();
        while let Some(now) = look(pid) {
            looks.push(now);
            std::thread::sleep(Duration::from_millis(500));
        }
        looks
    });
    let mut text = String::new();
    if let Some(mut stdout) = child.stdout.take() {
        std::io::Read::read_to_string(&mut stdout, &mut text).map_err(|e| e.to_string())?;
    }
    // The watcher ends when the process is gone, which it is only after this.
    let status = child.wait().map_err(|e| e.to_string())?;
    let took = begun.elapsed().as_secs_f64();
    let looks = watcher.join().map_err(|_| "the watcher failed".to_owned())?;
    let report: Value = serde_json::from_str(&text).unwrap_or_default();
    if !status.success() {
        return Err(format!("up failed: {}", report["error"]));
    }
    let critical = critical_path(nodes);
    let (ratio, limit) = (took / critical, if nodes <= 3 { 1.02 } else { 1.05 });
    println!("up of {nodes} nodes: {took:.1} s, {ratio:.3} times the critical path of {critical:.1} s (limit {limit})");
    for stage in report["stages"].as_array().into_iter().flatten() {
        println!(
            "  {:<16}{:>8.1} s",
            stage["stage"].as_str().unwrap_or_default(),
            stage["seconds"].as_f64().unwrap_or(0.0)
        );
    }
    Ok(cost(&looks, begun) && ratio <= limit)
}

/// Processor and memory while everybody waits.
fn cost(looks: &[Look], begun: Instant) -> bool {
    let since = |look: &Look| (look.at - begun).as_secs_f64();
    let first = looks.iter().find(|look| since(look) >= WAITING.0);
    let last = looks.iter().rev().find(|look| since(look) <= WAITING.1);
    let (Some(first), Some(last)) = (first, last) else {
        println!("  the wait was too short to measure what it costs");
        return false;
    };
    let seconds = since(last) - since(first);
    let own = (last.own - first.own) / seconds * 100.0;
    let children = (last.children - first.children) / seconds * 100.0;
    let resident = looks.iter().map(|look| look.resident).fold(0.0, f64::max);
    println!(
        "  waiting: lab-cli {own:.1} % of one core, the vmrun processes that it started {children:.1} %; at most {resident:.0} MiB resident"
    );
    own < 10.0 && resident < 150.0
}
