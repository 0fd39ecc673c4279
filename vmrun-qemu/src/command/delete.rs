//! `deleteVM`

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::fault::{Fault, host_file};
use crate::home::Home;
use crate::machine::{Vmx, drives};
use crate::running;
use crate::snapshot::tree::Tree;

/// Deletes a machine's own files, and its directory if nothing else is in it. CD images are not its own.
pub(super) fn delete(home: &Home, vmx: &Vmx) -> Result<(), Fault> {
    let lock = running::lock(home, &vmx.key)?;
    if running::of_locked(home, &vmx.key, &lock)?.is_some() {
        return Err(Fault::AlreadyRunning);
    }
    running::refuse_foreign(home, vmx)?;
    let dict = vmx.read()?;
    let tree = Tree::read(vmx)?;
    let clones: Vec<String> = tree
        .all()
        .iter()
        .flat_map(|snapshot| tree.live_clones(snapshot.uid))
        .collect();
    if !clones.is_empty() {
        return Err(Fault::HasClones {
            reason: format!("linked clones stand on its disks: {}", clones.join(", ")),
        });
    }
    let mut files: BTreeSet<PathBuf> = drives::disks(vmx, &dict).into_iter().map(|(_, file)| file).collect();
    for snapshot in tree.all() {
        files.insert(vmx.resolve(&snapshot.config));
        files.extend(snapshot.disks.iter().map(|(_, file)| vmx.resolve(file)));
    }
    files.extend(layers_of(vmx, &files));
    let console = (0..4).filter_map(|port| {
        let file = dict
            .get(&format!("serial{port}.fileType"))
            .is_some_and(|kind| kind == "file");
        dict.get(&format!("serial{port}.fileName"))
            .filter(|_| file)
            .map(|name| vmx.resolve(name))
    });
    files.extend(console);
    files.extend(["vmsd", "vmxf", "nvram"].map(|suffix| vmx.sibling(suffix)));
    files.insert(vmx.directory().join("vmware.log"));
    for file in files.iter().filter(|file| file.parent() == Some(vmx.directory())) {
        remove(file)?;
    }
    remove(&vmx.path)?;
    if let Some(parent) = &tree.clone_of {
        forget_clone(home, Path::new(parent), vmx);
    }
    // Only goes if it is empty.
    let _ = std::fs::remove_dir(vmx.directory());
    Ok(())
}

/// Layers in the machine's directory that only other layers stand on.
fn layers_of(vmx: &Vmx, tops: &BTreeSet<PathBuf>) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for top in tops {
        let mut next = Some(top.clone());
        while let Some(file) = next.filter(|file| file.parent() == Some(vmx.directory()) && !found.contains(file)) {
            next = crate::image::info(&file).ok().and_then(|info| info.backing);
            found.push(file);
        }
    }
    found
}

fn remove(file: &Path) -> Result<(), Fault> {
    match std::fs::remove_file(file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(host_file(file, &error)),
        _ => Ok(()),
    }
}

/// Tells the machine that this one was a clone of. It may be gone, which is no reason to keep the clone.
fn forget_clone(home: &Home, parent: &Path, vmx: &Vmx) {
    let Ok(parent) = Vmx::find(parent) else {
        return;
    };
    let Ok(_lock) = running::lock(home, &parent.key) else {
        return;
    };
    if let Ok(mut tree) = Tree::read(&parent) {
        for snapshot in tree.all_mut() {
            snapshot.clones.retain(|path| Path::new(path) != vmx.path);
        }
        let _ = tree.write(&parent);
    }
}
