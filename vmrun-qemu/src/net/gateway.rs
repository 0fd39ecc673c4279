//! The process that is a network: started with the first port, ended with the last.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::config::{self, Kind, Network};
use super::forwards::{self, Forward};
use super::{Port, relay, uplink};
use crate::fault::{Fault, OrUnknown};
use crate::files;
use crate::home::{Home, Lock};
use crate::process::ProcessId;
use crate::qemu::command_line::{comma, comma_path};
use crate::qemu::host::Qemu;
use crate::qemu::launch;
use crate::qemu::qmp::{Qmp, QmpError};
use crate::running;

/// What is known of a network's process.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Record {
    process: ProcessId,
    /// Hands on to the network's stack what is for it.
    uplink: ProcessId,
    qmp: PathBuf,
    /// Name of a port and its socket.
    ports: BTreeMap<String, PathBuf>,
}

/// A network's process that runs, under the network's lock.
pub(crate) struct Gateway {
    record: Record,
    qmp: Qmp,
}

/// The lock that everything that touches a network holds.
pub(crate) fn lock(home: &Home, network: &str) -> Result<Lock, Fault> {
    home.lock(&format!("net-{network}"))
}

/// The network's process, if it runs. Needs the network's [`lock`].
pub(crate) fn running(home: &Home, network: &str) -> Result<Option<Gateway>, Fault> {
    let Some(record) = read(home, network)?.filter(|record| record.process.is_alive()) else {
        return Ok(None);
    };
    if !record.uplink.is_alive() {
        // Half a network: its machines talk to each other and to nobody else. They connect again to a whole one.
        record.process.kill();
        return Ok(None);
    }
    let qmp = Qmp::connect(&record.qmp).or_unknown(format_args!("talking to the network {network}"))?;
    Ok(Some(Gateway { record, qmp }))
}

/// Adds a port, starting the network if it does not run.
pub(crate) fn attach(home: &Home, qemu: &Qemu, port: &Port) -> Result<(), Fault> {
    let (name, network) = config::named(home, &port.network)?;
    let _lock = lock(home, &name)?;
    let mut gateway = match running(home, &name)? {
        Some(gateway) => gateway,
        None => start(home, qemu, &name, &network)?,
    };
    gateway.remove_port(&port.id);
    gateway.add_port(&port.id, &port.socket)?;
    write(home, &name, &gateway.record)
}

/// Removes a port; the last one ends the network.
pub(crate) fn detach(home: &Home, port: &Port) -> Result<(), Fault> {
    let name = &port.network;
    let _lock = lock(home, name)?;
    let Some(mut gateway) = running(home, name)? else {
        return Ok(());
    };
    gateway.remove_port(&port.id);
    let _ = std::fs::remove_file(&port.socket);
    if gateway.record.ports.is_empty() {
        stop(home, name, gateway);
        return Ok(());
    }
    write(home, name, &gateway.record)
}

/// The network's process, started again if it was killed while machines are on it. Needs the network's [`lock`].
pub(crate) fn revived(home: &Home, name: &str, network: &Network) -> Result<Option<Gateway>, Fault> {
    if let Some(gateway) = running(home, name)? {
        return Ok(Some(gateway));
    }
    let needed = running::all_unlocked(home)?
        .iter()
        .any(|record| record.ports.iter().any(|port| port.network == name));
    if needed {
        start(home, &Qemu::find()?, name, network).map(Some)
    } else {
        Ok(None)
    }
}

fn start(home: &Home, qemu: &Qemu, name: &str, network: &Network) -> Result<Gateway, Fault> {
    let sockets = Sockets::of(home, name);
    let own = std::env::current_exe().or_unknown("finding this program")?;
    let line = arguments(network, &own, &sockets);
    launch::daemon(&qemu.program, &line, home.root())
        .map_err(|text| Fault::unknown(format!("the network {name} does not start: {text}")))?;
    let process = running::from_pid_file(&sockets.pid)
        .ok_or_else(|| Fault::unknown(format!("the network {name} ended as soon as it was started")))?;
    let qmp = Qmp::connect(&sockets.qmp).or_unknown(format_args!("talking to the network {name}"))?;
    let uplink = uplink::start(&own, &sockets.hub, &sockets.stack).inspect_err(|_| {
        process.kill();
    })?;
    let mut gateway = Gateway {
        record: Record {
            process,
            uplink,
            qmp: sockets.qmp,
            ports: BTreeMap::new(),
        },
        qmp,
    };
    write(home, name, &gateway.record)?;
    // Machines that were on it before its process was killed connect again by themselves.
    for record in running::all_unlocked(home)? {
        for port in record.ports.iter().filter(|port| port.network == *name) {
            gateway.add_port(&port.id, &port.socket)?;
        }
    }
    for forward in forwards::read(home, name)? {
        // Somebody else may use that port by now; the machines on the network are worth more than one forward.
        if let Err(fault) = gateway.add_forward(&forward) {
            crate::report(&fault);
        }
    }
    write(home, name, &gateway.record)?;
    Ok(gateway)
}

fn stop(home: &Home, name: &str, mut gateway: Gateway) {
    let _ = gateway.qmp.execute("quit", &json!({}));
    if !gateway.record.process.wait_gone(std::time::Duration::from_secs(5)) {
        gateway.record.process.kill();
    }
    // It ends with its sockets; this only makes sure of it.
    if !gateway.record.uplink.wait_gone(std::time::Duration::from_secs(2)) {
        gateway.record.uplink.kill();
    }
    let Sockets { qmp, pid, hub, stack } = Sockets::of(home, name);
    for file in [qmp, pid, hub, stack, home.network_file(name, "gateway")] {
        let _ = std::fs::remove_file(file);
    }
}

/// Where a network's process is reached.
struct Sockets {
    qmp: PathBuf,
    pid: PathBuf,
    /// The uplink's side of the hub.
    hub: PathBuf,
    /// The uplink's side of the stack.
    stack: PathBuf,
}

impl Sockets {
    fn of(home: &Home, network: &str) -> Self {
        let file = |what: &str| home.socket(&format!("{network}.{what}"));
        Self {
            qmp: file("qmp"),
            pid: file("pid"),
            hub: file("hub"),
            stack: file("stack"),
        }
    }
}

impl Gateway {
    fn add_port(&mut self, id: &str, socket: &Path) -> Result<(), Fault> {
        let _ = std::fs::remove_file(socket);
        let address = json!({ "type": "unix", "path": socket.to_string_lossy() });
        self.qmp
            .execute(
                "netdev_add",
                &json!({ "type": "stream", "id": id, "server": true, "addr": address }),
            )
            .and_then(|_| {
                let hub = json!({ "type": "hubport", "id": format!("hub-{id}"), "hubid": 0, "netdev": id });
                self.qmp.execute("netdev_add", &hub)
            })
            .or_unknown("adding a port to the network")?;
        self.record.ports.insert(id.to_owned(), socket.to_owned());
        Ok(())
    }

    fn remove_port(&mut self, id: &str) {
        if self.record.ports.remove(id).is_some() {
            for netdev in [format!("hub-{id}"), id.to_owned()] {
                let _ = self.qmp.execute("netdev_del", &json!({ "id": netdev }));
            }
        }
    }

    /// Starts forwarding a port.
    pub(crate) fn add_forward(&mut self, forward: &Forward) -> Result<(), Fault> {
        self.forward(&format!("hostfwd_add gateway {}", forward.rule()))
    }

    /// Stops forwarding a port.
    pub(crate) fn remove_forward(&mut self, forward: &Forward) -> Result<(), Fault> {
        self.forward(&format!("hostfwd_remove gateway {}", forward.host_side()))
    }

    fn forward(&mut self, command: &str) -> Result<(), Fault> {
        let answer = self
            .qmp
            .monitor(command)
            .map_err(|error: QmpError| Fault::unknown(error.to_string()))?;
        // The monitor says "... removed" where it did, and nothing at all after an addition that worked.
        if answer.is_empty() || answer.ends_with("removed") {
            return Ok(());
        }
        Err(Fault::unknown(format!("{command}: {answer}")))
    }
}

/// QEMU's arguments for a network.
fn arguments(network: &Network, own: &Path, sockets: &Sockets) -> Vec<OsString> {
    let mut user = format!(
        "user,id=gateway,ipv6=off,net={}/24,dhcpstart={}",
        network.subnet,
        network.address(128)
    );
    match network.kind {
        // `restrict` keeps guests away from everything but named ports. The host's own address on the network, .1, must then
        // not be the stack's own address, because connections can only be handed on from an address the stack does not use.
        Kind::HostOnly => {
            let _ = write!(
                user,
                ",restrict=on,host={},dns={}",
                network.address(254),
                network.address(253)
            );
            for port in &network.host_ports {
                let command = format!("{} {} {port}", shell_quote(&own.to_string_lossy()), relay::NAME);
                let _ = write!(
                    user,
                    ",guestfwd=tcp:{}:{port}-cmd:{}",
                    network.address(1),
                    comma(&command)
                );
            }
        }
        Kind::Nat => {
            let _ = write!(user, ",host={},dns={}", network.address(2), network.address(3));
        }
    }
    let mut line: Vec<OsString> = ["-M", "none", "-nodefaults", "-no-user-config", "-display", "none"]
        .map(Into::into)
        .into();
    let stream =
        |id: &str, path: &Path| format!("stream,id={id},server=on,addr.type=unix,addr.path={}", comma_path(path));
    for (option, value) in [
        // Hub 1 has the stack and the uplink's one end, hub 0 the other end and the machines; see `uplink`.
        ("-netdev", user),
        ("-netdev", "hubport,id=hub-gateway,hubid=1,netdev=gateway".to_owned()),
        ("-netdev", stream("stack", &sockets.stack)),
        ("-netdev", "hubport,id=hub-stack,hubid=1,netdev=stack".to_owned()),
        ("-netdev", stream("uplink", &sockets.hub)),
        ("-netdev", "hubport,id=hub-uplink,hubid=0,netdev=uplink".to_owned()),
        (
            "-chardev",
            format!("socket,id=qmp,server=on,wait=off,path={}", comma_path(&sockets.qmp)),
        ),
        ("-mon", "chardev=qmp,mode=control".to_owned()),
    ] {
        line.push(option.into());
        line.push(value.into());
    }
    line.extend(["-pidfile".into(), sockets.pid.clone().into(), "-daemonize".into()]);
    line
}

/// Quotes a word the way shells read it; QEMU splits the relay's command line like one.
fn shell_quote(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

fn read(home: &Home, network: &str) -> Result<Option<Record>, Fault> {
    match std::fs::read(home.network_file(network, "gateway")) {
        Ok(bytes) => Ok(serde_json::from_slice(&bytes).ok()),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(Fault::unknown(format!(
            "reading the record of the network {network}: {error}"
        ))),
    }
}

fn write(home: &Home, network: &str, record: &Record) -> Result<(), Fault> {
    let path = home.network_file(network, "gateway");
    let bytes = serde_json::to_vec_pretty(record).or_unknown("describing the network")?;
    files::replace(&path, &bytes).or_unknown(format_args!("writing {}", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::Ipv4Addr;

    fn user_netdev(kind: Kind, own: &str) -> String {
        let network = Network {
            kind,
            subnet: Ipv4Addr::new(192, 168, 6, 0),
            host_ports: vec![5000, 5443],
        };
        let [qmp, pid, hub, stack] = ["q", "p", "h", "s"].map(|name| Path::new("/run").join(name));
        let line = arguments(&network, Path::new(own), &Sockets { qmp, pid, hub, stack });
        let at = line
            .iter()
            .position(|argument| argument == "-netdev")
            .expect("a network");
        line[at + 1].to_string_lossy().into_owned()
    }

    #[test]
    fn a_host_only_network_is_restricted_to_the_named_host_ports() {
        assert_eq!(
            user_netdev(Kind::HostOnly, "/opt/a, b/it's"),
            "user,id=gateway,ipv6=off,net=192.168.6.0/24,dhcpstart=192.168.6.128,restrict=on,host=192.168.6.254,\
             dns=192.168.6.253,guestfwd=tcp:192.168.6.1:5000-cmd:'/opt/a,, b/it'\\''s' __relay 5000,\
             guestfwd=tcp:192.168.6.1:5443-cmd:'/opt/a,, b/it'\\''s' __relay 5443"
        );
    }

    #[test]
    fn a_nat_network_is_not_restricted_and_runs_no_relay() {
        let netdev = user_netdev(Kind::Nat, "/bin/x");
        assert!(!netdev.contains("restrict") && !netdev.contains("cmd:"), "{netdev}");
    }
}
