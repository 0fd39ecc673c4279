//! `connectNamedDevice`, `disconnectNamedDevice`, `captureScreen`

use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::control;
use crate::fault::{Fault, OrUnknown};
use crate::home::Home;
use crate::machine::drives::Medium;
use crate::machine::{Machine, Vmx};
use crate::qemu::command_line::{cd_node, node_name};
use crate::qemu::qmp::{Qmp, QmpError};
use crate::running;

/// How long a guest that was asked to give up a CD may take. Linux looks for such a request every two seconds.
const EJECT: Duration = Duration::from_secs(10);

/// Plugs a CD image or a network cable in or out. The `.vmx` is not changed: the next start is as before.
pub(super) fn connect(home: &Home, vmx: &Vmx, device: &str, connected: bool) -> Result<(), Fault> {
    let record = running::require(home, vmx)?;
    let _lock = running::lock(home, &vmx.key)?;
    let mut qmp = control(vmx, &record)?;
    let device = device.to_ascii_lowercase();
    if device
        .strip_prefix("ethernet")
        .is_some_and(|number| number.parse::<u8>().is_ok())
    {
        let link = json!({ "name": device, "up": connected });
        return qmp
            .execute("set_link", &link)
            .map(drop)
            .map_err(|error| unknown_device(&device, &error));
    }
    let id = node_name(&device);
    let state = cd_state(&mut qmp, &id)?;
    if connected {
        insert(&mut qmp, vmx, &device, &id)
    } else {
        eject(&mut qmp, &device, &id, &state)
    }
}

/// What QEMU knows of a CD drive.
struct CdState {
    loaded: bool,
    open: bool,
}

fn cd_state(qmp: &mut Qmp, id: &str) -> Result<CdState, Fault> {
    let drives = qmp
        .execute("query-block", &json!({}))
        .or_unknown("asking for the drives")?;
    let drives = drives.as_array().map(Vec::as_slice).unwrap_or_default();
    // QEMU names a drive by its device, with or without the path in the device tree.
    let matches = |drive: &&Value| {
        let path = drive["qdev"].as_str().unwrap_or_default();
        path == id || path.ends_with(&format!("/{id}"))
    };
    match drives.iter().find(matches) {
        Some(drive) if drive["removable"] == true => Ok(CdState {
            loaded: drive.get("inserted").is_some(),
            open: drive["tray_open"] == true,
        }),
        Some(_) => Err(Fault::NotSupported {
            reason: format!("{id} is a disk; only CD drives can be disconnected"),
        }),
        None => Err(Fault::invalid(format!("the machine has no device {id}"))),
    }
}

/// Opens the tray. A guest that has locked it is asked; if it does not agree, nothing is changed and the answer is the one
/// VMware gives when nobody confirms its question.
fn eject(qmp: &mut Qmp, device: &str, id: &str, state: &CdState) -> Result<(), Fault> {
    if !state.loaded {
        return Ok(());
    }
    let deadline = Instant::now() + EJECT;
    loop {
        // A locked tray stays closed without an error; the guest gets a request to eject, which Linux looks for every
        // other second.
        match qmp.execute("blockdev-open-tray", &json!({ "id": id })) {
            Ok(_) => {}
            Err(QmpError::Refused { text, .. }) if text.contains("locked") => {}
            Err(error) => return Err(error).or_unknown(format_args!("opening the tray of {device}")),
        }
        if cd_state(qmp, id)?.open {
            break;
        }
        if Instant::now() >= deadline {
            return Err(Fault::canceled(format!(
                "The guest operating system has locked the CD-ROM door of {device} and is probably using the CD-ROM. \
                 Unmount it in the guest first."
            )));
        }
        std::thread::sleep(Duration::from_millis(250));
    }
    qmp.execute("blockdev-remove-medium", &json!({ "id": id }))
        .or_unknown(format_args!("emptying {device}"))?;
    qmp.execute("blockdev-close-tray", &json!({ "id": id }))
        .or_unknown(format_args!("closing the tray of {device}"))?;
    // The image itself is let go of too, so that its file can be deleted or replaced. It has no node if the drive got its
    // image later; then removing the medium was enough.
    let _ = qmp.execute("blockdev-del", &json!({ "node-name": id }));
    Ok(())
}

fn insert(qmp: &mut Qmp, vmx: &Vmx, device: &str, id: &str) -> Result<(), Fault> {
    let mut dict = vmx.read()?;
    dict.set(&format!("{device}.startConnected"), "TRUE");
    let machine = Machine::of(vmx, &dict)?;
    let drive = machine.drives.iter().find(|drive| drive.name == device);
    let Some(Medium::Cd(Some(image))) = drive.map(|drive| &drive.medium) else {
        return Err(Fault::FileNotFound {
            reason: format!("{device} has no image file"),
        });
    };
    let state = cd_state(qmp, id)?;
    if state.loaded {
        return Ok(());
    }
    qmp.execute("blockdev-add", &cd_node(id, image))
        .or_unknown(format_args!("opening {}", image.display()))?;
    qmp.execute("blockdev-open-tray", &json!({ "id": id, "force": true }))
        .or_unknown("opening the tray")?;
    let inserted = qmp.execute("blockdev-insert-medium", &json!({ "id": id, "node-name": id }));
    let closed = qmp.execute("blockdev-close-tray", &json!({ "id": id }));
    inserted
        .and(closed)
        .map(drop)
        .or_unknown(format_args!("inserting {}", image.display()))
}

fn unknown_device(device: &str, error: &QmpError) -> Fault {
    Fault::invalid(format!("{device}: {error}"))
}

/// Saves what the guest shows.
pub(super) fn capture_screen(home: &Home, vmx: &Vmx, to: &Path) -> Result<(), Fault> {
    let record = running::require(home, vmx)?;
    let file = std::path::absolute(to).or_unknown(format_args!("finding {}", to.display()))?;
    let arguments = json!({ "filename": file.to_string_lossy(), "format": "png" });
    control(vmx, &record)?
        .execute("screendump", &arguments)
        .or_unknown("saving the screen")
        .map(drop)
}
