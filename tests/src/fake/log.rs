//! Everything that happened in a world, one JSON object per line. The `fault` lines are a schedule again.

use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::Path;

use serde_json::{Value, json};

use super::command::Call;
use super::machine::Time;
use super::world::Reply;

/// The file's name in a world's directory.
pub const LOG_FILE: &str = "world.log";

#[derive(Debug, Default)]
pub(crate) struct Log(Option<File>);

impl Log {
    pub(crate) fn open(directory: &Path) -> Self {
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .open(directory.join(LOG_FILE));
        Self(file.ok())
    }

    fn line(&mut self, now: Time, mut value: Value) {
        value["t"] = ((now * 1000.0).round() / 1000.0).into();
        if let Some(file) = &mut self.0 {
            // A log that cannot be written must not change what happens.
            let _ = writeln!(file, "{value}");
        }
    }

    pub(crate) fn event(&mut self, now: Time, machine: &str, what: &str) {
        self.line(now, json!({"event": what, "machine": machine}));
    }

    pub(crate) fn fault(&mut self, now: Time, fault: &str) {
        self.line(now, json!({"fault": fault}));
    }

    pub(crate) fn guest(&mut self, now: Time, machine: &str, line: &str, exit: i32) {
        self.line(now, json!({"guest": line, "machine": machine, "exit": exit}));
    }

    pub(crate) fn call(&mut self, now: Time, call: &Call, reply: &Reply) {
        if let Some(fault) = &call.fault {
            self.fault(now, &fault.to_string());
        }
        let mut said = String::from_utf8_lossy(&reply.stdout).into_owned();
        if said.len() > 300 {
            said = said.chars().take(300).collect();
        }
        let entry = json!({
            "call": call.command, "vmx": call.vmx, "arguments": call.shown(), "begun": call.begun, "exit": reply.exit,
            "end": format!("{:?}", reply.end).to_lowercase(), "said": said,
        });
        self.line(now, entry);
    }
}
