//! The bootstrap script, run for real over a node's file system in a directory.

mod failure;
mod hostile;
mod life;
mod payload;
mod scripts;

use std::time::Duration;

use cloudinit_gen::{K3sServerConfig, MasterNode, NodeConfig};

use crate::common::node;
use crate::sandbox::Sandbox;

/// A master whose waits end quickly.
fn impatient() -> NodeConfig {
    let mut node = node("k3s-master1", "192.168.6.10/24");
    let second = Duration::from_secs(1);
    node.limits.medium = second;
    node.limits.server = second;
    node.limits.k3s_start = second;
    node.limits.node_ready = second;
    node
}

fn install(sandbox: &Sandbox, node: NodeConfig) {
    sandbox.install(&MasterNode::new(node, K3sServerConfig::default()).render().unwrap());
}

/// A node that is ready to boot, with a good payload in its drive.
fn ready_to_boot() -> Option<Sandbox> {
    let sandbox = Sandbox::new()?;
    let mut node = impatient();
    node.payload = Some(sandbox.insert_payload(true).to_ref());
    install(&sandbox, node);
    Some(sandbox)
}

const MARKERS: [&str; 3] = [
    "var/lib/cloud-init-complete",
    "var/lib/iso-copy-complete",
    "var/lib/k3s-bootstrap.done",
];
