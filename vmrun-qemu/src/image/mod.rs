//! Disk images, through `qemu-img` and, where it cannot, by their header.

pub(crate) mod vmdk;

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::fault::{Fault, OrUnknown};
use crate::machine::drives::DiskFormat;
use crate::qemu::host::image_program;

/// What is known of an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Info {
    /// Bytes that a guest sees.
    pub(crate) size: u64,
    /// The image below, resolved.
    pub(crate) backing: Option<PathBuf>,
}

/// Makes an empty image.
pub(crate) fn create(path: &Path, format: DiskFormat, bytes: u64) -> Result<(), Fault> {
    run(&[
        &["create", "-q", "-f", format.name(), "--"].map(OsStr::new)[..],
        &[path.as_os_str(), OsStr::new(&bytes.to_string())],
    ])
    .map(drop)
}

/// Makes an image that holds only what differs from another one. Without a size it is as large as that one.
pub(crate) fn create_overlay(path: &Path, base: &Path, bytes: Option<u64>) -> Result<(), Fault> {
    let format = format_of(base)?.name();
    let size = bytes.map(|bytes| OsString::from(bytes.to_string()));
    let options = ["create", "-q", "-f", format, "-F", format, "-b"].map(OsStr::new);
    let base = backing_name(path, base);
    let mut rest = vec![base.as_os_str(), OsStr::new("--"), path.as_os_str()];
    rest.extend(size.as_deref());
    run(&[&options, &rest]).map(drop)
}

/// How an overlay names its base: by the bare file name if both are in one directory, so that the directory can be moved.
pub(crate) fn backing_name(overlay: &Path, base: &Path) -> PathBuf {
    match base.file_name() {
        // A colon would make QEMU look for a protocol.
        Some(name) if overlay.parent() == base.parent() && !name.as_encoded_bytes().contains(&b':') => {
            PathBuf::from(name)
        }
        _ => base.to_owned(),
    }
}

/// Copies an image with all that is below it into one file.
pub(crate) fn flatten(from: &Path, to: &Path, format: DiskFormat) -> Result<(), Fault> {
    let source = format_of(from)?.name();
    let options = ["convert", "-q", "-f", source, "-O", format.name(), "--"].map(OsStr::new);
    run(&[&options, &[from.as_os_str(), to.as_os_str()]]).map(drop)
}

/// Copies an image into a larger one that exists already and is empty.
pub(crate) fn copy_into(from: &Path, to: &Path) -> Result<(), Fault> {
    let (source, target) = (format_of(from)?.name(), format_of(to)?.name());
    let options = [
        "convert",
        "-q",
        "-n",
        "--target-is-zero",
        "-f",
        source,
        "-O",
        target,
        "--",
    ]
    .map(OsStr::new);
    run(&[&options, &[from.as_os_str(), to.as_os_str()]]).map(drop)
}

/// Moves what an overlay holds into its base. The overlay is of no use afterwards.
pub(crate) fn commit(overlay: &Path) -> Result<(), Fault> {
    let options = ["commit", "-q", "-d", "-f", format_of(overlay)?.name(), "--"].map(OsStr::new);
    run(&[&options, &[overlay.as_os_str()]]).map(drop)
}

/// Looks at an image; a running machine may be using it.
pub(crate) fn info(path: &Path) -> Result<Info, Fault> {
    let options = ["info", "-U", "--output=json", "-f", format_of(path)?.name(), "--"].map(OsStr::new);
    let text = run(&[&options, &[path.as_os_str()]])?;
    let value: Value = serde_json::from_str(&text).or_unknown(format_args!("understanding {}", path.display()))?;
    let size = value["virtual-size"]
        .as_u64()
        .ok_or_else(|| Fault::unknown(format!("{} has no size", path.display())))?;
    let backing = value["full-backing-filename"]
        .as_str()
        .or_else(|| value["backing-filename"].as_str());
    let directory = path.parent().unwrap_or(Path::new("/"));
    Ok(Info {
        size,
        backing: backing.map(|backing| directory.join(backing)),
    })
}

/// Whether an overlay holds nothing of its own.
pub(crate) fn is_empty_overlay(path: &Path) -> Result<bool, Fault> {
    let options = ["map", "-U", "--output=json", "-f", format_of(path)?.name(), "--"].map(OsStr::new);
    let text = run(&[&options, &[path.as_os_str()]])?;
    let map: Value = serde_json::from_str(&text).or_unknown(format_args!("understanding {}", path.display()))?;
    let extents = map.as_array().map(Vec::as_slice).unwrap_or_default();
    Ok(extents
        .iter()
        .all(|extent| extent["depth"].as_u64() != Some(0) || extent["present"] == false))
}

/// Names another image as the one below an overlay, without looking at either's content.
pub(crate) fn set_backing(overlay: &Path, base: &Path) -> Result<(), Fault> {
    let name = backing_name(overlay, base);
    match format_of(overlay)? {
        DiskFormat::Vmdk => vmdk::set_parent(overlay, &name.to_string_lossy(), vmdk::content_id(base)?),
        DiskFormat::Qcow2 => {
            let format = format_of(base)?.name();
            let options = ["rebase", "-q", "-u", "-f", "qcow2", "-F", format, "-b"].map(OsStr::new);
            run(&[&options, &[name.as_os_str(), OsStr::new("--"), overlay.as_os_str()]]).map(drop)
        }
    }
}

/// An image's format, which must be one that VMware or QEMU calls a virtual disk.
pub(crate) fn format_of(path: &Path) -> Result<DiskFormat, Fault> {
    let format = DiskFormat::of(path).map_err(|error| crate::fault::host_file(path, &error))?;
    format.ok_or_else(|| Fault::unknown(format!("{}: The file specified is not a virtual disk", path.display())))
}

fn run(arguments: &[&[&OsStr]]) -> Result<String, Fault> {
    let program = image_program();
    let out = Command::new(&program)
        .args(arguments.concat())
        .env("LC_ALL", "C.UTF-8")
        .current_dir("/")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| Fault::HostNotReady {
            reason: format!(
                "{} cannot be run ({error}); it makes disk images. Debian and Ubuntu have it in the package qemu-utils; \
                 VMRUN_QEMU_IMG names another one",
                program.display()
            ),
        })?;
    if out.status.success() {
        return Ok(String::from_utf8_lossy(&out.stdout).into_owned());
    }
    let said = String::from_utf8_lossy(&out.stderr).trim().to_owned();
    if said.contains("Failed to get") && said.contains("lock") {
        return Err(Fault::FileInUse { reason: said });
    }
    Err(Fault::unknown(if said.is_empty() {
        format!("qemu-img ended with {}", out.status)
    } else {
        said
    }))
}
