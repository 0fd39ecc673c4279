//! Virtual networks without root.
//!
//! One network is one QEMU without a machine: a hub that joins its user-mode network stack (the gateway) with one stream
//! socket for each adapter on it, with an [uplink] in between that keeps the stack out of what guests say to each other.
//! It is started with the first machine on the network and ends with the last one.

pub(crate) mod config;
pub(crate) mod forwards;
pub(crate) mod gateway;
pub(crate) mod relay;
pub(crate) mod uplink;

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// One adapter's place on a network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Port {
    /// `vmnet1`
    pub(crate) network: String,
    /// Unique on the network and a valid QEMU identifier.
    pub(crate) id: String,
    /// The socket that the machine connects to.
    pub(crate) socket: PathBuf,
}
