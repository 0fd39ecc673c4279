//! QEMU's machine protocol, as a client: one JSON object a line, over a Unix socket.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

/// How long QEMU may take for one answer. It answers between two batches of guest work, and a busy host is slow.
const PATIENCE: Duration = Duration::from_secs(60);

/// A connection. QEMU talks to one client at a time; the next one waits in the socket's queue.
#[derive(Debug)]
pub(crate) struct Qmp {
    stream: BufReader<UnixStream>,
}

/// A command that did not work.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum QmpError {
    /// QEMU said no.
    #[error("QEMU refused {command}: {text}")]
    Refused {
        /// The command.
        command: String,
        /// QEMU's own words.
        text: String,
    },
    /// QEMU is gone, or does not answer.
    #[error("QEMU does not answer")]
    Lost(#[from] std::io::Error),
}

impl Qmp {
    /// Connects and greets.
    pub(crate) fn connect(socket: &Path) -> Result<Self, QmpError> {
        let stream = UnixStream::connect(socket)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        stream.set_write_timeout(Some(PATIENCE))?;
        let mut qmp = Self {
            stream: BufReader::new(stream),
        };
        qmp.read(Instant::now() + PATIENCE)?;
        qmp.execute("qmp_capabilities", &json!({}))?;
        Ok(qmp)
    }

    /// Carries out a command.
    pub(crate) fn execute(&mut self, command: &str, arguments: &Value) -> Result<Value, QmpError> {
        let mut line = json!({ "execute": command, "arguments": arguments }).to_string();
        line.push('\n');
        self.stream.get_mut().write_all(line.as_bytes())?;
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut answer = self.read(deadline)?;
            if let Some(value) = answer.get_mut("return") {
                return Ok(value.take());
            }
            if let Some(error) = answer.get("error") {
                let text = error
                    .get("desc")
                    .and_then(Value::as_str)
                    .unwrap_or("no reason given")
                    .to_owned();
                return Err(QmpError::Refused {
                    command: command.to_owned(),
                    text,
                });
            }
            // Anything else is an event.
        }
    }

    /// A command of the human monitor, for the few things QMP has no command for. An empty answer is success.
    pub(crate) fn monitor(&mut self, line: &str) -> Result<String, QmpError> {
        let answer = self.execute("human-monitor-command", &json!({ "command-line": line }))?;
        Ok(answer.as_str().unwrap_or_default().trim().to_owned())
    }

    fn read(&mut self, deadline: Instant) -> Result<Value, QmpError> {
        if Instant::now() >= deadline {
            return Err(std::io::Error::from(std::io::ErrorKind::TimedOut).into());
        }
        let mut line = String::new();
        if self.stream.read_line(&mut line)? == 0 {
            return Err(std::io::Error::from(std::io::ErrorKind::UnexpectedEof).into());
        }
        serde_json::from_str(&line).map_err(|error| std::io::Error::other(error).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::net::UnixListener;

    /// A QEMU that sends these lines, one batch for each line it reads.
    fn scripted(batches: &'static [&'static str]) -> (tempfile::TempDir, std::path::PathBuf) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("s");
        let listener = UnixListener::bind(&path).expect("bound");
        std::thread::spawn(move || {
            let (stream, _) = listener.accept().expect("a client");
            let mut reader = BufReader::new(stream.try_clone().expect("cloned"));
            for batch in batches {
                let _ = (&stream).write_all(batch.as_bytes());
                let mut line = String::new();
                let _ = reader.read_line(&mut line);
            }
        });
        (directory, path)
    }

    #[test]
    fn events_between_answers_are_skipped() {
        let (_directory, path) = scripted(&[
            "{\"QMP\": {}}\n",
            "{\"return\": {}}\n",
            "{\"event\": \"STOP\"}\n{\"return\": {\"status\": \"running\"}}\n",
        ]);
        let mut qmp = Qmp::connect(&path).expect("connected");
        assert_eq!(
            qmp.execute("query-status", &json!({})).expect("answered")["status"],
            "running"
        );
    }

    #[test]
    fn a_refusal_keeps_qemus_words_and_a_lost_qemu_is_told_apart() {
        let (_directory, path) = scripted(&[
            "{\"QMP\": {}}\n",
            "{\"return\": {}}\n",
            "{\"error\": {\"desc\": \"is locked\"}}\n",
        ]);
        let mut qmp = Qmp::connect(&path).expect("connected");
        let refused = qmp.execute("eject", &json!({})).expect_err("refused");
        assert_eq!(refused.to_string(), "QEMU refused eject: is locked");
        assert!(matches!(qmp.execute("eject", &json!({})), Err(QmpError::Lost(_))));
    }
}
