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
    Ok(lines
        .filter(|line| !line.is_empty())
        .map(crate::path::from_bytes)
        .filter(|path| path.is_absolute())
        .collect())
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
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_the_help_text() {
        let help =
            b"\nvmrun version 1.17.0 build-14665864\n\nUsage: vmrun [AUTHENTICATION-FLAGS] COMMAND [PARAMETERS]\n";
        let version = version(help).unwrap();
        assert_eq!(version.to_string(), "1.17.0 build-14665864");
        let older = super::version(b"Invalid argument: --help\r\nvmrun version 1.13.1 (build-1234)\r\n").unwrap();
        assert_eq!(older.version, "1.13.1");
        assert!(super::version(b"bash: vmrun: not found").is_err());
    }

    #[test]
    #[cfg(unix)]
    fn running_machines_are_listed_whatever_noise_and_bytes_there_are() {
        let output = "2025-01-28T22:07:59.876| ServiceImpl_Opener: PID 47808\nTotal running VMs: 2\r\n\
            /vms/한글 이름/a b.vmx\r\nWarning: program compiled against libxml 210 using older 209\n/vms/b.vmx\n";
        let paths = running(output.as_bytes()).unwrap();
        assert_eq!(
            paths,
            [PathBuf::from("/vms/한글 이름/a b.vmx"), PathBuf::from("/vms/b.vmx")]
        );
        assert_eq!(running(b"Total running VMs: 0").unwrap(), Vec::<PathBuf>::new());
        assert_eq!(running(b"Total running VMs: 1\n/vms/\xb0\xa1.vmx\n").unwrap().len(), 1);
        assert!(running(b"").is_err());
        assert!(running(&vec![b'x'; 1 << 20]).is_err());
    }

    #[test]
    fn snapshots_keep_spaces_and_tree_depth() {
        assert_eq!(
            snapshots(b"Total snapshots: 2\nbase\n two words \n").unwrap(),
            ["base", " two words "]
        );
        let tree = snapshot_tree(b"Total snapshots: 3\r\nbase\r\n\tchild\r\n\t\tgrand child\r\n").unwrap();
        let shape: Vec<_> = tree.iter().map(|n| (n.name.as_str(), n.depth)).collect();
        assert_eq!(shape, [("base", 0), ("child", 1), ("grand child", 2)]);
    }

    #[test]
    fn unknown_is_no_address() {
        assert_eq!(guest_address(b"unknown\r\n").unwrap(), None);
        assert_eq!(guest_address(b"\n").unwrap(), None);
        assert_eq!(
            guest_address(b"noise\n192.168.6.10\n").unwrap(),
            Some([192, 168, 6, 10].into())
        );
        assert!(guest_address(b"192.168.6").is_err());
    }

    #[test]
    fn networks_and_forwardings_are_tables() {
        let networks = host_networks(
            b"Total host networks: 3\nINDEX  NAME         TYPE         DHCP         SUBNET           MASK\n\
              0      vmnet0       bridged      false        empty            empty\n\
              1      vmnet1       hostOnly     true         172.16.11.0      255.255.255.0\n\
              8      vmnet8       nat          true         192.168.40.0     255.255.255.0\n",
        )
        .unwrap();
        assert_eq!(networks.len(), 3);
        assert_eq!(networks[0].subnet, None);
        assert!(networks[1].contains([172, 16, 11, 77].into()));
        assert!(!networks[1].contains([172, 16, 12, 77].into()));

        let forwardings = port_forwardings(
            b"Total port forwardings: 1\nINDEX  PROTOCOL     HOST PORT    GUEST IP          GUEST PORT   DESCRIPTION\n\
              0      tcp          2210         192.168.6.10      22           lab ssh\n",
        )
        .unwrap();
        assert_eq!(forwardings[0].guest_port, 22);
        assert_eq!(forwardings[0].description, "lab ssh");
        assert_eq!(port_forwardings(b"Total port forwardings: 0\n").unwrap(), []);
    }

    #[test]
    fn a_process_command_keeps_its_commas() {
        let found =
            processes(b"Process list: 2\npid=1, owner=root, cmd=/sbin/init\npid=99, owner=u, cmd=a, owner=b, cmd=c\n");
        assert_eq!(found.unwrap()[1].command, "a, owner=b, cmd=c");
    }

    #[test]
    fn an_empty_line_is_no_value() {
        assert_eq!(value(b"\r\n"), None);
        assert_eq!(value(b""), None);
        assert_eq!(value(b" a \n").unwrap(), b" a ");
    }

    proptest::proptest! {
        #[test]
        fn no_output_makes_a_parser_panic(output: Vec<u8>) {
            let headed = |heading: &str| [heading.as_bytes(), b": 3\n", &output].concat();
            let _ = (version(&output), running(&headed("Total running VMs")), tools_state(&output), guest_address(&output));
            let _ = (snapshots(&headed("Total snapshots")), snapshot_tree(&headed("Total snapshots")));
            let _ = (host_networks(&headed("Total host networks")), port_forwardings(&headed("Total port forwardings")));
            let _ = (processes(&headed("Process list")), directory(&headed("Directory list")), value(&output));
        }
    }
}
