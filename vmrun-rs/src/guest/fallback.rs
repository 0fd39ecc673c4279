//! [`FallbackChannel`]: VMware Tools first, then SSH, and the reason for the switch.

use std::future::Future;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;

use super::{ChannelKind, GuestChannel, GuestCommand, GuestOutput};
use crate::error::{ChannelError, ChannelErrorKind};

/// What was learnt about the ways into one machine. Share one among all channels of the machine.
#[derive(Debug, Clone, Default)]
pub struct FallbackMemory(Arc<Mutex<Learnt>>);

#[derive(Debug, Default)]
struct Learnt {
    works: Option<ChannelKind>,
    reason: Option<String>,
}

impl FallbackMemory {
    /// The way that worked last, if one did.
    pub fn works(&self) -> Option<ChannelKind> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).works
    }

    /// Why vmrun's guest operations were given up for SSH, in one line; `None` if they were not.
    pub fn reason(&self) -> Option<String> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).reason.clone()
    }

    fn learn(&self, works: ChannelKind, reason: Option<String>) {
        let mut learnt = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let (Some(reason), true) = (&reason, learnt.works != Some(works)) {
            tracing::info!(%works, %reason, "switched the way into a guest");
        }
        *learnt = Learnt {
            works: Some(works),
            reason,
        };
    }
}

/// Tries vmrun's guest operations first and SSH second, and stays with what worked.
///
/// A way that has worked is used alone until it fails; then the other one is tried. An answer of the guest (a program's
/// exit code, a file that is not there) is an answer on either way and never a reason to switch. A command that may have
/// run is never sent again on the other way.
pub struct FallbackChannel {
    vmrun: Arc<dyn GuestChannel>,
    ssh: Arc<dyn GuestChannel>,
    memory: FallbackMemory,
}

impl FallbackChannel {
    /// A channel with nothing learnt.
    pub fn new(vmrun: Arc<dyn GuestChannel>, ssh: Arc<dyn GuestChannel>) -> Self {
        Self::with_memory(vmrun, ssh, FallbackMemory::default())
    }

    /// A channel that knows what others of the same machine have learnt.
    pub fn with_memory(vmrun: Arc<dyn GuestChannel>, ssh: Arc<dyn GuestChannel>, memory: FallbackMemory) -> Self {
        Self { vmrun, ssh, memory }
    }

    /// What was learnt.
    pub fn memory(&self) -> &FallbackMemory {
        &self.memory
    }

    /// Asks one way, and where that does not work, the other one.
    async fn either<'a, T, F>(
        &'a self,
        repeat: Repeat,
        call: impl Fn(&'a dyn GuestChannel) -> F,
    ) -> Result<T, ChannelError>
    where
        F: Future<Output = Result<T, ChannelError>>,
    {
        let ssh_first = self.memory.works().is_some_and(|works| works == self.ssh.kind());
        let (first, second) = if ssh_first {
            (&self.ssh, &self.vmrun)
        } else {
            (&self.vmrun, &self.ssh)
        };
        let error = match call(&**first).await {
            Err(error) if repeat.is_safe_after(&error) => error,
            answer => {
                if !ssh_first && answered(&answer) {
                    self.memory.learn(first.kind(), None);
                }
                return answer;
            }
        };
        match call(&**second).await {
            Err(other) if is_about_the_way(&other) => {
                let (vmrun, ssh) = if ssh_first { (other, error) } else { (error, other) };
                Err(ChannelError::Both {
                    vmrun: Box::new(vmrun),
                    ssh: Box::new(ssh),
                })
            }
            answer => {
                if answered(&answer) {
                    self.memory.learn(second.kind(), (!ssh_first).then(|| error.one_line()));
                }
                answer
            }
        }
    }
}

/// Whether a call may be made on the second way after it failed on the first.
#[derive(Clone, Copy)]
enum Repeat {
    /// It changes nothing in the guest.
    Always,
    /// It does: only where it cannot have happened.
    IfNotDone,
}

impl Repeat {
    fn is_safe_after(self, error: &ChannelError) -> bool {
        match self {
            Self::Always => is_about_the_way(error),
            Self::IfNotDone => {
                is_about_the_way(error) && !matches!(error.kind(), ChannelErrorKind::Lost | ChannelErrorKind::Timeout)
            }
        }
    }
}

/// Whether an error says that the way does not work, rather than what the guest answered.
fn is_about_the_way(error: &ChannelError) -> bool {
    !matches!(error, ChannelError::Io { .. }) && error.kind() != ChannelErrorKind::Guest
}

/// Whether the guest answered, be it "no".
fn answered<T>(answer: &Result<T, ChannelError>) -> bool {
    answer
        .as_ref()
        .err()
        .is_none_or(|error| error.kind() == ChannelErrorKind::Guest)
}

#[async_trait]
impl GuestChannel for FallbackChannel {
    fn kind(&self) -> ChannelKind {
        self.memory.works().unwrap_or_else(|| self.vmrun.kind())
    }

    async fn run(&self, command: &GuestCommand) -> Result<GuestOutput, ChannelError> {
        if self.memory.works().is_none() {
            // A command must not be the one that finds out which way hangs: it could run twice.
            self.either(Repeat::Always, |channel| channel.exists("/")).await?;
        }
        self.either(Repeat::IfNotDone, |channel| channel.run(command)).await
    }

    async fn read_file(&self, path: &str) -> Result<Option<Vec<u8>>, ChannelError> {
        self.either(Repeat::Always, |channel| channel.read_file(path)).await
    }

    async fn exists(&self, path: &str) -> Result<bool, ChannelError> {
        self.either(Repeat::Always, |channel| channel.exists(path)).await
    }

    async fn copy_to(&self, host: &Path, guest: &str) -> Result<(), ChannelError> {
        self.either(Repeat::Always, |channel| channel.copy_to(host, guest))
            .await
    }
}
