//! Processes that this program started and must find again, and nobody else's.
//!
//! A process number alone is no name: it is used again. A process is known by its number together with the moment it was
//! started, and is signalled through a handle that cannot come to mean another process.

use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

/// One process, for its whole life and no longer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProcessId {
    pid: u32,
    /// When it started, as exactly as the system tells.
    started: String,
}

impl ProcessId {
    /// The process that has this number now.
    pub(crate) fn of(pid: u32) -> Option<Self> {
        Some(Self {
            pid,
            started: started(pid)?,
        })
    }

    /// Its number.
    pub(crate) fn pid(&self) -> u32 {
        self.pid
    }

    /// Whether it still runs. A zombie does not.
    pub(crate) fn is_alive(&self) -> bool {
        started(self.pid).is_some_and(|now| now == self.started)
    }

    /// Waits for its end. Whether it came.
    pub(crate) fn wait_gone(&self, patience: Duration) -> bool {
        let deadline = Instant::now() + patience;
        loop {
            if !self.is_alive() {
                return true;
            }
            if Instant::now() >= deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// Ends it at once. Whether it is gone.
    pub(crate) fn kill(&self) -> bool {
        kill(self);
        self.wait_gone(Duration::from_secs(10))
    }
}

#[cfg(target_os = "linux")]
fn started(pid: u32) -> Option<String> {
    let stat = std::fs::read(format!("/proc/{pid}/stat")).ok()?;
    let boot = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    parse_stat(&stat).map(|ticks| format!("{} {ticks}", boot.trim()))
}

/// Field 22 (`starttime`) of `/proc/PID/stat`, proc(5). The command name in field 2 may hold anything, so counting starts
/// after its closing parenthesis.
#[cfg(target_os = "linux")]
fn parse_stat(stat: &[u8]) -> Option<u64> {
    let after = stat.iter().rposition(|&byte| byte == b')')?;
    let rest = std::str::from_utf8(&stat[after + 1..]).ok()?;
    let mut fields = rest.split_ascii_whitespace();
    let state = fields.next()?;
    if matches!(state, "Z" | "X") {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(target_os = "linux")]
fn kill(process: &ProcessId) {
    use rustix::process::{Pid, PidfdFlags, Signal, kill_process, pidfd_open, pidfd_send_signal};
    let Some(pid) = i32::try_from(process.pid).ok().and_then(Pid::from_raw) else {
        return;
    };
    // The handle first, then the check: what the handle names cannot change afterwards.
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(handle) if process.is_alive() => drop(pidfd_send_signal(handle, Signal::KILL)),
        // Kernels before 5.3 have no such handles.
        Err(rustix::io::Errno::NOSYS) if process.is_alive() => drop(kill_process(pid, Signal::KILL)),
        _ => {}
    }
}

#[cfg(not(target_os = "linux"))]
fn started(pid: u32) -> Option<String> {
    let out = std::process::Command::new("ps")
        .args(["-o", "state=,lstart=", "-p", &pid.to_string()])
        .env("LC_ALL", "C")
        .stdin(std::process::Stdio::null())
        .output()
        .ok()?;
    let text = String::from_utf8_lossy(&out.stdout).trim().to_owned();
    let (state, start) = text.split_once(char::is_whitespace)?;
    (!state.starts_with('Z')).then(|| start.trim().to_owned())
}

#[cfg(not(target_os = "linux"))]
fn kill(process: &ProcessId) {
    use rustix::process::{Pid, Signal, kill_process};
    let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw);
    if let Some(pid) = pid.filter(|_| process.is_alive()) {
        let _ = kill_process(pid, Signal::KILL);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::process::{Command, Stdio};

    #[cfg(target_os = "linux")]
    #[test]
    fn the_start_time_is_found_behind_any_command_name() {
        let stat = b"42 (a) b (c) S 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2";
        assert_eq!(parse_stat(stat), Some(987_654));
        assert_eq!(
            parse_stat(b"42 (x) Z 1 42 42 0 -1 4194560 1 2 3 4 5 6 7 8 20 0 1 0 987654 1 2"),
            None
        );
        assert_eq!(parse_stat(b"rubbish"), None);
    }

    #[test]
    fn another_process_with_the_same_number_is_not_taken_for_the_first() {
        let own = ProcessId::of(std::process::id()).expect("this process");
        assert!(own.is_alive());
        let other = ProcessId {
            started: "another time".into(),
            ..own.clone()
        };
        assert!(!other.is_alive());
        // Would end the test itself if the moment of its start were not looked at.
        assert!(other.kill());
        assert!(own.is_alive());
    }

    #[test]
    fn a_killed_process_is_seen_as_gone() {
        let mut child = Command::new("sleep")
            .arg("60")
            .stdin(Stdio::null())
            .spawn()
            .expect("sleep runs");
        let id = ProcessId::of(child.id()).expect("it runs");
        assert!(id.kill());
        assert!(!id.is_alive());
        child.wait().expect("reaped");
    }
}
