//! [`VmrunChannel`]: into the guest through VMware Tools.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::{ChannelKind, GuestChannel, GuestCommand, GuestCredentials, GuestOutput, quote};
use crate::error::{ChannelError, VmrunError};
use crate::failure::FailureClass;
use crate::vmrun::{ProgramOptions, Vmrun};

/// Runs commands through `runProgramInGuest`.
///
/// `vmrun` relays no output: the command's output goes to files in a private directory of the guest, which are copied
/// back and removed. One command therefore costs three calls of `vmrun`.
#[derive(Debug, Clone)]
pub struct VmrunChannel {
    vmrun: Vmrun,
    vmx: PathBuf,
    credentials: GuestCredentials,
}

impl VmrunChannel {
    /// A channel into a machine with a POSIX guest.
    pub fn new(vmrun: Vmrun, vmx: impl Into<PathBuf>, credentials: GuestCredentials) -> Self {
        Self {
            vmrun,
            vmx: vmx.into(),
            credentials,
        }
    }

    /// Runs a line of shell in the guest and returns its exit code.
    async fn shell(&self, script: &str, deadline: std::time::Duration) -> Result<i32, VmrunError> {
        let options = ProgramOptions {
            deadline: Some(deadline),
            ..ProgramOptions::default()
        };
        let argument = format!("-c {}", quote(script));
        self.vmrun
            .run_program(&self.vmx, &self.credentials, options, "/bin/sh", Some(&argument))
            .await
    }

    /// Fetches a file of the guest.
    async fn fetch(&self, path: &str) -> Result<Vec<u8>, ChannelError> {
        let failed = |what, path: &Path, source| ChannelError::Io {
            what,
            path: path.to_owned(),
            source,
        };
        let directory =
            tempfile::tempdir().map_err(|e| failed("make a temporary directory in", &std::env::temp_dir(), e))?;
        let directory = Scratch(directory.keep());
        let copy = directory.0.join("copy");
        self.vmrun
            .copy_from_guest(&self.vmx, &self.credentials, path, &copy)
            .await?;
        tokio::fs::read(&copy)
            .await
            .map_err(|source| failed("read the guest's file from", &copy, source))
    }
}

/// A temporary directory into which somebody else may still be writing when it is given up: a copy that was abandoned is
/// completed by the hypervisor. A file that appears while the directory is being removed must not keep it.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        for _ in 0..5 {
            match std::fs::remove_dir_all(&self.0) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => std::thread::yield_now(),
                _ => return,
            }
        }
        tracing::debug!(directory = %self.0.display(), "cannot remove a temporary directory");
    }
}

#[async_trait]
impl GuestChannel for VmrunChannel {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Vmrun
    }

    async fn run(&self, command: &GuestCommand) -> Result<GuestOutput, ChannelError> {
        // A name that cannot be guessed, and `mkdir` that fails where it exists: nobody else in the guest gets between.
        let directory = format!("/tmp/.vmrun-rs-{:032x}", rand::random::<u128>());
        let call = async {
            // 255 is no exit code of `mkdir`; the command's own is in the result file, whatever it is.
            let script = script(&directory, &quote::command_line(command));
            match self.shell(&script, command.timeout).await? {
                0 => read_result(&self.fetch(&format!("{directory}/result")).await?),
                code => Err(ChannelError::Guest {
                    what: "run a command".to_owned(),
                    reason: format!("its shell ended with exit code {code} before it; /tmp may be full or read-only"),
                }),
            }
        };
        let result = tokio::time::timeout(command.timeout, call).await.unwrap_or_else(|_| {
            Err(ChannelError::Timeout {
                what: quote::describe(command),
                after: command.timeout,
            })
        });
        if !matches!(
            result,
            Err(ChannelError::NotReady { .. } | ChannelError::AuthenticationRefused { .. })
        ) && let Err(error) = self
            .vmrun
            .delete_directory(&self.vmx, &self.credentials, &directory)
            .await
        {
            tracing::debug!(%error, "cannot remove a temporary directory in the guest");
        }
        result
    }

    async fn read_file(&self, path: &str) -> Result<Option<Vec<u8>>, ChannelError> {
        match self.fetch(path).await {
            Ok(content) => Ok(Some(content)),
            // "A file was not found" can also be another complaint: the guest is asked.
            Err(ChannelError::Vmrun { source }) if source.class() == FailureClass::NotFound => {
                if self.exists(path).await? {
                    Err(ChannelError::Vmrun { source })
                } else {
                    Ok(None)
                }
            }
            Err(error) => Err(error),
        }
    }

    async fn exists(&self, path: &str) -> Result<bool, ChannelError> {
        Ok(self.vmrun.file_exists(&self.vmx, &self.credentials, path).await?)
    }

    async fn copy_to(&self, host: &Path, guest: &str) -> Result<(), ChannelError> {
        if let Err(source) = tokio::fs::File::open(host).await {
            return Err(ChannelError::Io {
                what: "read",
                path: host.to_owned(),
                source,
            });
        }
        Ok(self
            .vmrun
            .copy_to_guest(&self.vmx, &self.credentials, host, guest)
            .await?)
    }
}

/// A script that runs `line` and leaves one file: a heading `<exit code> <bytes of stdout> <bytes of stderr>`, then both.
fn script(directory: &str, line: &str) -> String {
    let mut script = format!("umask 077; mkdir {directory} && cd {directory} || exit 1; ");
    let _ = write!(
        script,
        "( cd 2>/dev/null || cd /; {line} ) >out 2>err </dev/null; code=$?; "
    );
    script.push_str("{ echo $code $(wc -c <out) $(wc -c <err); cat out err; } >part && mv part result");
    script
}

fn read_result(result: &[u8]) -> Result<GuestOutput, ChannelError> {
    let parse = || {
        let end = result.iter().position(|&b| b == b'\n')?;
        let mut heading = str::from_utf8(&result[..end]).ok()?.split_whitespace();
        let exit_code = heading.next()?.parse().ok()?;
        let (out, err): (usize, usize) = (heading.next()?.parse().ok()?, heading.next()?.parse().ok()?);
        let body = &result[end + 1..];
        (body.len() == out.checked_add(err)?).then(|| GuestOutput {
            exit_code,
            stdout: body[..out].to_vec(),
            stderr: body[out..].to_vec(),
        })
    };
    parse().ok_or_else(|| ChannelError::Guest {
        what: "return a command's output".to_owned(),
        reason: "the file with the output is incomplete".to_owned(),
    })
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    #[test]
    fn the_script_keeps_exit_code_and_both_streams_apart() {
        let parent = tempfile::tempdir().unwrap();
        let directory = parent.path().join("d");
        let line = quote::command_line(&GuestCommand::shell("printf 'a\\0b\\n'; echo \"it's\" >&2; exit 7"));
        let script = script(directory.to_str().unwrap(), &line);
        // As the tools in a Linux guest do: program and argument as one line for a shell.
        let whole = format!("\"/bin/sh\" -c {}", quote(&script));
        let status = std::process::Command::new("/bin/sh")
            .arg("-c")
            .arg(whole)
            .status()
            .unwrap();
        assert!(status.success());
        let output = read_result(&std::fs::read(directory.join("result")).unwrap()).unwrap();
        assert_eq!(
            output,
            GuestOutput {
                exit_code: 7,
                stdout: b"a\0b\n".to_vec(),
                stderr: b"it's\n".to_vec()
            }
        );
    }

    #[test]
    fn a_cut_off_result_is_an_error() {
        for bad in [
            &b""[..],
            b"0 1",
            b"0 5 0\nabc",
            b"x 1 1\nab",
            b"0 18446744073709551615 2\nab",
        ] {
            assert!(read_result(bad).is_err());
        }
    }
}
