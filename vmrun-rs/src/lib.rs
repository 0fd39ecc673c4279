#![doc = include_str!("../README.md")]

pub mod disk;
pub mod error;
pub mod exec;
pub mod failure;
pub mod guest;
pub mod hypervisor;
pub mod leases;
pub mod locate;
mod path;
mod platform;
pub mod vmrun;
pub mod vmx;
mod workstation;

pub use error::{ChannelError, ChannelErrorKind, HypervisorError, VmrunError};
pub use failure::{Failure, FailureClass};
pub use guest::GuestChannel;
pub use hypervisor::{Hypervisor, VmId};
pub use vmrun::Vmrun;
pub use workstation::{Workstation, WorkstationOptions};

/// Test doubles made by mockall, behind the feature `mock`: no hypervisor, no guest, no process.
#[cfg(feature = "mock")]
pub mod mock {
    pub use crate::guest::MockGuestChannel;
    pub use crate::hypervisor::MockHypervisor;
}
