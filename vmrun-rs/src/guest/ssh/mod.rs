//! [`SshChannel`]: into the guest through one kept SSH connection.
//!
//! - The host key is pinned; only algorithms of its kind are negotiated, and nothing is sent to a guest with another key.
//! - The connection is made at the first use, kept alive, shared by parallel calls, and made anew when it is found dead
//!   before a command was sent. A command that may already have run is never sent twice: that is
//!   [`ChannelError::Lost`].
//! - Keys: ed25519, ECDSA, and RSA with SHA-2 signatures.

mod connect;
mod exec;
mod shell;

use std::fmt;
use std::future::Future;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::{Mutex, Semaphore};
use tokio::time::{Instant, timeout_at};

use self::connect::Connection;
pub use self::shell::{ShellEvent, ShellInput, ShellOutput, ShellRequest, SshShell};

use super::{ChannelKind, GuestChannel, GuestCommand, GuestOutput, SshAccess, quote};
use crate::error::ChannelError;

/// Time limits and keep-alive of an [`SshChannel`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SshOptions {
    /// For the TCP connection, and then again until the server's first bytes: 5 s. A guest that is not up yet shows here.
    pub connect_timeout: Duration,
    /// From the server's first bytes to the completed login: 30 s. An emulated guest needs seconds for it.
    pub handshake_timeout: Duration,
    /// A silent connection is tested this often (15 s) and given up after three tests without an answer.
    pub keepalive_interval: Duration,
    /// Parallel sessions on the connection: 5. OpenSSH allows 10, among which it can still count one that has just ended
    /// for each that begins.
    pub parallel_sessions: usize,
}

impl Default for SshOptions {
    fn default() -> Self {
        Self {
            connect_timeout: Duration::from_secs(5),
            handshake_timeout: Duration::from_secs(30),
            keepalive_interval: Duration::from_secs(15),
            parallel_sessions: 5,
        }
    }
}

impl SshOptions {
    /// Changes [`connect_timeout`](Self::connect_timeout).
    pub fn connect_timeout(mut self, timeout: Duration) -> Self {
        self.connect_timeout = timeout;
        self
    }

    /// Changes [`handshake_timeout`](Self::handshake_timeout).
    pub fn handshake_timeout(mut self, timeout: Duration) -> Self {
        self.handshake_timeout = timeout;
        self
    }

    /// Changes [`keepalive_interval`](Self::keepalive_interval).
    pub fn keepalive_interval(mut self, interval: Duration) -> Self {
        self.keepalive_interval = interval;
        self
    }
}

/// A channel into one guest over SSH. Cheap to clone; clones share the connection.
#[derive(Clone)]
pub struct SshChannel {
    inner: Arc<Inner>,
}

struct Inner {
    access: SshAccess,
    options: SshOptions,
    connection: Mutex<Option<Arc<Connection>>>,
    sessions: Semaphore,
}

impl fmt::Debug for SshChannel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SshChannel")
            .field("access", &self.inner.access)
            .finish_non_exhaustive()
    }
}

impl SshChannel {
    /// A channel with default options. Nothing is connected, and the keys are not looked at, before the first use.
    pub fn new(access: SshAccess) -> Self {
        Self::with_options(access, SshOptions::default())
    }

    /// A channel with options.
    pub fn with_options(access: SshAccess, options: SshOptions) -> Self {
        let sessions = Semaphore::new(options.parallel_sessions.max(1));
        Self {
            inner: Arc::new(Inner {
                access,
                options,
                connection: Mutex::new(None),
                sessions,
            }),
        }
    }

    /// Connects and logs in if that has not happened: the test whether the guest is ready for SSH.
    pub async fn connect(&self) -> Result<(), ChannelError> {
        self.connection().await.map(drop)
    }

    /// Closes the connection; the next use makes a new one.
    pub async fn disconnect(&self) {
        if let Some(connection) = self.inner.connection.lock().await.take() {
            connection.close().await;
        }
    }

    /// Opens an interactive session: a shell, or one command, with or without a terminal.
    pub async fn shell(&self, request: &ShellRequest) -> Result<SshShell, ChannelError> {
        self.with_connection(|connection| async move { shell::open(&connection, request).await })
            .await
    }

    /// The live connection, made if there is none. Parallel callers wait for one attempt.
    async fn connection(&self) -> Result<Arc<Connection>, ChannelError> {
        let mut slot = self.inner.connection.lock().await;
        if let Some(connection) = slot.as_ref().filter(|connection| !connection.is_closed()) {
            return Ok(Arc::clone(connection));
        }
        *slot = None;
        let connection = Arc::new(Connection::open(&self.inner.access, &self.inner.options).await?);
        *slot = Some(Arc::clone(&connection));
        Ok(connection)
    }

    /// Forgets a connection that turned out to be dead, unless it has been replaced already.
    async fn forget(&self, dead: &Arc<Connection>) {
        let mut slot = self.inner.connection.lock().await;
        if slot.as_ref().is_some_and(|kept| Arc::ptr_eq(kept, dead)) {
            *slot = None;
        }
    }

    /// Opens something on the kept connection; if that is found dead, once more on a new one. `open` must not have made
    /// the guest do anything when it fails with [`OpenError::Dead`].
    async fn with_connection<T, F>(&self, open: impl Fn(Arc<Connection>) -> F) -> Result<T, ChannelError>
    where
        F: Future<Output = Result<T, OpenError>>,
    {
        let first = self.connection().await?;
        match open(Arc::clone(&first)).await {
            Ok(opened) => return Ok(opened),
            Err(OpenError::Failed(error)) => return Err(error),
            Err(OpenError::Dead(error)) => {
                tracing::debug!(error = %error.one_line(), "the kept SSH connection is dead, connecting again");
                self.forget(&first).await;
            }
        }
        let second = self.connection().await?;
        match open(Arc::clone(&second)).await {
            Ok(opened) => Ok(opened),
            Err(OpenError::Failed(error)) => Err(error),
            Err(OpenError::Dead(error)) => {
                self.forget(&second).await;
                Err(error)
            }
        }
    }

    /// Runs a line of shell in the guest, with `input` on its standard input.
    async fn exec(
        &self,
        line: &str,
        what: &str,
        input: exec::Input<'_>,
        within: Duration,
    ) -> Result<GuestOutput, ChannelError> {
        let deadline = Instant::now() + within;
        let late = || ChannelError::Timeout {
            what: what.to_owned(),
            after: within,
        };
        let opening = async {
            // The semaphore is never closed; an error would only mean one session more than wished.
            let turn = self.inner.sessions.acquire().await.ok();
            let open = |connection: Arc<Connection>| async move { exec::Session::start(&connection, line).await };
            self.with_connection(open).await.map(|session| (turn, session))
        };
        let opened = timeout_at(deadline, opening).await.unwrap_or_else(|_| Err(late()));
        if let Err(ChannelError::Timeout { .. }) = &opened
            && let Ok(mut slot) = self.inner.connection.try_lock()
        {
            // A connection on which nothing opens is likely dead: the next call must not wait for it again. Commands that
            // still run on it keep it alive.
            *slot = None;
        }
        let (_turn, session) = opened?;
        timeout_at(deadline, session.finish(what, input))
            .await
            .unwrap_or_else(|_| Err(late()))
    }
}

/// Why something could not be opened on a connection.
enum OpenError {
    /// The connection is dead and nothing has been asked of the guest.
    Dead(ChannelError),
    /// Another connection would not help.
    Failed(ChannelError),
}

#[async_trait]
impl GuestChannel for SshChannel {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Ssh
    }

    async fn run(&self, command: &GuestCommand) -> Result<GuestOutput, ChannelError> {
        let line = quote::command_line(command);
        self.exec(&line, &quote::describe(command), exec::Input::Nothing, command.timeout)
            .await
    }

    async fn read_file(&self, path: &str) -> Result<Option<Vec<u8>>, ChannelError> {
        let line = format!("LC_ALL=C cat -- {}", quote(path));
        let what = format!("read {path}");
        let output = self
            .exec(&line, &what, exec::Input::Nothing, GuestCommand::DEFAULT_TIMEOUT)
            .await?;
        if output.success() {
            Ok(Some(output.stdout))
        } else {
            absent(&output, what).map(|()| None)
        }
    }

    async fn exists(&self, path: &str) -> Result<bool, ChannelError> {
        let line = format!("LC_ALL=C ls -d -- {} >/dev/null", quote(path));
        let what = format!("look for {path}");
        let output = self
            .exec(&line, &what, exec::Input::Nothing, GuestCommand::DEFAULT_TIMEOUT)
            .await?;
        if output.success() {
            Ok(true)
        } else {
            absent(&output, what).map(|()| false)
        }
    }

    async fn copy_to(&self, host: &Path, guest: &str) -> Result<(), ChannelError> {
        let failed = |source| ChannelError::Io {
            what: "read",
            path: host.to_owned(),
            source,
        };
        let file = tokio::fs::File::open(host).await.map_err(failed)?;
        let size = file.metadata().await.map_err(failed)?.len();
        // A half-copied file never stands at its final place; the size tells a cut-off stream from its end.
        let part = quote(&format!("{guest}.part-{:08x}", rand::random::<u32>()));
        let line = format!(
            "cat >{part} && [ \"$(wc -c <{part})\" -eq {size} ] && mv -f -- {part} {target} || {{ rm -f -- {part}; exit 1; }}",
            target = quote(guest)
        );
        let within = Duration::from_secs(60 + size / 500_000);
        let what = format!("write {guest}");
        let output = self.exec(&line, &what, exec::Input::File(file, host), within).await?;
        if output.success() {
            Ok(())
        } else {
            Err(refused(&output, what))
        }
    }
}

/// Whether a failed look at a file says that it is not there. "Permission denied" and the like are errors.
fn absent(output: &GuestOutput, what: String) -> Result<(), ChannelError> {
    let said = String::from_utf8_lossy(&output.stderr);
    let missing = said.contains("No such file or directory") || said.contains("Not a directory");
    if missing { Ok(()) } else { Err(refused(output, what)) }
}

fn refused(output: &GuestOutput, what: String) -> ChannelError {
    let said = String::from_utf8_lossy(&output.stderr);
    let reason = match said.trim().lines().last() {
        Some(line) => line.trim().to_owned(),
        None => format!("exit code {}", output.exit_code),
    };
    ChannelError::Guest { what, reason }
}
