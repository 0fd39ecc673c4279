//! `stop`, `reset`, `pause`, `unpause`

use std::time::{Duration, Instant};

use serde_json::json;

use super::control;
use crate::cli::PowerMode;
use crate::fault::{Fault, OrUnknown};
use crate::guest::agent::{self, Agent};
use crate::home::Home;
use crate::machine::Vmx;
use crate::qemu::qmp::QmpError;
use crate::running::{self, Record};

/// How long QEMU may take to end once it was told to.
const QUIT: Duration = Duration::from_secs(20);

/// How long a guest may take to shut down. `$VMRUN_QEMU_STOP_SECONDS` changes it.
const SHUTDOWN: Duration = Duration::from_secs(180);

/// Stops a machine and returns when its process is gone and its files are free.
pub(super) fn stop(home: &Home, vmx: &Vmx, mode: Option<PowerMode>) -> Result<(), Fault> {
    let record = running::require(home, vmx)?;
    match mode.unwrap_or_else(|| configured(vmx, "powerType.powerOff")) {
        // The lock is not held meanwhile: a guest may take minutes, and somebody may want to stop it harder.
        PowerMode::Soft => shut_down(home, vmx, &record)?,
        PowerMode::Hard => cut(home, vmx, &record)?,
    }
    let lock = running::lock(home, &vmx.key)?;
    running::of_locked(home, &vmx.key, &lock)?;
    Ok(())
}

/// Cuts the power: QEMU is told to quit, and is ended if it does not.
pub(crate) fn cut(home: &Home, vmx: &Vmx, record: &Record) -> Result<(), Fault> {
    let _lock = running::lock(home, &vmx.key)?;
    let Some(process) = &record.process else {
        return Err(Fault::NotPoweredOn(vmx.given.clone()));
    };
    if let Ok(mut qmp) = control(vmx, record) {
        let _ = qmp.execute("quit", &json!({}));
    }
    if process.wait_gone(QUIT) || process.kill() {
        return Ok(());
    }
    Err(Fault::unknown(format!("QEMU, process {}, does not end", process.pid())))
}

fn shut_down(home: &Home, vmx: &Vmx, record: &Record) -> Result<(), Fault> {
    let Some(process) = &record.process else {
        return Err(Fault::NotPoweredOn(vmx.given.clone()));
    };
    // A paused guest would never hear of it.
    resume(vmx, record)?;
    let deadline = Instant::now() + patience();
    while Instant::now() < deadline {
        request_shutdown(home, vmx, record, "powerdown")?;
        // A guest that is still starting may miss the request, so it is made again now and then.
        if process.wait_gone(Duration::from_secs(30).min(deadline.saturating_duration_since(Instant::now()))) {
            return Ok(());
        }
    }
    Err(Fault::canceled(format!(
        "the guest did not shut down within {} seconds",
        patience().as_secs()
    )))
}

/// Asks the guest's agent, or else presses the power button.
fn request_shutdown(home: &Home, vmx: &Vmx, record: &Record, mode: &str) -> Result<(), Fault> {
    if agent::is_open(record)
        && let Ok(mut agent) = Agent::connect(home, record)
        && agent.send("guest-shutdown", &json!({ "mode": mode })).is_ok()
    {
        return Ok(());
    }
    match control(vmx, record).map(|mut qmp| qmp.execute("system_powerdown", &json!({}))) {
        Ok(Ok(_) | Err(QmpError::Lost(_))) | Err(Fault::NotPoweredOn(_)) => Ok(()),
        Ok(Err(error)) => Err(error).or_unknown("pressing the power button"),
        Err(fault) => Err(fault),
    }
}

/// Resets a machine: at once, or through the guest.
pub(super) fn reset(home: &Home, vmx: &Vmx, mode: Option<PowerMode>) -> Result<(), Fault> {
    let record = running::require(home, vmx)?;
    match mode.unwrap_or_else(|| configured(vmx, "powerType.reset")) {
        PowerMode::Hard => {
            let _lock = running::lock(home, &vmx.key)?;
            control(vmx, &record)?
                .execute("system_reset", &json!({}))
                .or_unknown("resetting")
                .map(drop)
        }
        PowerMode::Soft => {
            if !agent::is_open(&record) {
                return Err(Fault::ToolsNotRunning(vmx.given.clone()));
            }
            let mut agent = Agent::connect(home, &record).map_err(|error| error.fault(vmx, &record))?;
            agent
                .send("guest-shutdown", &json!({ "mode": "reboot" }))
                .or_unknown("asking the guest to restart")
        }
    }
}

/// Freezes the processors, or lets them go on.
pub(super) fn pause(home: &Home, vmx: &Vmx, paused: bool) -> Result<(), Fault> {
    let record = running::require(home, vmx)?;
    let _lock = running::lock(home, &vmx.key)?;
    let command = if paused { "stop" } else { "cont" };
    control(vmx, &record)?
        .execute(command, &json!({}))
        .or_unknown("pausing")
        .map(drop)
}

fn resume(vmx: &Vmx, record: &Record) -> Result<(), Fault> {
    control(vmx, record)?
        .execute("cont", &json!({}))
        .or_unknown("letting the guest go on")
        .map(drop)
}

/// What the `.vmx` says about a command without `hard` or `soft`.
fn configured(vmx: &Vmx, key: &str) -> PowerMode {
    let soft = vmx
        .read()
        .is_ok_and(|dict| dict.get(key).is_some_and(|mode| mode.eq_ignore_ascii_case("soft")));
    if soft { PowerMode::Soft } else { PowerMode::Hard }
}

fn patience() -> Duration {
    let seconds = std::env::var("VMRUN_QEMU_STOP_SECONDS")
        .ok()
        .and_then(|text| text.parse().ok());
    seconds.map_or(SHUTDOWN, Duration::from_secs)
}
