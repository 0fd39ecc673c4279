//! A way into a guest that is found again when the guest is reached elsewhere: a forwarded port that was made anew, a host
//! adapter that appeared.

use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::Instant;
use vmrun_rs::error::ChannelErrorKind;
use vmrun_rs::guest::{ChannelKind, GuestAccess, GuestCommand, GuestOutput};
use vmrun_rs::hypervisor::VmId;
use vmrun_rs::{ChannelError, GuestChannel, Hypervisor};

/// How often the hypervisor is asked at most: a guest that boots is unreachable for minutes.
const INTERVAL: Duration = Duration::from_secs(15);

/// A channel that asks the hypervisor again where the guest is, when it cannot be reached.
pub(crate) struct Rerouted {
    hypervisor: Arc<dyn Hypervisor>,
    vm: VmId,
    network: String,
    /// Where the guest's SSH server is in the virtual network.
    guest: SocketAddr,
    way: Mutex<Way>,
}

struct Way {
    access: GuestAccess,
    channel: Arc<dyn GuestChannel>,
    asked: Instant,
}

impl Rerouted {
    pub(crate) fn new(
        hypervisor: Arc<dyn Hypervisor>,
        vm: VmId,
        network: String,
        guest: SocketAddr,
        access: GuestAccess,
    ) -> Self {
        let channel = hypervisor.guest(&vm, access.clone());
        let asked = Instant::now();
        Self {
            hypervisor,
            vm,
            network,
            guest,
            way: Mutex::new(Way { access, channel, asked }),
        }
    }

    fn channel(&self) -> Arc<dyn GuestChannel> {
        Arc::clone(&self.way().channel)
    }

    fn way(&self) -> std::sync::MutexGuard<'_, Way> {
        self.way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks for another way after this error; whether there is one now.
    async fn found_again(&self, error: &ChannelError) -> bool {
        if !matches!(error.kind(), ChannelErrorKind::Unreachable | ChannelErrorKind::Timeout) {
            return false;
        }
        {
            let mut way = self.way();
            if way.asked.elapsed() < INTERVAL {
                return false;
            }
            way.asked = Instant::now();
        }
        let endpoint = match self.hypervisor.endpoint(&self.network, self.guest).await {
            Ok(endpoint) => endpoint,
            Err(error) => {
                tracing::debug!(vm = %self.vm, %error, "cannot ask where the guest is");
                return false;
            }
        };
        let mut way = self.way();
        match &mut way.access.ssh {
            Some(ssh) if ssh.endpoint != endpoint => {
                tracing::info!(vm = %self.vm, from = %ssh.endpoint, to = %endpoint, "the guest is reached elsewhere now");
                ssh.endpoint = endpoint;
            }
            _ => return false,
        }
        way.channel = self.hypervisor.guest(&self.vm, way.access.clone());
        true
    }
}

/// Makes a call, and once more if the guest turns out to be elsewhere. Only calls that did not reach it come to that.
macro_rules! call {
    ($self:ident, $channel:ident => $call:expr) => {{
        let $channel = $self.channel();
        match $call.await {
            Err(error) if $self.found_again(&error).await && error.kind() == ChannelErrorKind::Unreachable => {
                let $channel = $self.channel();
                $call.await
            }
            answer => answer,
        }
    }};
}

#[async_trait]
impl GuestChannel for Rerouted {
    fn kind(&self) -> ChannelKind {
        self.channel().kind()
    }

    async fn run(&self, command: &GuestCommand) -> Result<GuestOutput, ChannelError> {
        call!(self, channel => channel.run(command))
    }

    async fn read_file(&self, path: &str) -> Result<Option<Vec<u8>>, ChannelError> {
        call!(self, channel => channel.read_file(path))
    }

    async fn exists(&self, path: &str) -> Result<bool, ChannelError> {
        call!(self, channel => channel.exists(path))
    }

    async fn copy_to(&self, host: &Path, guest: &str) -> Result<(), ChannelError> {
        call!(self, channel => channel.copy_to(host, guest))
    }
}
