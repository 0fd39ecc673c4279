//! Deleting a machine and nothing else.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::HypervisorError;
use crate::failure::FailureClass;
use crate::hypervisor::VmId;
use crate::vmx::VmxFile;

use super::{Workstation, doing};

impl Workstation {
    /// Deletes a machine that is off.
    ///
    /// `deleteVM` can remove every disk that the machine is made of, wherever it is. Disks outside the machine's own
    /// directory (the image that a template was made of) belong to somebody else and are kept.
    pub(super) async fn delete_machine(&self, vm: &VmId) -> Result<(), HypervisorError> {
        let vmx = Self::vmx_path(vm);
        let Some(directory) = vmx.parent() else { return Ok(()) };
        if !vmx.is_file() {
            return Ok(());
        }
        if self.listed(vm).await? {
            return Err(HypervisorError::Running {
                what: "delete".to_owned(),
                vm: vm.clone(),
            });
        }
        self.wait_unlocked(vm).await?;
        let file = Self::open(vm, "read the configuration of")?.file;
        let named = own_files(&file, directory);
        let kept = Kept::keep(foreign_files(&file, &vmx))?;
        let deleted = self.vmrun.delete_machine(&vmx).await;
        kept.give_back()?;
        match deleted {
            Ok(()) => {}
            // Deleted meanwhile, or by an earlier attempt that was cut off.
            Err(error) if error.class() == FailureClass::NotFound && !vmx.exists() => {}
            Err(error) => return Err(doing(format!("delete {vm}"))(error)),
        }
        remove_leftovers(&vmx, directory, &named)
    }
}

/// Files that have a second name for a while, so that they survive the loss of the first.
struct Kept(Vec<(PathBuf, PathBuf)>);

impl Kept {
    fn keep(files: Vec<PathBuf>) -> Result<Self, HypervisorError> {
        let mut kept = Self(Vec::new());
        for path in files.into_iter().filter(|path| path.is_file()) {
            let mut second = path.clone().into_os_string();
            second.push(format!(".keep-{:08x}", rand::random::<u32>()));
            let second = PathBuf::from(second);
            if let Err(source) = fs::hard_link(&path, &second) {
                kept.give_back()?;
                return Err(HypervisorError::Io {
                    what: "keep (by a second name) the foreign disk",
                    path,
                    source,
                });
            }
            kept.0.push((path, second));
        }
        Ok(kept)
    }

    fn give_back(self) -> Result<(), HypervisorError> {
        for (path, second) in self.0 {
            let restored = if path.exists() {
                fs::remove_file(&second)
            } else {
                fs::rename(&second, &path)
            };
            restored.map_err(|source| HypervisorError::Io {
                what: "give back its name to",
                path: second,
                source,
            })?;
        }
        Ok(())
    }
}

/// Disks outside the machine's directory that its configuration or its snapshots name, with the extents that a
/// descriptor names in turn.
fn foreign_files(file: &VmxFile, vmx: &Path) -> Vec<PathBuf> {
    let Some(directory) = vmx.parent() else {
        return Vec::new();
    };
    let own = crate::path::canonical(directory);
    let snapshots = fs::read(vmx.with_extension("vmsd"))
        .map(|bytes| VmxFile::parse(&bytes))
        .ok();
    let mut found: Vec<PathBuf> = [Some(file), snapshots.as_ref()]
        .into_iter()
        .flatten()
        .flat_map(|file| {
            let disks = devices(file).into_iter().filter(|device| is_disk(file, device));
            disks.filter_map(|device| file.get(&format!("{device}.fileName")))
        })
        .filter(|name| !name.is_empty())
        .map(|name| crate::path::canonical(&directory.join(name)))
        .filter(|path| !path.starts_with(&own))
        .collect();
    let extents: Vec<PathBuf> = found.iter().flat_map(|disk| extents(disk)).collect();
    found.extend(extents);
    found.sort();
    found.dedup();
    found
}

/// Whether a device's file is a disk, and not an image that is only read, or a console's output.
fn is_disk(file: &VmxFile, device: &str) -> bool {
    let kind = file
        .get(&format!("{device}.deviceType"))
        .unwrap_or_default()
        .to_ascii_lowercase();
    let other = ["serial", "parallel", "floppy", "sound"];
    !kind.starts_with("cdrom") && !kind.starts_with("atapi") && !other.iter().any(|prefix| device.starts_with(prefix))
}

/// The files that a disk's text descriptor names: `RW 83886080 FLAT "disk-flat.vmdk" 0`.
fn extents(disk: &Path) -> Vec<PathBuf> {
    const MOST: u64 = 64 * 1024;
    let Some(directory) = disk.parent() else {
        return Vec::new();
    };
    let small = fs::metadata(disk).is_ok_and(|meta| meta.is_file() && meta.len() <= MOST);
    let text = if small {
        fs::read(disk).unwrap_or_default()
    } else {
        Vec::new()
    };
    let text = String::from_utf8_lossy(&text);
    let access = ["RW ", "RDONLY ", "NOACCESS "];
    text.lines()
        .filter(|line| access.iter().any(|word| line.starts_with(word)))
        .filter_map(|line| Some(directory.join(line.split('"').nth(1)?)))
        .collect()
}

/// `scsi0:0`, `sata0:1`, `serial0`, …: everything that has a file.
fn devices(file: &VmxFile) -> Vec<String> {
    let suffix = ".filename";
    let device = |key: &str| {
        key.to_ascii_lowercase()
            .strip_suffix(suffix)
            .map(|_| key[..key.len() - suffix.len()].to_owned())
    };
    file.keys().filter_map(device).collect()
}

/// The files in the machine's directory that its configuration names.
fn own_files(file: &VmxFile, directory: &Path) -> Vec<PathBuf> {
    devices(file)
        .iter()
        .filter_map(|device| file.get(&format!("{device}.fileName")).filter(|name| !name.is_empty()))
        .map(|name| directory.join(name))
        .filter(|path| crate::path::canonical(path).starts_with(crate::path::canonical(directory)))
        .collect()
}

/// What `deleteVM` leaves behind: logs, locks, the console's file. Only files that are recognisably this machine's are
/// removed, and the directory only if it is then empty.
fn remove_leftovers(vmx: &Path, directory: &Path, named: &[PathBuf]) -> Result<(), HypervisorError> {
    let stem = vmx
        .file_stem()
        .map(|stem| stem.to_string_lossy().into_owned())
        .unwrap_or_default();
    let entries = match fs::read_dir(directory) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(source) => {
            return Err(HypervisorError::Io {
                what: "read the directory",
                path: directory.to_owned(),
                source,
            });
        }
    };
    for path in entries.flatten().map(|entry| entry.path()) {
        let name = path
            .file_name()
            .map(|name| name.to_string_lossy().into_owned())
            .unwrap_or_default();
        if named.contains(&path) || is_own(&name, &stem) {
            let removed = if path.is_dir() {
                fs::remove_dir_all(&path)
            } else {
                fs::remove_file(&path)
            };
            match removed {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(HypervisorError::Io {
                        what: "remove",
                        path,
                        source: error,
                    });
                }
                _ => {}
            }
        }
    }
    match fs::remove_dir(directory) {
        Err(error) if !matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::DirectoryNotEmpty) => {
            Err(HypervisorError::Io {
                what: "remove the directory",
                path: directory.to_owned(),
                source: error,
            })
        }
        _ => Ok(()),
    }
}

/// Names that VMware gives to files of the machine `stem`.
fn is_own(name: &str, stem: &str) -> bool {
    const EXTENSIONS: [&str; 13] = [
        "vmx",
        "vmxf",
        "vmsd",
        "vmsn",
        "vmss",
        "vmem",
        "vmdk",
        "nvram",
        "log",
        "lck",
        "plist",
        "scoreboard",
        "vmtx",
    ];
    let extension = Path::new(name)
        .extension()
        .map(|e| e.to_string_lossy().to_ascii_lowercase())
        .unwrap_or_default();
    if !EXTENSIONS.contains(&extension.as_str()) {
        return false;
    }
    let rest = name
        .strip_prefix(stem)
        .is_some_and(|rest| rest.starts_with(['.', '-', '_']));
    let log = extension == "log" && name.starts_with("vmware");
    let swap = name.starts_with("564d") || name.starts_with("vmx-");
    rest || log || swap
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_machine_are_removed() {
        for own in [
            "m.vmx",
            "m-000001.vmdk",
            "m.vmdk.lck",
            "vmware.log",
            "vmware-0.log",
            "m-Snapshot1.vmsn",
            "m.nvram",
        ] {
            assert!(is_own(own, "m"), "{own}");
        }
        for foreign in ["master.vmx", "notes.txt", "seed.iso", "m.txt", "other.vmdk", "m"] {
            assert!(!is_own(foreign, "m"), "{foreign}");
        }
    }

    #[test]
    fn disks_outside_the_directory_survive_with_all_their_extents() {
        let dir = tempfile::tempdir().unwrap();
        let root = crate::path::canonical(dir.path());
        let own = root.join("vm");
        fs::create_dir(&own).unwrap();
        fs::write(
            root.join("cloud.vmdk"),
            "# Disk DescriptorFile\nRW 8 FLAT \"cloud-flat.vmdk\" 0\n",
        )
        .unwrap();
        fs::write(root.join("cloud-flat.vmdk"), "precious").unwrap();
        fs::write(own.join("own.vmdk"), "").unwrap();
        fs::write(own.join("m.vmsd"), "snapshot0.disk0.fileName = \"../cloud.vmdk\"\n").unwrap();
        let file = VmxFile::parse(
            b"scsi0:0.fileName = \"own.vmdk\"\nscsi0:1.fileName = \"\"\n\
              sata0:0.deviceType = \"cdrom-image\"\nsata0:0.fileName = \"/seed.iso\"\n",
        );
        let foreign = foreign_files(&file, &own.join("m.vmx"));
        assert_eq!(foreign, [root.join("cloud-flat.vmdk"), root.join("cloud.vmdk")]);
        assert_eq!(own_files(&file, &own), [own.join("own.vmdk")]);

        let kept = Kept::keep(foreign).unwrap();
        fs::remove_file(root.join("cloud-flat.vmdk")).unwrap();
        kept.give_back().unwrap();
        assert_eq!(fs::read(root.join("cloud-flat.vmdk")).unwrap(), b"precious");
        assert_eq!(fs::read_dir(&root).unwrap().count(), 3, "no second names are left");
    }
}
