//! What a lab knows about itself, written before and after every step so that a killed run can be continued.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use vmrun_rs::hypervisor::VmId;

use crate::error::LabError;
use crate::facts::Facts;
use crate::files;
use crate::snapshots::SnapshotSet;

/// The version of the file's format.
const VERSION: u32 = 1;

/// `state.json`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct State {
    version: u32,
    /// The lab's random id, in every ownership marker.
    pub lab_id: String,
    /// The `lab.toml` that the lab belongs to, as an absolute path; none if it was made without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub project: Option<PathBuf>,
    /// The nodes that exist or were about to.
    pub nodes: BTreeMap<String, NodeState>,
    /// Snapshots of the whole lab, the oldest first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub snapshots: Vec<SnapshotSet>,
    /// The set that the lab was being restored to; if a later run finds this, the restore must be repeated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub restoring: Option<String>,
}

impl State {
    /// Of a lab that has nothing yet.
    pub(crate) fn new(lab_id: String) -> Self {
        Self {
            version: VERSION,
            lab_id,
            project: None,
            nodes: BTreeMap::new(),
            snapshots: Vec::new(),
            restoring: None,
        }
    }
}

/// How far a node has come. What can be observed (running, ready) is never kept here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Creation began; if this is what a new run finds, the machine is half-made.
    Creating,
    /// The machine exists and has never been seen complete.
    Created,
    /// The bootstrap's marker with this node's instance id was read in the guest.
    Complete,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct NodeState {
    /// How far it has come.
    pub phase: Phase,
    /// Its machine.
    pub vm: VmId,
    /// The machine's directory.
    pub directory: PathBuf,
    /// The cloud-init instance id of this life of the machine; the markers in the guest must carry it.
    pub instance_id: String,
    /// What it was made of, and what was applied to it since.
    #[serde(default)]
    pub made_of: Facts,
    /// Whether the seed images have been taken out for good.
    pub media_detached: bool,
    /// The virtual network that it is on.
    pub network: String,
    /// Its static address there.
    pub address: Ipv4Addr,
}

impl NodeState {
    /// Whether a node with this address on this network would be in this one's way.
    pub(crate) fn clashes(&self, network: &str, address: Ipv4Addr) -> bool {
        self.address == address && self.network.eq_ignore_ascii_case(network)
    }
}

/// The state and the file it lives in.
#[derive(Debug)]
pub(crate) struct StateFile {
    path: PathBuf,
    state: State,
}

impl StateFile {
    /// Reads the state, or begins a new one with `lab_id`.
    pub(crate) fn open(path: &Path, lab_id: impl FnOnce() -> String) -> Result<Self, LabError> {
        let state = match read(path)? {
            Some(state) => state,
            None => State::new(lab_id()),
        };
        let file = Self {
            path: path.to_owned(),
            state,
        };
        file.save()?;
        Ok(file)
    }

    pub(crate) fn get(&self) -> &State {
        &self.state
    }

    /// Changes the state and writes it before returning.
    pub(crate) fn update(&mut self, change: impl FnOnce(&mut State)) -> Result<(), LabError> {
        change(&mut self.state);
        self.save()
    }

    fn save(&self) -> Result<(), LabError> {
        let text = serde_json::to_vec_pretty(&self.state)
            .map_err(|e| LabError::failed("could not write the lab's state").source(e))?;
        files::write_private(&self.path, &text)
    }
}

/// Reads a lab's state without changing anything; `None` if the lab does not exist.
pub(crate) fn read(path: &Path) -> Result<Option<State>, LabError> {
    let Some(bytes) = files::read_optional(path)? else {
        return Ok(None);
    };
    let state: State = serde_json::from_slice(&bytes).map_err(|e| {
        LabError::failed(format!("{} cannot be understood", path.display()))
            .help(
                "put it back from a backup; or delete it: the lab's machines are known by their markers, `lab-cli up` says what it \
                 finds, `lab-cli destroy` takes them away",
            )
            .source(e)
    })?;
    if state.version > VERSION {
        return Err(LabError::failed(format!(
            "{} was written by a newer version of this program",
            path.display()
        ))
        .help("use that version, or destroy the lab with it first"));
    }
    Ok(Some(state))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_on_disk_before_update_returns() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        let mut file = StateFile::open(&path, || "id".to_owned()).unwrap();
        let node = NodeState {
            phase: Phase::Creating,
            vm: VmId::new("/x.vmx"),
            directory: dir.path().to_owned(),
            instance_id: "i".to_owned(),
            made_of: Facts::default(),
            media_detached: false,
            network: "VMnet1".to_owned(),
            address: Ipv4Addr::new(192, 168, 6, 10),
        };
        file.update(|s| drop(s.nodes.insert("m".to_owned(), node.clone())))
            .unwrap();
        let again = StateFile::open(&path, || "other".to_owned()).unwrap();
        assert_eq!(again.get().lab_id, "id");
        assert_eq!(again.get().nodes["m"], node);
    }

    #[test]
    fn a_torn_or_newer_state_is_an_error_and_not_overwritten() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("state.json");
        for text in [
            "{\"version\": 1, \"lab_",
            "{\"version\": 9, \"lab_id\": \"x\", \"nodes\": {}}",
        ] {
            std::fs::write(&path, text).unwrap();
            StateFile::open(&path, || "id".to_owned()).unwrap_err();
            assert_eq!(std::fs::read_to_string(&path).unwrap(), text);
        }
    }
}
