//! vmrun's commands: what was asked, how long it takes, what comes of it.

mod guest;
mod network;
mod power;
mod snapshot;
mod variables;

use super::config::WorldConfig;
use super::fault::Fault;
use super::machine::Time;
use super::texts;
use super::world::{End, Reply, World};

/// One call.
#[derive(Debug, Default)]
pub(crate) struct Call {
    /// As the help text writes it; empty for a call that is answered with the help text.
    pub(crate) command: String,
    pub(crate) vmx: Option<String>,
    pub(crate) arguments: Vec<String>,
    pub(crate) user: Option<String>,
    pub(crate) password: Option<String>,
    /// Virtual seconds.
    pub(crate) latency: f64,
    /// Whether it changes its machine.
    pub(crate) changes: bool,
    pub(crate) fault: Option<Fault>,
    /// Another command changes the machine.
    pub(crate) refused: bool,
    pub(crate) begun: Time,
    /// The answer to a call that was not understood.
    misunderstood: Option<Reply>,
}

impl Call {
    pub(crate) fn argument(&self, n: usize) -> &str {
        self.arguments.get(n).map_or("", String::as_str)
    }

    /// The arguments for the log: what may carry a secret is left out.
    pub(crate) fn shown(&self) -> Vec<String> {
        let secret = matches!(self.command.as_str(), "writeVariable" | "typeKeystrokesInGuest");
        let last = self.arguments.len().saturating_sub(1);
        let shown = self.arguments.iter().enumerate();
        shown
            .map(|(n, word)| {
                if secret && n == last {
                    "***".to_owned()
                } else {
                    word.clone()
                }
            })
            .collect()
    }

    fn is_guest_operation(&self) -> bool {
        self.command.ends_with("InGuest")
            || self.command.starts_with("CopyFile")
            || self.command == "captureScreen"
            || matches!(self.command.as_str(), "readVariable" | "writeVariable") && self.argument(0) == "guestEnv"
    }
}

/// Reads a command line as vmrun does: flags, command, machine, parameters.
pub(crate) fn parse(argv: &[String], config: &WorldConfig) -> Call {
    let mut call = Call::default();
    let mut rest = argv.iter().cloned();
    let usage = |first: String| Reply {
        stdout: format!("{first}{}", texts::usage()).into_bytes(),
        exit: 255,
        ..Reply::default()
    };
    let (mut user, mut password) = (None, None);
    let word = loop {
        match rest.next() {
            None => {
                call.misunderstood = Some(usage(String::new()));
                return call;
            }
            Some(flag) => match flag.as_str() {
                "-gu" => user = rest.next(),
                "-gp" => password = rest.next(),
                "-T" => {
                    let host = rest.next().unwrap_or_default();
                    if !matches!(host.as_str(), "ws" | "fusion" | "player") {
                        call.misunderstood = Some(usage(format!("Invalid host type '{host}' specified\n")));
                        return call;
                    }
                }
                "-vp" => drop(rest.next()),
                _ if flag.starts_with('-') => {
                    call.misunderstood = Some(usage(format!("Invalid argument: {flag}\n")));
                    return call;
                }
                _ => break flag,
            },
        }
    };
    let Some((name, parameters, _)) = texts::COMMANDS
        .iter()
        .find(|(name, ..)| name.eq_ignore_ascii_case(&word))
    else {
        let mut reply = usage(String::new());
        reply.stdout = [
            format!("Error: Unrecognized command: {word}\n").into_bytes(),
            reply.stdout,
        ]
        .concat();
        call.misunderstood = Some(reply);
        return call;
    };
    (*name).clone_into(&mut call.command);
    if parameters.starts_with("Path to vmx file") {
        call.vmx = rest.next();
        if call.vmx.is_none() {
            call.misunderstood = Some(usage("No Vm name provided\n".to_owned()));
            return call;
        }
    }
    let mut arguments: Vec<String> = rest.collect();
    let behind = arguments.first().is_some_and(|first| first == "-gu" || first == "-gp");
    call.arguments.clone_from(&arguments);
    if call.is_guest_operation() && (behind || config.auth_after_command) {
        if !(behind && config.auth_after_command) {
            // Which flag is in the wrong place is not said.
            call.misunderstood = Some(usage(String::new()));
            return call;
        }
        while matches!(arguments.first().map(String::as_str), Some("-gu" | "-gp")) {
            let value = arguments.get(1).cloned();
            if arguments[0] == "-gu" {
                user = value;
            } else {
                password = value;
            }
            arguments.drain(..arguments.len().min(2));
        }
        call.arguments = arguments;
    }
    (call.user, call.password) = (user, password);
    (call.latency, call.changes) = cost(&call, config);
    call
}

/// How long a command takes, and whether it changes its machine.
fn cost(call: &Call, config: &WorldConfig) -> (f64, bool) {
    let latency = &config.latency;
    match call.command.as_str() {
        "start" | "unpause" => (latency.start, true),
        "stop" | "reset" if call.argument(0) == "soft" || call.arguments.is_empty() => (latency.stop_soft, true),
        "stop" | "reset" | "suspend" | "pause" => (latency.stop_hard, true),
        "snapshot" | "deleteSnapshot" | "revertToSnapshot" => (latency.snapshot, true),
        "clone" => (latency.clone, true),
        "deleteVM" | "upgradevm" => (latency.delete, true),
        "connectNamedDevice" | "disconnectNamedDevice" => (latency.device, true),
        "setPortForwarding" | "deletePortForwarding" => (latency.device, false),
        _ if call.is_guest_operation() => (latency.guest, false),
        _ => (latency.query, false),
    }
}

/// What comes of a call whose time is over.
pub(crate) fn answer(world: &mut World, now: Time, call: &Call) -> Reply {
    if let Some(reply) = &call.misunderstood {
        return reply.clone();
    }
    let Some(fault) = &call.fault else {
        return act(world, now, call);
    };
    let crash = Reply {
        stdout: format!("Error: {}\n", texts::UNKNOWN).into_bytes(),
        stderr: b"Unexpected signal: 11.\n".to_vec(),
        exit: 139,
        end: End::Crash,
    };
    match fault.kind.as_str() {
        "hang" => Reply::hang(),
        "hang-after" => {
            act(world, now, call);
            Reply::hang()
        }
        "crash" => crash,
        "crash-after" => {
            act(world, now, call);
            crash
        }
        "exit0" => Reply::ok(format!("Error: {}\n", texts::UNKNOWN)),
        "lie" if call.changes => Reply::default(),
        "noise" => {
            let mut reply = act(world, now, call);
            reply.stdout = [texts::NOISE.as_bytes(), &reply.stdout].concat();
            reply
        }
        "locked" => Reply::error(texts::IN_USE),
        "canceled" => {
            if let Some(directory) = call.vmx.as_deref().and_then(|vmx| std::path::Path::new(vmx).parent()) {
                // Without a machine there is no log to write.
                let _ = std::fs::write(directory.join("vmware.log"), texts::CANCELED_LOG);
            }
            Reply::error(texts::CANCELED)
        }
        "busy" => {
            let mut reply = Reply::error(texts::NOT_SUPPORTED);
            reply.stdout = [texts::NO_CONNECTION.as_bytes(), b"\n", &reply.stdout].concat();
            reply
        }
        "full" => Reply::error(texts::DISK_FULL),
        "unknown-error" => Reply::error(texts::UNKNOWN),
        "unknown" => Reply::ok("unknown\n"),
        "wrong" if call.command == "getGuestIPAddress" => Reply::ok("172.17.0.1\n"),
        "wrong" if call.command == "checkToolsState" => Reply::ok("running\n"),
        "wrong" if call.command == "list" => Reply::ok("Total running VMs: 0\n"),
        "garbage" => Reply::ok(b"\xff\xfe\x00\x01 Total \xe2\x28\xa1\n".to_vec()),
        _ => act(world, now, call),
    }
}

fn act(world: &mut World, now: Time, call: &Call) -> Reply {
    let result = match call.command.as_str() {
        "list" => Ok(power::list(world)),
        "start" => power::start(world, now, call),
        "stop" => power::stop(world, now, call),
        "reset" => power::reset(world, now, call),
        "suspend" => power::suspend(world, now, call),
        "pause" | "unpause" => power::pause(world, call),
        "deleteVM" => power::delete(world, call),
        "clone" => snapshot::clone(world, call),
        "snapshot" => snapshot::take(world, call),
        "listSnapshots" => snapshot::list(world, call),
        "revertToSnapshot" => snapshot::revert(world, now, call),
        "deleteSnapshot" => snapshot::delete(world, call),
        "listHostNetworks" => Ok(network::networks(world)),
        "listPortForwardings" => network::list(world, call),
        "setPortForwarding" => network::set(world, call),
        "deletePortForwarding" => network::delete(world, call),
        "getGuestIPAddress" => network::address(world, now, call),
        "checkToolsState" => power::tools(world, now, call),
        "readVariable" => variables::read(world, call),
        "writeVariable" => variables::write(world, call),
        "connectNamedDevice" | "disconnectNamedDevice" => variables::device(world, call),
        "upgradevm" | "installTools" => power::known(world, call).map(|_| Reply::default()),
        _ if call.is_guest_operation() => guest::operation(world, now, call),
        _ => Err(texts::NOT_SUPPORTED.to_owned()),
    };
    result.unwrap_or_else(|text| Reply::error(&text))
}
