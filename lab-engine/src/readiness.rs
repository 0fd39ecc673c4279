//! Waiting for a guest, by looking: several signals per node are watched at once, nothing is ever assumed, and there is
//! no fixed wait.
//!
//! A node is *ready* when a command in it was answered, over a connection whose host key is the one that was injected. It
//! is *complete* when its marker file was read in it and carries the instance id of this life of the machine.

use std::fmt;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use cloudinit_gen::guest;
use schemars::JsonSchema;
use serde::Serialize;
use stage_timer::StageHandle;
use tokio::sync::Semaphore;
use tokio::time::{Instant, sleep_until};
use vmrun_rs::error::ChannelErrorKind;
use vmrun_rs::guest::GuestCommand;
use vmrun_rs::hypervisor::{PowerState, VmId};
use vmrun_rs::{ChannelError, GuestChannel, Hypervisor};

use crate::backoff::{Backoff, LONGEST};
use crate::error::{ErrorKind, LabError};
use crate::event::{Event, EventSink, Level};
use crate::files;
use crate::never_started::NeverStarted;
use crate::run::Connection;
use crate::stages::bootstrap_again;

/// How long one look into a guest may take. Emulated guests need several seconds for a first SSH handshake.
const LOOK: Duration = Duration::from_secs(20);
/// How many nodes are asked for their address at the same time. It costs a process each, and nothing waits for the answer: a
/// hundred waiting nodes must not keep the host busy with it.
static ADDRESS_TURNS: Semaphore = Semaphore::const_new(4);
/// How many lines of a guest's console go with an error.
const CONSOLE_LINES: usize = 20;

/// A sign of life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Signal {
    /// The hypervisor lists the machine as running.
    Running,
    /// The hypervisor reports an address.
    Address,
    /// The guest's SSH server introduced itself.
    SshBanner,
    /// A command in the guest was answered.
    GuestCommand,
    /// The bootstrap's marker was read.
    Marker,
    /// The hypervisor does not list the machine any more.
    Stopped,
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Running => "running",
            Self::Address => "address reported",
            Self::SshBanner => "SSH server answers",
            Self::GuestCommand => "guest command answered",
            Self::Marker => "completion marker read",
            Self::Stopped => "stopped",
        })
    }
}

/// One node under observation: where it runs, how to look into it, and whom to tell.
pub(crate) struct Watched<'a> {
    pub(crate) node: &'a str,
    pub(crate) vm: &'a VmId,
    pub(crate) hypervisor: &'a dyn Hypervisor,
    pub(crate) connection: &'a Connection,
    pub(crate) stage: &'a StageHandle,
    pub(crate) sink: &'a dyn EventSink,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    signal: Option<(Signal, String)>,
    step: Option<String>,
    trouble: Option<String>,
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
        }
    }

    /// Waits until a command in the guest is answered.
    pub(crate) async fn until_ready(&self, limit: Duration) -> Result<(), LabError> {
        let end = Instant::now() + limit;
        tokio::select! {
            error = self.watch_power() => Err(error),
            never = self.watch_address() => match never {},
            never = self.watch_banner() => match never {},
            result = self.watch_guest(&*self.connection.channel, Tell::All) => result,
            result = self.hedged(async |hedge| self.watch_guest(hedge, Tell::Success).await) => result,
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
            result = self.watch_bootstrap(&*self.connection.channel, wanted, Tell::All) => result,
            result = self.hedged(async |hedge| self.watch_bootstrap(hedge, wanted, Tell::Success).await) => result,
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
        let mut backoff = Backoff::new();
        loop {
            if let Ok(banner) = vmrun_rs::guest::ssh_banner(self.connection.ssh, LONGEST).await {
                self.signal(Signal::SshBanner, &banner);
                return std::future::pending().await;
            }
            backoff.pause().await;
        }
    }

    /// Does the same over SSH alone, if the other channel would try something else first; else never ends.
    async fn hedged(&self, watch: impl AsyncFnOnce(&dyn GuestChannel) -> Result<(), LabError>) -> Result<(), LabError> {
        match &self.connection.hedge {
            Some(hedge) => watch(&**hedge).await,
            None => std::future::pending().await,
        }
    }

    async fn watch_guest(&self, channel: &dyn GuestChannel, tell: Tell) -> Result<(), LabError> {
        let mut backoff = Backoff::new();
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
                Err(e) => self.channel_trouble(e, tell)?,
            }
            backoff.pause().await;
        }
    }

    /// Runs a bootstrap that has failed once more; one that has not is left alone.
    async fn mend(&self, wanted: &Wanted<'_>) -> Result<(), LabError> {
        let channel = &*self.connection.channel;
        let mut backoff = Backoff::new();
        loop {
            let mended = match Self::look(channel, wanted).await {
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
                    self.channel_trouble(error, Tell::All)?;
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

    async fn watch_bootstrap(
        &self,
        channel: &dyn GuestChannel,
        wanted: &Wanted<'_>,
        tell: Tell,
    ) -> Result<(), LabError> {
        let mut backoff = Backoff::new();
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
                    return Err(self.with_console(error).help(format!(
                        "`lab-cli logs {node} --source bootstrap` shows more; after mending the cause, `lab-cli up` goes on with \
                         this step, and `lab-cli up --recreate {node}` makes the machine anew",
                        node = self.node,
                    )));
                }
                Ok(Look::Running { step: None }) => match never_started.why(channel).await {
                    Ok(Some(why)) => return Err(self.never_started(&why)),
                    Ok(None) => {}
                    Err(e) => self.channel_trouble(e, tell)?,
                },
                Ok(Look::Running { step }) => {
                    if self.step(step) {
                        backoff.reset();
                    }
                }
                Err(e) => self.channel_trouble(e, tell)?,
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
    fn channel_trouble(&self, error: ChannelError, tell: Tell) -> Result<(), LabError> {
        if error.kind() == ChannelErrorKind::HostKey {
            return Err(LabError::failed("another machine answers at this node's address")
                .node(self.node)
                .source(error)
                .help(
                    "the host key is not the one that was injected: look for a second machine with this address; \
                 nothing was sent to it",
                ));
        }
        if tell == Tell::All {
            self.trouble(&one_line(&error));
        }
        Ok(())
    }

    fn signal_once(&self, signal: Signal, detail: &str) {
        if self.lock().signal.is_none() {
            self.signal(signal, detail);
        }
    }

    fn signal(&self, signal: Signal, detail: &str) {
        self.lock().signal = Some((signal, detail.to_owned()));
        self.stage.progress(None, signal.to_string());
        self.sink.emit(Event::NodeSignal {
            node: self.node.to_owned(),
            signal,
            detail: detail.to_owned(),
        });
    }

    /// Notes the bootstrap's step; whether it is a new one.
    fn step(&self, step: Option<String>) -> bool {
        let Some(step) = step else { return false };
        if self.lock().step.as_ref() == Some(&step) {
            return false;
        }
        self.stage.progress(None, step.clone());
        self.sink.emit(Event::NodeProgress {
            node: self.node.to_owned(),
            step: step.clone(),
        });
        self.lock().step = Some(step);
        true
    }

    fn trouble(&self, message: &str) {
        if self.lock().trouble.as_deref() == Some(message) {
            return;
        }
        self.sink.emit(Event::NodeTrouble {
            node: self.node.to_owned(),
            message: message.to_owned(),
        });
        self.lock().trouble = Some(message.to_owned());
    }

    fn timed_out(&self, what: &str, limit: Duration) -> LabError {
        let (signal, step, trouble) = {
            let seen = self.lock();
            (seen.signal.clone(), seen.step.clone(), seen.trouble.clone())
        };
        let mut parts = vec![format!("{what} within {} s", limit.as_secs())];
        parts.push(match signal {
            Some((signal, detail)) if detail.is_empty() => format!("last signal: {signal}"),
            Some((signal, detail)) => format!("last signal: {signal} ({detail})"),
            None => "no signal at all".to_owned(),
        });
        parts.extend(step.map(|step| format!("last step: {step}")));
        parts.extend(trouble.map(|trouble| format!("last error: {trouble}")));
        let error = LabError::new(ErrorKind::TimedOut, parts.join("; ")).node(self.node);
        self.with_console(error)
            .help("the machine still runs: look at its console, then run `lab-cli up` again to go on waiting")
    }

    /// Adds the end of the guest's console.
    fn with_console(&self, error: LabError) -> LabError {
        let Some(path) = self.hypervisor.console(self.vm) else {
            return error;
        };
        let lines = files::tail(&path, CONSOLE_LINES);
        if lines.is_empty() {
            return error.details([format!("the console {} is empty", path.display())]);
        }
        error
            .details([format!("the end of {}:", path.display())])
            .details(lines.into_iter().map(|l| format!("  {l}")))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The marker that a node is waited for.
pub(crate) struct Wanted<'a> {
    /// The file.
    pub(crate) marker: &'a str,
    /// What it must hold.
    pub(crate) instance_id: &'a str,
}

/// What one of two watches of the same guest tells about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Tell {
    /// Everything.
    All,
    /// Nothing but that it was the first to get an answer: both would tell of the same troubles in turn.
    Success,
}

enum Look {
    Complete,
    Failed { step: String, reason: String },
    Running { step: Option<String> },
}

/// An error with its causes, in one line.
pub(crate) fn one_line(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        next = cause.source();
    }
    line.replace(['\n', '\r'], " ")
}
