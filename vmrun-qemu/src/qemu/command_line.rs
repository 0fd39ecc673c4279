//! From a machine to QEMU's arguments. Nothing here touches the system, so the result can be compared with what is expected.

use std::collections::BTreeSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::host::{Accelerator, Version};
use crate::machine::Machine;
use crate::machine::drives::{Bus, Drive, Medium};

/// Ports of QEMU's AHCI controller; VMware's has thirty.
const AHCI_PORTS: u32 = 6;

/// What is decided at the moment of the start.
#[derive(Debug, Clone)]
pub(crate) struct Start {
    /// Control socket.
    pub(crate) qmp: PathBuf,
    /// The guest agent's socket.
    pub(crate) agent: PathBuf,
    /// Where QEMU writes its process number.
    pub(crate) pid: PathBuf,
    /// For each adapter the socket of its network's port.
    pub(crate) ports: Vec<PathBuf>,
    /// Files with the values of `guestinfo.*`: on the command line everybody on the host could read them.
    pub(crate) guest_info: Vec<(String, PathBuf)>,
    /// UEFI code and this machine's own variables.
    pub(crate) efi: Option<(PathBuf, PathBuf)>,
    /// How guest code is run.
    pub(crate) accelerator: Accelerator,
    /// QEMU's version.
    pub(crate) version: Version,
}

/// The arguments for a machine.
pub(crate) fn arguments(machine: &Machine, start: &Start) -> Vec<OsString> {
    let mut line = Line::default();
    line.add("-name", format!("guest={}", comma(&machine.name)));
    // The chipset that VMware shows too.
    line.add("-machine", "pc,usb=off");
    for argument in start.accelerator.arguments() {
        line.0.push(argument);
    }
    line.add("-m", machine.memory.to_string());
    let sockets = machine.cpus / machine.cores_per_socket;
    line.add(
        "-smp",
        format!(
            "cpus={},sockets={sockets},cores={}",
            machine.cpus, machine.cores_per_socket
        ),
    );
    line.flag("-nodefaults").flag("-no-user-config");
    line.add("-display", "none").add("-vga", "std").add("-rtc", "base=utc");
    if let Some(uuid) = &machine.uuid {
        line.add("-uuid", uuid.as_str());
    }
    for (name, file) in &start.guest_info {
        line.add(
            "-fw_cfg",
            format!("name=opt/vmrun-qemu/{},file={}", comma(name), comma_path(file)),
        );
    }
    if let Some((code, variables)) = &start.efi {
        line.block(&json!({ "driver": "raw", "node-name": "efi-code", "read-only": true, "file": file(code) }));
        line.block(&json!({ "driver": "raw", "node-name": "efi-vars", "file": file(variables) }));
        line.add("-machine", "pflash0=efi-code,pflash1=efi-vars");
    }
    drives(&mut line, machine);
    for (nic, port) in machine.nics.iter().zip(&start.ports) {
        let id = format!("net{}", nic.index);
        // No network boot: nothing here serves one, and looking for it takes the firmware seconds.
        line.add("-netdev", stream_client(&id, port, start.version));
        line.device(
            &json!({ "driver": nic.device, "id": format!("ethernet{}", nic.index), "netdev": id, "mac": nic.mac, "romfile": "" }),
        );
    }
    if let Some(console) = &machine.console {
        line.add(
            "-chardev",
            format!("file,id=serial0,append=on,path={}", comma_path(console)),
        );
        line.add("-serial", "chardev:serial0");
    }
    line.device(&json!({ "driver": "virtio-serial-pci", "id": "tools" }));
    line.add(
        "-chardev",
        format!("socket,id=agent,server=on,wait=off,path={}", comma_path(&start.agent)),
    );
    line.device(&json!({
        "driver": "virtserialport", "bus": "tools.0", "chardev": "agent", "name": "org.qemu.guest_agent.0"
    }));
    line.add(
        "-chardev",
        format!("socket,id=qmp,server=on,wait=off,path={}", comma_path(&start.qmp)),
    );
    line.add("-mon", "chardev=qmp,mode=control");
    line.add("-pidfile", &start.pid).flag("-daemonize");
    line.0
}

/// The argument of `-netdev` for a machine's end of a network port. With a QEMU that can, the machine connects again when
/// the network's process was replaced.
fn stream_client(id: &str, port: &Path, version: Version) -> String {
    let again = match version {
        version if version >= Version(9, 2) => ",reconnect-ms=1000",
        version if version >= Version(8, 0) => ",reconnect=1",
        _ => "",
    };
    format!(
        "stream,id={id},server=off,addr.type=unix,addr.path={}{again}",
        comma_path(port)
    )
}

fn drives(line: &mut Line, machine: &Machine) {
    let controllers: BTreeSet<(Bus, u32)> = machine
        .drives
        .iter()
        .map(|drive| (drive.bus, controller(drive)))
        .collect();
    for (bus, number) in controllers {
        let id = bus_name(bus, number);
        match bus {
            Bus::PvScsi => line.device(&json!({ "driver": "pvscsi", "id": id })),
            Bus::LsiSas => line.device(&json!({ "driver": "mptsas1068", "id": id })),
            Bus::Sata => line.device(&json!({ "driver": "ahci", "id": id })),
            Bus::Nvme | Bus::Ide => line,
        };
    }
    // Disks are tried before CDs: an installed system boots from its disk, an empty disk falls through to the installer.
    let mut order: Vec<usize> = (0..machine.drives.len()).collect();
    order.sort_by_key(|&at| matches!(machine.drives[at].medium, Medium::Cd(_)));
    for (boot, at) in order.into_iter().enumerate() {
        drive(line, &machine.drives[at], boot);
    }
}

fn drive(line: &mut Line, drive: &Drive, boot: usize) {
    let node = node_name(&drive.name);
    let empty = match &drive.medium {
        Medium::Disk { file: path, format } => {
            line.block(&json!({ "driver": format.name(), "node-name": node, "file": file(path) }));
            false
        }
        Medium::Cd(Some(image)) => {
            line.block(&cd_node(&node, image));
            false
        }
        Medium::Cd(None) => true,
    };
    let cd = matches!(drive.medium, Medium::Cd(_));
    let driver = match (drive.bus, cd) {
        (Bus::Nvme, _) => "nvme",
        (Bus::Sata | Bus::Ide, true) => "ide-cd",
        (Bus::Sata | Bus::Ide, false) => "ide-hd",
        (Bus::PvScsi | Bus::LsiSas, true) => "scsi-cd",
        (Bus::PvScsi | Bus::LsiSas, false) => "scsi-hd",
    };
    let bus = bus_name(drive.bus, controller(drive));
    let mut device = json!({ "driver": driver, "id": node, "bootindex": boot + 1 });
    match drive.bus {
        Bus::PvScsi | Bus::LsiSas => {
            device["bus"] = format!("{bus}.0").into();
            device["scsi-id"] = drive.unit.into();
        }
        Bus::Sata => device["bus"] = format!("{bus}.{}", drive.unit % AHCI_PORTS).into(),
        Bus::Ide => {
            device["bus"] = format!("ide.{}", drive.controller).into();
            device["unit"] = drive.unit.into();
        }
        Bus::Nvme => device["serial"] = format!("VMRUN-{node}").into(),
    }
    if !empty {
        device["drive"] = node.into();
    }
    line.device(&device);
}

/// The block node of a CD image.
pub(crate) fn cd_node(node: &str, image: &Path) -> Value {
    json!({ "driver": "raw", "node-name": node, "read-only": true, "file": file(image) })
}

/// QEMU's name for a drive: VMware's with a letter QEMU allows in names.
pub(crate) fn node_name(drive: &str) -> String {
    drive.replace(':', "-")
}

fn controller(drive: &Drive) -> u32 {
    match drive.bus {
        Bus::Sata => drive.controller * 30 + drive.unit / AHCI_PORTS,
        _ => drive.controller,
    }
}

fn bus_name(bus: Bus, number: u32) -> String {
    match bus {
        Bus::PvScsi | Bus::LsiSas => format!("scsi{number}"),
        Bus::Sata => format!("sata{number}"),
        Bus::Nvme => format!("nvme{number}"),
        Bus::Ide => format!("ide.{number}"),
    }
}

fn file(path: &Path) -> Value {
    json!({ "driver": "file", "filename": path.to_string_lossy() })
}

/// In QEMU's comma-separated options a comma in a value is doubled.
pub(crate) fn comma(text: &str) -> String {
    text.replace(',', ",,")
}

/// [`comma`] for a path.
pub(crate) fn comma_path(path: &Path) -> String {
    comma(&path.to_string_lossy())
}

#[derive(Default)]
struct Line(Vec<OsString>);

impl Line {
    fn add(&mut self, option: &str, value: impl Into<OsString>) -> &mut Self {
        self.0.push(option.into());
        self.0.push(value.into());
        self
    }

    fn flag(&mut self, option: &str) -> &mut Self {
        self.0.push(option.into());
        self
    }

    fn block(&mut self, node: &Value) -> &mut Self {
        self.add("-blockdev", node.to_string())
    }

    fn device(&mut self, device: &Value) -> &mut Self {
        self.add("-device", device.to_string())
    }
}

#[cfg(test)]
mod tests;
