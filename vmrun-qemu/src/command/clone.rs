//! `clone`

use std::path::{Path, PathBuf};

use crate::dict::Dict;
use crate::fault::{Fault, OrUnknown, host_file};
use crate::home::Home;
use crate::image;
use crate::machine::{Vmx, drives, file_stem, identity};
use crate::running;
use crate::snapshot::tree::Tree;
use crate::snapshot::{self, configuration};

/// What kind of clone is wanted.
pub(super) struct Wish<'a> {
    pub(super) to: &'a Path,
    pub(super) linked: bool,
    pub(super) snapshot: Option<&'a str>,
    pub(super) name: Option<&'a str>,
}

/// Makes a new machine that is like another one, or like one of its snapshots.
pub(super) fn clone(home: &Home, source: &Vmx, wish: &Wish<'_>) -> Result<(), Fault> {
    let to = destination(wish.to)?;
    let name = wish.name.map_or_else(|| file_stem(&to), str::to_owned);
    // Held to the end: a snapshot must not be deleted while a clone of it is being made.
    let lock = running::lock(home, &source.key)?;
    source.read()?;
    let runs = running::of_locked(home, &source.key, &lock)?.is_some();
    if !runs {
        snapshot::layers::finish_interrupted(source)?;
    }
    let snapshot = match (wish.snapshot, wish.linked) {
        (Some(name), _) => Some(name.to_owned()),
        (None, _) if runs => return Err(Fault::AlreadyRunning),
        // A linked clone stands on something that does not change any more, so there must be a snapshot.
        (None, true) => Some(own_snapshot(home, source, &name, &lock)?),
        (None, false) => None,
    };
    let mut tree = Tree::read(source)?;
    let uid = snapshot
        .map(|name| tree.find(&name).ok_or(Fault::NoSnapshot))
        .transpose()?;
    let (mut dict, disks) = if let Some(snapshot) = uid.and_then(|uid| tree.get(uid)) {
        let disks = snapshot.disks.iter();
        let disks = disks.map(|(node, file)| (node.clone(), source.resolve(file)));
        (configuration(source, snapshot)?, disks.collect())
    } else {
        let dict = source.read()?;
        let disks = drives::disks(source, &dict);
        (dict, disks)
    };
    let directory = to.parent().unwrap_or(Path::new("/")).to_owned();
    let made = Made::new(&directory)?;
    make_disks(&to, wish.linked, &disks, &mut dict, made)?.finish(|made| {
        absolute_media(source, &mut dict);
        identity::strip(&mut dict);
        dict.set("displayName", &name);
        own_firmware(source, &to, &mut dict, made)?;
        made.add(to.clone());
        dict.write_like(&to, &source.path)
            .map_err(|error| host_file(&to, &error))?;
        let clone = Vmx::find(&to)?;
        let mut clone_tree = Tree::default();
        if let Some(uid) = uid.filter(|_| wish.linked) {
            clone_tree.clone_of = Some(source.path.to_string_lossy().into_owned());
            for snapshot in tree.all_mut().iter_mut().filter(|snapshot| snapshot.uid == uid) {
                snapshot
                    .clones
                    .retain(|path| Path::new(path).exists() && Path::new(path) != to);
                snapshot.clones.push(to.to_string_lossy().into_owned());
            }
            tree.write(source)?;
        }
        made.add(clone.sibling("vmsd"));
        clone_tree.write(&clone)
    })
}

fn destination(to: &Path) -> Result<PathBuf, Fault> {
    if !to.extension().is_some_and(|suffix| suffix.eq_ignore_ascii_case("vmx")) {
        return Err(Fault::UnknownSuffix(to.to_owned()));
    }
    let to = std::path::absolute(to).or_unknown(format_args!("finding {}", to.display()))?;
    if to.exists() {
        return Err(Fault::FileExists {
            reason: format!("{} exists", to.display()),
        });
    }
    Ok(to)
}

fn own_snapshot(home: &Home, source: &Vmx, name: &str, lock: &crate::home::Lock) -> Result<String, Fault> {
    let tree = Tree::read(source)?;
    let base = format!("Snapshot for {}", name.replace('/', "-"));
    let mut wanted = base.clone();
    for number in 2.. {
        if tree.find(&wanted).is_none() {
            break;
        }
        wanted = format!("{base} {number}");
    }
    snapshot::take_locked(home, source, &wanted, lock)?;
    Ok(wanted)
}

fn make_disks(
    to: &Path,
    linked: bool,
    disks: &[(String, PathBuf)],
    dict: &mut Dict,
    mut made: Made,
) -> Result<Made, Fault> {
    for (number, (node, base)) in disks.iter().enumerate() {
        let format = image::format_of(base)?;
        let more = if number == 0 {
            String::new()
        } else {
            format!("-{number}")
        };
        let mark = if linked { "-cl1" } else { "" };
        let file = to.with_file_name(format!("{}{more}{mark}.{}", file_stem(to), format.name()));
        if file.exists() {
            return Err(Fault::FileExists {
                reason: format!("{} exists", file.display()),
            });
        }
        made.add(file.clone());
        if linked {
            image::create_overlay(&file, base, None)?;
        } else {
            image::flatten(base, &file, format)?;
        }
        let name = file.file_name().unwrap_or_default().to_string_lossy();
        dict.set(&format!("{node}.fileName"), &name);
    }
    Ok(made)
}

/// CD images are not copied: the clone names the same files.
fn absolute_media(source: &Vmx, dict: &mut Dict) {
    for (kind, controller, unit) in drives::names(dict) {
        let key = format!("{kind}{controller}:{unit}.fileName");
        let cd = dict
            .get(&format!("{kind}{controller}:{unit}.deviceType"))
            .is_some_and(|kind| kind == "cdrom-image");
        if let Some(file) = dict.get(&key).filter(|file| cd && !file.is_empty()) {
            let file = source.resolve(file).to_string_lossy().into_owned();
            dict.set(&key, &file);
        }
    }
}

/// The firmware's variables are the machine's own; it gets a copy of its model's.
fn own_firmware(source: &Vmx, to: &Path, dict: &mut Dict, made: &mut Made) -> Result<(), Fault> {
    let (from, to) = (source.sibling("nvram"), to.with_extension("nvram"));
    dict.set("nvram", &to.file_name().unwrap_or_default().to_string_lossy());
    if from.is_file() {
        made.add(to.clone());
        std::fs::copy(&from, &to).map_err(|error| host_file(&to, &error))?;
    }
    Ok(())
}

/// What was made so far, and is removed again unless everything works.
struct Made {
    files: Vec<PathBuf>,
    directory: Option<PathBuf>,
}

impl Made {
    fn new(directory: &Path) -> Result<Self, Fault> {
        let new = !directory.exists();
        std::fs::create_dir_all(directory).map_err(|error| host_file(directory, &error))?;
        Ok(Self {
            files: Vec::new(),
            directory: new.then(|| directory.to_owned()),
        })
    }

    fn add(&mut self, file: PathBuf) {
        self.files.push(file);
    }

    fn finish(mut self, last: impl FnOnce(&mut Self) -> Result<(), Fault>) -> Result<(), Fault> {
        last(&mut self)?;
        self.files.clear();
        self.directory = None;
        Ok(())
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        for file in &self.files {
            let _ = std::fs::remove_file(file);
        }
        if let Some(directory) = &self.directory {
            let _ = std::fs::remove_dir(directory);
        }
    }
}
