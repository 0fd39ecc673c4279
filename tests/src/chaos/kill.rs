//! `lab-cli` killed at random moments, and run again.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use russh::keys::{PrivateKey, PublicKey};

use super::check;
use super::place::Place;
use super::play::{Outcome, advised, recreate};
use super::schedule::quiet;
use super::{Finding, Verdict};
use crate::fake::rng::Rng;

/// What is killed, how long it takes at most, and what has to be there before.
const VICTIMS: [(&str, &[&str], f64, bool); 4] = [
    ("up", &["up"], 5.0, false),
    ("destroy", &["destroy", "--yes"], 0.8, true),
    ("pki rotate", &["pki", "rotate"], 0.06, false),
    ("snapshot", &["snapshot", "create", "s"], 3.0, true),
];

/// Kills the command that the seed names, up to three times, and lets it end.
pub(super) fn play(programs: &Path, seed: u64) -> Result<Outcome, String> {
    let mut rng = Rng::new(seed, "kill");
    let (name, arguments, longest, needs_lab) = VICTIMS[usize::try_from(seed % 4).unwrap_or(0)];
    let place = Place::new(programs, &quiet(seed), 1, false)?;
    let mut outcome = Outcome::default();
    if needs_lab {
        let ran = place.run(&["up"], true)?;
        outcome.story.push(format!("up: {}", ran.brief()));
        outcome.runs += 1;
    }
    if name == "pki rotate" {
        place.run(&["pki", "init"], true)?;
    }
    for _ in 0..=rng.below(3) {
        let mut child = place
            .command(arguments, true)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .map_err(|e| e.to_string())?;
        let after = rng.unit() * longest;
        std::thread::sleep(Duration::from_secs_f64(after));
        // On Unix this is SIGKILL, on Windows TerminateProcess: nothing of the program runs any more.
        let _ = child.kill();
        let status = child.wait().map_err(|e| e.to_string())?;
        outcome.runs += 1;
        outcome.struck += usize::from(status.code().is_none());
        outcome
            .story
            .push(format!("{name} killed after {after:.2} s: {status}"));
        outcome.findings.extend(whole(&place));
    }
    converge(&place, name, arguments, &mut outcome)?;
    Ok(outcome)
}

fn converge(place: &Place, name: &str, arguments: &[&str], outcome: &mut Outcome) -> Result<(), String> {
    let lost = |what: String| Finding::new(Verdict::Lost, what);
    let ran = place.run(arguments, true)?;
    outcome.runs += 1;
    outcome.story.push(format!("{name} again: {}", ran.brief()));
    // A snapshot that was complete when its command died is there: then saying so is the answer.
    let there = name == "snapshot" && ran.error()["message"].as_str().is_some_and(|m| m.contains("already"));
    if ran.exit != Some(0) && !there {
        outcome
            .findings
            .push(lost(format!("{name} does not end well after a kill: {}", ran.brief())));
    }
    outcome.findings.extend(whole(place));
    let mut ran = place.run(&["up"], true)?;
    if let Some(advice) = advised(&ran) {
        ran = recreate(place, &advice)?;
    }
    outcome.story.push(format!("up: {}", ran.brief()));
    if ran.exit != Some(0) {
        outcome
            .findings
            .push(lost(format!("the lab does not come up after a kill: {}", ran.brief())));
    }
    outcome.findings.extend(check::truthful(place, &ran, true)?);
    outcome.findings.extend(whole(place));
    let ran = place.run(&["destroy", "--yes"], true)?;
    outcome.story.push(format!("destroy: {}", ran.brief()));
    if ran.exit != Some(0) {
        outcome.findings.push(lost(format!(
            "the lab cannot be destroyed after a kill: {}",
            ran.brief()
        )));
    }
    outcome
        .findings
        .extend(check::clean(place, ran.exit == Some(0))?.into_iter().filter(|finding| {
            // Whoever was killed could not take its temporary file along.
            !finding.what.starts_with("the temporary file")
        }));
    Ok(())
}

/// State, keys and certificates are whole or not there.
fn whole(place: &Place) -> Vec<Finding> {
    let torn = |what: String| Finding::new(Verdict::Lost, what);
    let mut findings: Vec<Finding> = place.state().err().into_iter().collect();
    let keys = place.lab.root().join("keys");
    for directory in [keys.clone(), keys.join("host")] {
        for entry in std::fs::read_dir(&directory).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            if path.is_dir() || name.starts_with(".new-") {
                continue;
            }
            let text = std::fs::read_to_string(&path).unwrap_or_default();
            let fine = match name.as_str() {
                "token" => !text.trim().is_empty(),
                _ if Path::new(&name).extension().is_some_and(|ext| ext == "pub") => {
                    PublicKey::from_openssh(text.trim()).is_ok()
                }
                _ => PrivateKey::from_openssh(&text).is_ok(),
            };
            if !fine {
                findings.push(torn(format!("the key {} is torn", path.display())));
            }
        }
    }
    if place.lab.root().join("pki").is_dir() {
        match place.run(&["pki", "show"], true) {
            Ok(ran) if ran.exit == Some(0) || !place.lab.root().join("pki/registry.crt").exists() => {}
            Ok(ran) => findings.push(torn(format!("the certificates cannot be read: {}", ran.brief()))),
            Err(e) => findings.push(torn(e)),
        }
    }
    findings
}

/// The commands that this `lab-cli` does not have, by their place among the victims.
pub(super) fn missing(programs: &Path) -> Vec<(u64, &'static str)> {
    let lab_cli = programs.join(format!("lab-cli{}", std::env::consts::EXE_SUFFIX));
    let has = |arguments: &[&str]| {
        let help = [arguments, &["--help"]].concat();
        let run = std::process::Command::new(&lab_cli).args(help).output();
        run.is_ok_and(|output| output.status.success())
    };
    let victims = VICTIMS.iter().zip(0..);
    victims
        .filter(|((_, arguments, ..), _)| !has(&arguments[..arguments.len().min(2)]))
        .map(|((name, ..), n)| (n, *name))
        .collect()
}
