//! Ways into a guest: run a command, read a file, look for a file, copy one in.
//!
//! [`GuestChannel`] is the seam. `VmrunChannel` speaks through vmrun's guest operations, `SshChannel` through one kept
//! SSH connection with a pinned host key, and `FallbackChannel` tries the first and remembers why it switched to the
//! second.

#[cfg(feature = "ssh")]
mod fallback;
mod none;
mod probe;
mod quote;
#[cfg(feature = "ssh")]
pub mod ssh;
mod vmrun;

use std::fmt;
use std::net::SocketAddr;
use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use secrecy::SecretString;
use serde::Serialize;

use crate::error::ChannelError;

#[cfg(feature = "ssh")]
pub use fallback::{FallbackChannel, FallbackMemory};
pub(crate) use none::NoChannel;
pub use probe::{ssh_banner, tcp_open};
pub use quote::quote;
#[cfg(feature = "ssh")]
pub use ssh::{SshChannel, SshOptions};
pub use vmrun::VmrunChannel;

/// A user name and password for vmrun's guest operations.
#[derive(Clone)]
pub struct GuestCredentials {
    /// The guest's user.
    pub user: String,
    /// The user's password; never printed.
    pub password: SecretString,
}

impl fmt::Debug for GuestCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuestCredentials")
            .field("user", &self.user)
            .field("password", &"[elided]")
            .finish()
    }
}

/// How to reach a guest over SSH.
#[derive(Clone)]
pub struct SshAccess {
    /// Where the host reaches the guest's SSH port (see [`Hypervisor::endpoint`](crate::Hypervisor::endpoint)).
    pub endpoint: SocketAddr,
    /// The guest's user.
    pub user: String,
    /// The private key in OpenSSH format; never printed.
    pub private_key: SecretString,
    /// The only host key that is accepted, as in a `.pub` file (`ssh-ed25519 AAAA…`). There is no "accept any".
    pub host_key: String,
}

impl fmt::Debug for SshAccess {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SshAccess")
            .field("endpoint", &self.endpoint)
            .field("user", &self.user)
            .field("private_key", &"[elided]")
            .field("host_key", &self.host_key)
            .finish()
    }
}

/// Everything a backend may use to get into a guest. At least one of the two should be given.
#[derive(Debug, Clone, Default)]
pub struct GuestAccess {
    /// For vmrun's guest operations.
    pub credentials: Option<GuestCredentials>,
    /// For SSH.
    pub ssh: Option<SshAccess>,
}

/// Which way into the guest was used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ChannelKind {
    /// vmrun's guest operations.
    Vmrun,
    /// SSH.
    Ssh,
    /// A test double.
    Mock,
}

impl fmt::Display for ChannelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Vmrun => "vmrun",
            Self::Ssh => "ssh",
            Self::Mock => "mock",
        })
    }
}

/// A command for the guest: a program and its arguments, quoted by the channel for the guest's POSIX shell. `Debug` does
/// not show the arguments: they may carry secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct GuestCommand {
    /// Program and arguments.
    pub argv: Vec<String>,
    /// Run as root through `sudo -n`.
    pub root: bool,
    /// Give up after this long. The guest ends the command itself soon after, where it has the program `timeout`.
    pub timeout: Duration,
}

impl fmt::Debug for GuestCommand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("GuestCommand")
            .field("program", &self.argv.first())
            .field("arguments", &self.argv.len().saturating_sub(1))
            .field("root", &self.root)
            .field("timeout", &self.timeout)
            .finish()
    }
}

impl GuestCommand {
    /// How long a command may take unless [`timeout`](Self::timeout) says otherwise.
    pub const DEFAULT_TIMEOUT: Duration = Duration::from_secs(60);

    /// A program with its arguments.
    pub fn new<S: Into<String>>(argv: impl IntoIterator<Item = S>) -> Self {
        Self {
            argv: argv.into_iter().map(Into::into).collect(),
            root: false,
            timeout: Self::DEFAULT_TIMEOUT,
        }
    }

    /// A line for the guest's `/bin/sh`.
    pub fn shell(script: impl Into<String>) -> Self {
        Self::new(["/bin/sh".to_owned(), "-c".to_owned(), script.into()])
    }

    /// Runs it as root.
    pub fn as_root(mut self) -> Self {
        self.root = true;
        self
    }

    /// Changes the time limit.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }
}

/// What a guest command left behind. A non-zero `exit_code` is an answer, not a channel error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GuestOutput {
    /// The program's exit code; 128 + n if signal n ended it.
    pub exit_code: i32,
    /// Its standard output.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
}

impl GuestOutput {
    /// Whether the exit code is 0.
    pub fn success(&self) -> bool {
        self.exit_code == 0
    }

    /// Standard output as text, invalid UTF-8 replaced.
    pub fn stdout_text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }
}

/// A way into one guest. Implementations reconnect by themselves; an error means that this call did not get an answer.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait GuestChannel: Send + Sync + 'static {
    /// Which way was used for the last answered call, or would be tried first.
    fn kind(&self) -> ChannelKind;

    /// Runs a command to its end.
    async fn run(&self, command: &GuestCommand) -> Result<GuestOutput, ChannelError>;

    /// The content of a file, or `None` if the guest says that there is no such file. "Could not look" is an error.
    async fn read_file(&self, path: &str) -> Result<Option<Vec<u8>>, ChannelError>;

    /// Whether the guest has this file. "Could not look" is an error, never `false`.
    async fn exists(&self, path: &str) -> Result<bool, ChannelError>;

    /// Copies a file of the host into the guest, owned by the channel's user.
    async fn copy_to(&self, host: &Path, guest: &str) -> Result<(), ChannelError>;
}
