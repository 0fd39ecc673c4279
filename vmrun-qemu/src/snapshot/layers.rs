//! The disk files below a machine and its snapshots: naming new ones, and giving up those that nothing needs any more.
//!
//! A layer that no snapshot, no clone and not the machine itself begins at, and that only one other layer stands on, takes
//! that layer's content in. Such a merge changes several files; a note in the machine's directory says what is being
//! merged, so that the next command finishes what a crash interrupted.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::tree::Tree;
use crate::dict::Dict;
use crate::fault::{Fault, OrUnknown};
use crate::files;
use crate::image;
use crate::machine::{Vmx, drives, file_stem};

/// A merge that has begun.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Merge {
    /// The layer whose content moves down.
    from: PathBuf,
    /// The layer that takes it in.
    into: PathBuf,
}

/// A name for a new layer above a file, in the machine's directory: `disk-000001.vmdk`.
pub(super) fn free_name(vmx: &Vmx, below: &Path) -> PathBuf {
    let stem = file_stem(below);
    let plain = match stem.rsplit_once('-') {
        Some((plain, number)) if number.len() == 6 && number.bytes().all(|byte| byte.is_ascii_digit()) => plain,
        _ => stem.as_str(),
    };
    let suffix = below.extension().unwrap_or_default().to_string_lossy();
    let mut number = 1;
    loop {
        let path = vmx.directory().join(format!("{plain}-{number:06}.{suffix}"));
        if !path.exists() {
            return path;
        }
        number += 1;
    }
}

/// A file as a `.vmx` names it: by its name alone if it is in the machine's directory.
pub(super) fn written(vmx: &Vmx, file: &Path) -> String {
    let local = (file.parent() == Some(vmx.directory()))
        .then(|| file.file_name())
        .flatten();
    local
        .map_or_else(|| file.to_string_lossy(), |name| name.to_string_lossy())
        .into_owned()
}

/// Gives up what is not needed any more of the layers that begin at `tops`, which were needed until now.
pub(super) fn prune(vmx: &Vmx, tops: Vec<PathBuf>) -> Result<(), Fault> {
    let mut candidates = BTreeSet::new();
    for top in tops {
        candidates.extend(chain(&top)?);
    }
    candidates.retain(|file| file.parent() == Some(vmx.directory()));
    // Every round either gives up a layer or is the last.
    for _ in 0..=candidates.len() {
        let state = State::of(vmx, &candidates)?;
        let unused = candidates.iter().find(|file| state.is_unused(file)).cloned();
        if let Some(file) = unused {
            std::fs::remove_file(&file).or_unknown(format_args!("deleting {}", file.display()))?;
            candidates.remove(&file);
            continue;
        }
        let Some(merge) = candidates.iter().find_map(|file| state.mergeable(file)) else {
            break;
        };
        candidates.remove(&merge.from);
        begin(vmx, &merge)?;
        finish_interrupted(vmx)?;
    }
    Ok(())
}

/// Completes a merge that a crash may have interrupted. Every step can be done twice.
pub(crate) fn finish_interrupted(vmx: &Vmx) -> Result<(), Fault> {
    let note = note_path(vmx);
    let Ok(bytes) = std::fs::read(&note) else {
        return Ok(());
    };
    let merge: Merge = serde_json::from_slice(&bytes).or_unknown(format_args!("reading {}", note.display()))?;
    if merge.from.exists() {
        // The base may have been written to already, which the overlay would take for somebody else's doing.
        image::set_backing(&merge.from, &merge.into)?;
        image::commit(&merge.from)?;
    }
    let mut dict = vmx.read()?;
    let mut tree = Tree::read(vmx)?;
    for file in files_of(vmx, &dict, &tree) {
        reparent(&file, &merge)?;
    }
    let (old, new) = (written(vmx, &merge.from), written(vmx, &merge.into));
    for (node, file) in drives::disks(vmx, &dict) {
        if file == merge.from {
            dict.set(&format!("{node}.fileName"), &new);
        }
    }
    for snapshot in tree.all_mut() {
        snapshot
            .disks
            .iter_mut()
            .filter(|(_, file)| *file == old)
            .for_each(|(_, file)| file.clone_from(&new));
    }
    tree.write(vmx)?;
    dict.write(&vmx.path)
        .or_unknown(format_args!("writing {}", vmx.path.display()))?;
    if merge.from.exists() {
        std::fs::remove_file(&merge.from).or_unknown(format_args!("deleting {}", merge.from.display()))?;
    }
    std::fs::remove_file(&note).or_unknown(format_args!("deleting {}", note.display()))
}

fn begin(vmx: &Vmx, merge: &Merge) -> Result<(), Fault> {
    let note = note_path(vmx);
    let bytes = serde_json::to_vec_pretty(merge).or_unknown("describing a merge of disks")?;
    files::replace(&note, &bytes).or_unknown(format_args!("writing {}", note.display()))
}

/// Lets every layer from `top` down that stands on the merged one stand on its new place.
fn reparent(top: &Path, merge: &Merge) -> Result<(), Fault> {
    let mut file = top.to_owned();
    // The layer that goes away ends the search: what is below it stays as it is.
    while file != merge.from {
        let Some(below) = image::info(&file)?.backing else {
            break;
        };
        if below == merge.from {
            return image::set_backing(&file, &merge.into);
        }
        if below == merge.into {
            // Done by an earlier round, except for the content's id.
            return image::set_backing(&file, &merge.into);
        }
        file = below;
    }
    Ok(())
}

/// A layer and all below it, inside and outside the machine's directory.
fn chain(top: &Path) -> Result<Vec<PathBuf>, Fault> {
    let mut files = Vec::new();
    let mut next = Some(top.to_owned());
    while let Some(file) = next.filter(|file| file.exists() && !files.contains(file)) {
        next = image::info(&file)?.backing;
        files.push(file);
    }
    Ok(files)
}

/// Who needs which layer.
struct State {
    /// Layers at which the machine or a snapshot begins.
    tops: BTreeSet<PathBuf>,
    /// Layers that a clone elsewhere stands on.
    cloned: BTreeSet<PathBuf>,
    /// Layer and the layers directly above it.
    above: BTreeMap<PathBuf, BTreeSet<PathBuf>>,
}

impl State {
    fn of(vmx: &Vmx, candidates: &BTreeSet<PathBuf>) -> Result<Self, Fault> {
        let tree = Tree::read(vmx)?;
        let files = files_of(vmx, &vmx.read()?, &tree);
        let cloned = tree
            .all()
            .iter()
            .filter(|snapshot| !tree.live_clones(snapshot.uid).is_empty());
        let cloned = cloned
            .flat_map(|snapshot| &snapshot.disks)
            .map(|(_, file)| vmx.resolve(file))
            .collect();
        let mut above: BTreeMap<PathBuf, BTreeSet<PathBuf>> = BTreeMap::new();
        let tops: BTreeSet<PathBuf> = files.into_iter().collect();
        for top in tops.iter().chain(candidates) {
            for pair in chain(top)?.windows(2) {
                above.entry(pair[1].clone()).or_default().insert(pair[0].clone());
            }
        }
        Ok(Self { tops, cloned, above })
    }

    fn is_unused(&self, file: &Path) -> bool {
        !self.tops.contains(file) && self.above.get(file).is_none_or(BTreeSet::is_empty)
    }

    /// What a layer can take in: the only layer above it, unless a clone knows that one by its name.
    fn mergeable(&self, file: &Path) -> Option<Merge> {
        if self.tops.contains(file) || self.cloned.contains(file) {
            return None;
        }
        let above = self.above.get(file)?;
        let from = above
            .iter()
            .next()
            .filter(|from| above.len() == 1 && !self.cloned.contains(*from))?;
        // An image cannot be made larger by a merge.
        let fits = image::info(from).ok()?.size == image::info(file).ok()?.size;
        fits.then(|| Merge {
            from: from.clone(),
            into: file.to_owned(),
        })
    }
}

/// Every file that the machine or one of its snapshots begins at.
fn files_of(vmx: &Vmx, dict: &Dict, tree: &Tree) -> Vec<PathBuf> {
    let present = drives::disks(vmx, dict).into_iter().map(|(_, file)| file);
    let kept = tree
        .all()
        .iter()
        .flat_map(|snapshot| &snapshot.disks)
        .map(|(_, file)| vmx.resolve(file));
    present.chain(kept).filter(|file| file.exists()).collect()
}

fn note_path(vmx: &Vmx) -> PathBuf {
    vmx.sibling("merge.json")
}
