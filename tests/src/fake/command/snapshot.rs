//! Snapshots and clones.

use std::fmt::Write as _;
use std::path::Path;

use super::Call;
use super::power::known;
use crate::fake::disk::Disk;
use crate::fake::machine::{Machine, Power, Snapshot, Time};
use crate::fake::texts;
use crate::fake::vmx::Vmx;
use crate::fake::world::{Reply, World};

pub(super) fn take(world: &mut World, call: &Call) -> Result<Reply, String> {
    let machine = known(world, call)?;
    let name = call.argument(0).to_owned();
    if name.is_empty() {
        return Err(texts::INVALID.to_owned());
    }
    if machine.snapshots.iter().any(|s| s.name == name) {
        return Err(texts::SNAPSHOT_EXISTS.to_owned());
    }
    let vmx = Vmx::read(&machine.vmx).map_err(|_| texts::NO_FILE.to_owned())?;
    machine.snapshots.push(Snapshot {
        name: name.clone(),
        parent: machine.current.replace(name),
        disk: machine.disk.clone(),
        vmx,
    });
    describe(machine);
    Ok(Reply::default())
}

/// Depth in the tree.
fn depth(machine: &Machine, snapshot: &Snapshot) -> usize {
    let parent = snapshot
        .parent
        .as_ref()
        .and_then(|name| machine.snapshots.iter().find(|s| s.name == *name));
    parent.map_or(0, |parent| depth(machine, parent) + 1)
}

pub(super) fn list(world: &mut World, call: &Call) -> Result<Reply, String> {
    let machine = known(world, call)?;
    let tree = call.argument(0).eq_ignore_ascii_case("showTree");
    let mut text = format!("Total snapshots: {}\n", machine.snapshots.len());
    for snapshot in &machine.snapshots {
        let indent = if tree {
            "\t".repeat(depth(machine, snapshot))
        } else {
            String::new()
        };
        let _ = writeln!(text, "{indent}{}", snapshot.name);
    }
    Ok(Reply::ok(text))
}

pub(super) fn revert(world: &mut World, now: Time, call: &Call) -> Result<Reply, String> {
    let unlock = world.config.latency.unlock;
    let machine = known(world, call)?;
    let snapshot = machine.snapshots.iter().find(|s| s.name == call.argument(0)).cloned();
    let snapshot = snapshot.ok_or(texts::NO_SNAPSHOT)?;
    if machine.runs() {
        machine.power_off(now, unlock);
    }
    machine.power = Power::Off;
    snapshot
        .vmx
        .write(&machine.vmx)
        .map_err(|_| texts::DISK_FULL.to_owned())?;
    machine.disk = snapshot.disk;
    machine.current = Some(snapshot.name);
    Ok(Reply::default())
}

pub(super) fn delete(world: &mut World, call: &Call) -> Result<Reply, String> {
    let machine = known(world, call)?;
    let name = call.argument(0);
    let at = machine
        .snapshots
        .iter()
        .position(|s| s.name == name)
        .ok_or(texts::NO_SNAPSHOT)?;
    let gone = machine.snapshots.remove(at);
    if call.argument(1).eq_ignore_ascii_case("andDeleteChildren") {
        let mut names = vec![gone.name];
        while let Some(name) = names.pop() {
            let (children, rest): (Vec<_>, Vec<_>) = machine
                .snapshots
                .drain(..)
                .partition(|s| s.parent.as_deref() == Some(name.as_str()));
            machine.snapshots = rest;
            names.extend(children.into_iter().map(|s| s.name));
        }
    } else {
        for child in machine
            .snapshots
            .iter_mut()
            .filter(|s| s.parent.as_deref() == Some(name))
        {
            child.parent.clone_from(&gone.parent);
        }
        if machine.current.as_deref() == Some(name) {
            machine.current = gone.parent;
        }
    }
    describe(machine);
    Ok(Reply::default())
}

/// The file in which VMware keeps the list.
fn describe(machine: &Machine) {
    let mut text = String::from(".encoding = \"UTF-8\"\n");
    let _ = writeln!(text, "snapshot.numSnapshots = \"{}\"", machine.snapshots.len());
    for (n, snapshot) in machine.snapshots.iter().enumerate() {
        let _ = writeln!(text, "snapshot{n}.displayName = \"{}\"", snapshot.name);
    }
    // The list itself is the world's: nobody reads this one back.
    let _ = std::fs::write(machine.vmx.with_extension("vmsd"), text);
}

/// `TARGET full|linked [-snapshot=NAME] [-cloneName=NAME]`
pub(super) fn clone(world: &mut World, call: &Call) -> Result<Reply, String> {
    let stale = world.config.stale_markers;
    let option = |name: &str| {
        call.arguments
            .iter()
            .find_map(|a| a.strip_prefix(name))
            .map(str::to_owned)
    };
    let linked = match call.argument(1) {
        "linked" => true,
        "full" => false,
        _ => return Err(texts::INVALID.to_owned()),
    };
    let target = Path::new(call.argument(0)).to_owned();
    // What an earlier machine at this place was is forgotten.
    if !target.exists() {
        world.machine(&target.to_string_lossy());
    }
    let parent = known(world, call)?;
    if target.exists() {
        return Err(texts::FILE_EXISTS.to_owned());
    }
    let (disk, mut vmx) = match option("-snapshot=") {
        Some(name) => {
            let snapshot = parent
                .snapshots
                .iter()
                .find(|s| s.name == name)
                .ok_or(texts::NO_SNAPSHOT)?;
            (snapshot.disk.clone(), snapshot.vmx.clone())
        }
        None if parent.runs() => return Err(texts::ALREADY_RUNNING.to_owned()),
        None => (
            parent.disk.clone(),
            Vmx::read(&parent.vmx).map_err(|_| texts::NO_FILE.to_owned())?,
        ),
    };
    let stem = target.file_stem().unwrap_or_default().to_string_lossy().into_owned();
    let image = format!("{stem}-cl1.vmdk");
    vmx.set("displayName", &option("-cloneName=").unwrap_or(stem));
    vmx.set("scsi0:0.fileName", &image);
    vmx.remove_prefix("ethernet0.generated");
    if linked {
        vmx.set("fake.parent", &parent.vmx.to_string_lossy());
    }
    let directory = target.parent().unwrap_or(Path::new("."));
    let make = || -> std::io::Result<()> {
        std::fs::create_dir_all(directory)?;
        std::fs::write(directory.join(image), "# Disk DescriptorFile\nparentCID=1\n")?;
        std::fs::write(target.with_extension("vmsd"), "cloneOf0 = \"fake\"\n")?;
        vmx.write(&target)
    };
    make().map_err(|_| texts::DISK_FULL.to_owned())?;
    if let Some(clone) = world.machine(&target.to_string_lossy()) {
        clone.disk = disk;
        if stale {
            old_life(&mut clone.disk);
        }
    }
    Ok(Reply::default())
}

/// What a disk carries that was a node before: markers, and even a failure.
fn old_life(disk: &mut Disk) {
    use crate::fake::machine::{AGENT_MARKER, FAILED, PROGRESS, SERVER_MARKER};
    for path in [
        AGENT_MARKER,
        SERVER_MARKER,
        "/var/lib/iso-copy-complete",
        "/var/lib/cloud-init-complete",
    ] {
        disk.put(path, b"an-earlier-life\n".to_vec(), false);
    }
    disk.put(PROGRESS, b"done\n".to_vec(), false);
    disk.put(
        FAILED,
        b"instance-id=an-earlier-life\nstep=k3s-start\nreason=old\n".to_vec(),
        false,
    );
}
