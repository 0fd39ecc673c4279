//! [`HypervisorError`].

use std::error::Error as StdError;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use thiserror::Error;

use super::VmrunError;
use crate::disk::DiskError;
use crate::failure::Failure;
use crate::hypervisor::VmId;
use crate::vmx::VmxError;

/// Why a [`Hypervisor`](crate::Hypervisor) call failed.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum HypervisorError {
    /// The hypervisor's command failed.
    #[error("cannot {what}")]
    Vmrun {
        /// What was being done, for example `start k3s-master1`.
        what: String,
        /// The failed command.
        #[source]
        source: VmrunError,
    },
    /// The machine's configuration file could not be read, changed or written.
    #[error("cannot {what}")]
    Vmx {
        /// What was being done.
        what: String,
        /// The reason.
        #[source]
        source: VmxError,
    },
    /// A virtual disk could not be made or changed.
    #[error("cannot {what}")]
    Disk {
        /// What was being done.
        what: String,
        /// The reason.
        #[source]
        source: DiskError,
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
    /// The directory for a new machine is not empty.
    #[error("cannot create a machine in {}: the directory is not empty; remove it or choose another one", directory.display())]
    NotEmpty {
        /// The directory.
        directory: PathBuf,
    },
    /// A [`VmSpec`](crate::hypervisor::VmSpec) asks for something that cannot be.
    #[error("cannot create {name}: {reason}")]
    InvalidSpec {
        /// The machine's name.
        name: String,
        /// What is wrong, and what would be right.
        reason: String,
    },
    /// The machine does not exist.
    #[error("no machine {vm}")]
    Missing {
        /// The machine.
        vm: VmId,
    },
    /// A snapshot was reported as taken, and the machine does not have it.
    #[error("the snapshot {name} of {vm} was reported as taken, but the machine does not have it; try again")]
    SnapshotMissing {
        /// The machine.
        vm: VmId,
        /// The snapshot's name.
        name: String,
    },
    /// The machine runs, and the operation needs it off.
    #[error("cannot {what} while {vm} is running; stop it first")]
    Running {
        /// What was being done.
        what: String,
        /// The machine.
        vm: VmId,
    },
    /// The start command was accepted, but the machine never appeared in the list of running ones.
    #[error("{vm} is not running {:.0} s after its start; vmware.log in its directory says why", after.as_secs_f64())]
    DidNotStart {
        /// The machine.
        vm: VmId,
        /// How long it was looked for.
        after: Duration,
    },
    /// The machine still runs although it was told to stop.
    #[error("{vm} is still running {:.0} s after a {mode} stop{}", after.as_secs_f64(), if *mode == "soft" { "; a guest without VMware Tools ignores it: stop it hard, at the risk of losing its last writes" } else { "" })]
    DidNotStop {
        /// The machine.
        vm: VmId,
        /// `soft` or `hard`.
        mode: &'static str,
        /// How long it was waited for.
        after: Duration,
    },
    /// The machine is off, but its files are still locked.
    #[error("the files of {vm} are still locked by {}; close the machine in the VMware window, or remove the lock if nothing uses it", lock.display())]
    FilesBusy {
        /// The machine.
        vm: VmId,
        /// The lock that is left.
        lock: PathBuf,
    },
    /// The backend has no way to do this.
    #[error("this hypervisor cannot {what} {vm}")]
    Unsupported {
        /// What was asked for.
        what: &'static str,
        /// The machine.
        vm: VmId,
    },
    /// A drive that the machine does not have.
    #[error("{vm} has no CD drive number {slot}")]
    NoSuchSlot {
        /// The machine.
        vm: VmId,
        /// The drive, counted from 0.
        slot: u8,
    },
    /// The host has neither an interface in the guest's network nor a forwarded port to it.
    #[error("this host cannot reach {guest} on {network}: {reason}")]
    NoRoute {
        /// The virtual network.
        network: String,
        /// The guest's address.
        guest: SocketAddr,
        /// What was tried, and what would help.
        reason: String,
    },
    /// Another backend's own error.
    #[error("cannot {what}")]
    Backend {
        /// What was being done.
        what: String,
        /// The backend's error.
        #[source]
        source: Box<dyn StdError + Send + Sync>,
    },
}

impl HypervisorError {
    /// An error of a backend that is not `vmrun`.
    pub fn backend(what: impl Into<String>, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        Self::Backend {
            what: what.into(),
            source: source.into(),
        }
    }

    /// The classified failure behind this error, if a command of the hypervisor failed.
    pub fn failure(&self) -> Option<&Failure> {
        match self {
            Self::Vmrun { source, .. } => Some(source.failure()),
            Self::Disk { source, .. } => source.failure(),
            _ => None,
        }
    }

    /// What a user can do, if the message itself does not say it.
    pub fn hint(&self) -> Option<&str> {
        self.failure().map(|failure| failure.hint.as_str())
    }

    /// The whole story on one line: this error and everything behind it.
    pub fn one_line(&self) -> String {
        chain(self)
    }
}

/// An error and its sources, joined with `: `.
pub(super) fn chain(error: &dyn StdError) -> String {
    let mut line = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        line.push_str(": ");
        line.push_str(&error.to_string());
        source = error.source();
    }
    line.replace(['\r', '\n'], " ")
}
