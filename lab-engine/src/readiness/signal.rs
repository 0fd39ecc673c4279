//! The signs of life that a node gives.

use std::fmt;

use schemars::JsonSchema;
use serde::Serialize;

/// A sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Signal {
    /// The hypervisor lists the machine as running.
    Running,
    /// The hypervisor reports an address.
    Address,
    /// The guest's SSH server introduced itself.
    SshBanner,
    /// A command in the guest was answered.
    GuestCommand,
    /// The bootstrap's marker was read.
    Marker,
    /// The hypervisor does not list the machine any more.
    Stopped,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Address => "address reported",
            Self::SshBanner => "SSH server answers",
            Self::GuestCommand => "guest command answered",
            Self::Marker => "completion marker read",
            Self::Stopped => "stopped",
        })
    }
}
