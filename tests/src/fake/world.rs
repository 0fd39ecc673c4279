//! The world: machines, forwarded ports, faults. A function of calls and virtual time; it starts no task and reads no clock.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::cluster;
use super::command::{self, Call};
use super::config::WorldConfig;
use super::fault::{Fault, Faults};
use super::log::Log;
use super::machine::{Happening, Machine, Power, Time};
use super::shell;

/// What a call printed, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Reply {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) exit: i32,
    pub(crate) end: End,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum End {
    /// The program ends.
    #[default]
    Exit,
    /// It never ends.
    Hang,
    /// It dies of a signal.
    Crash,
    /// Not yet: look again soon.
    Wait,
}

impl Reply {
    pub(crate) fn ok(text: impl Into<Vec<u8>>) -> Self {
        Self {
            stdout: text.into(),
            ..Self::default()
        }
    }

    /// `Error: …` on standard output, exit code 255.
    pub(crate) fn error(text: &str) -> Self {
        Self {
            stdout: format!("Error: {text}\n").into_bytes(),
            exit: 255,
            ..Self::default()
        }
    }

    pub(crate) fn hang() -> Self {
        Self {
            end: End::Hang,
            ..Self::default()
        }
    }
}

/// A forwarded port of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Forward {
    pub(crate) guest: Ipv4Addr,
    pub(crate) port: u16,
}

#[derive(Debug)]
pub(crate) struct World {
    pub(crate) config: WorldConfig,
    /// By the path in its canonical form.
    pub(crate) machines: BTreeMap<String, Machine>,
    pub(crate) forwards: BTreeMap<u16, Forward>,
    pub(crate) log: Log,
    faults: Faults,
    now: Time,
    /// Machines seen so far.
    made: usize,
}

impl World {
    pub(crate) fn new(config: WorldConfig, log: Log) -> Result<Self, String> {
        let faults: Result<Vec<Fault>, String> = config.faults.iter().map(|text| text.parse()).collect();
        Ok(Self {
            faults: Faults::new(faults?),
            config,
            machines: BTreeMap::new(),
            forwards: BTreeMap::new(),
            log,
            now: 0.0,
            made: 0,
        })
    }

    // --- machines --------------------------------------------------------------------------------------------------

    /// The machine of a `.vmx` file; every file that is there is one.
    pub(crate) fn machine(&mut self, vmx: &str) -> Option<&mut Machine> {
        let path = canonical(Path::new(vmx));
        let key = path.to_string_lossy().into_owned();
        if !path.is_file() {
            // Its files went away under it: one that runs goes on running, another one is no more.
            if self.machines.get(&key).is_some_and(|m| !m.runs()) {
                self.machines.remove(&key);
            }
            return self.machines.get_mut(&key);
        }
        if !self.machines.get(&key).is_some_and(|m| m.runs() || m.is_same()) {
            let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            self.made += 1;
            let machine = Machine::new(&path, self.faults.of_guest(&name), self.made);
            self.machines.insert(key.clone(), machine);
        }
        self.machines.get_mut(&key)
    }

    pub(crate) fn name_of(vmx: &str) -> String {
        let name = vmx.rsplit(['/', '\\']).next().unwrap_or_default();
        name.strip_suffix(".vmx").unwrap_or(name).to_owned()
    }

    // --- time ------------------------------------------------------------------------------------------------------

    /// Lets everything happen that is due, in its order.
    pub(crate) fn advance(&mut self, now: Time) {
        self.now = self.now.max(now);
        loop {
            let due = self.machines.iter().filter_map(|(key, machine)| {
                let event = machine.next_event(&self.config);
                let unlock = machine.unlock_at;
                let at = [event, unlock].into_iter().flatten().reduce(f64::min)?;
                (at <= self.now).then(|| (at, key.clone()))
            });
            let Some((at, key)) = due.min_by(|a, b| a.0.total_cmp(&b.0)) else {
                return;
            };
            self.happen(&key, at);
        }
    }

    fn happen(&mut self, key: &str, at: Time) {
        // What a joining node would find: nothing, a server that takes its token, or one that does not.
        let servers: Vec<(String, Ipv4Addr, String)> = self
            .machines
            .iter()
            .filter(|(_, m)| m.k3s_runs(at))
            .filter_map(|(key, m)| {
                let identity = m.disk.identity.as_ref().filter(|i| i.is_server())?;
                Some((
                    key.clone(),
                    identity.address?,
                    identity.variable("LAB_TOKEN").to_owned(),
                ))
            })
            .collect();
        let Some(machine) = self.machines.get_mut(key) else {
            return;
        };
        if machine.unlock_at.is_some_and(|unlock| unlock <= at) {
            machine.unlock();
            return;
        }
        let happening = machine.happen(at, &self.config, |identity| {
            let host = identity.variable("LAB_SERVER_HOST");
            let server = servers.iter().find(|(_, address, _)| address.to_string() == host)?;
            Some(server.2 == identity.variable("LAB_TOKEN"))
        });
        let Some(happening) = happening else { return };
        let name = machine.name.clone();
        for fault in machine.take_struck() {
            self.log.fault(at, &fault.to_string());
        }
        let joined = match (&happening, &machine.disk.identity) {
            (Happening::Step(step), Some(identity)) if step == "k3s-start" && !identity.is_server() => {
                let address = identity.address.map(|a| a.to_string()).unwrap_or_default();
                Some((
                    identity.variable("LAB_SERVER_HOST").to_owned(),
                    identity.hostname.clone(),
                    address,
                ))
            }
            _ => None,
        };
        if let Some((host, hostname, address)) = joined
            && let Some((key, ..)) = servers.iter().find(|(_, server, _)| server.to_string() == host)
            && let Some(server) = self.machines.get_mut(key)
        {
            server.disk.members.insert(hostname, address);
        }
        self.log.event(at, &name, &format!("{happening:?}"));
    }

    // --- calls -----------------------------------------------------------------------------------------------------

    /// A call begins: how long it takes, and which fault strikes it.
    pub(crate) fn begin(&mut self, now: Time, argv: &[String]) -> Call {
        self.advance(now);
        let mut call = command::parse(argv, &self.config);
        let name = call.vmx.as_deref().map(Self::name_of).unwrap_or_default();
        if !self.config.spared.contains(&name) {
            call.fault = self.faults.strike(&call.command, &name);
        }
        call.begun = now;
        if call.fault.as_ref().is_some_and(|fault| fault.kind == "slow") {
            call.latency *= 10.0;
        }
        if call.changes
            && let Some(machine) = call.vmx.clone().and_then(|vmx| self.machine(&vmx))
        {
            call.refused = machine.busy;
            machine.busy = true;
        }
        call
    }

    /// The call's time is over: what it does happens now.
    pub(crate) fn finish(&mut self, now: Time, call: &Call) -> Reply {
        self.advance(now);
        let reply = if call.refused {
            Reply::error(super::texts::IN_USE)
        } else {
            let reply = command::answer(self, now, call);
            if call.changes
                && reply.end != End::Wait
                && let Some(vmx) = &call.vmx
            {
                let key = canonical(Path::new(vmx)).to_string_lossy().into_owned();
                if let Some(machine) = self.machines.get_mut(&key) {
                    machine.busy = false;
                }
            }
            reply
        };
        if reply.end != End::Wait {
            self.log.call(now, call, &reply);
        }
        reply
    }

    // --- guests ----------------------------------------------------------------------------------------------------

    /// Runs a line in a guest, as its user; also what it took, and which fault struck.
    pub(crate) fn run_in_guest(&mut self, now: Time, key: &str, line: &str, stdin: &[u8]) -> Option<shell::Outcome> {
        self.advance(now);
        let (nodes, pods) = if line.contains("kubectl") {
            (cluster::nodes(self, key, now), cluster::pods(self, key, now))
        } else {
            (Err(String::new()), Err(String::new()))
        };
        let machine = self.machines.get_mut(key).filter(|m| m.power == Power::Running)?;
        let identity = machine.disk.identity.clone()?;
        let boot_id = format!("{:08x}-0000-4000-8000-{:012x}", machine.boots, machine.name.len());
        let mut environment = shell::Environment {
            hostname: &identity.hostname,
            user: &identity.user,
            nodes,
            pods,
            boot_id,
            uptime: now - machine.since,
            disk: &mut machine.disk,
        };
        let outcome = shell::run(line, stdin, &mut environment);
        let name = machine.name.clone();
        match outcome.power {
            Some(shell::Power::Off) => machine.power_off(now, self.config.latency.unlock),
            Some(shell::Power::Reboot) => machine.reboot(now, &self.config),
            None => {}
        }
        self.log.guest(now, &name, line, outcome.exit);
        Some(outcome)
    }

    /// The fault in the next command over SSH.
    pub(crate) fn strike_ssh(&mut self, now: Time, key: &str) -> Option<Fault> {
        let name = self.machines.get(key)?.name.clone();
        let fault = self.faults.strike("ssh", &name)?;
        self.log.fault(now, &fault.to_string());
        Some(fault)
    }

    /// The fault in the next call of the disk manager: only `hang`, or no room on the disk.
    pub(crate) fn strike_disk(&mut self, now: Time) -> Option<String> {
        let fault = self.faults.strike("vdiskmanager", "")?;
        self.log.fault(now, &fault.to_string());
        Some(fault.kind)
    }

    /// The machine that has an address now, and its SSH server answers.
    pub(crate) fn guest_at(&mut self, now: Time, address: Ipv4Addr) -> Option<String> {
        self.advance(now);
        let config = &self.config;
        let found = self
            .machines
            .iter()
            .find(|(_, m)| m.ssh(now, config).is_some() && m.address(now, config) == Some(address));
        found.map(|(key, _)| key.clone())
    }

    // --- control ---------------------------------------------------------------------------------------------------

    /// Nothing goes wrong any more. What has gone wrong stays as it is.
    pub(crate) fn clear_faults(&mut self) {
        self.faults = Faults::default();
        for machine in self.machines.values_mut() {
            machine.clear_faults();
        }
    }

    /// The truth about every machine.
    pub(crate) fn truth(&mut self, now: Time) -> Value {
        self.advance(now);
        let machines: Vec<Value> = self
            .machines
            .iter()
            .filter(|(_, m)| m.vmx.is_file() || m.runs())
            .map(|(key, m)| {
                let unready = m.unready_since(now, &self.config);
                let identity = m.disk.identity.as_ref();
                json!({
                    "vmx": key,
                    "name": m.name,
                    "power": format!("{:?}", m.power).to_lowercase(),
                    "boots": m.boots,
                    "instance_id": identity.map(|i| &i.instance_id),
                    "address": m.address(now, &self.config),
                    "complete": m.is_complete(),
                    "failed": m.disk.failed,
                    "step": m.step(),
                    "ready": unready.is_none(),
                    // Real seconds for which it has not been ready; huge for one that never was.
                    "unready_for": unready.map(|since| ((now - since) / self.config.scale).min(1e9)),
                    "snapshots": m.snapshots.iter().map(|s| &s.name).collect::<Vec<_>>(),
                    "media": m.media,
                })
            })
            .collect();
        json!({
            "now": now,
            "machines": machines,
            "forwards": self.forwards.iter().map(|(port, f)| json!({"host_port": port, "guest": f.guest, "port": f.port})).collect::<Vec<_>>(),
        })
    }
}

/// Absolute, links resolved as far as it exists.
pub(crate) fn canonical(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut rest = Vec::new();
    let mut existing = path.as_path();
    loop {
        if let Ok(found) = std::fs::canonicalize(existing) {
            let mut whole = match found.to_str().and_then(|text| text.strip_prefix(r"\\?\")) {
                Some(plain) if cfg!(windows) => PathBuf::from(plain),
                _ => found,
            };
            whole.extend(rest.iter().rev());
            return whole;
        }
        match (existing.parent(), existing.file_name()) {
            (Some(parent), Some(name)) => {
                rest.push(name);
                existing = parent;
            }
            _ => return path,
        }
    }
}
