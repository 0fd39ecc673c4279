//! What a world is like: `world.json`. All times are virtual seconds.

use std::net::Ipv4Addr;
use std::path::Path;

use serde::{Deserialize, Serialize};

/// The file's name in a world's directory.
pub const WORLD_FILE: &str = "world.json";

/// A whole `world.json`; every key has a default.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[expect(clippy::struct_excessive_bools, reason = "each is a switch of its own in a file")]
pub struct WorldConfig {
    /// What random choices are drawn from.
    pub seed: u64,
    /// Virtual seconds in one real second.
    pub scale: f64,
    /// The host-only network that machines are on.
    pub network: Network,
    /// How long commands take.
    pub latency: Latency,
    /// How long guests take.
    pub guest: GuestTimes,
    /// Whether the authentication flags must stand behind the machine's path instead of before the command.
    pub auth_after_command: bool,
    /// Whether a running machine's drive can be disconnected so that it stays so.
    pub hot_detach: bool,
    /// Whether guests have VMware Tools.
    pub tools: bool,
    /// A marker of an earlier life of the disk, in every machine cloned from a template.
    pub stale_markers: bool,
    /// What goes wrong, as [`Fault`](super::fault::Fault) reads it.
    pub faults: Vec<String>,
    /// Machines that no fault strikes, and whose calls do not count.
    pub spared: Vec<String>,
    /// The server ends after this many real seconds without a call.
    pub idle_exit: f64,
}

impl Default for WorldConfig {
    fn default() -> Self {
        Self {
            seed: 1,
            scale: 1.0,
            network: Network::default(),
            latency: Latency::default(),
            guest: GuestTimes::default(),
            auth_after_command: false,
            hot_detach: true,
            tools: true,
            stale_markers: false,
            faults: Vec::new(),
            spared: Vec::new(),
            idle_exit: 600.0,
        }
    }
}

impl WorldConfig {
    /// Reads a world's file.
    ///
    /// # Errors
    ///
    /// If it is not there or not understood.
    pub fn read(directory: &Path) -> Result<Self, String> {
        let path = directory.join(WORLD_FILE);
        let text = std::fs::read(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        serde_json::from_slice(&text).map_err(|e| format!("{}: {e}", path.display()))
    }

    /// Writes it.
    ///
    /// # Errors
    ///
    /// If the directory cannot be written.
    pub fn write(&self, directory: &Path) -> Result<(), String> {
        let path = directory.join(WORLD_FILE);
        let text = serde_json::to_vec_pretty(self).map_err(|e| e.to_string())?;
        std::fs::write(&path, text).map_err(|e| format!("{}: {e}", path.display()))
    }
}

/// A virtual network of the host.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Network {
    /// As the command line names it.
    pub name: String,
    /// Its address.
    pub subnet: Ipv4Addr,
    /// Its mask.
    pub mask: Ipv4Addr,
}

impl Default for Network {
    fn default() -> Self {
        Self {
            name: "vmnet1".to_owned(),
            // RFC 2544's range for benchmarks: no machine has an address in it.
            subnet: Ipv4Addr::new(198, 18, 0, 0),
            mask: Ipv4Addr::new(255, 255, 0, 0),
        }
    }
}

/// From a command's start to its end. The defaults are what was measured on desktops.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Latency {
    /// `list`, `checkToolsState`, addresses, variables, networks.
    pub query: f64,
    /// `start`.
    pub start: f64,
    /// `stop soft`.
    pub stop_soft: f64,
    /// `stop hard`, `reset`, `suspend`.
    pub stop_hard: f64,
    /// `clone`.
    pub clone: f64,
    /// `snapshot`, `revertToSnapshot`, `deleteSnapshot`.
    pub snapshot: f64,
    /// `deleteVM`.
    pub delete: f64,
    /// Devices and forwarded ports.
    pub device: f64,
    /// Guest operations of vmrun.
    pub guest: f64,
    /// A command over SSH.
    pub ssh: f64,
    /// How long files stay locked after a machine is off.
    pub unlock: f64,
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            query: 0.3,
            start: 4.2,
            stop_soft: 8.8,
            stop_hard: 1.5,
            clone: 0.5,
            snapshot: 1.0,
            delete: 0.5,
            device: 0.3,
            guest: 0.5,
            ssh: 0.02,
            unlock: 0.5,
        }
    }
}

/// From power-on (boot) or from the seed (bootstrap).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct GuestTimes {
    /// Until VMware Tools answer.
    pub tools: f64,
    /// Until an address is reported.
    pub address: f64,
    /// Until the SSH server answers.
    pub ssh: f64,
    /// Later than that at the first boot, when cloud-init makes the user.
    pub first_boot: f64,
    /// Until k3s runs again after a boot that is not the first.
    pub k3s: f64,
    /// All steps of the bootstrap together, from the SSH server's start at the first boot.
    pub bootstrap: f64,
    /// Until the packaged components run, from the server's k3s.
    pub components: f64,
    /// How long the cluster still believes a node that fell silent.
    pub grace: f64,
}

impl Default for GuestTimes {
    fn default() -> Self {
        Self {
            tools: 12.0,
            address: 15.0,
            ssh: 18.0,
            first_boot: 12.0,
            k3s: 25.0,
            bootstrap: 60.0,
            components: 5.0,
            grace: 40.0,
        }
    }
}
