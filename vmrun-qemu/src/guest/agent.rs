//! The QEMU guest agent: JSON lines over a virtio serial port, one client at a time.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use serde_json::{Value, json};

use crate::fault::Fault;
use crate::home::{Home, Lock};
use crate::machine::Vmx;
use crate::qemu::qmp::Qmp;
use crate::running::Record;

/// How long the agent may take to answer the first question. A guest without hardware support is slow while it boots.
const FIRST_ANSWER: Duration = Duration::from_secs(20);

/// How long it may take for any other one.
const ANSWER: Duration = Duration::from_secs(60);

/// The byte that makes the agent drop a half-read command, and that precedes its answer to `guest-sync-delimited`.
const RESET: u8 = 0xff;

/// A connection to the agent. Nobody else talks to it meanwhile.
#[derive(Debug)]
pub(crate) struct Agent {
    stream: BufReader<UnixStream>,
    _turn: Lock,
}

/// What went wrong.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum AgentError {
    /// No answer.
    #[error("the guest agent does not answer")]
    Silent(#[source] std::io::Error),
    /// It said no.
    #[error("the guest agent refused {command}: {text}")]
    Refused {
        /// The command.
        command: String,
        /// `CommandNotFound`, `GenericError`, ...
        class: String,
        /// The agent's words.
        text: String,
    },
    /// Waiting for one's turn went wrong.
    #[error("waiting for the guest agent")]
    Turn(#[source] Fault),
}

impl AgentError {
    /// As vmrun would say it.
    pub(crate) fn fault(self, vmx: &Vmx, record: &Record) -> Fault {
        match self {
            AgentError::Silent(_) if record.is_alive() => Fault::ToolsNotRunning(vmx.given.clone()),
            AgentError::Silent(_) => Fault::PoweredOffMeanwhile,
            AgentError::Refused { command, class, text } if class == "CommandNotFound" || text.contains("disabled") => {
                Fault::GuestOperationsForbidden {
                    reason: format!("the guest agent does not allow {command}: {text}"),
                }
            }
            refused @ AgentError::Refused { .. } => Fault::unknown(refused.to_string()),
            AgentError::Turn(fault) => fault,
        }
    }
}

/// Whether a program in the guest holds the agent's port open. This asks QEMU and not the guest, so it is quick.
pub(crate) fn is_open(record: &Record) -> bool {
    let Ok(devices) = Qmp::connect(&record.qmp).and_then(|mut qmp| qmp.execute("query-chardev", &json!({}))) else {
        return false;
    };
    let devices = devices.as_array().map(Vec::as_slice).unwrap_or_default();
    devices
        .iter()
        .any(|device| device["label"] == "agent" && device["frontend-open"] == true)
}

impl Agent {
    /// Connects and makes sure that the agent answers *us*: an answer to somebody who gave up may still be on its way.
    pub(crate) fn connect(home: &Home, record: &Record) -> Result<Self, AgentError> {
        let turn = home.lock(&format!("agent-{}", record.key)).map_err(AgentError::Turn)?;
        let stream = UnixStream::connect(&record.agent).map_err(AgentError::Silent)?;
        stream.set_write_timeout(Some(ANSWER)).map_err(AgentError::Silent)?;
        let mut agent = Self {
            stream: BufReader::new(stream),
            _turn: turn,
        };
        agent.synchronise().map_err(AgentError::Silent)?;
        Ok(agent)
    }

    fn synchronise(&mut self) -> std::io::Result<()> {
        let now = std::time::SystemTime::now()
            .duration_since(std::time::UNIX_EPOCH)
            .unwrap_or_default();
        let id = u64::from(now.subsec_nanos()) << 20 | u64::from(std::process::id() & 0xf_ffff);
        self.write(
            &json!({ "execute": "guest-sync-delimited", "arguments": { "id": id } }),
            true,
        )?;
        let deadline = Instant::now() + FIRST_ANSWER;
        loop {
            let answer = self.read(deadline)?;
            if answer["return"].as_u64() == Some(id) {
                return Ok(());
            }
        }
    }

    /// Carries out a command.
    pub(crate) fn execute(&mut self, command: &str, arguments: &Value) -> Result<Value, AgentError> {
        self.write(&json!({ "execute": command, "arguments": arguments }), false)
            .map_err(AgentError::Silent)?;
        let deadline = Instant::now() + ANSWER;
        loop {
            let mut answer = self.read(deadline).map_err(AgentError::Silent)?;
            if let Some(value) = answer.get_mut("return") {
                return Ok(value.take());
            }
            if let Some(error) = answer.get("error") {
                let field = |name| error.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
                return Err(AgentError::Refused {
                    command: command.to_owned(),
                    class: field("class"),
                    text: field("desc"),
                });
            }
        }
    }

    /// Sends a command that has no answer.
    pub(crate) fn send(&mut self, command: &str, arguments: &Value) -> std::io::Result<()> {
        self.write(&json!({ "execute": command, "arguments": arguments }), false)
    }

    fn write(&mut self, command: &Value, reset: bool) -> std::io::Result<()> {
        let mut line = if reset { vec![RESET] } else { Vec::new() };
        line.extend_from_slice(command.to_string().as_bytes());
        line.push(b'\n');
        self.stream.get_mut().write_all(&line)
    }

    fn read(&mut self, deadline: Instant) -> std::io::Result<Value> {
        loop {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(std::io::ErrorKind::TimedOut.into());
            }
            self.stream.get_ref().set_read_timeout(Some(left))?;
            let mut line = Vec::new();
            if self.stream.read_until(b'\n', &mut line)? == 0 {
                return Err(std::io::ErrorKind::UnexpectedEof.into());
            }
            // Whatever stands before a reset byte belongs to an answer that nobody waits for any more.
            let text = line.rsplit(|&byte| byte == RESET).next().unwrap_or_default();
            if let Ok(value) = serde_json::from_slice(text) {
                return Ok(value);
            }
        }
    }
}

/// How a program in the guest ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ended {
    /// Its exit code, or 128 and the signal.
    pub(crate) code: i64,
    /// What it wrote to standard output.
    pub(crate) output: Vec<u8>,
}

/// Runs a program in the guest as root and waits for its end, or until the machine is gone. The agent is free for others
/// while the program runs.
pub(crate) fn execute(
    home: &Home,
    record: &Record,
    program: &str,
    arguments: &[&str],
    input: &[u8],
) -> Result<Ended, AgentError> {
    let mut agent = Agent::connect(home, record)?;
    let started = agent.execute(
        "guest-exec",
        &json!({ "path": program, "arg": arguments, "input-data": BASE64.encode(input), "capture-output": true }),
    )?;
    let pid = started["pid"].as_i64().unwrap_or_default();
    let begun = Instant::now();
    loop {
        // Most programs are done in no time, and the connection is there already. For a longer one the agent is left to
        // others between two looks.
        if begun.elapsed() > Duration::from_secs(3) {
            drop(agent);
            std::thread::sleep(Duration::from_millis(400));
            agent = Agent::connect(home, record)?;
        } else {
            // In proportion to the time that it has taken so far: looking costs a slow guest something too.
            std::thread::sleep((begun.elapsed() / 8).max(Duration::from_millis(20)));
        }
        let status = agent.execute("guest-exec-status", &json!({ "pid": pid }))?;
        if status["exited"] == true {
            return Ok(ended(&status));
        }
    }
}

fn ended(status: &Value) -> Ended {
    let code = status["exitcode"]
        .as_i64()
        .or_else(|| status["signal"].as_i64().map(|signal| 128 + signal));
    let output = status["out-data"].as_str().and_then(|text| BASE64.decode(text).ok());
    Ended {
        code: code.unwrap_or(-1),
        output: output.unwrap_or_default(),
    }
}

/// Encodes a chunk for `guest-file-write`.
pub(crate) fn encode(bytes: &[u8]) -> String {
    BASE64.encode(bytes)
}

/// Decodes a chunk of `guest-file-read`.
pub(crate) fn decode(text: &str) -> Result<Vec<u8>, AgentError> {
    BASE64
        .decode(text)
        .map_err(|error| AgentError::Silent(std::io::Error::other(error)))
}
