//! `up`, in real time, against the critical path.

use std::collections::BTreeMap;
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::process::{Look, look};
use super::{lab, world};
use crate::fake::lab::FakeLab;
use crate::fake::{GuestTimes, LOG_FILE, WorldConfig, bootstrap_shares};

/// When all guests wait, from the start of `up` and until the end of the bootstrap: the machines are made and started, none is
/// complete.
const WAITING: (f64, f64) = (170.0, 30.0);

/// What no program can be faster than.
///
/// Clones of one parent wait for one another, but a machine that is made can start while the next one is cloned. So the
/// master, whose bootstrap is the longest, is not held up by the number of workers, until there are so many that the last one's
/// clone, start and own part of the bootstrap take longer; nobody completes before the server can be joined. Then a clean stop
/// and a start, to take the drives out, and the boot after it.
fn critical_path(config: &WorldConfig, nodes: usize) -> f64 {
    let (latency, guest) = (&config.latency, &config.guest);
    let clones = |n: usize| f64::from(u32::try_from(n).unwrap_or(0)) * latency.clone;
    let booted = |nth: usize| latency.snapshot + clones(nth) + latency.start + guest.ssh + guest.first_boot;
    let (agent, joinable, joining) = bootstrap_shares();
    let server = booted(1) + guest.bootstrap;
    let joined = booted(1) + (joinable + joining) * guest.bootstrap;
    let last = booted(nodes) + agent * guest.bootstrap;
    let restart = latency.stop_soft + latency.unlock + latency.start + guest.ssh.max(guest.k3s);
    server.max(joined).max(last) + restart
}

/// With a `bootstrap` of so many seconds instead of the world's own, everything else stays as it is: what comes on top of the
/// critical path can be looked at without waiting five minutes for it.
pub(super) fn run(nodes: usize, bootstrap: Option<f64>) -> Result<bool, String> {
    let directory = tempfile::tempdir().map_err(|e| e.to_string())?;
    let mut config = world();
    config.guest = GuestTimes {
        bootstrap: bootstrap.unwrap_or(config.guest.bootstrap),
        ..config.guest
    };
    let lab = lab(directory.path(), &config, nodes)?;
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
    let critical = critical_path(&config, nodes);
    let (ratio, limit) = (took / critical, if nodes <= 3 { 1.02 } else { 1.05 });
    println!(
        "up of {nodes} nodes: {took:.1} s, {ratio:.3} times the critical path of {critical:.1} s (limit {limit}), {:.1} s more",
        took - critical
    );
    for stage in report["stages"].as_array().into_iter().flatten() {
        println!(
            "  {:<16}{:>8.1} s",
            stage["stage"].as_str().unwrap_or_default(),
            stage["seconds"].as_f64().unwrap_or(0.0)
        );
    }
    println!("  calls of vmrun: {}", calls(&lab)?);
    if bootstrap.is_some() {
        drop(lab);
        println!(
            "  what happened: {}",
            directory.keep().join("world").join(LOG_FILE).display()
        );
        return Ok(true);
    }
    let until = config.guest.ssh + config.guest.first_boot + config.guest.bootstrap - WAITING.1;
    Ok(cost(&looks, begun, until) && ratio <= limit)
}

/// How often each command was called.
fn calls(lab: &FakeLab) -> Result<String, String> {
    let log = std::fs::read_to_string(lab.world.directory().join(LOG_FILE)).map_err(|e| e.to_string())?;
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for line in log.lines() {
        let entry: Value = serde_json::from_str(line).unwrap_or_default();
        if let Some(command) = entry["call"].as_str() {
            *counts.entry(command.to_owned()).or_default() += 1;
        }
    }
    let counts: Vec<String> = counts.iter().map(|(command, n)| format!("{n} {command}")).collect();
    Ok(counts.join(", "))
}

/// Processor and memory while everybody waits.
fn cost(looks: &[Look], begun: Instant, until: f64) -> bool {
    let since = |look: &Look| (look.at - begun).as_secs_f64();
    let first = looks.iter().find(|look| since(look) >= WAITING.0);
    let last = looks.iter().rev().find(|look| since(look) <= until);
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
