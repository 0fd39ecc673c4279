//! One schedule from its beginning to its end.

use std::path::Path;

use serde_json::Value;

use super::check;
use super::place::{Place, Ran};
use super::schedule::{Action, Schedule};
use super::{Finding, Verdict};

/// What a schedule came to.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    pub(super) findings: Vec<Finding>,
    /// Commands that were run, and how many of them failed.
    pub(super) runs: usize,
    pub(super) failed: usize,
    /// Faults that struck.
    pub(super) struck: usize,
    /// What happened, for a person.
    pub(super) story: Vec<String>,
}

/// Plays it; keeps the world's log if a directory is given.
pub(super) fn play(programs: &Path, schedule: &Schedule, keep: Option<&Path>) -> Result<Outcome, String> {
    let place = Place::new(programs, &schedule.config, schedule.workers, schedule.password)?;
    let mut outcome = Outcome::default();
    for action in &schedule.actions {
        let ran = place.run(action.arguments(), false)?;
        judge(&place, *action, &ran, &mut outcome)?;
        if !outcome.findings.is_empty() {
            break;
        }
    }
    if outcome.findings.is_empty() {
        recover(&place, &mut outcome)?;
    }
    let log = std::fs::read_to_string(place.lab.world.directory().join(crate::fake::LOG_FILE)).unwrap_or_default();
    outcome.struck = log.lines().filter(|line| fault_of(line).is_some()).count();
    if let Some(directory) = keep {
        let target = directory.join(format!("seed-{}.log", schedule.seed));
        std::fs::write(&target, log).map_err(|e| format!("{}: {e}", target.display()))?;
    }
    Ok(outcome)
}

/// The faults that struck, each once: one that strikes three calls is logged three times.
pub(super) fn struck(log: &str) -> Vec<String> {
    let mut faults: Vec<String> = Vec::new();
    for fault in log.lines().filter_map(fault_of) {
        if !faults.contains(&fault) {
            faults.push(fault);
        }
    }
    faults
}

fn fault_of(line: &str) -> Option<String> {
    let value: Value = serde_json::from_str(line).ok()?;
    value["fault"].as_str().map(str::to_owned)
}

fn judge(place: &Place, action: Action, ran: &Ran, outcome: &mut Outcome) -> Result<(), String> {
    outcome.runs += 1;
    outcome.failed += usize::from(ran.exit != Some(0));
    outcome.story.push(format!("{}: {}", action.name(), ran.brief()));
    let said = match action {
        Action::Up => true,
        Action::Start | Action::Status => ran.answer()["ready"] == true,
        Action::Stop | Action::Destroy => false,
    };
    // The truth first: it does not wait.
    outcome.findings.extend(check::truthful(place, ran, said)?);
    if action == Action::Stop && ran.exit == Some(0) {
        outcome.findings.extend(check::stopped(place)?);
    }
    outcome.findings.extend(check::explained(action.name(), ran));
    let destroyed = action == Action::Destroy && ran.exit == Some(0);
    outcome.findings.extend(check::clean(place, destroyed)?);
    outcome.findings.extend(place.state().err());
    Ok(())
}

/// The faults are over: the next `up` must end ready, and `destroy` leave nothing.
fn recover(place: &Place, outcome: &mut Outcome) -> Result<(), String> {
    place.lab.world.clear_faults()?;
    let before = complete(place)?;
    let mut ran = place.run(&["up"], true)?;
    outcome.story.push(format!("up without faults: {}", ran.brief()));
    let mut recreated = Vec::new();
    // It may say that a node must be made anew, and by which command: then that command has to do it.
    for _ in 0..place.nodes.len() {
        let Some(advice) = advised(&ran) else { break };
        ran = recreate(place, &advice)?;
        outcome.story.push(format!("up {}: {}", advice.join(" "), ran.brief()));
        recreated.push(advice.join(","));
    }
    if ran.exit == Some(0) {
        outcome.findings.extend(check::truthful(place, &ran, true)?);
        let after = complete(place)?;
        for (node, id) in before.iter().filter(|(node, _)| {
            !recreated
                .iter()
                .any(|names| names == "--recreate-all" || names.split(',').any(|name| name == node))
        }) {
            if !after.iter().any(|(n, i)| n == node && i == id) {
                let what =
                    format!("{node} was complete as {id} and is another machine now, although nobody asked for that");
                outcome.findings.push(Finding::new(Verdict::Lost, what));
            }
        }
    } else {
        let what = format!("without faults the lab does not come up: {}", ran.brief());
        outcome.findings.push(Finding::new(Verdict::Lost, what));
    }
    outcome.findings.extend(check::clean(place, false)?);
    let ran = place.run(Action::Destroy.arguments(), true)?;
    outcome.story.push(format!("destroy without faults: {}", ran.brief()));
    if ran.exit != Some(0) {
        let what = format!("without faults the lab cannot be destroyed: {}", ran.brief());
        outcome.findings.push(Finding::new(Verdict::Lost, what));
    }
    outcome.findings.extend(check::clean(place, ran.exit == Some(0))?);
    Ok(())
}

/// The nodes that a failure's remedy says to make anew, as the command line wants them.
pub(super) fn advised(ran: &Ran) -> Option<Vec<String>> {
    if ran.exit == Some(0) {
        return None;
    }
    let error = ran.error();
    let help = error["help"].as_str()?;
    if help.contains("--recreate-all") {
        return Some(vec!["--recreate-all".to_owned()]);
    }
    let rest = help.split("--recreate ").nth(1)?;
    let names = rest
        .split(|c: char| !(c.is_ascii_alphanumeric() || c == '-' || c == ','))
        .next()
        .filter(|names| !names.is_empty())?;
    Some(vec!["--recreate".to_owned(), names.to_owned()])
}

/// Follows a remedy.
pub(super) fn recreate(place: &Place, advice: &[String]) -> Result<Ran, String> {
    let arguments: Vec<&str> = std::iter::once("up").chain(advice.iter().map(String::as_str)).collect();
    place.run(&arguments, true)
}

/// The lab's nodes that are complete, with their instance ids.
fn complete(place: &Place) -> Result<Vec<(String, String)>, String> {
    let truth = place.lab.world.truth()?;
    let root = place.lab.root();
    let of = |m: &Value| Some((m["name"].as_str()?.to_owned(), m["instance_id"].as_str()?.to_owned()));
    let own = check::machines(&truth).filter(|m| m["complete"] == true && check::is_below(m, &root));
    Ok(own.filter_map(of).collect())
}
