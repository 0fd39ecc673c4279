//! The channel of a caller who gave no access.

use std::path::Path;

use async_trait::async_trait;

use super::{ChannelKind, GuestChannel, GuestCommand, GuestOutput};
use crate::error::ChannelError;

/// Answers every call with [`ChannelError::InvalidAccess`].
#[derive(Debug)]
pub(crate) struct NoChannel;

fn none<T>() -> Result<T, ChannelError> {
    let reason = "neither credentials for guest operations nor SSH access that this build can use were given";
    Err(ChannelError::InvalidAccess {
        reason: reason.to_owned(),
    })
}

#[async_trait]
impl GuestChannel for NoChannel {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Vmrun
    }

    async fn run(&self, _: &GuestCommand) -> Result<GuestOutput, ChannelError> {
        none()
    }

    async fn read_file(&self, _: &str) -> Result<Option<Vec<u8>>, ChannelError> {
        none()
    }

    async fn exists(&self, _: &str) -> Result<bool, ChannelError> {
        none()
    }

    async fn copy_to(&self, _: &Path, _: &str) -> Result<(), ChannelError> {
        none()
    }
}
