//! The errors of this crate.
//!
//! - [`VmrunError`]: one `vmrun` command failed. It carries a classified [`Failure`].
//! - [`HypervisorError`]: a [`Hypervisor`](crate::Hypervisor) operation failed.
//! - [`ChannelError`]: a [`GuestChannel`](crate::GuestChannel) call got no answer.

mod channel;
mod hypervisor;

use std::fmt;
use std::time::Duration;

use crate::exec::ExecError;
use crate::failure::{Failure, FailureClass};

pub use channel::{ChannelError, ChannelErrorKind};
pub use hypervisor::HypervisorError;

/// A `vmrun` command that failed. `Display` is one line; no secret is in it or in `Debug`.
pub struct VmrunError(Box<Inner>);

struct Inner {
    command: String,
    elapsed: Duration,
    exit: Option<i32>,
    failure: Failure,
    source: Option<ExecError>,
}

impl VmrunError {
    pub(crate) fn new(command: String, elapsed: Duration, exit: Option<i32>, failure: Failure) -> Self {
        Self(Box::new(Inner {
            command,
            elapsed,
            exit,
            failure,
            source: None,
        }))
    }

    pub(crate) fn from_exec(command: String, elapsed: Duration, failure: Failure, source: ExecError) -> Self {
        Self(Box::new(Inner {
            command,
            elapsed,
            exit: None,
            failure,
            source: Some(source),
        }))
    }

    /// The same answer, understood better in the light of another one.
    pub(crate) fn reclassified(mut self, class: FailureClass, hint: &str) -> Self {
        let failure = &mut self.0.failure;
        let message = failure.message.take().unwrap_or_default();
        *failure = Failure::new(class, message);
        hint.clone_into(&mut failure.hint);
        self
    }

    /// The command line, secrets masked.
    pub fn command(&self) -> &str {
        &self.0.command
    }

    /// How long the command ran.
    pub fn elapsed(&self) -> Duration {
        self.0.elapsed
    }

    /// The exit code; `None` if the command was killed, or never started.
    pub fn exit_code(&self) -> Option<i32> {
        self.0.exit
    }

    /// What kind of failure it was and what to do about it.
    pub fn failure(&self) -> &Failure {
        &self.0.failure
    }

    /// The failure's class.
    pub fn class(&self) -> FailureClass {
        self.0.failure.class
    }

    /// The line that decided, as printed.
    pub fn message(&self) -> Option<&str> {
        self.0.failure.message.as_deref()
    }
}

impl fmt::Display for VmrunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Inner {
            command,
            elapsed,
            exit,
            failure,
            ..
        } = &*self.0;
        write!(f, "{} [{command}", failure.summary)?;
        if let Some(code) = exit {
            write!(f, "; exit code {code}")?;
        }
        write!(f, "; {:.1} s]", elapsed.as_secs_f64())
    }
}

impl fmt::Debug for VmrunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("VmrunError")
            .field("command", &self.0.command)
            .field("elapsed", &self.0.elapsed)
            .field("exit", &self.0.exit)
            .field("failure", &self.0.failure)
            .finish_non_exhaustive()
    }
}

impl std::error::Error for VmrunError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        // What was printed until a timeout is in the failure already; the operating system's reason is not.
        match &self.0.source {
            Some(error @ (ExecError::Spawn { .. } | ExecError::Io { .. })) => std::error::Error::source(error),
            _ => None,
        }
    }
}
