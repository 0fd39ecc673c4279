//! `readVariable`, `writeVariable`
//!
//! A guest variable lives as long as the machine's power. The guest sees the values that are in the `.vmx` as
//! `guestinfo.*` at power-on (in `/sys/firmware/qemu_fw_cfg/by_name/opt/vmrun-qemu/`); there is no way back.

use std::collections::BTreeMap;
use std::path::PathBuf;

use crate::cli::{GuestLogin, VariableKind};
use crate::fault::{Fault, OrUnknown};
use crate::files;
use crate::guest;
use crate::home::Home;
use crate::machine::Vmx;
use crate::running;

/// Prints a value; an empty line for a variable that is not set.
pub(super) fn read(
    home: &Home,
    vmx: &Vmx,
    login: Option<&GuestLogin>,
    kind: VariableKind,
    name: &str,
) -> Result<String, Fault> {
    let value = match kind {
        VariableKind::RuntimeConfig => vmx.read()?.get(name).unwrap_or_default().to_owned(),
        VariableKind::GuestEnv => {
            if !is_identifier(name) {
                return Err(Fault::invalid(format!("{name} is no name of an environment variable")));
            }
            return guest::log_in(home, vmx, login)?.run("environment", &[name]);
        }
        VariableKind::GuestVar => guest_variable(home, vmx, name)?,
    };
    Ok(format!("{value}\n"))
}

fn guest_variable(home: &Home, vmx: &Vmx, name: &str) -> Result<String, Fault> {
    let record = running::require(home, vmx)?;
    let name = plain(name);
    if let Some(value) = stored(home, vmx)?.remove(&name) {
        return Ok(value);
    }
    if name == "ip" {
        // VMware's Tools publish the guest's address under this name.
        return Ok(guest::address::find(home, vmx, &record)
            .map(|address| address.to_string())
            .unwrap_or_default());
    }
    Ok(vmx
        .read()?
        .get(&format!("guestinfo.{name}"))
        .unwrap_or_default()
        .to_owned())
}

/// Sets a value.
pub(super) fn write(
    home: &Home,
    vmx: &Vmx,
    login: Option<&GuestLogin>,
    kind: VariableKind,
    name: &str,
    value: &str,
) -> Result<(), Fault> {
    match kind {
        VariableKind::RuntimeConfig => {
            let _lock = running::lock(home, &vmx.key)?;
            let mut dict = vmx.read()?;
            dict.set(name, value);
            dict.write(&vmx.path)
                .or_unknown(format_args!("writing {}", vmx.path.display()))
        }
        VariableKind::GuestEnv => {
            guest::log_in(home, vmx, login)?.quiet("nothing", &[])?;
            Err(Fault::NotSupported {
                reason: "the guest agent cannot change a user's environment".to_owned(),
            })
        }
        VariableKind::GuestVar => {
            running::require(home, vmx)?;
            let _lock = running::lock(home, &vmx.key)?;
            let mut all = stored(home, vmx)?;
            all.insert(plain(name), value.to_owned());
            let path = store(home, vmx);
            let bytes = serde_json::to_vec_pretty(&all).or_unknown("describing guest variables")?;
            files::replace(&path, &bytes).or_unknown(format_args!("writing {}", path.display()))
        }
    }
}

fn store(home: &Home, vmx: &Vmx) -> PathBuf {
    home.root().join("running").join(format!("{}.vars.json", vmx.key))
}

fn stored(home: &Home, vmx: &Vmx) -> Result<BTreeMap<String, String>, Fault> {
    let path = store(home, vmx);
    match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).or_unknown(format_args!("reading {}", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(BTreeMap::new()),
        Err(error) => Err(Fault::unknown(format!("reading {}: {error}", path.display()))),
    }
}

fn plain(name: &str) -> String {
    let name = name.to_ascii_lowercase();
    name.strip_prefix("guestinfo.").map_or(name.clone(), str::to_owned)
}

fn is_identifier(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
}
