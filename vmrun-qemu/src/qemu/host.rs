//! What this host and its QEMU can do.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::fault::Fault;

/// QEMU's `major.minor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Version(pub(crate) u32, pub(crate) u32);

/// The oldest QEMU that can do all that is needed: `-netdev stream` came with it.
const OLDEST: Version = Version(7, 2);

/// A QEMU that was found.
#[derive(Debug, Clone)]
pub(crate) struct Qemu {
    /// The program.
    pub(crate) program: OsString,
    /// Its version.
    pub(crate) version: Version,
}

impl Qemu {
    /// Finds the system emulator: `$VMRUN_QEMU_SYSTEM`, else `qemu-system-x86_64`.
    pub(crate) fn find() -> Result<Self, Fault> {
        let program = from_environment("VMRUN_QEMU_SYSTEM", "qemu-system-x86_64");
        let missing = |error: &dyn std::fmt::Display| Fault::HostNotReady {
            reason: format!(
                "{} cannot be run ({error}); it runs the machines. Debian and Ubuntu have it in the package \
                 qemu-system-x86; VMRUN_QEMU_SYSTEM names another one",
                program.display()
            ),
        };
        let out = Command::new(&program)
            .arg("--version")
            .stdin(Stdio::null())
            .output()
            .map_err(|e| missing(&e))?;
        let text = String::from_utf8_lossy(&out.stdout);
        let version = parse_version(&text).ok_or_else(|| missing(&format!("--version printed {:?}", text.trim())))?;
        if version < OLDEST {
            let Version(major, minor) = version;
            return Err(Fault::HostNotReady {
                reason: format!("QEMU {major}.{minor} is too old; 7.2 or later is needed"),
            });
        }
        Ok(Self { program, version })
    }
}

/// `qemu-img`, or what `$VMRUN_QEMU_IMG` names.
pub(crate) fn image_program() -> OsString {
    from_environment("VMRUN_QEMU_IMG", "qemu-img")
}

fn from_environment(variable: &str, default: &str) -> OsString {
    std::env::var_os(variable)
        .filter(|value| !value.is_empty())
        .unwrap_or_else(|| default.into())
}

/// The first `major.minor` in `QEMU emulator version 10.0.2 (Debian ...)`.
fn parse_version(text: &str) -> Option<Version> {
    let number = text.split_once("version ")?.1;
    let mut parts = number.split(|c: char| !c.is_ascii_digit());
    Some(Version(parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

/// How guest code is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Accelerator {
    /// By the processor itself.
    Kvm,
    /// By translation.
    Tcg,
    /// As `$VMRUN_QEMU_ACCEL` says, in QEMU's words.
    Named(String),
}

impl Accelerator {
    /// KVM only where `/dev/kvm` opens *and* the processor says that it virtualises: some hosts have a `/dev/kvm` that cannot
    /// boot an ordinary kernel.
    pub(crate) fn choose() -> Self {
        match std::env::var("VMRUN_QEMU_ACCEL")
            .ok()
            .filter(|value| !value.is_empty())
            .as_deref()
        {
            Some("kvm") => Accelerator::Kvm,
            Some("tcg") => Accelerator::Tcg,
            Some(other) => Accelerator::Named(other.to_owned()),
            None if usable_kvm() => Accelerator::Kvm,
            None => Accelerator::Tcg,
        }
    }

    /// QEMU's arguments.
    pub(crate) fn arguments(&self) -> Vec<OsString> {
        let (accelerator, processor) = match self {
            Accelerator::Kvm => ("kvm", "host"),
            Accelerator::Tcg => ("tcg,thread=multi", "max"),
            Accelerator::Named(name) => (name.as_str(), "max"),
        };
        ["-accel", accelerator, "-cpu", processor].map(OsString::from).into()
    }
}

fn usable_kvm() -> bool {
    let virtualises = std::fs::read_to_string("/proc/cpuinfo").is_ok_and(|text| has_virtualisation(&text));
    virtualises
        && std::fs::OpenOptions::new()
            .read(true)
            .write(true)
            .open("/dev/kvm")
            .is_ok()
}

fn has_virtualisation(cpuinfo: &str) -> bool {
    let flags = cpuinfo.lines().filter(|line| line.starts_with("flags"));
    flags
        .flat_map(str::split_ascii_whitespace)
        .any(|flag| matches!(flag, "vmx" | "svm"))
}

/// UEFI firmware: the code, and the template of its variables.
const EFI: &[(&str, &str)] = &[
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    (
        "/usr/share/edk2/x64/OVMF_CODE.4m.fd",
        "/usr/share/edk2/x64/OVMF_VARS.4m.fd",
    ),
];

/// UEFI firmware on this host.
pub(crate) fn efi() -> Result<(PathBuf, PathBuf), Fault> {
    let found = EFI.iter().map(|(code, vars)| (Path::new(code), Path::new(vars)));
    let found = found
        .filter(|(code, vars)| code.is_file() && vars.is_file())
        .map(|(a, b)| (a.into(), b.into()));
    found.into_iter().next().ok_or_else(|| {
        Fault::canceled(
            "firmware = \"efi\" needs UEFI firmware for QEMU, which is not installed (Debian and Ubuntu: the package ovmf)",
        )
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_read_from_what_distributions_print() {
        let debian = "QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18+b3)\nCopyright (c) 2003-2022";
        assert_eq!(parse_version(debian), Some(Version(7, 2)));
        assert_eq!(parse_version("QEMU emulator version 10.0.2 (x)"), Some(Version(10, 0)));
        assert_eq!(parse_version("bash: not found"), None);
        assert!(Version(10, 0) > Version(9, 2) && Version(7, 1) < OLDEST);
    }

    #[test]
    fn only_a_processor_that_says_so_virtualises() {
        assert!(has_virtualisation("processor : 0\nflags\t\t: fpu vme vmx sse\n"));
        assert!(has_virtualisation("flags : svm\n"));
        assert!(!has_virtualisation(
            "flags : fpu hypervisor\nvmx flags : x\nbugs : svm\n"
        ));
    }
}
