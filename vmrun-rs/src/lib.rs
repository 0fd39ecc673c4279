//! Drives VMware's `vmrun` (being written).
pub mod error;
pub mod guest;
pub mod hypervisor;

pub use guest::GuestChannel;
pub use hypervisor::Hypervisor;
