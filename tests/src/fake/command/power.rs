//! Power, and machines coming and going.

use std::fmt::Write as _;
use std::path::Path;

use super::Call;
use crate::fake::machine::{Machine, Power, Time};
use crate::fake::texts;
use crate::fake::vmx::Vmx;
use crate::fake::world::{Reply, World};

/// The call's machine, or why it cannot be opened.
pub(super) fn known<'a>(world: &'a mut World, call: &Call) -> Result<&'a mut Machine, String> {
    let vmx = call.vmx.clone().unwrap_or_default();
    if Path::new(&vmx)
        .extension()
        .is_none_or(|ext| !ext.eq_ignore_ascii_case("vmx"))
    {
        return Err(texts::cannot_open(&vmx, "unknown file suffix"));
    }
    let machine = world
        .machine(&vmx)
        .ok_or_else(|| texts::cannot_open(&vmx, "The virtual machine cannot be found"))?;
    let readable = Vmx::read(&machine.vmx)
        .is_ok_and(|vmx| vmx.get("config.version").is_some() && vmx.get("virtualHW.version").is_some());
    if !readable && !machine.runs() {
        return Err(texts::cannot_open(
            &vmx,
            "Cannot read the virtual machine configuration file",
        ));
    }
    Ok(machine)
}

pub(super) fn running<'a>(world: &'a mut World, call: &Call, error: &str) -> Result<&'a mut Machine, String> {
    let machine = known(world, call)?;
    if machine.runs() {
        Ok(machine)
    } else {
        Err(format!("{error}: {}", machine.vmx.display()))
    }
}

pub(super) fn list(world: &World) -> Reply {
    let running: Vec<&Machine> = world.machines.values().filter(|m| m.runs()).collect();
    let mut text = format!("Total running VMs: {}\n", running.len());
    for machine in running {
        let _ = writeln!(text, "{}", machine.vmx.display());
    }
    Reply::ok(text)
}

pub(super) fn start(world: &mut World, now: Time, call: &Call) -> Result<Reply, String> {
    let config = world.config.clone();
    let machine = known(world, call)?;
    match machine.power {
        Power::Running | Power::Paused => Err(texts::ALREADY_RUNNING.to_owned()),
        Power::Off | Power::Suspended => {
            machine.power_on(now, &config).map_err(|_| {
                texts::cannot_open(
                    call.vmx.as_deref().unwrap_or_default(),
                    "Cannot read the virtual machine configuration file",
                )
            })?;
            let name = machine.name.clone();
            world.log.event(now, &name, "PoweredOn");
            Ok(Reply::default())
        }
    }
}

pub(super) fn stop(world: &mut World, now: Time, call: &Call) -> Result<Reply, String> {
    let config = world.config.clone();
    let machine = running(world, call, texts::NOT_POWERED_ON)?;
    let soft = call.argument(0) != "hard";
    if soft && !machine.tools_run(now, &config) {
        // Without Tools a soft stop waits for ever.
        return if config.tools {
            Err(format!("{}: {}", texts::TOOLS_NOT_RUNNING, machine.vmx.display()))
        } else {
            Ok(Reply::hang())
        };
    }
    machine.power_off(now, config.latency.unlock);
    let name = machine.name.clone();
    world.log.event(now, &name, "PoweredOff");
    Ok(Reply::default())
}

pub(super) fn reset(world: &mut World, now: Time, call: &Call) -> Result<Reply, String> {
    let config = world.config.clone();
    running(world, call, texts::NOT_POWERED_ON)?.reboot(now, &config);
    Ok(Reply::default())
}

pub(super) fn suspend(world: &mut World, now: Time, call: &Call) -> Result<Reply, String> {
    let machine = running(world, call, texts::NOT_POWERED_ON)?;
    machine.suspend(now);
    let saved = machine.vmx.with_extension("vmss");
    let write = || -> std::io::Result<()> {
        let mut vmx = Vmx::read(&machine.vmx)?;
        std::fs::write(&saved, "fake")?;
        vmx.set(
            "checkpoint.vmState",
            &saved.file_name().unwrap_or_default().to_string_lossy(),
        );
        vmx.write(&machine.vmx)
    };
    write().map_err(|_| texts::DISK_FULL.to_owned())?;
    Ok(Reply::default())
}

pub(super) fn pause(world: &mut World, call: &Call) -> Result<Reply, String> {
    let machine = running(world, call, texts::NOT_POWERED_ON)?;
    machine.power = if call.command == "pause" {
        Power::Paused
    } else {
        Power::Running
    };
    Ok(Reply::default())
}

pub(super) fn tools(world: &mut World, now: Time, call: &Call) -> Result<Reply, String> {
    let config = world.config.clone();
    let machine = known(world, call)?;
    let state = if machine.tools_run(now, &config) {
        "running"
    } else if machine.boots > 0 && config.tools {
        "installed"
    } else {
        "unknown"
    };
    Ok(Reply::ok(format!("{state}\n")))
}

/// Removes the machine's files, with every disk that its configuration names, wherever it is.
pub(super) fn delete(world: &mut World, call: &Call) -> Result<Reply, String> {
    let machine = known(world, call)?;
    if machine.runs() {
        return Err(texts::ALREADY_RUNNING.to_owned());
    }
    let path = machine.vmx.clone();
    let clones = world.machines.values().any(|m| {
        m.vmx != path
            && Vmx::read(&m.vmx).is_ok_and(|vmx| vmx.get("fake.parent").is_some_and(|parent| Path::new(parent) == path))
    });
    if clones {
        return Err(texts::HOST_PERMISSIONS.to_owned());
    }
    let disk = Vmx::read(&path).ok().and_then(|vmx| vmx.disk(&path));
    if let Some(machine) = call.vmx.as_deref().and_then(|vmx| world.machine(vmx)) {
        machine.unlock();
    }
    let own = ["vmxf", "vmsd", "nvram", "vmss"].map(|extension| path.with_extension(extension));
    let log = path.with_file_name("vmware.log");
    // The configuration last: a deletion that was cut off can be repeated.
    for file in disk.into_iter().chain(own).chain([log, path.clone()]) {
        match std::fs::remove_file(&file) {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(texts::NO_ACCESS.to_owned()),
            _ => {}
        }
    }
    // VMware leaves a directory that has anything else in it.
    let _ = path.parent().map(std::fs::remove_dir);
    let key = path.to_string_lossy().into_owned();
    world.machines.remove(&key);
    Ok(Reply::default())
}
