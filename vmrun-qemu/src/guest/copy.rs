//! Files into the guest and out of it.
//!
//! The agent is root and would follow any path, so it only ever touches a file of its own in the guest; the user's rights
//! decide about the user's file.

use std::fs::File;
use std::io::{Read, Write};
use std::path::{Component, Path};
use std::time::{Duration, Instant};

use serde_json::json;

use super::agent::{self, Agent};
use super::operation::Guest;
use crate::fault::{Fault, OrUnknown, host_file};

/// Bytes in one message to the agent.
const CHUNK: usize = 192 * 1024;

/// How long a copy keeps the agent to itself before others get a turn.
const TURN: Duration = Duration::from_secs(2);

/// `CopyFileFromHostToGuest`
pub(super) fn into_guest(guest: &Guest<'_>, host: &Path, to: &str) -> Result<String, Fault> {
    plain(Path::new(to))?;
    let mut file = File::open(host).map_err(|error| host_file(host, &error))?;
    if file.metadata().is_ok_and(|found| !found.is_file()) {
        return Err(Fault::NotAFile);
    }
    let temporary = guest.run("prepare-in", &[to])?.trim().to_owned();
    match write(guest, &temporary, &mut file).and_then(|()| guest.quiet("finish-in", &[&temporary, to])) {
        Ok(_) => Ok(String::new()),
        Err(fault) => {
            let _ = guest.quiet("discard", &[&temporary]);
            Err(fault)
        }
    }
}

/// `CopyFileFromGuestToHost`
pub(super) fn out_of_guest(guest: &Guest<'_>, from: &str, host: &Path) -> Result<String, Fault> {
    plain(Path::new(from))?;
    if host.is_dir() {
        return Err(Fault::NotAFile);
    }
    let parent = host
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    if !parent.is_dir() {
        return Err(Fault::FileNotFound {
            reason: format!("{} is no directory", parent.display()),
        });
    }
    let temporary = guest.run("prepare-out", &[from])?.trim().to_owned();
    // Written beside its place: a copy that breaks off leaves an older file as it was.
    let mut name = host.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    let part = parent.join(name);
    let result = File::create(&part)
        .map_err(|error| host_file(&part, &error))
        .and_then(|mut file| read(guest, &temporary, &mut file))
        .and_then(|()| std::fs::rename(&part, host).map_err(|error| host_file(host, &error)));
    if result.is_err() {
        let _ = std::fs::remove_file(&part);
    }
    guest.quiet("discard", &[&temporary])?;
    result.map(|()| String::new())
}

/// Guest paths must be absolute and plain: vmrun refuses `..`.
fn plain(path: &Path) -> Result<(), Fault> {
    if !path.is_absolute() || path.components().any(|part| part == Component::ParentDir) {
        return Err(Fault::invalid(format!(
            "{} must be an absolute path without ..",
            path.display()
        )));
    }
    Ok(())
}

/// Writes a file of the agent's own.
pub(super) fn write(guest: &Guest<'_>, path: &str, from: &mut impl Read) -> Result<(), Fault> {
    let mut handle = Handle::open(guest, path, "w")?;
    let mut chunk = vec![0; CHUNK];
    loop {
        let length = fill(from, &mut chunk).or_unknown("reading the file on the host")?;
        if length == 0 {
            return handle.close();
        }
        handle.write_all(&chunk[..length])?;
    }
}

fn read(guest: &Guest<'_>, path: &str, to: &mut impl Write) -> Result<(), Fault> {
    let mut handle = Handle::open(guest, path, "r")?;
    loop {
        let chunk = handle.read()?;
        if chunk.is_empty() {
            return handle.close();
        }
        to.write_all(&chunk).or_unknown("writing the file on the host")?;
    }
}

fn fill(from: &mut impl Read, chunk: &mut [u8]) -> std::io::Result<usize> {
    let mut length = 0;
    while length < chunk.len() {
        match from.read(&mut chunk[length..])? {
            0 => break,
            more => length += more,
        }
    }
    Ok(length)
}

/// A file that the agent has open. It is closed when the copy ends, well or not.
struct Handle<'a> {
    guest: &'a Guest<'a>,
    id: i64,
    /// The connection and when it was made; taken out when others get their turn.
    agent: Option<(Agent, Instant)>,
}

impl<'a> Handle<'a> {
    fn open(guest: &'a Guest<'a>, path: &str, mode: &str) -> Result<Self, Fault> {
        let mut handle = Self {
            guest,
            id: -1,
            agent: None,
        };
        let answer = handle.execute("guest-file-open", &json!({ "path": path, "mode": mode }))?;
        handle.id = answer.as_i64().unwrap_or_default();
        Ok(handle)
    }

    fn command(&mut self, command: &str, more: serde_json::Value) -> Result<serde_json::Value, Fault> {
        let mut arguments = more;
        arguments["handle"] = self.id.into();
        self.execute(command, &arguments)
    }

    fn execute(&mut self, command: &str, arguments: &serde_json::Value) -> Result<serde_json::Value, Fault> {
        if self.agent.as_ref().is_some_and(|(_, since)| since.elapsed() > TURN) {
            // The agent keeps the file open meanwhile. The pause lets those who wait notice that it is their turn.
            self.agent = None;
            std::thread::sleep(Duration::from_millis(30));
        }
        let (agent, _) = match &mut self.agent {
            Some(agent) => agent,
            none => none.insert((
                Agent::connect(self.guest.home, &self.guest.record).map_err(|error| self.guest.fault(error))?,
                Instant::now(),
            )),
        };
        agent
            .execute(command, arguments)
            .map_err(|error| self.guest.fault(error))
    }

    fn write_all(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        while !bytes.is_empty() {
            let answer = self.command("guest-file-write", json!({ "buf-b64": agent::encode(bytes) }))?;
            let written = answer["count"]
                .as_u64()
                .and_then(|count| usize::try_from(count).ok())
                .unwrap_or_default();
            if written == 0 || written > bytes.len() {
                return Err(Fault::FileAccess {
                    reason: "the guest does not write any more; is its disk full?".to_owned(),
                });
            }
            bytes = &bytes[written..];
        }
        Ok(())
    }

    fn read(&mut self) -> Result<Vec<u8>, Fault> {
        let answer = self.command("guest-file-read", json!({ "count": CHUNK }))?;
        let text = answer["buf-b64"].as_str().unwrap_or_default();
        agent::decode(text).map_err(|error| self.guest.fault(error))
    }

    fn close(mut self) -> Result<(), Fault> {
        let result = self.command("guest-file-close", json!({})).map(drop);
        self.id = -1;
        result
    }
}

impl Drop for Handle<'_> {
    fn drop(&mut self) {
        if self.id >= 0 {
            let _ = self.command("guest-file-close", json!({}));
        }
    }
}
