//! The two roles of a node.

use super::render::{self, Target};
use super::{Installer, NodeConfig, NodeError};
use crate::k3s::{K3sAgentConfig, K3sServerConfig};
use crate::seed::SeedFiles;

/// A node that runs the cluster's server.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct MasterNode {
    /// The node.
    pub node: NodeConfig,
    /// Its k3s. `token`, `node-name`, `node-ip` and `write-kubeconfig-mode` are filled in when they are `None`.
    pub k3s: K3sServerConfig,
}

impl MasterNode {
    /// A server on this node.
    pub fn new(node: NodeConfig, k3s: K3sServerConfig) -> Self {
        Self { node, k3s }
    }

    /// The node's seed files.
    pub fn render(&self) -> Result<SeedFiles, NodeError> {
        render::master(self, &Target::CloudImage)
    }

    /// The seed files for Ubuntu's installer, 22.04 to 26.04, on a blank disk: user-data with `autoinstall` in it.
    pub fn render_autoinstall(&self, installer: &Installer) -> Result<SeedFiles, NodeError> {
        render::master(self, &Target::Installer(installer))
    }
}

/// A node that runs an agent.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WorkerNode {
    /// The node.
    pub node: NodeConfig,
    /// Its k3s. `token`, `node-name` and `node-ip` are filled in when they are `None`.
    pub k3s: K3sAgentConfig,
}

impl WorkerNode {
    /// An agent on this node.
    pub fn new(node: NodeConfig, k3s: K3sAgentConfig) -> Self {
        Self { node, k3s }
    }

    /// The node's seed files.
    pub fn render(&self) -> Result<SeedFiles, NodeError> {
        render::worker(self, &Target::CloudImage)
    }

    /// The seed files for Ubuntu's installer, 22.04 to 26.04, on a blank disk: user-data with `autoinstall` in it.
    pub fn render_autoinstall(&self, installer: &Installer) -> Result<SeedFiles, NodeError> {
        render::worker(self, &Target::Installer(installer))
    }
}
