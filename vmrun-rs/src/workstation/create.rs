//! Making machines.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::disk::{DiskLayout, DiskManager};
use crate::error::HypervisorError;
use crate::hypervisor::{DiskSource, VmId, VmSpec};
use crate::leases::normalise_mac;
use crate::vmrun::CloneKind;
use crate::vmx::{VmxBuilder, VmxStore};

use super::{Workstation, doing};

pub(super) const NO_HARDWARE: &str = "a machine needs at least one processor and some memory";

/// Where a machine of this name in this directory has its configuration.
pub(super) fn vmx_path(directory: &Path, name: &str) -> PathBuf {
    crate::path::canonical(directory).join(format!("{}.vmx", file_stem(name)))
}

/// A name as a file name: what some file system refuses becomes `_`.
fn file_stem(name: &str) -> String {
    let safe = |c: char| {
        if c.is_control() || "<>:\"/\\|?*".contains(c) {
            '_'
        } else {
            c
        }
    };
    let stem: String = name.chars().map(safe).collect();
    match stem.trim_matches(|c: char| c == '.' || c.is_whitespace()) {
        "" => "machine".to_owned(),
        trimmed => trimmed.to_owned(),
    }
}

impl Workstation {
    pub(super) async fn create_machine(&self, spec: &VmSpec) -> Result<VmId, HypervisorError> {
        check(spec)?;
        let made = prepare_directory(&spec.directory)?;
        let vmx = vmx_path(&spec.directory, &spec.name);
        let result = self.fill(spec, &vmx).await;
        if result.is_err() {
            // The directory was empty: everything in it is this attempt's.
            let cleaned = if made {
                fs::remove_dir_all(&spec.directory)
            } else {
                empty(&spec.directory)
            };
            if let Err(error) = cleaned {
                tracing::debug!(%error, directory = %spec.directory.display(), "cannot remove a half-made machine");
            }
        }
        result.map(|()| VmId::new(vmx.to_string_lossy()))
    }

    async fn fill(&self, spec: &VmSpec, vmx: &Path) -> Result<(), HypervisorError> {
        let description = self.description(spec);
        let failed = |source| HypervisorError::Vmx {
            what: format!("write the configuration of {}", spec.name),
            source,
        };
        match &spec.disk {
            DiskSource::LinkedClone { template, snapshot } => {
                let parent = Self::vmx_path(template);
                if !parent.is_file() {
                    return Err(HypervisorError::Missing { vm: template.clone() });
                }
                let cloned = self
                    .vmrun
                    .clone_machine(&parent, vmx, CloneKind::Linked, Some(snapshot), Some(&spec.name))
                    .await;
                cloned.map_err(doing(format!(
                    "clone {} from the snapshot {snapshot} of {template}",
                    spec.name
                )))?;
                let mut store = VmxStore::open(vmx).map_err(failed)?;
                description.apply(&mut store.file).map_err(failed)?;
                store.save().map_err(failed)?;
                if let Some(gib) = spec.disk_gib {
                    self.try_grow_clone(&store, gib).await;
                }
            }
            DiskSource::Existing(disk) => {
                let disk = crate::path::canonical(disk);
                if let Err(source) = fs::File::open(&disk) {
                    return Err(HypervisorError::Io {
                        what: "open the disk image",
                        path: disk,
                        source,
                    });
                }
                if let Some(gib) = spec.disk_gib {
                    self.grow(&disk, gib, &spec.name).await?;
                }
                let file = description
                    .disk(disk, self.options.disk_controller)
                    .build()
                    .map_err(failed)?;
                VmxStore::create(vmx, file).map_err(failed)?;
            }
            DiskSource::Blank { gib } => {
                let disk = vmx.with_extension("vmdk");
                let gib = spec.disk_gib.map_or(*gib, |least| least.max(*gib));
                self.disk_manager(&spec.name)?
                    .create(&disk, gib, DiskLayout::Growable)
                    .await
                    .map_err(|source| HypervisorError::Disk {
                        what: format!("create the disk of {}", spec.name),
                        source,
                    })?;
                let name = disk.file_name().map(PathBuf::from).unwrap_or(disk);
                let file = description
                    .disk(name, self.options.disk_controller)
                    .build()
                    .map_err(failed)?;
                VmxStore::create(vmx, file).map_err(failed)?;
            }
        }
        Ok(())
    }

    fn description(&self, spec: &VmSpec) -> VmxBuilder {
        let console = crate::path::canonical(&spec.directory).join("console.log");
        let mut builder = VmxBuilder::new(&spec.name, &spec.guest_os)
            .hardware_version(self.options.hardware_version)
            .memory_mib(spec.memory_mib)
            .cpus(spec.cpus)
            .nic_model(self.options.nic_model)
            .serial_console(console);
        for nic in &spec.nics {
            builder = builder.nic(&nic.network, nic.mac.as_deref().and_then(normalise_mac));
        }
        for image in &spec.media {
            builder = builder.cd_image(crate::path::canonical(image));
        }
        for (name, value) in &spec.variables {
            builder = builder.variable(name, value);
        }
        builder
    }

    fn disk_manager(&self, name: &str) -> Result<DiskManager, HypervisorError> {
        DiskManager::beside(self.vmrun.program()).map_err(|source| HypervisorError::Disk {
            what: format!("make the disk of {name}"),
            source,
        })
    }

    /// Grows a machine's own disk. A disk that is large enough already is refused by the tool and left as it is.
    async fn grow(&self, disk: &Path, gib: u64, name: &str) -> Result<(), HypervisorError> {
        let Err(source) = self.disk_manager(name)?.grow(disk, gib).await else {
            return Ok(());
        };
        if source
            .failure()
            .is_some_and(|failure| failure.class == crate::failure::FailureClass::InvalidParameter)
        {
            tracing::debug!(error = %source, "the disk is not smaller than asked for");
            return Ok(());
        }
        Err(HypervisorError::Disk {
            what: format!("grow the disk of {name} to {gib} GiB"),
            source,
        })
    }

    /// VMware itself does not grow the disk of a linked clone; other backends can. The clone works either way.
    async fn try_grow_clone(&self, store: &VmxStore, gib: u64) {
        let Some(disk) = system_disk(store) else { return };
        match DiskManager::beside(self.vmrun.program()) {
            Ok(manager) => {
                if let Err(error) = manager.grow(&disk, gib).await {
                    tracing::debug!(%error, "a linked clone keeps its template's disk size");
                }
            }
            Err(error) => tracing::debug!(%error, "a linked clone keeps its template's disk size"),
        }
    }
}

/// The first disk that a machine has.
fn system_disk(store: &VmxStore) -> Option<PathBuf> {
    let file = ["scsi0:0", "nvme0:0", "sata0:0", "ide0:0"].iter().find_map(|device| {
        let name = store.file.get(&format!("{device}.fileName"))?;
        let kind = store.file.get(&format!("{device}.deviceType")).unwrap_or_default();
        (!kind.starts_with("cdrom")).then_some(name)
    })?;
    Some(store.path().parent()?.join(file))
}

fn check(spec: &VmSpec) -> Result<(), HypervisorError> {
    let invalid = |reason: String| {
        Err(HypervisorError::InvalidSpec {
            name: spec.name.clone(),
            reason,
        })
    };
    if spec.name.trim().is_empty() {
        return invalid("a machine needs a name".to_owned());
    }
    if spec.cpus == 0 || spec.memory_mib == 0 {
        return invalid(NO_HARDWARE.to_owned());
    }
    // The path becomes text on command lines and in the identifier.
    if spec.directory.to_str().is_none() {
        return invalid(format!("the directory {} is not valid UTF-8", spec.directory.display()));
    }
    if spec.media.len() > 30 {
        return invalid("a SATA controller has 30 drives".to_owned());
    }
    if let Some(image) = spec.media.iter().find(|image| !image.is_file()) {
        return invalid(format!("there is no CD image {}", image.display()));
    }
    for nic in &spec.nics {
        if let Some(mac) = &nic.mac
            && normalise_mac(mac).is_none()
        {
            return invalid(format!("{mac:?} is not a MAC address like 00:50:56:00:00:10"));
        }
    }
    Ok(())
}

/// Makes the machine's directory; whether it was not there before.
fn prepare_directory(directory: &Path) -> Result<bool, HypervisorError> {
    let failed = |what| {
        move |source| HypervisorError::Io {
            what,
            path: directory.to_owned(),
            source,
        }
    };
    match fs::read_dir(directory) {
        Ok(mut entries) => match entries.next() {
            None => Ok(false),
            Some(_) => Err(HypervisorError::NotEmpty {
                directory: directory.to_owned(),
            }),
        },
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            fs::create_dir_all(directory).map_err(failed("create the directory"))?;
            Ok(true)
        }
        Err(error) => Err(failed("read the directory")(error)),
    }
}

fn empty(directory: &Path) -> io::Result<()> {
    for entry in fs::read_dir(directory)? {
        let entry = entry?;
        if entry.file_type()?.is_dir() {
            fs::remove_dir_all(entry.path())?;
        } else {
            fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_becomes_a_file_name_on_every_system() {
        for (name, stem) in [
            ("k3s-master1", "k3s-master1"),
            ("a/b:c", "a_b_c"),
            ("한글 vm", "한글 vm"),
            ("..", "machine"),
            ("x. ", "x"),
        ] {
            assert_eq!(file_stem(name), stem);
        }
    }
}
