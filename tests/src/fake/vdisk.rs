//! `vmware-vdiskmanager`, as much of it as machines are made with.

use std::path::Path;

use super::server::Answer;

fn said(text: &str, exit: i32) -> Answer {
    Answer {
        stdout: format!("{text}\n").into_bytes(),
        // It complains about its configuration with every success.
        stderr: b"SSLConfigLoad: Failed to load OpenSSL config file.\n".to_vec(),
        exit,
        crash: false,
    }
}

/// The host's disk has no room.
pub(crate) fn full() -> Answer {
    said(
        "Failed to create disk: There is not enough space in the file system for this operation (0x8).",
        1,
    )
}

pub(crate) fn run(argv: &[String]) -> Answer {
    let words: Vec<&str> = argv.iter().map(String::as_str).collect();
    let file = words.last().copied().unwrap_or_default();
    let path = Path::new(file);
    let write = |path: &Path, done: &str| match std::fs::write(path, "# Disk DescriptorFile\n") {
        Ok(()) => said(done, 0),
        Err(_) => full(),
    };
    match words.as_slice() {
        ["-c", ..] if path.exists() => said("Failed to create disk: The file already exists (0x5000c) .", 1),
        ["-c", ..] => write(path, "  Create: 100% done.\nVirtual disk creation successful."),
        ["-x", _, _] if !path.is_file() => said("Failed to open disk: The file specified cannot be found (0x4).", 1),
        ["-x", _, _] => {
            // A clone's disk cannot grow.
            let text = std::fs::read(path).unwrap_or_default();
            if text.windows(9).any(|window| window == b"parentCID") {
                return said(
                    "Failed to expand the disk: The operation is not supported on this type of disk (0x3e99).",
                    1,
                );
            }
            said(
                "  Grow: 100% done.\nThe old geometry C/H/S of the disk is: 5/255/63\nDisk expansion completed successfully.",
                0,
            )
        }
        ["-r", from, "-t", _, _] => match std::fs::copy(from, path) {
            Ok(_) => said("  Convert: 100% done.\nVirtual disk conversion successful.", 0),
            Err(_) => said("Failed to convert disk: The file specified cannot be found (0x4).", 1),
        },
        ["-n", from, _] => match std::fs::rename(from, path) {
            Ok(()) => said("Rename completed successfully.", 0),
            Err(_) => said("Failed to rename disk: The file specified cannot be found (0x4).", 1),
        },
        ["-U", _] => match std::fs::remove_file(path) {
            Ok(()) => said("Disk removed.", 0),
            Err(_) => said("Failed to delete disk: The file specified cannot be found (0x4).", 1),
        },
        ["-d", _] => said("Defragmentation completed successfully.", 0),
        ["-k", _] => said("Shrink completed successfully.", 0),
        _ => said(
            "VMware Virtual Disk Manager - build 24832109.\nUsage: vmware-vdiskmanager OPTIONS <disk-name> | <mount-point>",
            1,
        ),
    }
}
