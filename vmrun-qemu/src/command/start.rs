//! `start`

use std::path::PathBuf;

use serde_json::json;

use crate::fault::{Fault, OrUnknown};
use crate::home::Home;
use crate::machine::{Machine, Vmx, identity};
use crate::qemu::command_line::{self, Start};
use crate::qemu::host::{self, Accelerator, Qemu};
use crate::qemu::launch;
use crate::qemu::qmp::Qmp;
use crate::running::{self, Record};
use crate::{log, net, snapshot};

/// QEMU's limit for the name of an item of the firmware configuration device.
const LONGEST_INFO: usize = 55 - "opt/vmrun-qemu/".len();

/// Starts a machine and returns when QEMU runs it. With or without a window is all the same: there is none.
pub(super) fn start(home: &Home, vmx: &Vmx) -> Result<(), Fault> {
    let lock = running::lock(home, &vmx.key)?;
    if running::of_locked(home, &vmx.key, &lock)?.is_some() {
        return Err(Fault::AlreadyRunning);
    }
    running::refuse_foreign(home, vmx)?;
    snapshot::layers::finish_interrupted(vmx)?;
    let mut dict = vmx.read()?;
    if identity::complete(&mut dict, &vmx.path) {
        dict.write(&vmx.path)
            .or_unknown(format_args!("writing {}", vmx.path.display()))?;
    }
    let machine = Machine::of(vmx, &dict)?;
    let qemu = Qemu::find()?;
    let mut record = record(home, vmx, &machine);
    record.write(home)?;
    match launch(home, vmx, &machine, &qemu, &mut record) {
        Ok(()) => Ok(()),
        Err(fault) => {
            // Whatever was begun is undone, a QEMU that did come up included.
            if let Some(process) = record
                .process
                .take()
                .or_else(|| running::from_pid_file(&record.pid_file))
            {
                process.kill();
            }
            running::of_locked(home, &vmx.key, &lock)?;
            Err(fault)
        }
    }
}

fn record(home: &Home, vmx: &Vmx, machine: &Machine) -> Record {
    let key = &vmx.key;
    let ports = machine.nics.iter().map(|nic| {
        let id = format!("p{key}-{}", nic.index);
        net::Port {
            network: nic.network.clone(),
            socket: home.socket(&id),
            id,
        }
    });
    Record {
        key: key.clone(),
        vmx: vmx.path.clone(),
        home: home.root().to_owned(),
        process: None,
        pid_file: home.socket(&format!("{key}.pid")),
        qmp: home.socket(&format!("{key}.qmp")),
        agent: home.socket(&format!("{key}.qga")),
        ports: ports.collect(),
    }
}

fn launch(home: &Home, vmx: &Vmx, machine: &Machine, qemu: &Qemu, record: &mut Record) -> Result<(), Fault> {
    for file in [&record.pid_file, &record.qmp, &record.agent] {
        let _ = std::fs::remove_file(file);
    }
    let mut warnings = machine.warnings.clone();
    let start = Start {
        qmp: record.qmp.clone(),
        agent: record.agent.clone(),
        pid: record.pid_file.clone(),
        ports: record.ports.iter().map(|port| port.socket.clone()).collect(),
        guest_info: guest_info(home, vmx, machine, &mut warnings)?,
        efi: if machine.efi { Some(efi(vmx)?) } else { None },
        accelerator: Accelerator::choose(),
        version: qemu.version,
    };
    for port in &record.ports {
        net::gateway::attach(home, qemu, port)?;
    }
    let line = command_line::arguments(machine, &start);
    for warning in &warnings {
        log::note(vmx.directory(), warning);
    }
    let shown: Vec<_> = line.iter().map(|argument| argument.to_string_lossy()).collect();
    log::note(
        vmx.directory(),
        &format!("vmrun-qemu starts {} {}", qemu.program.display(), shown.join(" ")),
    );
    launch::daemon(&qemu.program, &line, home.root()).map_err(|said| refused(&said))?;
    record.process = running::from_pid_file(&record.pid_file);
    if record.process.is_none() {
        return Err(Fault::canceled("QEMU ended as soon as it was started"));
    }
    record.write(home)?;
    let mut qmp = Qmp::connect(&record.qmp).or_unknown("talking to the new QEMU")?;
    for nic in machine.nics.iter().filter(|nic| !nic.connected) {
        let unplugged = json!({ "name": format!("ethernet{}", nic.index), "up": false });
        qmp.execute("set_link", &unplugged)
            .or_unknown("unplugging a network adapter")?;
    }
    Ok(())
}

/// What QEMU says when it does not start, as vmrun would put it.
fn refused(said: &str) -> Fault {
    // QEMU holds locks on the images it writes to, and names the kind of lock it could not get.
    if said.contains("Failed to get") && said.contains("lock") {
        return Fault::FileInUse {
            reason: said.to_owned(),
        };
    }
    Fault::canceled(said)
}

/// Writes the guest's variables where QEMU reads them, not on its command line.
fn guest_info(
    home: &Home,
    vmx: &Vmx,
    machine: &Machine,
    warnings: &mut Vec<String>,
) -> Result<Vec<(String, PathBuf)>, Fault> {
    if machine.guest_info.is_empty() {
        return Ok(Vec::new());
    }
    let directory = home.root().join("running").join(format!("{}.info", vmx.key));
    let doing = || format!("writing guest variables to {}", directory.display());
    std::fs::create_dir_all(&directory).or_unknown(doing())?;
    let mut files = Vec::new();
    for (number, (name, value)) in machine.guest_info.iter().enumerate() {
        if name.len() > LONGEST_INFO {
            warnings.push(format!(
                "{name}: the name is longer than {LONGEST_INFO} bytes, so the guest does not see it"
            ));
            continue;
        }
        let file = directory.join(number.to_string());
        std::fs::write(&file, value).or_unknown(doing())?;
        files.push((name.clone(), file));
    }
    Ok(files)
}

/// The firmware, and this machine's own copy of its variables in the place VMware keeps them.
fn efi(vmx: &Vmx) -> Result<(PathBuf, PathBuf), Fault> {
    let (code, template) = host::efi()?;
    let variables = vmx.sibling("nvram");
    if !variables.exists() {
        std::fs::copy(&template, &variables).or_unknown(format_args!("writing {}", variables.display()))?;
    }
    Ok((code, variables))
}
