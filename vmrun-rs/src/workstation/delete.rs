//! Deleting a machine and nothing else.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::error::HypervisorError;
use crate::failure::FailureClass;
use crate::hypervisor::VmId;
use crate::vmx::{VmxError, VmxFile, VmxStore};

use super::{Workstation, doing};

impl Workstation {
    /// Deletes a machine that is off.
    ///
    /// `deleteVM` removes every disk that the configuration names, wherever it is; so disks outside the machine's own
    /// directory (the image that a template was made of) are taken out of the configuration first.
    pub(super) async fn delete_machine(&self, vm: &VmId) -> Result<(), HypervisorError> {
        let vmx = Self::vmx_path(vm);
        let Some(directory) = vmx.parent() else { return Ok(()) };
        if !vmx.is_file() {
            return Ok(());
        }
        self.wait_unlocked(vm).await?;
        let leftovers = self
            .edit(vm, "delete", |store| {
                disown_foreign_files(store, directory)?;
                Ok(own_files(&store.file, directory))
            })
            .await?;
        match self.vmrun.delete_machine(&vmx).await {
            Ok(()) => {}
            // Deleted meanwhile, or by an earlier attempt that was cut off.
            Err(error) if error.class() == FailureClass::NotFound && !vmx.exists() => {}
            Err(error) => return Err(doing(format!("delete {vm}"))(error)),
        }
        remove_leftovers(&vmx, directory, &leftovers)
    }
}

/// Removes devices from the configuration whose files are not in the machine's directory.
fn disown_foreign_files(store: &mut VmxStore, directory: &Path) -> Result<(), VmxError> {
    for device in devices(&store.file) {
        let name = store.file.get(&format!("{device}.fileName")).unwrap_or_default();
        if !name.is_empty()
            && !crate::path::canonical(&directory.join(&name)).starts_with(crate::path::canonical(directory))
        {
            store.file.set(&format!("{device}.present"), "FALSE")?;
            store.file.remove(&format!("{device}.fileName"));
        }
    }
    Ok(())
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
        .filter_map(|device| file.get(&format!("{device}.fileName")))
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
    fn a_disk_outside_the_directory_is_disowned_before_the_machine_is_deleted() {
        let dir = tempfile::tempdir().unwrap();
        let own = dir.path().join("vm");
        std::fs::create_dir(&own).unwrap();
        let image = dir.path().join("cloud.vmdk");
        std::fs::write(&image, "precious").unwrap();
        let vmx = own.join("m.vmx");
        let text = format!(
            "scsi0:0.present = \"TRUE\"\nscsi0:0.fileName = \"{}\"\nscsi0:1.fileName = \"own.vmdk\"\nscsi0:2.fileName = \"../x.vmdk\"\n",
            image.display().to_string().replace('\\', "/")
        );
        std::fs::write(&vmx, text).unwrap();
        let mut store = VmxStore::open(&vmx).unwrap();
        disown_foreign_files(&mut store, &own).unwrap();
        assert_eq!(store.file.get("scsi0:0.fileName"), None);
        assert_eq!(store.file.get("scsi0:0.present").unwrap(), "FALSE");
        assert_eq!(store.file.get("scsi0:1.fileName").unwrap(), "own.vmdk");
        assert_eq!(store.file.get("scsi0:2.fileName"), None);
        assert_eq!(own_files(&store.file, &own), [own.join("own.vmdk")]);
    }
}
