//! Disks and CD drives: `scsiN:M.*`, `sataN:M.*`, `nvmeN:M.*`, `ideN:M.*`.

use std::io::Read;
use std::path::{Path, PathBuf};

use super::{Vmx, needs_express};
use crate::dict::Dict;
use crate::fault::Fault;

/// A disk or a CD drive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Drive {
    /// VMware's name for it, for example `scsi0:0`.
    pub(crate) name: String,
    /// What it hangs on.
    pub(crate) bus: Bus,
    /// Number of the controller.
    pub(crate) controller: u32,
    /// Number on the controller.
    pub(crate) unit: u32,
    /// What is in it.
    pub(crate) medium: Medium,
}

/// A kind of controller.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) enum Bus {
    /// `pvscsi`
    PvScsi,
    /// `lsilogic`, `lsisas1068`: QEMU has the SAS member of the same family.
    LsiSas,
    /// AHCI
    Sata,
    /// NVM Express
    Nvme,
    /// The chipset's own two channels.
    Ide,
}

/// What a drive holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Medium {
    /// A hard disk image.
    Disk {
        /// The image.
        file: PathBuf,
        /// Its format.
        format: DiskFormat,
    },
    /// A CD drive, with its image unless it is empty or starts disconnected.
    Cd(Option<PathBuf>),
}

/// A disk image's format, told from its first bytes and never guessed: a raw image could claim anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum DiskFormat {
    Vmdk,
    Qcow2,
}

impl DiskFormat {
    /// QEMU's name for it.
    pub(crate) fn name(self) -> &'static str {
        match self {
            DiskFormat::Vmdk => "vmdk",
            DiskFormat::Qcow2 => "qcow2",
        }
    }

    /// Looks at a file.
    pub(crate) fn of(path: &Path) -> std::io::Result<Option<Self>> {
        let mut start = Vec::new();
        std::fs::File::open(path)?.take(64).read_to_end(&mut start)?;
        Ok(if start.starts_with(b"QFI\xfb") {
            Some(DiskFormat::Qcow2)
        } else if start.starts_with(b"KDMV") || start.starts_with(b"COWD") || start.starts_with(b"# Disk Descriptor") {
            Some(DiskFormat::Vmdk)
        } else {
            None
        })
    }
}

/// Kind of controller in a key, how many there are, how many units each has.
const SLOTS: &[(&str, u32, u32)] = &[("scsi", 4, 16), ("sata", 4, 30), ("nvme", 4, 15), ("ide", 2, 2)];

/// Names of the drives that a `.vmx` has, without looking at any file.
pub(crate) fn names(dict: &Dict) -> Vec<(&'static str, u32, u32)> {
    let mut found = Vec::new();
    for &(kind, controllers, units) in SLOTS {
        for controller in (0..controllers).filter(|n| kind == "ide" || dict.is_true(&format!("{kind}{n}.present"))) {
            let units = (0..units).filter(|unit| dict.is_true(&format!("{kind}{controller}:{unit}.present")));
            found.extend(units.map(|unit| (kind, controller, unit)));
        }
    }
    found
}

/// The names and files of the hard disks, without looking at any file.
pub(crate) fn disks(vmx: &Vmx, dict: &Dict) -> Vec<(String, PathBuf)> {
    let drives = names(dict)
        .into_iter()
        .map(|(kind, controller, unit)| format!("{kind}{controller}:{unit}"));
    drives
        .filter(|name| !is_cd(dict, name))
        .filter_map(|name| {
            dict.get(&format!("{name}.fileName"))
                .map(|file| vmx.resolve(file))
                .map(|file| (name, file))
        })
        .collect()
}

/// Reads the drives and looks at their files.
pub(crate) fn read(vmx: &Vmx, dict: &Dict, guest_64: bool, warnings: &mut Vec<String>) -> Result<Vec<Drive>, Fault> {
    let mut drives = Vec::new();
    for (kind, controller, unit) in names(dict) {
        let name = format!("{kind}{controller}:{unit}");
        let bus = bus(dict, kind, controller, guest_64)?;
        let medium = if is_cd(dict, &name) {
            cd(vmx, dict, &name, warnings)?
        } else {
            disk(vmx, dict, &name)?
        };
        drives.push(Drive {
            name,
            bus,
            controller,
            unit,
            medium,
        });
    }
    Ok(drives)
}

fn is_cd(dict: &Dict, name: &str) -> bool {
    dict.get(&format!("{name}.deviceType"))
        .is_some_and(|kind| kind.to_ascii_lowercase().contains("cdrom"))
}

fn bus(dict: &Dict, kind: &str, controller: u32, guest_64: bool) -> Result<Bus, Fault> {
    let label = format!("{}{controller}", kind.to_ascii_uppercase());
    match kind {
        "sata" => Ok(Bus::Sata),
        "ide" => Ok(Bus::Ide),
        "nvme" => needs_express(dict, "nvme", &label).map(|()| Bus::Nvme),
        _ => match dict
            .get(&format!("scsi{controller}.virtualDev"))
            .unwrap_or("buslogic")
            .to_ascii_lowercase()
            .as_str()
        {
            "pvscsi" => needs_express(dict, "pvscsi", &label).map(|()| Bus::PvScsi),
            "lsilogic" | "lsisas1068" => Ok(Bus::LsiSas),
            "buslogic" if guest_64 => Err(Fault::canceled(
                "The BusLogic SCSI adapter is not supported for 64-bit guests.",
            )),
            other => Err(Fault::canceled(format!(
                "scsi{controller}.virtualDev = \"{other}\" is not supported on QEMU"
            ))),
        },
    }
}

fn disk(vmx: &Vmx, dict: &Dict, name: &str) -> Result<Medium, Fault> {
    let written = dict
        .get(&format!("{name}.fileName"))
        .ok_or_else(|| Fault::canceled(format!("{name}.fileName is missing")))?;
    let file = vmx.resolve(written);
    match DiskFormat::of(&file) {
        Ok(Some(format)) => Ok(Medium::Disk { file, format }),
        Ok(None) => Err(Fault::canceled(format!(
            "The file specified is not a virtual disk: {} ({name}; a CD image needs {name}.deviceType = \"cdrom-image\")",
            file.display()
        ))),
        Err(error) => Err(Fault::canceled(format!(
            "Cannot open the disk '{}': {error}",
            file.display()
        ))),
    }
}

/// A CD drive. One that stands for a drive of the host stays empty: QEMU could not open that without further rights.
fn cd(vmx: &Vmx, dict: &Dict, name: &str, warnings: &mut Vec<String>) -> Result<Medium, Fault> {
    let image = dict
        .get(&format!("{name}.deviceType"))
        .is_some_and(|kind| kind.eq_ignore_ascii_case("cdrom-image"));
    let file = dict.get(&format!("{name}.fileName")).filter(|file| !file.is_empty());
    let connected = dict.is_true_or(&format!("{name}.startConnected"), true);
    let (Some(file), true, true) = (file, image, connected) else {
        return Ok(Medium::Cd(None));
    };
    let file = vmx.resolve(file);
    if file.is_file() {
        return Ok(Medium::Cd(Some(file)));
    }
    let reason = format!(
        "Cannot find the image file '{}' of the virtual device {name}.",
        file.display()
    );
    if dict.is_true("msg.autoAnswer") {
        warnings.push(format!("{reason} The drive starts empty."));
        return Ok(Medium::Cd(None));
    }
    // VMware asks whether to go on without it; nobody is there to answer.
    Err(Fault::canceled(format!(
        "{reason} Virtual device {name} will start disconnected?"
    )))
}
