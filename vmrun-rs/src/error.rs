//! Errors of this crate (being written).
use thiserror::Error;
/// Why a [`Hypervisor`](crate::Hypervisor) call failed.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct HypervisorError(String);
/// Why a [`GuestChannel`](crate::GuestChannel) call got no answer.
#[derive(Debug, Error)]
#[error("{0}")]
pub struct ChannelError(String);
