//! What a `.vmx` describes, as far as QEMU can build it.

pub(crate) mod drives;
pub(crate) mod identity;
pub(crate) mod nics;

use std::path::{Path, PathBuf};

use crate::dict::Dict;
use crate::fault::Fault;
use crate::home;

use drives::Drive;
use nics::Nic;

/// A `.vmx` file that exists and can be read.
#[derive(Debug, Clone)]
pub(crate) struct Vmx {
    /// The path as the caller wrote it: this is how error texts name it.
    pub(crate) given: PathBuf,
    /// The absolute path, symbolic links kept: this is how `list` names it.
    pub(crate) path: PathBuf,
    /// The machine's name in this program's own files: a hash of its real path.
    pub(crate) key: String,
}

impl Vmx {
    /// Finds the file. Does not read it.
    pub(crate) fn find(given: &Path) -> Result<Self, Fault> {
        let suffix = given
            .extension()
            .is_some_and(|suffix| suffix.eq_ignore_ascii_case("vmx"));
        if !suffix {
            return Err(Fault::UnknownSuffix(given.to_owned()));
        }
        let missing = |_| Fault::VmNotFound(given.to_owned());
        let real = std::fs::canonicalize(given).map_err(missing)?;
        let path = std::path::absolute(given).map_err(missing)?;
        if !real.is_file() {
            return Err(Fault::VmNotFound(given.to_owned()));
        }
        Ok(Self {
            given: given.to_owned(),
            path,
            key: home::hash(&real, 16),
        })
    }

    /// The machine's directory.
    pub(crate) fn directory(&self) -> &Path {
        self.path.parent().unwrap_or(Path::new("/"))
    }

    /// A file beside the `.vmx` with the same name and another suffix.
    pub(crate) fn sibling(&self, suffix: &str) -> PathBuf {
        self.path.with_extension(suffix)
    }

    /// A path written in the `.vmx`, which may be relative to its directory.
    pub(crate) fn resolve(&self, written: &str) -> PathBuf {
        self.directory().join(written)
    }

    /// Reads the file and checks what VMware checks before anything else.
    pub(crate) fn read(&self) -> Result<Dict, Fault> {
        let bad = |reason: String| Fault::BadConfiguration {
            vmx: self.given.clone(),
            reason,
        };
        let dict = Dict::read(&self.path).map_err(|error| bad(format!("{}: {error}", self.path.display())))?;
        if dict
            .entries()
            .any(|(key, _)| key.to_ascii_lowercase().starts_with("encryption."))
        {
            return Err(Fault::Encrypted(self.given.clone()));
        }
        for key in ["config.version", "virtualHW.version"] {
            if dict.number(key).is_none() {
                return Err(bad(format!("{}: {key} is missing", self.path.display())));
            }
        }
        Ok(dict)
    }
}

/// Everything QEMU is told about a machine.
#[derive(Debug, Clone)]
pub(crate) struct Machine {
    /// `displayName`
    pub(crate) name: String,
    /// MiB
    pub(crate) memory: u64,
    /// `numvcpus`
    pub(crate) cpus: u32,
    /// `cpuid.coresPerSocket`
    pub(crate) cores_per_socket: u32,
    /// `firmware = "efi"`
    pub(crate) efi: bool,
    /// Disks and CD drives.
    pub(crate) drives: Vec<Drive>,
    /// Network adapters.
    pub(crate) nics: Vec<Nic>,
    /// The file that the first serial port is written to.
    pub(crate) console: Option<PathBuf>,
    /// `uuid.bios` in the usual notation.
    pub(crate) uuid: Option<String>,
    /// `guestinfo.*`, which the guest can read through QEMU's firmware configuration device.
    pub(crate) guest_info: Vec<(String, String)>,
    /// What was left out and why, for the machine's log.
    pub(crate) warnings: Vec<String>,
}

impl Machine {
    /// Reads a machine, refusing what VMware refuses at power-on.
    pub(crate) fn of(vmx: &Vmx, dict: &Dict) -> Result<Self, Fault> {
        let guest_os = dict.get("guestOS").unwrap_or_default();
        if guest_os.is_empty() {
            return Err(Fault::canceled(
                "The configuration file does not specify a guest operating system",
            ));
        }
        let memory = dict.number("memsize").unwrap_or(256);
        if memory < 4 || !memory.is_multiple_of(4) {
            return Err(Fault::canceled(format!(
                "memsize is {memory}; it must be a multiple of 4 MB"
            )));
        }
        let cpus = small(dict, "numvcpus")?;
        let cores_per_socket = small(dict, "cpuid.coresPerSocket")?;
        if !cpus.is_multiple_of(cores_per_socket) {
            return Err(Fault::canceled(format!(
                "numvcpus is {cpus}, which is not a multiple of cpuid.coresPerSocket, {cores_per_socket}"
            )));
        }
        let mut warnings = Vec::new();
        Ok(Self {
            name: dict
                .get("displayName")
                .map_or_else(|| file_stem(&vmx.path), str::to_owned),
            memory,
            cpus,
            cores_per_socket,
            efi: dict
                .get("firmware")
                .is_some_and(|firmware| firmware.eq_ignore_ascii_case("efi")),
            drives: drives::read(vmx, dict, guest_os.ends_with("-64"), &mut warnings)?,
            nics: nics::read(dict)?,
            console: console(vmx, dict, &mut warnings),
            uuid: dict.get("uuid.bios").and_then(identity::uuid_notation),
            guest_info: dict
                .entries()
                .filter(|(key, _)| key.to_ascii_lowercase().starts_with("guestinfo."))
                .map(|(key, value)| (key.to_ascii_lowercase(), value.to_owned()))
                .collect(),
            warnings,
        })
    }
}

/// The name of a file without its suffix, as text.
pub(crate) fn file_stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// PCI Express devices need one of VMware's PCI Express bridges in the `.vmx`.
pub(crate) fn needs_express(dict: &Dict, what: &str, label: &str) -> Result<(), Fault> {
    let express = (4..8).any(|bridge| {
        dict.is_true(&format!("pciBridge{bridge}.present"))
            && dict
                .get(&format!("pciBridge{bridge}.virtualDev"))
                .is_some_and(|kind| kind == "pcieRootPort")
    });
    if express {
        return Ok(());
    }
    Err(Fault::unknown(format!(
        "No PCIe slot available for {label} ({what} needs pciBridge4.present = \"TRUE\" and pciBridge4.virtualDev = \
         \"pcieRootPort\")"
    )))
}

fn small(dict: &Dict, key: &str) -> Result<u32, Fault> {
    match dict.get(key) {
        None => Ok(1),
        Some(text) => {
            let number = text.trim().parse().ok().filter(|number| (1..=128).contains(number));
            number.ok_or_else(|| Fault::canceled(format!("{key} is {text}; it must be a number from 1 to 128")))
        }
    }
}

fn console(vmx: &Vmx, dict: &Dict, warnings: &mut Vec<String>) -> Option<PathBuf> {
    for port in 0..4 {
        if !dict.is_true(&format!("serial{port}.present"))
            || !dict.is_true_or(&format!("serial{port}.startConnected"), true)
        {
            continue;
        }
        let kind = dict.get(&format!("serial{port}.fileType")).unwrap_or("device");
        match dict.get(&format!("serial{port}.fileName")) {
            Some(file) if kind == "file" && port == 0 => return Some(vmx.resolve(file)),
            _ => warnings.push(format!(
                "serial{port}: only serial0 written to a file is supported, not {kind}"
            )),
        }
    }
    None
}

#[cfg(test)]
mod tests;
