//! How long a node waits for each thing before it gives up.

use std::time::Duration;

/// Limits of the waits inside the guest. The defaults suit guests without hardware virtualisation, which take ten times
/// as long as others: a limit is there to end a wait that cannot succeed, not to measure one that can.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct GuestLimits {
    /// For cloud-init to finish, counted from the start of the bootstrap.
    pub cloud_init: Duration,
    /// For the payload's medium to appear.
    pub medium: Duration,
    /// For an agent's server to accept connections.
    pub server: Duration,
    /// For k3s to report itself started.
    pub k3s_start: Duration,
    /// For a server's own node to become Ready.
    pub node_ready: Duration,
    /// For any other single command, such as a copy or a package's installation.
    pub command: Duration,
    /// How often systemd may restart k3s before its failure counts.
    pub k3s_restarts: u32,
}

impl Default for GuestLimits {
    fn default() -> Self {
        Self {
            cloud_init: Duration::from_secs(600),
            medium: Duration::from_secs(120),
            server: Duration::from_secs(1200),
            k3s_start: Duration::from_secs(900),
            node_ready: Duration::from_secs(600),
            command: Duration::from_secs(900),
            k3s_restarts: 3,
        }
    }
}
