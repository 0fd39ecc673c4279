//! What must hold after every command, whatever went wrong.

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::place::{FOREIGN, Place, Ran};
use super::{Finding, Verdict};

/// A node that went down so shortly before `lab-cli`'s end was still up when it was looked at. Real seconds.
const JUST_NOW: f64 = 1.5;

/// "Ready" is only said of what is ready.
pub(super) fn truthful(place: &Place, ran: &Ran, said: bool) -> Result<Vec<Finding>, String> {
    if ran.exit != Some(0) || !said {
        return Ok(Vec::new());
    }
    let truth = place.lab.world.truth()?;
    let lab = place.lab.root();
    let false_ready = place.nodes.iter().filter_map(|node| {
        let machine = machines(&truth).find(|m| m["name"] == **node && is_below(m, &lab));
        let Some(machine) = machine else {
            return Some(format!("{node} is called ready, and there is no such machine"));
        };
        let unready = machine["unready_for"].as_f64().filter(|seconds| *seconds > JUST_NOW)?;
        Some(format!(
            "{node} is called ready, and was not for {unready:.1} s: {machine}"
        ))
    });
    Ok(false_ready
        .map(|what| Finding::new(Verdict::FalseReady, what))
        .collect())
}

/// "Stopped" is only said of what is off: somebody may be about to copy the disks.
pub(super) fn stopped(place: &Place) -> Result<Vec<Finding>, String> {
    let truth = place.lab.world.truth()?;
    let foreign = place.foreign();
    let lab = place.lab.root();
    let own = machines(&truth).filter(|m| is_below(m, &lab) && !foreign.iter().any(|f| is_at(m, f)));
    Ok(own
        .filter(|m| m["power"] == "running" || m["power"] == "paused")
        .map(|m| Finding::new(Verdict::FalseReady, format!("called stopped, and runs: {m}")))
        .collect())
}

/// A failure has a kind, a text, a cause or a remedy, and the exit code that belongs to its kind.
pub(super) fn explained(what: &str, ran: &Ran) -> Vec<Finding> {
    let unexplained = |why: &str| {
        let tail: Vec<&str> = ran.stderr.lines().rev().take(5).collect();
        vec![Finding::new(
            Verdict::Unexplained,
            format!("{what}: {why}: {}; stderr: {}", ran.brief(), tail.join(" | ")),
        )]
    };
    if ran.stderr.contains("panicked at") {
        return unexplained("it panicked");
    }
    let error = ran.error();
    let text = |key: &str| error[key].as_str().is_some_and(|text| !text.trim().is_empty());
    match ran.exit {
        Some(0) => Vec::new(),
        None => unexplained("it did not end by itself"),
        // `status` answers that the lab is not ready: the answer itself says why.
        Some(5) if what == "status" && ran.answer()["nodes"].is_array() => Vec::new(),
        Some(1..=5) if text("kind") && text("message") => {
            let causes = error["causes"].as_array().is_some_and(|causes| !causes.is_empty());
            let code = error["exit_code"].as_i64() == ran.exit.map(i64::from);
            if !(causes || text("help")) {
                unexplained("it has neither a cause nor a remedy")
            } else if code {
                Vec::new()
            } else {
                unexplained("the exit code is not its kind's")
            }
        }
        Some(_) => unexplained("no kind, or not one of the documented exit codes"),
    }
}

/// Nothing is left that should not be; nothing of others was touched.
pub(super) fn clean(place: &Place, destroyed: bool) -> Result<Vec<Finding>, String> {
    let mut left = Vec::new();
    left.extend(processes(place).into_iter().map(|line| format!("the process {line}")));
    for name in names(&place.path().join("tmp")) {
        left.push(format!("the temporary file {name}"));
    }
    let root = place.lab.root();
    for path in files_below(&root) {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if name.starts_with(".new-") || name.starts_with(".tmp") || name == "lock.pid" {
            left.push(format!("the file {}", path.display()));
        }
    }
    let truth = place.lab.world.truth()?;
    let foreign = place.foreign();
    let state = place.state().unwrap_or_default();
    for machine in machines(&truth).filter(|m| is_below(m, &root) && !foreign.iter().any(|f| is_at(m, f))) {
        let name = machine["name"].as_str().unwrap_or_default();
        let known = state.as_ref().is_some_and(|state| state["nodes"][name].is_object());
        if destroyed || !known {
            left.push(format!("the machine {machine}"));
        }
    }
    if destroyed {
        if truth["forwards"].as_array().is_some_and(|all| !all.is_empty()) {
            left.push(format!("forwarded ports {}", truth["forwards"]));
        }
        let own = |name: &String| name != "vms";
        left.extend(
            names(&root)
                .into_iter()
                .filter(own)
                .map(|name| format!("{name} of the lab")),
        );
    }
    for vmx in &foreign {
        let machine = machines(&truth).find(|m| is_at(m, vmx));
        let untouched = machine.is_some_and(|m| m["power"] == "running" && m["boots"] == 1);
        if !untouched || std::fs::read_to_string(vmx).ok().as_deref() != Some(FOREIGN) {
            left.push(format!(
                "somebody else's machine {} was touched: {machine:?}",
                vmx.display()
            ));
        }
    }
    Ok(left
        .into_iter()
        .map(|what| Finding::new(Verdict::Leaked, what))
        .collect())
}

pub(super) fn machines(truth: &Value) -> impl Iterator<Item = &Value> {
    truth["machines"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default()
        .iter()
}

/// The path as the world writes it.
fn real(path: &Path) -> PathBuf {
    let found = path.canonicalize().unwrap_or_else(|_| path.to_owned());
    // Windows answers in a form that nobody writes.
    match found.to_str().and_then(|text| text.strip_prefix(r"\\?\")) {
        Some(plain) => PathBuf::from(plain),
        None => found,
    }
}

pub(super) fn is_below(machine: &Value, directory: &Path) -> bool {
    machine["vmx"]
        .as_str()
        .is_some_and(|vmx| Path::new(vmx).starts_with(real(directory)))
}

fn is_at(machine: &Value, vmx: &Path) -> bool {
    machine["vmx"].as_str().is_some_and(|path| Path::new(path) == real(vmx))
}

fn names(directory: &Path) -> Vec<String> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|e| e.file_name().to_string_lossy().into_owned()).collect()
}

fn files_below(directory: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut waiting = vec![directory.to_owned()];
    while let Some(directory) = waiting.pop() {
        for entry in std::fs::read_dir(directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                waiting.push(path);
            } else {
                found.push(path);
            }
        }
    }
    found
}

/// Command lines that mention the place, but for the world's server; a killed program gets a moment to be gone. Only where
/// the system tells (`/proc`).
fn processes(place: &Place) -> Vec<String> {
    let needle = place.path().to_string_lossy().into_owned();
    let look = || -> Vec<String> {
        let entries = std::fs::read_dir("/proc").into_iter().flatten().flatten();
        let lines = entries.filter_map(|entry| {
            let name = entry.file_name().to_string_lossy().into_owned();
            name.bytes().all(|b| b.is_ascii_digit()).then_some(())?;
            let line = std::fs::read(entry.path().join("cmdline")).ok()?;
            Some(format!("{name} {}", String::from_utf8_lossy(&line).replace('\0', " ")))
        });
        lines
            .filter(|line| line.contains(&needle) && !line.contains(" serve "))
            .collect()
    };
    let end = Instant::now() + Duration::from_secs(3);
    loop {
        let found = look();
        if found.is_empty() || Instant::now() > end {
            return found;
        }
        std::thread::sleep(Duration::from_millis(50));
    }
}
