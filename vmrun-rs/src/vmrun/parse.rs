//! Reads what `vmrun` prints. Every parser takes bytes and returns a typed value or says what it did not understand.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use serde::Serialize;
use thiserror::Error;

/// Output that is not what the command prints.
#[derive(Debug, Error, PartialEq, Eq)]
#[error("{what} expected, got {got:?}")]
pub struct ParseError {
    what: &'static str,
    got: String,
}

impl ParseError {
    fn new(what: &'static str, got: &[u8]) -> Self {
        let got = String::from_utf8_lossy(got);
        Self {
            what,
            got: got.chars().take(120).collect(),
        }
    }
}

/// The version that `vmrun` prints above its help text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Version {
    /// For example `1.17.0`. It has not changed since 2017: the build tells releases apart.
    pub version: String,
    /// For example `24832109`.
    pub build: Option<String>,
    /// The whole line, which names a drop-in that is not VMware's.
    pub line: String,
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.version)?;
        self.build.iter().try_for_each(|build| write!(f, " build-{build}"))
    }
}

/// What `checkToolsState` says. It is no test of readiness: guest operations can work while it says `installed`, and fail
/// while it says `running`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ToolsState {
    /// Not known; also before the first start.
    Unknown,
    /// Installed, not answering.
    Installed,
    /// Answering.
    Running,
}

/// A virtual network of the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct HostNetwork {
    /// Its number: 8 for `vmnet8`.
    pub index: u32,
    /// Its name, for example `vmnet8`.
    pub name: String,
    /// `bridged`, `hostOnly` or `nat`.
    pub kind: String,
    /// Whether the hypervisor's DHCP server serves it.
    pub dhcp: bool,
    /// Its network address, unless bridged.
    pub subnet: Option<Ipv4Addr>,
    /// Its mask, unless bridged.
    pub mask: Option<Ipv4Addr>,
}

impl HostNetwork {
    /// Whether `address` belongs to this network.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (address, self.subnet, self.mask) {
            (IpAddr::V4(address), Some(subnet), Some(mask)) => address & mask == subnet & mask,
            _ => false,
        }
    }
}

/// A forwarded port of a virtual network.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct PortForwarding {
    /// `tcp` or `udp`.
    pub protocol: String,
    /// The host's port.
    pub host_port: u16,
    /// The guest's address.
    pub guest: Ipv4Addr,
    /// The guest's port.
    pub guest_port: u16,
    /// Free text.
    pub description: String,
}

/// A machine's network adapter (Fusion).
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct NetworkAdapter {
    /// Its number.
    pub index: u32,
    /// `nat`, `bridged`, `hostonly` or `custom`.
    pub kind: String,
    /// Its network, for example `vmnet8`.
    pub network: Option<String>,
}

/// A process in the guest.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct GuestProcess {
    /// Its id.
    pub pid: u64,
    /// The user it runs as.
    pub owner: String,
    /// Its command line.
    pub command: String,
}

/// A snapshot with its place in the tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct SnapshotNode {
    /// Its name.
    pub name: String,
    /// 0 for a root, 1 for its child, and so on.
    pub depth: usize,
}

fn lines(output: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    output
        .split(|&b| b == b'\n')
        .map(|line| line.strip_suffix(b"\r").unwrap_or(line))
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The lines behind a heading like `Total running VMs: 2`, with the number in it. Noise before the heading is skipped.
fn listing<'a>(output: &'a [u8], heading: &'static str) -> Result<(usize, impl Iterator<Item = &'a [u8]>), ParseError> {
    let mut lines = lines(output);
    let count = lines
        .by_ref()
        .find_map(|line| {
            let rest = line.trim_ascii().strip_prefix(heading.as_bytes())?;
            str::from_utf8(rest.strip_prefix(b":")?).ok()?.trim().parse().ok()
        })
        .ok_or_else(|| ParseError::new(heading, output))?;
    Ok((count, lines))
}

/// `vmrun` without arguments, or with a wrong one.
pub fn version(output: &[u8]) -> Result<Version, ParseError> {
    lines(output)
        .find_map(|line| {
            let line = text(line.trim_ascii());
            let at = line.find("version ")?;
            let mut words = line[at + "version ".len()..].split_whitespace();
            let version = words
                .next()
                .filter(|v| v.starts_with(|c: char| c.is_ascii_digit()))?
                .to_owned();
            let build = words.find_map(|word| word.strip_prefix("build-")).map(str::to_owned);
            Some(Version { version, build, line })
        })
        .ok_or_else(|| ParseError::new("vmrun version", output))
}

/// `list`: the paths of the running machines. Lines that are no absolute path are noise.
pub fn running(output: &[u8]) -> Result<Vec<PathBuf>, ParseError> {
    let (_, lines) = listing(output, "Total running VMs")?;
    Ok(absolute(lines))
}

/// `listRegisteredVM`: the lines that are an absolute path.
pub fn paths(output: &[u8]) -> Vec<PathBuf> {
    absolute(lines(output))
}

fn absolute<'a>(lines: impl Iterator<Item = &'a [u8]>) -> Vec<PathBuf> {
    lines
        .filter(|line| !line.is_empty())
        .map(crate::path::from_bytes)
        .filter(|path| path.is_absolute())
        .collect()
}

/// `listSnapshots`, oldest first.
pub fn snapshots(output: &[u8]) -> Result<Vec<String>, ParseError> {
    let (count, lines) = listing(output, "Total snapshots")?;
    Ok(lines
        .filter(|line| !line.trim_ascii().is_empty())
        .take(count)
        .map(text)
        .collect())
}

/// `listSnapshots showTree`: children are indented by tabs.
pub fn snapshot_tree(output: &[u8]) -> Result<Vec<SnapshotNode>, ParseError> {
    let (count, lines) = listing(output, "Total snapshots")?;
    let node = |line: &[u8]| {
        let depth = line.iter().take_while(|&&b| b == b'\t').count();
        SnapshotNode {
            name: text(&line[depth..]),
            depth,
        }
    };
    Ok(lines
        .filter(|line| !line.trim_ascii().is_empty())
        .take(count)
        .map(node)
        .collect())
}

/// `checkToolsState`.
pub fn tools_state(output: &[u8]) -> Result<ToolsState, ParseError> {
    let last = lines(output)
        .map(<[u8]>::trim_ascii)
        .rfind(|line| !line.is_empty())
        .unwrap_or_default();
    match last {
        b"unknown" => Ok(ToolsState::Unknown),
        b"installed" => Ok(ToolsState::Installed),
        b"running" => Ok(ToolsState::Running),
        other => Err(ParseError::new("unknown, installed or running", other)),
    }
}

/// `getGuestIPAddress`. While a guest boots, `unknown` is printed with exit code 0.
pub fn guest_address(output: &[u8]) -> Result<Option<IpAddr>, ParseError> {
    let last = lines(output)
        .map(<[u8]>::trim_ascii)
        .rfind(|line| !line.is_empty())
        .unwrap_or_default();
    if last.is_empty() || last.eq_ignore_ascii_case(b"unknown") {
        return Ok(None);
    }
    str::from_utf8(last)
        .ok()
        .and_then(|t| t.parse().ok())
        .map(Some)
        .ok_or_else(|| ParseError::new("an IP address", last))
}

/// `listHostNetworks`.
pub fn host_networks(output: &[u8]) -> Result<Vec<HostNetwork>, ParseError> {
    let (_, lines) = listing(output, "Total host networks")?;
    let address = |word: Option<&str>| word.and_then(|w| w.parse().ok());
    Ok(lines
        .filter_map(|line| {
            let line = text(line);
            let mut words = line.split_whitespace();
            Some(HostNetwork {
                index: words.next()?.parse().ok()?,
                name: words.next()?.to_owned(),
                kind: words.next()?.to_owned(),
                dhcp: words.next()?.eq_ignore_ascii_case("true"),
                subnet: address(words.next()),
                mask: address(words.next()),
            })
        })
        .collect())
}

/// `listPortForwardings`. The protocol, host port, guest address and guest port are found in this order, behind an index.
pub fn port_forwardings(output: &[u8]) -> Result<Vec<PortForwarding>, ParseError> {
    let (_, lines) = listing(output, "Total port forwardings")?;
    Ok(lines
        .filter_map(|line| {
            let line = text(line);
            let mut words = line.split_whitespace();
            let _index: u32 = words.next()?.parse().ok()?;
            let protocol = words.next()?.to_ascii_lowercase();
            Some(PortForwarding {
                protocol,
                host_port: words.next()?.parse().ok()?,
                guest: words.next()?.parse().ok()?,
                guest_port: words.next()?.parse().ok()?,
                description: words.collect::<Vec<_>>().join(" "),
            })
        })
        .collect())
}

/// `listNetworkAdapters`.
pub fn network_adapters(output: &[u8]) -> Result<Vec<NetworkAdapter>, ParseError> {
    let (_, lines) = listing(output, "Total network adapters")?;
    Ok(lines
        .filter_map(|line| {
            let line = text(line);
            let mut words = line.split_whitespace();
            let index = words.next()?.parse().ok()?;
            Some(NetworkAdapter {
                index,
                kind: words.next()?.to_owned(),
                network: words.next().map(str::to_owned),
            })
        })
        .collect())
}

/// `listProcessesInGuest`: `pid=1234, owner=USER, cmd=…`, where the command may hold `, ` too.
pub fn processes(output: &[u8]) -> Result<Vec<GuestProcess>, ParseError> {
    let (_, lines) = listing(output, "Process list")?;
    Ok(lines
        .filter_map(|line| {
            let line = text(line);
            let rest = line.trim_start().strip_prefix("pid=")?;
            let (pid, rest) = rest.split_once(", owner=")?;
            let (owner, command) = rest.split_once(", cmd=")?;
            Some(GuestProcess {
                pid: pid.parse().ok()?,
                owner: owner.to_owned(),
                command: command.to_owned(),
            })
        })
        .collect())
}

/// `listDirectoryInGuest`.
pub fn directory(output: &[u8]) -> Result<Vec<String>, ParseError> {
    let (count, lines) = listing(output, "Directory list")?;
    Ok(lines.filter(|line| !line.is_empty()).take(count).map(text).collect())
}

/// One value on a line of its own (`readVariable`, `CreateTempfileInGuest`); an empty line is no value.
pub fn value(output: &[u8]) -> Option<Vec<u8>> {
    let value = output.strip_suffix(b"\n").unwrap_or(output);
    let value = value.strip_suffix(b"\r").unwrap_or(value);
    (!value.is_empty()).then(|| value.to_vec())
}

#[cfg(test)]
mod tests;
