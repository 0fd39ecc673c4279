//! The template machine that nodes are cloned from: one per disk image, made once, shared by all labs of a user.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::time::UNIX_EPOCH;

use vmrun_rs::Hypervisor;
use vmrun_rs::hypervisor::{DiskSource, NicSpec, VmId, VmSpec};

use crate::backoff::Backoff;
use crate::config::{Config, ImageSection};
use crate::error::{Context as _, ErrorKind, LabError};
use crate::files;
use crate::identity;
use crate::owner::{self, Owner};
use crate::paths::LabPaths;

/// The snapshot that nodes start from in a template made here.
pub(crate) const SNAPSHOT: &str = "lab-base";
/// Written last into a template's directory: without it the template is half-made.
const READY: &str = "ready";

/// What nodes are cloned from.
#[derive(Debug, Clone)]
pub(crate) struct Template {
    pub(crate) vm: VmId,
    pub(crate) snapshot: String,
}

/// What identifies a file without reading it all: its name, size and time of change.
pub(crate) fn fingerprint(path: &Path) -> Result<String, LabError> {
    let meta = std::fs::metadata(path).map_err(|e| LabError::io("look at", path, e))?;
    let changed = meta
        .modified()
        .ok()
        .and_then(|t| t.duration_since(UNIX_EPOCH).ok())
        .map_or(0, |d| d.as_nanos());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    Ok(identity::digest(format!("{name}\0{}\0{changed}", meta.len()).as_bytes())[..16].to_owned())
}

/// Finds the template of the configured image, and makes it if this is its first use.
pub(crate) async fn ensure(
    config: &Config,
    paths: &LabPaths,
    hypervisor: &dyn Hypervisor,
) -> Result<Template, LabError> {
    let image = &config.image;
    if let Some(vmx) = &image.template {
        return own_template(vmx, image, hypervisor).await;
    }
    let Some(disk) = &image.disk else {
        return Err(no_image());
    };
    let id = fingerprint(disk)?;
    let dir = paths.images().join(&id);
    files::private_dir(&paths.images())?;
    let _lock = lock(&paths.images().join(format!("{id}.lock"))).await?;
    let owner = Owner {
        lab: "shared image".to_owned(),
        lab_id: id.clone(),
        node: None,
    };
    let machine = dir.join("vm");
    if dir.join(READY).exists() {
        let vm = hypervisor.id_of(&machine, "template");
        ensure_snapshot(hypervisor, &vm).await?;
        return Ok(Template {
            vm,
            snapshot: SNAPSHOT.to_owned(),
        });
    }
    owner::remove_owned(&dir, &owner)?;
    files::private_dir(&dir)?;
    owner.mark(&dir)?;
    let extension = disk.extension().unwrap_or_default();
    let copy = dir.join("disk").with_extension(extension);
    tokio::fs::copy(disk, &copy)
        .await
        .map_err(|e| LabError::io("copy the disk image to", &copy, e))?;
    let vm = make(config, hypervisor, machine, copy).await?;
    files::write_private(&dir.join(READY), disk.display().to_string().as_bytes())?;
    Ok(Template {
        vm,
        snapshot: SNAPSHOT.to_owned(),
    })
}

/// Makes a machine of a disk, which becomes its own, and takes the snapshot that nodes start from.
pub(crate) async fn make(
    config: &Config,
    hypervisor: &dyn Hypervisor,
    machine: PathBuf,
    disk: PathBuf,
) -> Result<VmId, LabError> {
    let image = &config.image;
    let spec = VmSpec {
        name: "template".to_owned(),
        directory: machine,
        disk: DiskSource::Existing(disk),
        disk_gib: None,
        cpus: config.vm.cpus,
        memory_mib: config.vm.memory_mib,
        guest_os: image.guest_os.clone(),
        nics: vec![NicSpec {
            network: config.network.name.clone(),
            mac: None,
        }],
        media: Vec::new(),
        variables: std::collections::BTreeMap::new(),
    };
    let vm = hypervisor
        .create(&spec)
        .await
        .context("could not make a template machine of the disk image")?;
    take_snapshot(hypervisor, &vm).await?;
    Ok(vm)
}

/// Takes the snapshot that nodes start from, unless the template has it. What the template has is asked, not remembered: a
/// snapshot that was reported as taken and is not there, or that somebody deleted, would fail every node from then on.
async fn ensure_snapshot(hypervisor: &dyn Hypervisor, vm: &VmId) -> Result<(), LabError> {
    let known = hypervisor.snapshots(vm).await;
    if known
        .context("could not read the template's snapshots")?
        .iter()
        .any(|name| name == SNAPSHOT)
    {
        return Ok(());
    }
    take_snapshot(hypervisor, vm).await
}

async fn take_snapshot(hypervisor: &dyn Hypervisor, vm: &VmId) -> Result<(), LabError> {
    let taken = hypervisor.snapshot(vm, SNAPSHOT).await;
    taken.context("could not take the template's snapshot")
}

async fn own_template(vmx: &Path, image: &ImageSection, hypervisor: &dyn Hypervisor) -> Result<Template, LabError> {
    let dir = vmx.parent().unwrap_or(Path::new("."));
    let vm = hypervisor.id_of(dir, &vmx.file_stem().unwrap_or_default().to_string_lossy());
    let known = hypervisor
        .snapshots(&vm)
        .await
        .context(format!("could not read the snapshots of {}", vmx.display()))?;
    if !known.contains(&image.snapshot) {
        return Err(LabError::prerequisite(
            format!("the template {} has no snapshot `{}`", vmx.display(), image.snapshot),
            format!(
                "power it off and take one; it has: {}",
                if known.is_empty() {
                    "none".to_owned()
                } else {
                    known.join(", ")
                }
            ),
        ));
    }
    Ok(Template {
        vm,
        snapshot: image.snapshot.clone(),
    })
}

/// The disk image is missing from the configuration.
pub(crate) fn no_image() -> LabError {
    LabError::prerequisite(
        "no disk image is configured, so there is nothing to make the nodes of",
        "set image.disk to a cloud image with cloud-init (.vmdk), or image.template to a machine of your own (.vmx)",
    )
}

/// Looks at the first bytes of a disk image for what cannot work, and says how to mend it.
pub(crate) fn inspect(disk: &Path) -> Result<(), LabError> {
    let mut head = Vec::new();
    File::open(disk)
        .and_then(|f| f.take(512).read_to_end(&mut head))
        .map_err(|e| {
            LabError::new(
                ErrorKind::Prerequisite,
                format!("the disk image {} cannot be read", disk.display()),
            )
            .source(e)
            .help("correct image.disk; it names a cloud image with cloud-init (.vmdk)")
        })?;
    let shown = disk.display();
    if head.is_empty() {
        return Err(LabError::prerequisite(
            format!("the disk image {shown} is empty"),
            "download or build it again",
        ));
    }
    let convert =
        "convert it: `vmware-vdiskmanager -r IMAGE -t 0 NEW.vmdk` or `qemu-img convert -O vmdk IMAGE NEW.vmdk`";
    if head.starts_with(b"# Disk DescriptorFile") {
        return Err(LabError::prerequisite(
            format!("the disk image {shown} is split over several files"),
            convert,
        ));
    }
    // A sparse extent begins with KDMV, version, flags; flag 16 marks compressed grains (VMware's virtual disk format 5.0).
    let compressed = head.starts_with(b"KDMV") && head.get(10).is_some_and(|b| b & 1 == 1);
    if compressed {
        return Err(LabError::prerequisite(
            format!("the disk image {shown} is compressed (streamOptimized) and cannot be run"),
            convert,
        ));
    }
    let known = head.starts_with(b"KDMV") || head.starts_with(b"QFI\xfb");
    if !known {
        return Err(LabError::prerequisite(
            format!("{shown} is neither a VMDK nor a qcow2 disk image"),
            convert,
        ));
    }
    Ok(())
}

/// Waits for another process that is making the same template.
pub(crate) async fn lock(path: &Path) -> Result<File, LabError> {
    let file = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(path)
        .map_err(|e| LabError::io("open the lock", path, e))?;
    let mut backoff = Backoff::new();
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::WouldBlock) => backoff.pause().await,
            Err(TryLockError::Error(e)) => return Err(LabError::io("lock", path, e)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_disk_image_that_cannot_run_is_refused_with_the_way_to_mend_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("image.vmdk");
        let mut compressed = b"KDMV\x03\0\0\0\x01\0\x03\0".to_vec();
        compressed.resize(512, 0);
        for (content, word) in [
            (&b""[..], "empty"),
            (b"# Disk DescriptorFile\n", "split"),
            (&compressed, "streamOptimized"),
            (b"<html>not found</html>", "neither"),
        ] {
            std::fs::write(&path, content).unwrap();
            let error = inspect(&path).unwrap_err();
            assert!(error.to_string().contains(word), "{error}");
            assert!(error.help_text().is_some());
        }
        let mut sparse = b"KDMV\x01\0\0\0\x03\0\0\0".to_vec();
        sparse.resize(512, 0);
        std::fs::write(&path, sparse).unwrap();
        inspect(&path).unwrap();
        inspect(&dir.path().join("missing.vmdk")).unwrap_err();
    }
}
