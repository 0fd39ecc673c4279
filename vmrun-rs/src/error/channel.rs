//! [`ChannelError`].

use std::error::Error as StdError;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use thiserror::Error;

use super::VmrunError;
use crate::failure::FailureClass;

/// Why a [`GuestChannel`](crate::GuestChannel) call got no answer.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ChannelError {
    /// No connection: refused, reset, no route, or closed before the handshake. Normal while a guest boots.
    #[error("cannot reach {endpoint}")]
    Unreachable {
        /// Where the guest should have answered.
        endpoint: SocketAddr,
        /// The reason.
        #[source]
        source: io::Error,
    },
    /// The guest showed another host key than the pinned one. Never temporary: it is another machine.
    #[error(
        "{endpoint} shows the host key {offered}, but {expected} is pinned: another machine answers there, or the guest \
         was made anew; nothing was sent to it"
    )]
    HostKeyMismatch {
        /// Where the guest answered.
        endpoint: SocketAddr,
        /// The pinned key's algorithm and fingerprint.
        expected: String,
        /// The offered key's algorithm and fingerprint.
        offered: String,
    },
    /// The guest refused the login. While it boots, its user may not have the key yet.
    #[error("{user} was refused by {by}: {reason}")]
    AuthenticationRefused {
        /// The guest's user.
        user: String,
        /// The guest, by its endpoint or its machine's path.
        by: String,
        /// What was tried.
        reason: String,
    },
    /// vmrun's guest operations cannot be used yet: VMware Tools do not answer, or the guest's session is not there.
    #[error("guest operations are not available")]
    NotReady {
        /// The failed command.
        #[source]
        source: VmrunError,
    },
    /// The answer did not come in time.
    #[error("{what} did not end within {:.1} s", after.as_secs_f64())]
    Timeout {
        /// What was being done.
        what: String,
        /// The limit.
        after: Duration,
    },
    /// The connection broke while a command ran. Whether the command ran to its end is not known.
    #[error("the connection to {endpoint} was lost while {what}")]
    Lost {
        /// The guest.
        endpoint: SocketAddr,
        /// What was being done.
        what: String,
        /// The reason, where one is known.
        #[source]
        source: Option<Box<dyn StdError + Send + Sync>>,
    },
    /// The guest speaks, but not as expected.
    #[error("{endpoint} does not speak SSH as expected: {reason}")]
    Protocol {
        /// The guest.
        endpoint: SocketAddr,
        /// What was unexpected.
        reason: String,
    },
    /// What the caller gave for access cannot be used.
    #[error("cannot use the given access: {reason}")]
    InvalidAccess {
        /// What is wrong with it.
        reason: String,
    },
    /// The guest answered, and the answer is that it could not be done.
    #[error("the guest could not {what}: {reason}")]
    Guest {
        /// What was being done.
        what: String,
        /// What the guest said.
        reason: String,
    },
    /// A vmrun command failed for another reason.
    #[error("a vmrun command failed")]
    Vmrun {
        /// The failed command.
        #[source]
        source: VmrunError,
    },
    /// A file of the host could not be read or written.
    #[error("cannot {what} {}", path.display())]
    Io {
        /// What was being done.
        what: &'static str,
        /// The file.
        path: PathBuf,
        /// The operating system's reason.
        #[source]
        source: io::Error,
    },
    /// Neither way worked.
    #[error("neither way into the guest works; vmrun: {}; ssh: {}", super::hypervisor::chain(&**vmrun), super::hypervisor::chain(&**ssh))]
    Both {
        /// Why vmrun's guest operations did not work.
        vmrun: Box<ChannelError>,
        /// Why SSH did not work.
        ssh: Box<ChannelError>,
    },
}

/// What a caller that waits for a guest needs to know of a [`ChannelError`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChannelErrorKind {
    /// Nobody answers (yet).
    Unreachable,
    /// Another machine answers. Waiting does not help.
    HostKey,
    /// The login was refused: temporary while the guest boots, permanent after.
    Authentication,
    /// The guest's tools do not answer (yet).
    NotReady,
    /// The answer did not come in time.
    Timeout,
    /// The connection broke in the middle of a call.
    Lost,
    /// What the caller gave cannot be used. Waiting does not help.
    Configuration,
    /// The guest answered that it could not be done.
    Guest,
    /// Something else.
    Other,
}

impl ChannelError {
    /// What kind of error it is. Of two ways that failed, the one that is nearer to working counts.
    pub fn kind(&self) -> ChannelErrorKind {
        match self {
            Self::Unreachable { .. } => ChannelErrorKind::Unreachable,
            Self::HostKeyMismatch { .. } => ChannelErrorKind::HostKey,
            Self::AuthenticationRefused { .. } => ChannelErrorKind::Authentication,
            Self::NotReady { .. } => ChannelErrorKind::NotReady,
            Self::Timeout { .. } => ChannelErrorKind::Timeout,
            Self::Lost { .. } => ChannelErrorKind::Lost,
            Self::InvalidAccess { .. } => ChannelErrorKind::Configuration,
            Self::Guest { .. } => ChannelErrorKind::Guest,
            Self::Vmrun { source } => match source.class() {
                FailureClass::Timeout => ChannelErrorKind::Timeout,
                FailureClass::NotPoweredOn => ChannelErrorKind::Unreachable,
                FailureClass::Spawn | FailureClass::Usage => ChannelErrorKind::Configuration,
                _ => ChannelErrorKind::Other,
            },
            Self::Protocol { .. } | Self::Io { .. } => ChannelErrorKind::Other,
            Self::Both { ssh, .. } => ssh.kind(),
        }
    }

    /// Whether the same call can succeed later without anybody doing anything, as far as one answer can tell. A refused
    /// login counts as temporary, because a booting guest refuses it too: the caller's own limit must end the wait.
    pub fn is_transient(&self) -> bool {
        match self.kind() {
            ChannelErrorKind::Unreachable
            | ChannelErrorKind::Authentication
            | ChannelErrorKind::NotReady
            | ChannelErrorKind::Timeout
            | ChannelErrorKind::Lost => true,
            ChannelErrorKind::HostKey | ChannelErrorKind::Configuration | ChannelErrorKind::Guest => false,
            ChannelErrorKind::Other => match self {
                Self::Vmrun { source } => source.failure().retryable,
                // A guest that is being set up or rebooted can break a handshake off half-way.
                Self::Protocol { .. } => true,
                _ => false,
            },
        }
    }

    /// The whole story on one line: this error and everything behind it.
    pub fn one_line(&self) -> String {
        super::hypervisor::chain(self)
    }
}

impl From<VmrunError> for ChannelError {
    fn from(source: VmrunError) -> Self {
        match source.class() {
            FailureClass::ToolsNotRunning | FailureClass::GuestSession => Self::NotReady { source },
            FailureClass::GuestAuthentication => Self::AuthenticationRefused {
                user: "the guest user".to_owned(),
                by: "vmrun's guest operations".to_owned(),
                reason: source.failure().summary.clone(),
            },
            FailureClass::Timeout => Self::Timeout {
                what: source.command().to_owned(),
                after: source.elapsed(),
            },
            _ => Self::Vmrun { source },
        }
    }
}
