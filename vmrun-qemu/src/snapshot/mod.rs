//! Snapshots of machines that are off, the way VMware's delta disks work: the present disk stays as it is and becomes the
//! snapshot's, and an empty overlay above it becomes the machine's.

pub(crate) mod layers;
pub(crate) mod tree;

use std::path::PathBuf;

use crate::dict::Dict;
use crate::fault::{Fault, OrUnknown};
use crate::home::{Home, Lock};
use crate::image;
use crate::machine::{Vmx, drives};
use crate::running;

use tree::{Snapshot, Tree};

/// `listSnapshots`
pub(crate) fn list(vmx: &Vmx, as_tree: bool) -> Result<String, Fault> {
    vmx.read()?;
    Ok(Tree::read(vmx)?.listing(as_tree))
}

/// `snapshot`
pub(crate) fn take(home: &Home, vmx: &Vmx, name: &str) -> Result<(), Fault> {
    let lock = running::lock(home, &vmx.key)?;
    take_locked(home, vmx, name, &lock)
}

/// `snapshot`, for a caller that has the machine's lock.
pub(crate) fn take_locked(home: &Home, vmx: &Vmx, name: &str, lock: &Lock) -> Result<(), Fault> {
    vmx.read()?;
    if running::of_locked(home, &vmx.key, lock)?.is_some() {
        return Err(Fault::SnapshotsNotAllowed {
            reason: "the machine runs; on QEMU a snapshot can be taken only of a machine that is off".to_owned(),
        });
    }
    layers::finish_interrupted(vmx)?;
    let mut dict = vmx.read()?;
    let mut tree = Tree::read(vmx)?;
    if name.is_empty() || name.contains('/') {
        return Err(Fault::invalid(
            "a snapshot's name must not be empty or contain a slash".to_owned(),
        ));
    }
    if tree.find(name).is_some() {
        return Err(Fault::SnapshotExists);
    }
    let uid = tree.next_uid();
    let config = vmx
        .path
        .with_file_name(format!("{}-Snapshot{uid}.vmsn", crate::machine::file_stem(&vmx.path)));
    dict.write_like(&config, &vmx.path)
        .or_unknown(format_args!("writing {}", config.display()))?;
    let disks = depending(vmx, &dict);
    for (node, file) in &disks {
        let overlay = layers::free_name(vmx, file);
        image::create_overlay(&overlay, file, None)?;
        dict.set(&format!("{node}.fileName"), &layers::written(vmx, &overlay));
    }
    // The machine first: if this process ends here, there is a disk layer too many but no snapshot that is written to.
    dict.write(&vmx.path)
        .or_unknown(format_args!("writing {}", vmx.path.display()))?;
    tree.add(Snapshot::new(
        uid,
        tree.current,
        name,
        layers::written(vmx, &config),
        written_disks(vmx, &disks),
    ));
    tree.write(vmx)
}

/// `revertToSnapshot`: the machine is as it was, and off.
pub(crate) fn revert(home: &Home, vmx: &Vmx, name: &str) -> Result<(), Fault> {
    let tree = Tree::read(vmx)?;
    let uid = tree.find(name).ok_or(Fault::NoSnapshot)?;
    if let Ok(record) = running::require(home, vmx) {
        crate::command::power::cut(home, vmx, &record)?;
    }
    let lock = running::lock(home, &vmx.key)?;
    if running::of_locked(home, &vmx.key, &lock)?.is_some() {
        return Err(Fault::AlreadyRunning);
    }
    layers::finish_interrupted(vmx)?;
    let mut tree = Tree::read(vmx)?;
    let snapshot = tree.get(uid).ok_or(Fault::NoSnapshot)?.clone();
    let mut dict = configuration(vmx, &snapshot)?;
    for (node, written) in &snapshot.disks {
        let base = vmx.resolve(written);
        let overlay = layers::free_name(vmx, &base);
        image::create_overlay(&overlay, &base, None)?;
        dict.set(&format!("{node}.fileName"), &layers::written(vmx, &overlay));
    }
    let before = vmx.read()?;
    dict.write(&vmx.path)
        .or_unknown(format_args!("writing {}", vmx.path.display()))?;
    tree.current = Some(uid);
    tree.write(vmx)?;
    // What the machine wrote since is not needed any more.
    layers::prune(
        vmx,
        drives::disks(vmx, &before).into_iter().map(|(_, file)| file).collect(),
    )
}

/// `deleteSnapshot`: the machine stays as it is.
pub(crate) fn delete(home: &Home, vmx: &Vmx, name: &str, children: bool) -> Result<(), Fault> {
    let lock = running::lock(home, &vmx.key)?;
    if running::of_locked(home, &vmx.key, &lock)?.is_some() {
        return Err(Fault::SnapshotsNotAllowed {
            reason: "the machine runs; on QEMU a snapshot can be deleted only of a machine that is off".to_owned(),
        });
    }
    layers::finish_interrupted(vmx)?;
    let mut tree = Tree::read(vmx)?;
    let uid = tree.find(name).ok_or(Fault::NoSnapshot)?;
    let unwanted = if children {
        tree.with_descendants(uid)
    } else {
        vec![uid]
    };
    let clones: Vec<String> = unwanted.iter().flat_map(|&uid| tree.live_clones(uid)).collect();
    if !clones.is_empty() {
        return Err(Fault::HasClones {
            reason: format!("linked clones stand on it: {}", clones.join(", ")),
        });
    }
    let removed = tree.remove(&unwanted);
    tree.write(vmx)?;
    for snapshot in &removed {
        let _ = std::fs::remove_file(vmx.resolve(&snapshot.config));
    }
    let disks = removed
        .iter()
        .flat_map(|snapshot| &snapshot.disks)
        .map(|(_, file)| vmx.resolve(file))
        .collect();
    layers::prune(vmx, disks)
}

/// The configuration that a snapshot has kept.
pub(crate) fn configuration(vmx: &Vmx, snapshot: &Snapshot) -> Result<Dict, Fault> {
    let path = vmx.resolve(&snapshot.config);
    match Dict::read(&path) {
        Ok(dict) => Ok(dict),
        // VMware's own snapshot files are not dictionaries; the present configuration is the next best.
        Err(_) => vmx.read(),
    }
}

/// The disks that take part in snapshots: all but independent ones.
pub(crate) fn depending(vmx: &Vmx, dict: &Dict) -> Vec<(String, PathBuf)> {
    let independent = |node: &str| {
        dict.get(&format!("{node}.mode"))
            .is_some_and(|mode| mode.starts_with("independent"))
    };
    drives::disks(vmx, dict)
        .into_iter()
        .filter(|(node, _)| !independent(node))
        .collect()
}

fn written_disks(vmx: &Vmx, disks: &[(String, PathBuf)]) -> Vec<(String, String)> {
    disks
        .iter()
        .map(|(node, file)| (node.clone(), layers::written(vmx, file)))
        .collect()
}
