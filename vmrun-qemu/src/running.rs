//! Records of running machines, and telling the living from the dead.
//!
//! The record of a machine is `running/KEY.json` in the home. It is written before QEMU is started, so that a machine is
//! never without one, and removed by whoever notices that QEMU is gone. Beside the `.vmx` a `NAME.vmx.lck` directory says,
//! as VMware's does, that the machine is in use; it names the home, so that no other home starts the same machine.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::fault::{Fault, OrUnknown};
use crate::files;
use crate::home::{Home, Lock};
use crate::machine::Vmx;
use crate::net;
use crate::process::ProcessId;

/// A machine that was started.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Record {
    /// The machine's key.
    pub(crate) key: String,
    /// The `.vmx`, absolute.
    pub(crate) vmx: PathBuf,
    /// The home that started it.
    pub(crate) home: PathBuf,
    /// QEMU; unknown while it is being started.
    pub(crate) process: Option<ProcessId>,
    /// Where QEMU writes its number.
    pub(crate) pid_file: PathBuf,
    /// Control socket.
    pub(crate) qmp: PathBuf,
    /// The guest agent's socket.
    pub(crate) agent: PathBuf,
    /// Ports on virtual networks.
    pub(crate) ports: Vec<net::Port>,
}

impl Record {
    /// Whether the machine runs.
    pub(crate) fn is_alive(&self) -> bool {
        self.process.as_ref().is_some_and(ProcessId::is_alive)
    }

    /// Writes the record and the note beside the `.vmx`.
    pub(crate) fn write(&self, home: &Home) -> Result<(), Fault> {
        let path = home.record(&self.key);
        let text = serde_json::to_vec_pretty(self).or_unknown("describing the machine")?;
        files::replace(&path, &text).or_unknown(format_args!("writing {}", path.display()))?;
        let note = note_path(&self.vmx);
        if let Some(directory) = note.parent() {
            fs::create_dir_all(directory).or_unknown(format_args!("making {}", directory.display()))?;
        }
        files::replace(&note, &text).or_unknown(format_args!("writing {}", note.display()))
    }

    /// Removes the record, the note, the sockets and the network ports of a machine that is gone.
    fn clean_up(&self, home: &Home) {
        for port in &self.ports {
            // A network that cannot be told is stopped or cleaned by the next start on it.
            let _ = net::gateway::detach(home, port);
        }
        for file in [&self.pid_file, &self.qmp, &self.agent] {
            let _ = fs::remove_file(file);
        }
        let _ = fs::remove_dir_all(home.root().join("running").join(format!("{}.info", self.key)));
        let _ = fs::remove_file(home.root().join("running").join(format!("{}.vars.json", self.key)));
        remove_note(&self.vmx);
        let _ = fs::remove_file(home.record(&self.key));
    }
}

/// The lock that everything that changes a machine holds.
pub(crate) fn lock(home: &Home, key: &str) -> Result<Lock, Fault> {
    home.lock(&lock_name(key))
}

/// The record of a running machine, or `None`; what is left of a dead one is cleaned up. Needs the machine's [`lock`].
pub(crate) fn of_locked(home: &Home, key: &str, _lock: &Lock) -> Result<Option<Record>, Fault> {
    let Some(mut record) = read(&home.record(key))? else {
        return Ok(None);
    };
    if record.process.is_none() {
        // Whoever started this QEMU was ended before it could write down which process it is.
        record.process = adopt(&record);
        if record.process.is_some() {
            record.write(home)?;
        }
    }
    if record.is_alive() {
        return Ok(Some(record));
    }
    record.clean_up(home);
    Ok(None)
}

/// The record of a machine that must be running, for a command that does not change it.
pub(crate) fn require(home: &Home, vmx: &Vmx) -> Result<Record, Fault> {
    match read(&home.record(&vmx.key))? {
        Some(record) if record.is_alive() => Ok(record),
        None => Err(Fault::NotPoweredOn(vmx.given.clone())),
        Some(_) => {
            // Being started, or dead: the lock tells which.
            let lock = lock(home, &vmx.key)?;
            of_locked(home, &vmx.key, &lock)?.ok_or_else(|| Fault::NotPoweredOn(vmx.given.clone()))
        }
    }
}

/// All machines that run in this home, oldest name first. Dead ones are cleaned up on the way, unless another command is
/// just working on them.
pub(crate) fn all(home: &Home) -> Result<Vec<Record>, Fault> {
    let directory = home.root().join("running");
    let mut records = Vec::new();
    for entry in fs::read_dir(&directory).or_unknown(format_args!("reading {}", directory.display()))? {
        let name = entry
            .or_unknown("reading a directory entry")?
            .file_name()
            .to_string_lossy()
            .into_owned();
        let Some(key) = name.strip_suffix(".json").filter(|key| !key.contains('.')) else {
            continue;
        };
        match read(&home.record(key))? {
            Some(record) if record.is_alive() => records.push(record),
            Some(_) => {
                if let Some(lock) = home.try_lock(&lock_name(key)) {
                    records.extend(of_locked(home, key, &lock)?);
                }
            }
            None => {}
        }
    }
    records.sort_by(|a, b| a.vmx.cmp(&b.vmx));
    Ok(records)
}

/// The machines that run, without cleaning up: for use below other locks.
pub(crate) fn all_unlocked(home: &Home) -> Result<Vec<Record>, Fault> {
    let directory = home.root().join("running");
    let mut records = Vec::new();
    for entry in fs::read_dir(&directory)
        .or_unknown(format_args!("reading {}", directory.display()))?
        .flatten()
    {
        let name = entry.file_name().to_string_lossy().into_owned();
        if let Some(key) = name.strip_suffix(".json").filter(|key| !key.contains('.')) {
            records.extend(read(&home.record(key))?.filter(Record::is_alive));
        }
    }
    Ok(records)
}

/// Refuses to start a machine that another home runs.
pub(crate) fn refuse_foreign(home: &Home, vmx: &Vmx) -> Result<(), Fault> {
    let Some(record) = read(&note_path(&vmx.path))? else {
        return Ok(());
    };
    if record.home == home.root() || !record.is_alive() {
        return Ok(());
    }
    Err(Fault::FileInUse {
        reason: format!(
            "{} runs already, started with VMRUN_QEMU_HOME={}",
            vmx.path.display(),
            record.home.display()
        ),
    })
}

/// A record from a file; `None` if there is none, or if it is of no use.
fn read(path: &Path) -> Result<Option<Record>, Fault> {
    match fs::read(path) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Fault::unknown(format!("reading {}: {error}", path.display()))),
    }
}

/// The process that a record without one means: the one named in the pid file, if its command line names that file.
fn adopt(record: &Record) -> Option<ProcessId> {
    let process = from_pid_file(&record.pid_file)?;
    let line = fs::read(format!("/proc/{}/cmdline", process.pid())).ok()?;
    let wanted = record.pid_file.as_os_str().as_encoded_bytes();
    line.split(|&byte| byte == 0)
        .any(|argument| argument == wanted)
        .then_some(process)
}

/// The process whose number a QEMU wrote into its pid file.
pub(crate) fn from_pid_file(path: &Path) -> Option<ProcessId> {
    ProcessId::of(fs::read_to_string(path).ok()?.trim().parse().ok()?)
}

fn lock_name(key: &str) -> String {
    format!("vm-{key}")
}

/// `NAME.vmx.lck/vmrun-qemu.json`
fn note_path(vmx: &Path) -> PathBuf {
    let mut name = vmx.as_os_str().to_owned();
    name.push(".lck");
    Path::new(&name).join("vmrun-qemu.json")
}

fn remove_note(vmx: &Path) {
    let note = note_path(vmx);
    let _ = fs::remove_file(&note);
    // Only if it is empty: a lock directory of VMware's own stays.
    let _ = note.parent().map(fs::remove_dir);
}
