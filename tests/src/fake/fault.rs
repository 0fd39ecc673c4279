//! What goes wrong, and when: `KIND@COMMAND/MACHINE#N` for calls, `KIND@guest/MACHINE+SECONDS` for guests.
//!
//! - `hang@start/k3s-worker1#1`: the first `start` of that machine never answers. `*` stands for any command or machine.
//! - `locked@start/*#1x3`: the first three starts of any machine.
//! - `reboot@guest/k3s-worker1+40`: 40 virtual seconds after that machine's first power-on.
//! - `ssh-refuse@guest/k3s-worker1+20~30`: from the 20th second on, for 30 seconds.
//! - `ssh-reset@ssh/k3s-worker1#3`: in the third command over SSH.
//!
//! A fault is a function of the call's number or of the guest's own time, so a schedule of faults means the same in each
//! run, and the texts of those that struck (they are in the log) are a schedule again.

use std::collections::HashMap;
use std::fmt;
use std::str::FromStr;

/// Everything that can go wrong in a call.
pub const CALL_FAULTS: [&str; 16] = [
    "hang",
    "hang-after",
    "crash",
    "crash-after",
    "exit0",
    "lie",
    "noise",
    "locked",
    "canceled",
    "busy",
    "full",
    "slow",
    "unknown",
    "wrong",
    "garbage",
    "unknown-error",
];

/// Everything that can happen to a guest by itself.
pub const GUEST_FAULTS: [&str; 7] = [
    "reboot",
    "poweroff",
    "silent-poweroff",
    "ssh-refuse",
    "hostkey",
    "bootstrap-fail",
    "slow-disk",
];

/// When it strikes.
#[derive(Debug, Clone, Copy, PartialEq)]
enum When {
    /// The calls from number `first`, counted from 1 among those that match, `count` of them.
    Calls { first: u64, count: u64 },
    /// From a time after the machine's first power-on, for a while.
    Time { from: f64, length: f64 },
}

/// One fault.
#[derive(Debug, Clone, PartialEq)]
pub struct Fault {
    /// What happens.
    pub kind: String,
    /// The command, `ssh`, `guest` or `*`.
    pub scope: String,
    /// The machine, or `*`.
    pub machine: String,
    when: When,
}

impl Fault {
    /// In calls.
    pub fn in_calls(kind: &str, command: &str, machine: &str, first: u64, count: u64) -> Self {
        Self {
            kind: kind.to_owned(),
            scope: command.to_owned(),
            machine: machine.to_owned(),
            when: When::Calls { first, count },
        }
    }

    /// In a guest.
    pub fn in_guest(kind: &str, machine: &str, from: f64, length: f64) -> Self {
        Self {
            kind: kind.to_owned(),
            scope: "guest".to_owned(),
            machine: machine.to_owned(),
            when: When::Time { from, length },
        }
    }

    fn is_about(&self, command: &str, machine: &str) -> bool {
        let command =
            self.scope == "*" && !matches!(command, "ssh" | "guest") || self.scope.eq_ignore_ascii_case(command);
        command && (self.machine == "*" || self.machine == machine)
    }

    /// From when to when after the power-on, for a guest's fault.
    pub(crate) fn window(&self) -> Option<(f64, f64)> {
        match self.when {
            When::Time { from, length } => Some((from, from + length)),
            When::Calls { .. } => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}/{}", self.kind, self.scope, self.machine)?;
        match self.when {
            When::Calls { first, count: 1 } => write!(f, "#{first}"),
            When::Calls { first, count } => write!(f, "#{first}x{count}"),
            When::Time { from, length: 0.0 } => write!(f, "+{from}"),
            When::Time { from, length } => write!(f, "+{from}~{length}"),
        }
    }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong = || format!("`{text}` is no fault: KIND@COMMAND/MACHINE#N or KIND@guest/MACHINE+SECONDS");
        let (kind, rest) = text.split_once('@').ok_or_else(wrong)?;
        let (scope, rest) = rest.split_once('/').ok_or_else(wrong)?;
        let known = match scope {
            "guest" => GUEST_FAULTS.contains(&kind),
            "ssh" => matches!(kind, "ssh-reset" | "ssh-hang" | "slow"),
            _ => CALL_FAULTS.contains(&kind),
        };
        if !known {
            return Err(format!("`{kind}` cannot happen in {scope}: {text}"));
        }
        let (machine, when) = if let Some((machine, calls)) = rest.rsplit_once('#') {
            let (first, count) = calls.split_once('x').unwrap_or((calls, "1"));
            let (first, count) = (first.parse().map_err(|_| wrong())?, count.parse().map_err(|_| wrong())?);
            (machine, When::Calls { first, count })
        } else {
            let (machine, time) = rest.rsplit_once('+').ok_or_else(wrong)?;
            let (from, length) = time.split_once('~').unwrap_or((time, "0"));
            let (from, length) = (from.parse().map_err(|_| wrong())?, length.parse().map_err(|_| wrong())?);
            (machine, When::Time { from, length })
        };
        Ok(Self {
            kind: kind.to_owned(),
            scope: scope.to_owned(),
            machine: machine.to_owned(),
            when,
        })
    }
}

/// The faults of a world, and which calls have been seen.
#[derive(Debug, Default)]
pub(crate) struct Faults {
    faults: Vec<Fault>,
    seen: HashMap<usize, u64>,
}

impl Faults {
    pub(crate) fn new(faults: Vec<Fault>) -> Self {
        Self {
            faults,
            seen: HashMap::new(),
        }
    }

    /// Counts one call; the fault that strikes it.
    pub(crate) fn strike(&mut self, command: &str, machine: &str) -> Option<Fault> {
        let mut struck = None;
        for (index, fault) in self.faults.iter().enumerate() {
            let When::Calls { first, count } = fault.when else {
                continue;
            };
            if fault.is_about(command, machine) {
                let number = self.seen.entry(index).or_default();
                *number += 1;
                if (first..first + count).contains(number) && struck.is_none() {
                    struck = Some(fault.clone());
                }
            }
        }
        struck
    }

    /// The faults that a guest brings along.
    pub(crate) fn of_guest(&self, machine: &str) -> Vec<Fault> {
        let about = |fault: &&Fault| fault.window().is_some() && fault.is_about("guest", machine);
        self.faults.iter().filter(about).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_is_read_back_from_its_text() {
        for text in [
            "hang@start/k3s-worker1#1",
            "locked@*/*#2x3",
            "reboot@guest/m+40",
            "ssh-refuse@guest/m+20~30.5",
            "ssh-reset@ssh/m#3",
        ] {
            assert_eq!(text.parse::<Fault>().unwrap().to_string(), text);
        }
        for text in [
            "",
            "hang",
            "hang@start",
            "hang@start/m",
            "reboot@start/m#1",
            "hang@guest/m+1",
            "hang@start/m#x",
        ] {
            text.parse::<Fault>().unwrap_err();
        }
    }

    #[test]
    fn a_call_is_struck_by_its_number_among_those_that_match() {
        let mut faults = Faults::new(vec!["locked@start/m#2x2".parse().unwrap()]);
        let mut strikes = |command, machine| faults.strike(command, machine).is_some();
        assert!(!strikes("start", "m"));
        assert!(!strikes("start", "other") && !strikes("stop", "m"));
        assert!(strikes("start", "m") && strikes("START", "m"));
        assert!(!strikes("start", "m"));
    }
}
