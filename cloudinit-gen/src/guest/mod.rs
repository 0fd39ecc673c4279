//! What a node looks like from the inside: paths, markers and the steps of its bootstrap.
//!
//! The scripts are files of this crate, the same for every node; what differs between nodes reaches them in one env
//! file. A host that watches a node reads the files named here.

mod env_file;
mod limits;
mod step;

pub(crate) use env_file::EnvFile;
pub use limits::GuestLimits;
pub use step::{Failure, Step};

/// Holds the instance id once the payload has been copied and checked and its medium is no longer mounted.
pub const MARKER_ISO_COPY: &str = "/var/lib/iso-copy-complete";
/// Holds the instance id once cloud-init has finished without errors.
pub const MARKER_CLOUD_INIT: &str = "/var/lib/cloud-init-complete";
/// Holds the instance id once a server's node is Ready.
pub const MARKER_SERVER: &str = "/var/lib/k3s-bootstrap.done";
/// Holds the instance id once an agent has joined.
pub const MARKER_AGENT: &str = "/var/lib/k3s-agent-bootstrap.done";

/// The directory of the bootstrap's own files and logs: readable by all, without secrets.
pub const STATE_DIR: &str = "/var/lib/lab";
/// One line: the [`Step`] that is running.
pub const PROGRESS_FILE: &str = "/var/lib/lab/progress";
/// Written when a step fails; read it with [`Failure::parse`].
pub const FAILED_FILE: &str = "/var/lib/lab/failed";
/// What the bootstrap did, with times.
pub const LOG_FILE: &str = "/var/lib/lab/bootstrap.log";

/// The parameters of the scripts; root's alone, since the join token is among them.
pub const ENV_FILE: &str = "/etc/lab/node.env";
/// The script that brings the node up.
pub const BOOTSTRAP_SCRIPT: &str = "/usr/local/lib/lab/bootstrap.sh";
/// Reads `kubectl get nodes -o json` and says whether one node is Ready.
pub const NODE_READY_SCRIPT: &str = "/usr/local/lib/lab/node_ready.py";
/// The unit that runs [`BOOTSTRAP_SCRIPT`].
pub const BOOTSTRAP_UNIT: &str = "lab-bootstrap.service";
/// The k3s unit as it waits for its installation.
pub const K3S_UNIT_SOURCE: &str = "/usr/local/lib/lab/k3s.unit";

/// k3s's configuration; root's alone.
pub const K3S_CONFIG: &str = "/etc/rancher/k3s/config.yaml";
/// k3s's private registries; root's alone.
pub const K3S_REGISTRIES: &str = "/etc/rancher/k3s/registries.yaml";
/// The trusted certificates in one PEM file, at a path that does not depend on cloud-init's version: what
/// `registries.yaml` names as its `ca_file`.
pub const CA_FILE: &str = "/etc/rancher/k3s/lab-ca.crt";

/// The name that the node's network card gets.
pub const INTERFACE: &str = "lab0";

/// The hypervisor's guest variable that follows [`PROGRESS_FILE`], where `open-vm-tools` is installed.
pub const GUESTINFO_PROGRESS: &str = "guestinfo.lab.progress";

/// The script's argument that makes it end when the payload has been copied: for an installer, whose own system must not
/// do the rest.
pub(crate) const PAYLOAD_ONLY: &str = "payload";

/// POSIX shell; run as root by [`BOOTSTRAP_UNIT`].
pub(crate) const BOOTSTRAP_SH: &str = include_str!("scripts/bootstrap.sh");
/// Python 3.9 and later, which cloud-init needs anyway.
pub(crate) const NODE_READY_PY: &str = include_str!("scripts/node_ready.py");
pub(crate) const BOOTSTRAP_SERVICE: &str = include_str!("scripts/lab-bootstrap.service");
pub(crate) const K3S_SERVICE: &str = include_str!("scripts/k3s.service");
pub(crate) const K3S_AGENT_SERVICE: &str = include_str!("scripts/k3s-agent.service");

/// What a marker holds while this instance id is current.
pub fn marker_text(instance_id: &crate::InstanceId) -> String {
    format!("{instance_id}\n")
}
