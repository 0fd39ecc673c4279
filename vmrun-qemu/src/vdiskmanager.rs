//! The drop-in `vmware-vdiskmanager`: creates, converts, grows and renames disks with `qemu-img`.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use crate::fault::{Fault, OrUnknown, host_file};
use crate::image;
use crate::machine::drives::DiskFormat;
use crate::machine::file_stem;

/// What to do.
#[derive(Debug, PartialEq, Eq)]
enum Job {
    Create { disk: PathBuf, bytes: u64 },
    Convert { from: PathBuf, to: PathBuf },
    Rename { from: PathBuf, to: PathBuf },
    Grow { disk: PathBuf, bytes: u64 },
    Defragment { disk: PathBuf },
}

/// Runs the program.
pub(crate) fn main(arguments: Vec<OsString>) -> ExitCode {
    let Some(job) = parse(arguments) else {
        print!("{}", usage());
        return ExitCode::from(1);
    };
    match run(&job) {
        Ok(text) => {
            println!("{text}");
            ExitCode::SUCCESS
        }
        Err(failure) => {
            println!("{failure}");
            ExitCode::from(1)
        }
    }
}

fn usage() -> String {
    format!(
        "VMware Virtual Disk Manager - build 100.\n\
         vmware-vdiskmanager-qemu {}: a stand-in on top of qemu-img\n\
         Usage: vmware-vdiskmanager OPTIONS <disk-name>\n\
         \x20 -c -s <size> [-a ide|buslogic|lsilogic] [-t 0..5]   create a disk\n\
         \x20 -r <source> -t 0..5                                 convert a disk, with all that is below it\n\
         \x20 -x <size>                                           grow a disk\n\
         \x20 -n <source>                                         rename a disk\n\
         \x20 -d | -k                                             defragment or shrink: nothing to do here\n\
         \x20 -q                                                  say nothing of progress\n",
        env!("CARGO_PKG_VERSION")
    )
}

fn parse(arguments: Vec<OsString>) -> Option<Job> {
    let mut arguments = arguments.into_iter();
    let (mut create, mut defragment, mut size, mut grow, mut convert, mut rename, mut disk) =
        (false, false, None, None, None, None, None);
    while let Some(argument) = arguments.next() {
        match argument.to_str() {
            Some("-c") => create = true,
            Some("-d" | "-k") => defragment = true,
            Some("-q") => {}
            Some("-s") => size = Some(bytes(arguments.next()?.to_str()?)?),
            Some("-x") => grow = Some(bytes(arguments.next()?.to_str()?)?),
            // The adapter is the .vmx's business, and every kind of file is written as one growable file.
            Some("-a") => matches!(arguments.next()?.to_str()?, "ide" | "buslogic" | "lsilogic").then_some(())?,
            Some("-t") => matches!(arguments.next()?.to_str()?, "0" | "1" | "2" | "3" | "4" | "5").then_some(())?,
            Some("-r") => convert = Some(PathBuf::from(arguments.next()?)),
            Some("-n") => rename = Some(PathBuf::from(arguments.next()?)),
            Some(other) if other.starts_with('-') => return None,
            _ if disk.is_none() => disk = Some(PathBuf::from(argument)),
            _ => return None,
        }
    }
    let disk = disk?;
    match (create, defragment, grow, convert, rename) {
        (true, false, None, None, None) => Some(Job::Create { disk, bytes: size? }),
        (false, true, None, None, None) => Some(Job::Defragment { disk }),
        (false, false, Some(bytes), None, None) => Some(Job::Grow { disk, bytes }),
        (false, false, None, Some(from), None) => Some(Job::Convert { from, to: disk }),
        (false, false, None, None, Some(from)) => Some(Job::Rename { from, to: disk }),
        _ => None,
    }
}

/// `40GB`, `512MB`, `100KB`, or a number of 512-byte sectors. A disk has whole sectors.
fn bytes(text: &str) -> Option<u64> {
    let text = text.to_ascii_lowercase();
    let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let unit = match text[split..].trim() {
        "" => 512,
        "k" | "kb" => 1 << 10,
        "m" | "mb" => 1 << 20,
        "g" | "gb" => 1 << 30,
        "t" | "tb" => 1 << 40,
        _ => return None,
    };
    text[..split]
        .parse::<u64>()
        .ok()?
        .checked_mul(unit)
        .filter(|&bytes| bytes > 0)
}

fn run(job: &Job) -> Result<&'static str, String> {
    let told = |what: &'static str| move |fault: Fault| failure(what, &fault);
    match job {
        Job::Create { disk, bytes } => {
            let disk = absolute(disk);
            create(&disk, *bytes).map_err(told("Failed to create disk"))?;
            Ok("Virtual disk creation successful.")
        }
        Job::Convert { from, to } => {
            convert(&absolute(from), &absolute(to)).map_err(told("Failed to convert disk"))?;
            Ok("Virtual disk conversion successful.")
        }
        Job::Rename { from, to } => {
            rename(&absolute(from), &absolute(to)).map_err(told("Failed to rename disk"))?;
            Ok("Renaming completed successfully.")
        }
        Job::Grow { disk, bytes } => {
            grow(&absolute(disk), *bytes).map_err(told("Failed to expand the disk"))?;
            Ok("Disk expansion completed successfully.")
        }
        Job::Defragment { disk } => {
            image::info(&absolute(disk)).map_err(told("Failed to open the disk"))?;
            Ok("Defragmentation completed successfully.")
        }
    }
}

/// `Failed to create disk: The file already exists (0x...)`: a fixed start, VMware's text, and what happened.
fn failure(what: &str, fault: &Fault) -> String {
    let text = match fault {
        Fault::InvalidParameter { .. } => "One of the parameters supplied is invalid".to_owned(),
        fault => fault.to_string().trim_start_matches("Error: ").to_owned(),
    };
    match fault.reason() {
        Some(reason) => format!("{what}: {text} ({reason})."),
        None => format!("{what}: {text}."),
    }
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}

fn absent(path: &Path) -> Result<(), Fault> {
    if path.exists() {
        Err(Fault::FileExists {
            reason: path.display().to_string(),
        })
    } else {
        Ok(())
    }
}

fn create(disk: &Path, bytes: u64) -> Result<(), Fault> {
    absent(disk)?;
    image::create(disk, DiskFormat::Vmdk, bytes)
}

fn convert(from: &Path, to: &Path) -> Result<(), Fault> {
    absent(to)?;
    image::flatten(from, to, DiskFormat::Vmdk).inspect_err(|_| drop(std::fs::remove_file(to)))
}

fn rename(from: &Path, to: &Path) -> Result<(), Fault> {
    absent(to)?;
    image::format_of(from)?;
    std::fs::rename(from, to).map_err(|error| host_file(to, &error))
}

/// Grows a disk. QEMU cannot resize a VMDK in place, so a new file takes its name:
///
/// - A disk without a base is copied into a larger one.
/// - An overlay that holds nothing yet, such as a new linked clone's, is made anew with the larger size.
/// - An overlay that holds something becomes the base of a larger one.
fn grow(disk: &Path, bytes: u64) -> Result<(), Fault> {
    let info = image::info(disk)?;
    if bytes <= info.size {
        return Err(Fault::invalid(format!(
            "{} has {} bytes already",
            disk.display(),
            info.size
        )));
    }
    let new = beside(disk, "growing");
    let _ = std::fs::remove_file(&new);
    let result = match &info.backing {
        None => {
            let format = image::format_of(disk)?;
            image::create(&new, format, bytes).and_then(|()| image::copy_into(disk, &new))
        }
        Some(base) if image::is_empty_overlay(disk)? => image::create_overlay(&new, base, Some(bytes)),
        Some(_) => return grow_above(disk, &new, bytes),
    };
    result
        .and_then(|()| std::fs::rename(&new, disk).map_err(|error| host_file(disk, &error)))
        .inspect_err(|_| drop(std::fs::remove_file(&new)))
}

fn grow_above(disk: &Path, new: &Path, bytes: u64) -> Result<(), Fault> {
    let mut number = 1;
    let below = loop {
        let name = beside(disk, &format!("before-growing-{number}"));
        if !name.exists() {
            break name;
        }
        number += 1;
    };
    // Both names at once for a moment, so that the disk's own name never leads nowhere.
    std::fs::hard_link(disk, &below).or_unknown(format_args!("keeping {}", below.display()))?;
    image::create_overlay(new, &below, Some(bytes))
        .and_then(|()| std::fs::rename(new, disk).map_err(|error| host_file(disk, &error)))
        .inspect_err(|_| {
            let _ = std::fs::remove_file(new);
            let _ = std::fs::remove_file(&below);
        })
}

fn beside(disk: &Path, what: &str) -> PathBuf {
    let suffix = disk.extension().unwrap_or_default().to_string_lossy();
    disk.with_file_name(format!("{}-{what}.{suffix}", file_stem(disk)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job(line: &str) -> Option<Job> {
        parse(line.split(' ').map(OsString::from).collect())
    }

    #[test]
    fn the_usual_command_lines_are_understood() {
        let disk = PathBuf::from("a.vmdk");
        assert_eq!(
            job("-c -s 40GB -a lsilogic -t 0 a.vmdk"),
            Some(Job::Create {
                disk: disk.clone(),
                bytes: 40 << 30
            })
        );
        assert_eq!(
            job("-q -x 512MB a.vmdk"),
            Some(Job::Grow {
                disk: disk.clone(),
                bytes: 512 << 20
            })
        );
        assert_eq!(
            job("-r b.vmdk -t 0 a.vmdk"),
            Some(Job::Convert {
                from: "b.vmdk".into(),
                to: disk.clone()
            })
        );
        assert_eq!(
            job("-n b.vmdk a.vmdk"),
            Some(Job::Rename {
                from: "b.vmdk".into(),
                to: disk.clone()
            })
        );
        assert_eq!(job("-d a.vmdk"), Some(Job::Defragment { disk }));
    }

    #[test]
    fn nonsense_is_answered_with_the_usage() {
        for line in [
            "",
            "-c a.vmdk",
            "-c -s 0GB a.vmdk",
            "-x 1XB a.vmdk",
            "-c -s 1GB -t 9 a.vmdk",
            "-x 1GB a b",
            "-z a",
        ] {
            assert_eq!(job(line), None, "{line}");
        }
    }

    #[test]
    fn sizes_have_units_and_do_not_overflow() {
        assert_eq!(
            (bytes("2048"), bytes("1k"), bytes("3TB")),
            (Some(1 << 20), Some(1024), Some(3 << 40))
        );
        assert_eq!((bytes("99999999999TB"), bytes("GB"), bytes("-1GB")), (None, None, None));
    }
}
