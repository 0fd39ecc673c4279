//! The one place that starts a child process.
//!
//! Rules that every call keeps, and why:
//!
//! - standard input is null: `vmrun` asks for missing credentials on it and would wait for ever;
//! - standard output and error go to anonymous files (in memory on Linux, else temporary ones), not pipes: `vmrun start
//!   … gui` lets the VMware window inherit them, and a pipe would then stay open as long as the window does;
//! - only the child itself is waited for, and what it left running after a normal exit is left alone: that is the machine;
//! - when the deadline passes, or the future is dropped, the whole process tree is killed (a process group on Unix, a job
//!   object on Windows, which also ends the tree when this process is killed, unless the command starts a machine);
//! - messages are asked for in the C locale, while the character set is left as the user has it, so that paths survive.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

mod capture;
mod spec;

use std::io;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use process_wrap::tokio::ChildWrapper;
use thiserror::Error;
use tokio::process::Command;

#[cfg(unix)]
use self::unix as platform;
#[cfg(windows)]
use self::windows as platform;

use self::capture::Capture;
pub use spec::{Arg, CommandSpec};

/// No answer of `vmrun` comes near this; a program that prints more is not answering.
pub const OUTPUT_LIMIT: u64 = 8 * 1024 * 1024;

/// What a child left behind.
#[derive(Debug, Clone)]
pub struct Finished {
    /// How it ended.
    pub status: ExitStatus,
    /// Everything it wrote to standard output.
    pub stdout: Vec<u8>,
    /// Everything it wrote to standard error.
    pub stderr: Vec<u8>,
    /// From the start to the end of the child.
    pub elapsed: Duration,
}

/// Why there is nothing [`Finished`].
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum ExecError {
    /// The program could not be started.
    #[error("cannot start {program}")]
    Spawn {
        /// The program.
        program: String,
        /// The operating system's reason.
        #[source]
        source: io::Error,
    },
    /// The deadline passed. The process tree was killed.
    #[error("no end after {:.1} s, killed", after.as_secs_f64())]
    Timeout {
        /// The deadline.
        after: Duration,
        /// What had been printed until then.
        stdout: Vec<u8>,
        /// What had been printed to standard error until then.
        stderr: Vec<u8>,
    },
    /// More than [`OUTPUT_LIMIT`] was printed.
    #[error("printed more than {} MiB", OUTPUT_LIMIT / (1024 * 1024))]
    OutputTooLarge,
    /// The output could not be captured, or the child not be waited for.
    #[error("cannot {what}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// The operating system's reason.
        #[source]
        source: io::Error,
    },
}

fn io_error(what: &'static str) -> impl FnOnce(io::Error) -> ExecError {
    move |source| ExecError::Io { what, source }
}

/// Runs a command to its end.
pub async fn run(spec: &CommandSpec) -> Result<Finished, ExecError> {
    let stdout = Capture::new().map_err(io_error("make a file for the output"))?;
    let stderr = Capture::new().map_err(io_error("make a file for the output"))?;
    let started = Instant::now();
    let mut child = Tree::spawn(spec, &stdout, &stderr)?;

    let deadline = tokio::time::sleep(spec.deadline);
    tokio::pin!(deadline);
    // A program gone wild must not fill the memory or the disk until its deadline.
    let mut watch = tokio::time::interval_at(tokio::time::Instant::now() + WATCH, WATCH);
    let status = loop {
        tokio::select! {
            biased;
            status = child.wait() => break status.map_err(io_error("wait for the program"))?,
            () = &mut deadline => {
                child.kill().await;
                return Err(ExecError::Timeout {
                    after: spec.deadline,
                    stdout: stdout.read_start(),
                    stderr: stderr.read_start(),
                });
            }
            _ = watch.tick() => {
                if stdout.len() > OUTPUT_LIMIT || stderr.len() > OUTPUT_LIMIT {
                    child.kill().await;
                    return Err(ExecError::OutputTooLarge);
                }
            }
        }
    };
    Ok(Finished {
        status,
        stdout: stdout.read()?,
        stderr: stderr.read()?,
        elapsed: started.elapsed(),
    })
}

/// How often the size of the output is looked at: often enough that nothing can write a GiB in between.
const WATCH: Duration = Duration::from_millis(100);

/// After a kill the child is gone at once; this bounds a child that the kernel cannot end.
const KILL_GRACE: Duration = Duration::from_secs(5);

/// The child and everything it started. Dropping it before the child has ended kills all of them.
struct Tree {
    child: Box<dyn ChildWrapper>,
    ended: bool,
}

impl Tree {
    fn spawn(spec: &CommandSpec, stdout: &Capture, stderr: &Capture) -> Result<Self, ExecError> {
        let command = || -> io::Result<Command> {
            let mut command = Command::new(&spec.program);
            for arg in &spec.args {
                arg.append_to(&mut command);
            }
            command
                .stdin(Stdio::null())
                .stdout(stdout.stdio()?)
                .stderr(stderr.stdio()?);
            pin_locale(&mut command);
            for name in &spec.env_removed {
                command.env_remove(name);
            }
            command.envs(spec.env.iter().map(|(k, v)| (k, v)));
            Ok(command)
        };
        let child = platform::spawn(command, spec.leaves_machine).map_err(|source| ExecError::Spawn {
            program: spec.program.display().to_string(),
            source,
        })?;
        Ok(Self { child, ended: false })
    }

    /// Waits for the child only: the wrapper's own `wait` would also wait for a machine that it started.
    async fn wait(&mut self) -> io::Result<ExitStatus> {
        let status = self.child.inner_mut().wait().await?;
        self.ended = true;
        Ok(status)
    }

    async fn kill(&mut self) {
        if let Err(error) = self.child.start_kill() {
            tracing::debug!(%error, "cannot kill a process tree");
        }
        if tokio::time::timeout(KILL_GRACE, self.wait()).await.is_err() {
            tracing::warn!(pid = self.child.id(), "a killed program does not end");
        }
        self.ended = true;
    }
}

impl Drop for Tree {
    fn drop(&mut self) {
        if !self.ended
            && let Err(error) = self.child.start_kill()
        {
            tracing::debug!(%error, "cannot kill a process tree");
        }
    }
}

/// Messages in English. `LC_ALL` would also decide the character set, and with it whether a Korean path is understood:
/// its value moves to `LC_CTYPE`.
fn pin_locale(command: &mut Command) {
    if let Some(all) = std::env::var_os("LC_ALL") {
        command.env_remove("LC_ALL").env("LC_CTYPE", all);
    }
    command.env("LC_MESSAGES", "C").env_remove("LANGUAGE");
}
