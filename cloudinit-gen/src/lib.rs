#![doc = include_str!("../README.md")]

mod calendar;
pub mod document;
pub mod guest;
pub mod guestinfo;
pub mod iso;
pub mod k3s;
mod node;
pub mod payload;
mod secret;
mod seed;
pub mod validate;
mod values;
mod yaml;

pub use k3s::{K3sAgentConfig, K3sNodeConfig, K3sServerConfig};
pub use node::{
    HostEntry, HostKey, Installer, MasterNode, ModuleSet, NodeConfig, NodeError, NodeEssentials, PayloadRef, WorkerNode,
};
pub use seed::{CIDATA_LABEL, SeedFiles};
pub use values::{
    Hostname, InstanceId, InterfaceAddress, InvalidValue, MacAddr, Sha256Digest, Timezone, UserName, VolumeLabel,
};
pub use yaml::YamlError;
