//! Forwarded ports: host loopback to guest. They belong to a network, outlive its machines, and work while it runs.

use std::fmt::Write as _;
use std::net::{Ipv4Addr, TcpListener, UdpSocket};

use serde::{Deserialize, Serialize};

use super::{config, gateway};
use crate::fault::{Fault, OrUnknown};
use crate::files;
use crate::home::Home;

/// TCP or UDP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Protocol {
    Tcp,
    Udp,
}

impl Protocol {
    fn parse(text: &str) -> Result<Self, Fault> {
        match text.to_ascii_lowercase().as_str() {
            "tcp" => Ok(Protocol::Tcp),
            "udp" => Ok(Protocol::Udp),
            _ => Err(Fault::invalid(format!("{text} is neither tcp nor udp"))),
        }
    }

    fn name(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
        }
    }
}

/// One forwarded port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Forward {
    protocol: Protocol,
    host_port: u16,
    guest_address: Ipv4Addr,
    guest_port: u16,
    text: String,
}

impl Forward {
    /// For the monitor's `hostfwd_add`: only the host's own programs may connect.
    pub(crate) fn rule(&self) -> String {
        let Self {
            protocol,
            host_port,
            guest_address,
            guest_port,
            ..
        } = self;
        format!("{}:127.0.0.1:{host_port}-{guest_address}:{guest_port}", protocol.name())
    }

    /// For the monitor's `hostfwd_remove`.
    pub(crate) fn host_side(&self) -> String {
        format!("{}:127.0.0.1:{}", self.protocol.name(), self.host_port)
    }

    fn check_free(&self) -> Result<(), Fault> {
        let address = (Ipv4Addr::LOCALHOST, self.host_port);
        let result = match self.protocol {
            Protocol::Tcp => TcpListener::bind(address).map(drop),
            Protocol::Udp => UdpSocket::bind(address).map(drop),
        };
        result.or_unknown(format_args!(
            "the host's {} port {} cannot be used",
            self.protocol.name(),
            self.host_port
        ))
    }
}

/// `setPortForwarding`: adds a forward, or changes where one leads.
pub(crate) fn set(
    home: &Home,
    network: &str,
    protocol: &str,
    host_port: u16,
    guest: (Ipv4Addr, u16),
    text: &str,
) -> Result<(), Fault> {
    let (name, network) = config::named(home, network)?;
    let (guest_address, guest_port) = guest;
    if network.address(0) != Ipv4Addr::from(u32::from(guest_address) & 0xffff_ff00) || host_port == 0 || guest_port == 0
    {
        return Err(Fault::invalid(format!(
            "{guest_address}:{guest_port} is not an address of {name} ({}/24) with a port",
            network.subnet
        )));
    }
    let new = Forward {
        protocol: Protocol::parse(protocol)?,
        host_port,
        guest_address,
        guest_port,
        text: text.to_owned(),
    };
    let _lock = gateway::lock(home, &name)?;
    let mut all = read(home, &name)?;
    let old = all
        .iter()
        .position(|old| (old.protocol, old.host_port) == (new.protocol, new.host_port));
    if let Some(at) = old.filter(|&at| all[at].rule() == new.rule()) {
        all[at].text = new.text;
        return write(home, &name, &all);
    }
    let old = old.map(|at| all.remove(at));
    if let Some(mut gateway) = gateway::revived(home, &name, &network)? {
        if let Some(old) = &old {
            gateway.remove_forward(old)?;
        }
        gateway.add_forward(&new)?;
    } else if old.is_none() {
        new.check_free()?;
    }
    all.push(new);
    all.sort_by_key(|forward| (forward.protocol, forward.host_port));
    write(home, &name, &all)
}

/// `deletePortForwarding`.
pub(crate) fn delete(home: &Home, network: &str, protocol: &str, host_port: u16) -> Result<(), Fault> {
    let (name, _) = config::named(home, network)?;
    let protocol = Protocol::parse(protocol)?;
    let _lock = gateway::lock(home, &name)?;
    let mut all = read(home, &name)?;
    let Some(at) = all
        .iter()
        .position(|old| (old.protocol, old.host_port) == (protocol, host_port))
    else {
        return Err(Fault::invalid(format!(
            "{name} forwards no {} port {host_port}",
            protocol.name()
        )));
    };
    let old = all.remove(at);
    if let Some(mut gateway) = gateway::running(home, &name)? {
        gateway.remove_forward(&old)?;
    }
    write(home, &name, &all)
}

/// `listPortForwardings`: vmrun's count line, then a table in the manner of its other tables.
pub(crate) fn list(home: &Home, network: &str) -> Result<String, Fault> {
    let (name, _) = config::named(home, network)?;
    let all = read(home, &name)?;
    let mut text = format!("Total port forwardings: {}\n", all.len());
    if !all.is_empty() {
        text.push_str("INDEX  PROTOCOL     HOST PORT    GUEST IP         GUEST PORT   DESCRIPTION\n");
    }
    for (index, forward) in all.iter().enumerate() {
        let Forward {
            protocol,
            host_port,
            guest_address,
            guest_port,
            text: description,
        } = forward;
        let line = format!(
            "{index:<7}{:<13}{host_port:<13}{guest_address:<17}{guest_port:<13}{description}",
            protocol.name()
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    Ok(text)
}

/// `listHostNetworks`
pub(crate) fn list_networks(home: &Home) -> Result<String, Fault> {
    let all = config::all(home)?;
    let mut text = format!("Total host networks: {}\n", all.len());
    text.push_str("INDEX  NAME         TYPE         DHCP         SUBNET           MASK\n");
    for (name, network) in &all {
        let index = name.trim_start_matches("vmnet");
        let _ = writeln!(
            text,
            "{index:<7}{name:<13}{:<13}{:<13}{:<17}255.255.255.0",
            network.kind.name(),
            "true",
            network.subnet
        );
    }
    Ok(text)
}

/// The forwards of a network, sorted.
pub(crate) fn read(home: &Home, network: &str) -> Result<Vec<Forward>, Fault> {
    let path = home.network_file(network, "forwards");
    match std::fs::read(&path) {
        Ok(bytes) => serde_json::from_slice(&bytes).or_unknown(format_args!("reading {}", path.display())),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Fault::unknown(format!("reading {}: {error}", path.display()))),
    }
}

fn write(home: &Home, network: &str, all: &[Forward]) -> Result<(), Fault> {
    let path = home.network_file(network, "forwards");
    let bytes = serde_json::to_vec_pretty(all).or_unknown("describing the forwarded ports")?;
    files::replace(&path, &bytes).or_unknown(format_args!("writing {}", path.display()))
}
