//! Logs of a node: its console, which the host has, and those that its guest keeps.
//!
//! A log is followed by asking for what came since: that works over every channel, and goes on after a reboot.

use std::io::{Read as _, Seek as _, SeekFrom};
use std::path::Path;
use std::time::Duration;

use cloudinit_gen::guest;
use secrecy::SecretString;
use serde::Serialize;
use vmrun_rs::GuestChannel;
use vmrun_rs::guest::GuestCommand;

use crate::backoff::Backoff;
use crate::config::Role;
use crate::error::{Context as _, ErrorKind, LabError};
use crate::files;
use crate::lab::Lab;

/// What runs in the guest.
const SCRIPT: &str = include_str!("guest/logs.sh");
/// Its exit code for a log that is not there yet.
const NO_FILE: i32 = 44;
/// How long one look may take.
const LOOK: Duration = Duration::from_secs(60);

/// Which log.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LogSource {
    /// The serial console, as the hypervisor writes it; also of a guest that does not answer.
    Console,
    /// What cloud-init's modules printed.
    CloudInit,
    /// What the bootstrap did.
    Bootstrap,
    /// The journal of k3s.
    K3s,
    /// The guest's whole journal.
    Journal,
}

/// What of a log.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogRequest {
    /// Which log.
    pub source: LogSource,
    /// So many of its last lines.
    pub lines: usize,
    /// Whether to go on with what is written to it from now on. Ends only when the future is dropped.
    pub follow: bool,
}

impl Lab {
    /// Reads a node's log, line by line; control characters are taken out, so that it cannot drive a terminal.
    ///
    /// # Errors
    ///
    /// If there is no such node or log, or the guest does not answer. While it follows, a guest that does not answer is
    /// asked again.
    pub async fn logs(
        &self,
        node: &str,
        request: LogRequest,
        password: Option<SecretString>,
        line: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(), LabError> {
        let section = self.find(node)?;
        let vm = self.known(node)?;
        if request.source == LogSource::Console {
            let path = self.hypervisor().console(&vm).ok_or_else(|| {
                LabError::failed("its console is not written to a file")
                    .node(node)
                    .help("its machine has no serial port to a file; `--source journal` reads what the guest keeps")
            })?;
            return console(&path, request, line).await.map_err(|e| e.node(node));
        }
        let channel = self.connect(section, &vm, password).await?.channel;
        let log = GuestLog::of(request.source, section.role);
        log.read(&*channel, request, line).await.map_err(|e| e.node(node))
    }
}

async fn console(path: &Path, request: LogRequest, line: &mut (dyn FnMut(&str) + Send)) -> Result<(), LabError> {
    let length = |path: &Path| std::fs::metadata(path).map_or(0, |m| m.len());
    if !path.exists() && !request.follow {
        return Err(LabError::new(
            ErrorKind::NotReady,
            format!("there is no console at {} yet", path.display()),
        )
        .help("it is written from the machine's first start on"));
    }
    let mut offset = length(path);
    for known in files::tail(path, request.lines) {
        line(&known);
    }
    if !request.follow {
        return Ok(());
    }
    let mut lines = Lines::default();
    let mut backoff = Backoff::new();
    loop {
        backoff.pause().await;
        let now = length(path);
        if now < offset {
            offset = 0;
        }
        if now == offset {
            continue;
        }
        let bytes = read_from(path, offset).map_err(|e| LabError::io("read", path, e))?;
        offset += bytes.len() as u64;
        lines.push(&bytes, line);
        backoff.reset();
    }
}

fn read_from(path: &Path, offset: u64) -> std::io::Result<Vec<u8>> {
    const MOST: u64 = 1 << 20;
    let mut file = std::fs::File::open(path)?;
    file.seek(SeekFrom::Start(offset))?;
    let mut bytes = Vec::new();
    file.take(MOST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// A log inside a guest.
enum GuestLog {
    File(&'static str),
    Journal(&'static str),
}

impl GuestLog {
    fn of(source: LogSource, role: Role) -> Self {
        match (source, role) {
            (LogSource::CloudInit, _) => Self::File("/var/log/cloud-init-output.log"),
            (LogSource::K3s, Role::Master) => Self::Journal("k3s.service"),
            (LogSource::K3s, Role::Worker) => Self::Journal("k3s-agent.service"),
            (LogSource::Journal, _) => Self::Journal("-"),
            (LogSource::Bootstrap | LogSource::Console, _) => Self::File(guest::LOG_FILE),
        }
    }

    async fn read(
        &self,
        channel: &dyn GuestChannel,
        request: LogRequest,
        line: &mut (dyn FnMut(&str) + Send),
    ) -> Result<(), LabError> {
        let mut place = "-".to_owned();
        let mut lines = Lines::default();
        let mut backoff = Backoff::new();
        loop {
            match self.look(channel, &place, request.lines).await {
                Ok((bytes, next)) => {
                    if !bytes.is_empty() {
                        backoff.reset();
                    }
                    lines.push(&bytes, line);
                    place = next;
                    if !request.follow {
                        lines.end(line);
                        return Ok(());
                    }
                }
                // Followed through a reboot: it is looked for again.
                Err(error) if request.follow && place != "-" => {
                    tracing::debug!(error = %error.one_line(), "the log cannot be read at the moment");
                }
                Err(error) => return Err(error),
            }
            backoff.pause().await;
        }
    }

    /// What came since `place`, and the place behind it.
    async fn look(&self, channel: &dyn GuestChannel, place: &str, lines: usize) -> Result<(Vec<u8>, String), LabError> {
        let lines = lines.to_string();
        let arguments = match self {
            Self::File(path) => ["file", path, place, &lines],
            Self::Journal(unit) => ["journal", place, &lines, unit],
        };
        let argv = ["/bin/sh", "-c", SCRIPT, "lab-logs"];
        let command = GuestCommand::new(argv.into_iter().chain(arguments))
            .as_root()
            .timeout(LOOK);
        let output = channel.run(&command).await.context("could not read the log")?;
        if output.exit_code == NO_FILE {
            let what = format!("the guest has no {}", arguments[1]);
            return Err(LabError::new(ErrorKind::NotReady, what).help("it is written once the guest has got that far"));
        }
        if !output.success() {
            let said = String::from_utf8_lossy(&output.stderr).trim().replace('\n', " ");
            return Err(LabError::failed(format!(
                "could not read the log: exit code {}: {said}",
                output.exit_code
            )));
        }
        Ok(match self {
            Self::File(_) => split_first(&output.stdout),
            Self::Journal(_) => split_cursor(output.stdout, place),
        })
    }
}

/// The new offset is the first line.
fn split_first(output: &[u8]) -> (Vec<u8>, String) {
    let end = output.iter().position(|b| *b == b'\n').unwrap_or(output.len());
    let place = String::from_utf8_lossy(&output[..end]).trim().to_owned();
    (output.get(end + 1..).unwrap_or_default().to_vec(), place)
}

/// The new cursor is the last line, unless nothing new is there.
fn split_cursor(mut output: Vec<u8>, place: &str) -> (Vec<u8>, String) {
    const MARK: &[u8] = b"-- cursor: ";
    let body = output.strip_suffix(b"\n").unwrap_or(&output);
    let start = body.iter().rposition(|b| *b == b'\n').map_or(0, |at| at + 1);
    match body[start..].strip_prefix(MARK) {
        Some(cursor) => {
            let cursor = String::from_utf8_lossy(cursor).trim().to_owned();
            output.truncate(start);
            (output, cursor)
        }
        None => (output, place.to_owned()),
    }
}

/// Cuts bytes into lines; what has no end yet waits for it.
#[derive(Default)]
struct Lines(Vec<u8>);

impl Lines {
    fn push(&mut self, bytes: &[u8], line: &mut (dyn FnMut(&str) + Send)) {
        self.0.extend_from_slice(bytes);
        while let Some(end) = self.0.iter().position(|b| *b == b'\n') {
            let rest = self.0.split_off(end + 1);
            let whole = std::mem::replace(&mut self.0, rest);
            line(&clean(&whole));
        }
    }

    fn end(&mut self, line: &mut (dyn FnMut(&str) + Send)) {
        let rest = std::mem::take(&mut self.0);
        if !rest.is_empty() {
            line(&clean(&rest));
        }
    }
}

fn clean(bytes: &[u8]) -> String {
    files::strip_escapes(&String::from_utf8_lossy(bytes))
        .trim_end()
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_place_to_go_on_from_is_told_apart_from_the_log() {
        assert_eq!(
            split_first(b"12\nhello\nyou\n"),
            (b"hello\nyou\n".to_vec(), "12".to_owned())
        );
        assert_eq!(split_first(b"0\n"), (Vec::new(), "0".to_owned()));
        let journal = b"one\ntwo\n-- cursor: s=1;i=2\n".to_vec();
        assert_eq!(
            split_cursor(journal, "-"),
            (b"one\ntwo\n".to_vec(), "s=1;i=2".to_owned())
        );
        assert_eq!(
            split_cursor(b"-- cursor: x\n".to_vec(), "-"),
            (Vec::new(), "x".to_owned())
        );
        assert_eq!(split_cursor(Vec::new(), "old"), (Vec::new(), "old".to_owned()));
    }

    #[test]
    fn a_line_is_told_once_it_is_whole_and_cannot_drive_a_terminal() {
        let mut told = Vec::new();
        let mut lines = Lines::default();
        lines.push(b"a\x1b[31mb\r\nhal", &mut |l| told.push(l.to_owned()));
        lines.push(b"f\n\nrest", &mut |l| told.push(l.to_owned()));
        lines.end(&mut |l| told.push(l.to_owned()));
        assert_eq!(told, ["ab", "half", "", "rest"]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_console_is_followed_and_a_new_one_is_read_from_its_beginning() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("console.log");
        std::fs::write(&path, "one\ntwo\n").unwrap();
        let told = std::sync::Mutex::new(Vec::new());
        let request = LogRequest {
            source: LogSource::Console,
            lines: 1,
            follow: true,
        };
        let mut tell = |l: &str| told.lock().unwrap().push(l.to_owned());
        let follow = console(&path, request, &mut tell);
        let writes = async {
            tokio::time::sleep(Duration::from_secs(5)).await;
            std::fs::write(&path, "one\ntwo\nthree\n").unwrap();
            tokio::time::sleep(Duration::from_secs(5)).await;
            std::fs::write(&path, "new\n").unwrap();
            tokio::time::sleep(Duration::from_secs(5)).await;
        };
        tokio::select! {
            _ = follow => panic!("it follows until it is dropped"),
            () = writes => {}
        }
        assert_eq!(*told.lock().unwrap(), ["two", "three", "new"]);
    }
}
