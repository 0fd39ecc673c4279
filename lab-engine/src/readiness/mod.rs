//! Waiting for a guest, by looking: several signals per node are watched at once, nothing is ever assumed, and there is
//! no fixed wait.
//!
//! A node is *ready* when a command in it was answered, over a connection whose host key is the one that was injected. It
//! is *complete* when its marker file was read in it and carries the instance id of this life of the machine.

mod signal;
mod told;

use std::sync::Mutex;
use std::time::Duration;

use cloudinit_gen::guest;
use stage_timer::StageHandle;
use tokio::sync::{Semaphore, watch};
use tokio::time::{Instant, sleep_until};
use vmrun_rs::error::ChannelErrorKind;
use vmrun_rs::guest::{ChannelKind, GuestCommand};
use vmrun_rs::hypervisor::{PowerState, VmId};
use vmrun_rs::{ChannelError, GuestChannel, Hypervisor};

use crate::advice;
use crate::backoff::{Backoff, LONGEST};
use crate::error::{LabError, one_line};
use crate::event::{Event, EventSink, Level};
use crate::never_started::NeverStarted;
use crate::run::Connection;
use crate::stages::bootstrap_again;

pub use self::signal::Signal;
use self::told::Seen;

/// How long one look into a guest may take. Emulated guests need several seconds for a first SSH handshake.
const LOOK: Duration = Duration::from_secs(20);
/// How many nodes are asked for their address at the same time. It costs a process each, and nothing waits for the answer: a
/// hundred waiting nodes must not keep the host busy with it.
static ADDRESS_TURNS: Semaphore = Semaphore::const_new(4);
/// The longest pause between two looks for the SSH server's greeting, which cost next to nothing.
const BANNER_PAUSE: Duration = Duration::from_millis(500);

/// One node under observation: where it runs, how to look into it, and whom to tell.
pub(crate) struct Watched<'a> {
    pub(crate) node: &'a str,
    pub(crate) vm: &'a VmId,
    pub(crate) hypervisor: &'a dyn Hypervisor,
    pub(crate) connection: &'a Connection,
    pub(crate) stage: &'a StageHandle,
    pub(crate) sink: &'a dyn EventSink,
    seen: Mutex<Seen>,
    /// Whether the guest's SSH server has introduced itself.
    greeted: watch::Sender<bool>,
}

impl<'a> Watched<'a> {
    pub(crate) fn new(
        node: &'a str,
        vm: &'a VmId,
        hypervisor: &'a dyn Hypervisor,
        connection: &'a Connection,
        stage: &'a StageHandle,
        sink: &'a dyn EventSink,
    ) -> Self {
        Self {
            node,
            vm,
            hypervisor,
            connection,
            stage,
            sink,
            seen: Mutex::default(),
            greeted: watch::Sender::new(false),
        }
    }

    /// Waits until a command in the guest is answered.
    pub(crate) async fn until_ready(&self, limit: Duration) -> Result<(), LabError> {
        let end = Instant::now() + limit;
        tokio::select! {
            error = self.watch_power() => Err(error),
            never = self.watch_address() => match never {},
            never = self.watch_banner() => match never {},
            result = self.watch_guest() => result,
            () = sleep_until(end) => Err(self.timed_out("the guest did not answer", limit)),
        }
    }

    /// Waits until the marker at `path` carries `instance_id`. A bootstrap that says it failed ends the wait at once.
    ///
    /// With `again`, a failure that is there already, which an earlier run has told about, is not the end: the bootstrap
    /// is run once more, in case its cause has been mended.
    pub(crate) async fn until_complete(
        &self,
        wanted: &Wanted<'_>,
        again: bool,
        limit: Duration,
    ) -> Result<(), LabError> {
        let end = Instant::now() + limit;
        if again {
            let first = async {
                tokio::select! {
                    error = self.watch_power() => Err(error),
                    result = self.mend(wanted) => result,
                    () = sleep_until(end) => Err(self.timed_out("the guest did not answer", limit)),
                }
            };
            first.await?;
        }
        tokio::select! {
            error = self.watch_power() => Err(error),
            result = self.watch_bootstrap(wanted) => result,
            () = sleep_until(end) => Err(self.timed_out("the bootstrap did not finish", limit)),
        }
    }

    /// Ends only when the machine does not run any more.
    async fn watch_power(&self) -> LabError {
        let mut backoff = Backoff::new();
        loop {
            match self.hypervisor.state(self.vm).await {
                Ok(PowerState::Running) => self.signal_once(Signal::Running, ""),
                Ok(state) => {
                    let what = match state {
                        PowerState::Missing => "the machine is gone",
                        PowerState::Suspended => "the machine was suspended",
                        _ => "the machine was powered off",
                    };
                    let error = LabError::failed(format!("{what} while the lab waited for it")).node(self.node);
                    return self.with_console(error).help(
                        "its console, and vmware.log beside its .vmx, say why; `lab-cli up` starts it again and continues",
                    );
                }
                Err(e) => self.trouble(&one_line(&e)),
            }
            backoff.pause().await;
        }
    }

    async fn watch_address(&self) -> std::convert::Infallible {
        let mut backoff = Backoff::new();
        let mut last = None;
        loop {
            // Errors are expected here: without tools in the guest the hypervisor knows no address, and SSH does not need one.
            let found = {
                // The semaphore is never closed; an error would only mean one question more at the same time.
                let _turn = ADDRESS_TURNS.acquire().await.ok();
                self.hypervisor.address(self.vm).await
            };
            if let Ok(Some(found)) = found
                && last != Some(found.address)
            {
                self.signal(Signal::Address, &found.address.to_string());
                last = Some(found.address);
            }
            backoff.pause().await;
        }
    }

    async fn watch_banner(&self) -> std::convert::Infallible {
        let mut backoff = Backoff::up_to(BANNER_PAUSE);
        loop {
            if let Ok(banner) = vmrun_rs::guest::ssh_banner(self.connection.ssh, LONGEST).await {
                self.signal(Signal::SshBanner, &banner);
                self.greeted.send_replace(true);
                return std::future::pending().await;
            }
            backoff.pause().await;
        }
    }

    async fn watch_guest(&self) -> Result<(), LabError> {
        let channel = &*self.connection.looks;
        let mut backoff = Backoff::new();
        let mut greeted = self.greeted.subscribe();
        loop {
            match channel.run(&GuestCommand::new(["true"]).timeout(LOOK)).await {
                Ok(output) if output.success() => {
                    self.signal(Signal::GuestCommand, &channel.kind().to_string());
                    return Ok(());
                }
                Ok(output) => self.trouble(&format!(
                    "`true` ended with exit code {} in the guest",
                    output.exit_code
                )),
                Err(e) => self.channel_trouble(e)?,
            }
            tokio::select! {
                () = backoff.pause() => {}
                // Never an error: the sender lives as long as this does.
                Ok(()) = greeted.changed() => backoff.reset(),
            }
        }
    }

    /// Runs a bootstrap that has failed once more; one that has not is left alone.
    async fn mend(&self, wanted: &Wanted<'_>) -> Result<(), LabError> {
        let channel = &*self.connection.channel;
        let mut backoff = Backoff::new();
        loop {
            let mended = match Self::look(&*self.connection.looks, wanted).await {
                Ok(Look::Failed { step, reason }) => {
                    let message = format!("its bootstrap failed in step `{step}`: {reason}; running it again");
                    self.sink.emit(Event::Notice {
                        level: Level::Warning,
                        node: Some(self.node.to_owned()),
                        message,
                    });
                    bootstrap_again(channel).await
                }
                Ok(_) => return Ok(()),
                Err(error) => {
                    self.channel_trouble(error)?;
                    backoff.pause().await;
                    continue;
                }
            };
            match mended {
                Ok(()) => return Ok(()),
                Err(error) => self.trouble(&error.one_line()),
            }
            backoff.pause().await;
        }
    }

    async fn watch_bootstrap(&self, wanted: &Wanted<'_>) -> Result<(), LabError> {
        let channel = &*self.connection.looks;
        // Each look by the hypervisor's guest operations costs processes.
        let mut backoff = Backoff::up_to(match channel.kind() {
            ChannelKind::Vmrun => LONGEST,
            _ => wanted.pause,
        });
        let mut never_started = NeverStarted::default();
        loop {
            match Self::look(channel, wanted).await {
                Ok(Look::Complete) => {
                    self.signal(Signal::Marker, wanted.marker);
                    return Ok(());
                }
                Ok(Look::Failed { step, reason }) => {
                    let error =
                        LabError::failed(format!("the bootstrap failed in step `{step}`: {reason}")).node(self.node);
                    return Err(self
                        .with_console(error)
                        .help(advice::failed_bootstrap(self.node, &reason)));
                }
                Ok(Look::Running { step: None }) => match never_started.why(channel).await {
                    Ok(Some(why)) => return Err(self.never_started(&why)),
                    Ok(None) => {}
                    Err(e) => self.channel_trouble(e)?,
                },
                Ok(Look::Running { step }) => {
                    if self.step(step) {
                        backoff.reset();
                    }
                }
                Err(e) => self.channel_trouble(e)?,
            }
            backoff.pause().await;
        }
    }

    fn never_started(&self, why: &str) -> LabError {
        let error = LabError::failed(format!("cloud-init ended without starting the bootstrap: {why}")).node(self.node);
        self.with_console(error).help(format!(
            "`lab-cli logs {node} --source cloud-init` shows more; after mending the cause, `lab-cli up --recreate {node}` makes \
             the machine anew",
            node = self.node,
        ))
    }

    /// One look at the failure file, the marker and the progress file, in this order.
    async fn look(channel: &dyn GuestChannel, wanted: &Wanted<'_>) -> Result<Look, ChannelError> {
        if let Some(failure) = channel.read_file(guest::FAILED_FILE).await? {
            // A file that is cut short is still being written: the next look reads it whole.
            let failure = guest::Failure::parse(&String::from_utf8_lossy(&failure));
            if let Some(failure) = failure.filter(|f| f.instance_id == wanted.instance_id) {
                return Ok(Look::Failed {
                    step: failure.step,
                    reason: failure.reason,
                });
            }
        }
        if let Some(content) = channel.read_file(wanted.marker).await?
            && String::from_utf8_lossy(&content).trim() == wanted.instance_id
        {
            return Ok(Look::Complete);
        }
        let step = channel.read_file(guest::PROGRESS_FILE).await?;
        Ok(Look::Running {
            step: step
                .map(|s| String::from_utf8_lossy(&s).trim().to_owned())
                .filter(|s| !s.is_empty()),
        })
    }

    /// Notes a trouble that may pass; a permanent one is an error.
    fn channel_trouble(&self, error: ChannelError) -> Result<(), LabError> {
        if error.kind() == ChannelErrorKind::HostKey {
            return Err(LabError::failed("another machine answers at this node's address")
                .node(self.node)
                .source(error)
                .help(
                    "the host key is not the one that was injected: look for a second machine with this address; \
                 nothing was sent to it",
                ));
        }
        self.trouble(&one_line(&error));
        Ok(())
    }
}

/// The marker that a node is waited for.
pub(crate) struct Wanted<'a> {
    /// The file.
    pub(crate) marker: &'a str,
    /// What it must hold.
    pub(crate) instance_id: &'a str,
    /// The longest pause between two looks over a connection that is kept.
    pub(crate) pause: Duration,
}

enum Look {
    Complete,
    Failed { step: String, reason: String },
    Running { step: Option<String> },
}
