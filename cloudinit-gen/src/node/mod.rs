//! A lab node: everything that differs between one node and the next, and the seed files made of it.

mod check;
mod config;
mod files;
mod host_key;
mod installer;
mod password;
mod render;
mod role;

pub use check::NodeError;
pub use config::{HostEntry, ModuleSet, NodeConfig, NodeEssentials, PayloadRef};
pub use host_key::HostKey;
pub use installer::Installer;
pub use role::{MasterNode, WorkerNode};
