//! Addresses of guests, and ways from this host to them.

use std::collections::HashSet;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};
use std::time::{Duration, Instant};

use time::OffsetDateTime;

use crate::error::{HypervisorError, VmrunError};
use crate::failure::FailureClass;
use crate::hypervisor::{AddressSource, ReportedAddress, VmId};
use crate::leases;
use crate::vmrun::{HostNetwork, PortForwarding, locks};
use crate::vmx::VmxFile;

use super::{Workstation, doing};

/// How many free ports are tried before giving up.
const PORT_ATTEMPTS: usize = 8;

/// The ports that this process has chosen: those that others set meanwhile are in no list that was made before.
static CHOSEN: LazyLock<Mutex<HashSet<u16>>> = LazyLock::new(Mutex::default);

impl Workstation {
    pub(super) async fn reported_address(&self, vm: &VmId) -> Result<Option<ReportedAddress>, HypervisorError> {
        let vmx = Self::vmx_path(vm);
        let file = Self::open(vm, "read the configuration of")?.file;
        let networks = self.networks_of(&file).await;
        let from_tools = match self.vmrun.guest_address(&vmx, false).await {
            Ok(address) => address.filter(|address| believable(*address, &networks)),
            Err(error) if is_not_known_yet(&error) => None,
            Err(error) => return Err(doing(format!("ask for the address of {vm}"))(error)),
        };
        let leased = leased(&file, self.options.lease_files.as_deref(), OffsetDateTime::now_utc());
        Ok(agree(from_tools, &leased, &networks))
    }

    /// The host networks that the machine's interfaces are on, as far as they are known.
    async fn networks_of(&self, file: &VmxFile) -> Vec<HostNetwork> {
        let wanted: Vec<String> = interfaces(file).map(|(_, network)| network).collect();
        match self.known_networks().await {
            Ok(all) => all
                .into_iter()
                .filter(|n| wanted.iter().any(|w| w.eq_ignore_ascii_case(&n.name)))
                .collect(),
            Err(error) => {
                tracing::debug!(%error, "the host's networks are not known");
                Vec::new()
            }
        }
    }

    /// The host's networks, asked for once a minute: an address is polled for, and networks do not change meanwhile.
    pub(super) async fn known_networks(&self) -> Result<Vec<HostNetwork>, VmrunError> {
        const FRESH: Duration = Duration::from_secs(60);
        let mut known = self.networks.lock().await;
        if let Some((_, networks)) = known.as_ref().filter(|(asked, _)| asked.elapsed() < FRESH) {
            return Ok(networks.clone());
        }
        let networks = self.vmrun.host_networks().await?;
        *known = Some((Instant::now(), networks.clone()));
        Ok(networks)
    }

    pub(super) async fn reach(&self, network: &str, guest: SocketAddr) -> Result<SocketAddr, HypervisorError> {
        let no_route = |reason: String| HypervisorError::NoRoute {
            network: network.to_owned(),
            guest,
            reason,
        };
        let SocketAddr::V4(target) = guest else {
            return Err(no_route("virtual networks are reached by IPv4 addresses".to_owned()));
        };
        let networks = self
            .known_networks()
            .await
            .map_err(doing("list the host's virtual networks"))?;
        let known = networks.iter().find(|n| n.name.eq_ignore_ascii_case(network));
        if is_directly_reachable(*target.ip(), known) {
            return Ok(guest);
        }
        let (ip, port) = (*target.ip(), target.port());
        // One at a time for one guest, so that parallel callers share a forwarding.
        let _turn = locks::lock(&format!("endpoint:{}:{guest}", network.to_ascii_lowercase())).await;
        let mut reason = "every free port of this host that was tried was taken meanwhile".to_owned();
        for _ in 0..PORT_ATTEMPTS {
            // All guests share one look at the list; only the changes are made one after the other.
            let existing = self.vmrun.port_forwardings_now(network).await;
            let existing = existing.map_err(|error| no_route(unforwardable(&error)))?;
            let ours = existing
                .iter()
                .find(|f| f.protocol == "tcp" && f.guest == ip && f.guest_port == port);
            if let Some(forwarding) = ours {
                return Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, forwarding.host_port)));
            }
            let host_port = free_port().map_err(|error| no_route(format!("no free port on this host: {error}")))?;
            if !choose(host_port, &existing) {
                continue;
            }
            // Another process may take the port in between; the list says whether it became ours.
            if let Err(error) = self
                .vmrun
                .set_port_forwarding(network, "tcp", host_port, (ip, port), None)
                .await
            {
                reason = unforwardable(&error);
                if matches!(
                    error.class(),
                    FailureClass::Usage | FailureClass::Permission | FailureClass::Spawn
                ) {
                    break;
                }
            }
        }
        Err(no_route(reason))
    }

    pub(super) async fn release(&self, network: &str, guest: IpAddr) -> Result<(), HypervisorError> {
        let existing = match self.vmrun.port_forwardings(network).await {
            Ok(existing) => existing,
            // A network that has no forwardings, or none any more, has none to this guest.
            Err(error) if error.class() == FailureClass::Spawn => return Err(doing("list forwarded ports")(error)),
            Err(error) => {
                tracing::debug!(%error, "the network has no list of forwarded ports");
                return Ok(());
            }
        };
        for forwarding in existing.iter().filter(|f| IpAddr::V4(f.guest) == guest) {
            let deleted = self
                .vmrun
                .delete_port_forwarding(network, &forwarding.protocol, forwarding.host_port)
                .await;
            deleted.map_err(doing(format!(
                "remove the forwarded port {} to {guest}",
                forwarding.host_port
            )))?;
        }
        Ok(())
    }
}

fn unforwardable(error: &VmrunError) -> String {
    format!(
        "it has no interface in that network, and a forwarded port cannot be set: {error}; VMware forwards ports only of \
         NAT networks and asks for administrator rights"
    )
}

/// What a booting, a headless or a just stopped machine answers.
fn is_not_known_yet(error: &VmrunError) -> bool {
    use FailureClass::{NetworkAddress, NotPoweredOn, Timeout, ToolsNotRunning};
    matches!(error.class(), ToolsNotRunning | NetworkAddress | NotPoweredOn | Timeout)
}

/// Container bridges inside the guest report addresses too: where the machine's networks are known, only theirs count.
fn believable(address: IpAddr, networks: &[HostNetwork]) -> bool {
    let all_known = networks.iter().all(|network| network.subnet.is_some());
    leases::is_plausible(address) && (networks.is_empty() || !all_known || is_inside(address, networks))
}

fn is_inside(address: IpAddr, networks: &[HostNetwork]) -> bool {
    networks.iter().any(|network| network.contains(address))
}

/// Checks what Tools say against the leases of the machine's own cards.
///
/// Tools report the address of any interface of the guest, so a lease decides where they contradict one another. Only an
/// address that lies in the same network as the lease, or in another network of the machine, is kept: that is a guest
/// with a static address, whose installer once asked for a lease.
fn agree(tools: Option<IpAddr>, leased: &[Ipv4Addr], networks: &[HostNetwork]) -> Option<ReportedAddress> {
    let report = |address, source| Some(ReportedAddress { address, source });
    let Some(address) = tools else {
        return leased
            .first()
            .and_then(|address| report((*address).into(), AddressSource::Lease));
    };
    if leased.iter().any(|lease| IpAddr::V4(*lease) == address) {
        return report(address, AddressSource::ToolsAndLease);
    }
    match leased.first() {
        Some(lease) if !is_inside(address, networks) && !leased.iter().any(|lease| are_neighbours(*lease, address)) => {
            tracing::debug!(%address, %lease, "the address that Tools report belongs to no network of the machine");
            report((*lease).into(), AddressSource::Lease)
        }
        _ => report(address, AddressSource::Tools),
    }
}

/// VMware's virtual networks have 24 bits unless somebody changed them.
fn are_neighbours(a: Ipv4Addr, b: IpAddr) -> bool {
    matches!(b, IpAddr::V4(b) if a.octets()[..3] == b.octets()[..3])
}

/// The machine's interfaces: MAC address (set, or generated at the first start) and network.
fn interfaces(file: &VmxFile) -> impl Iterator<Item = (Option<String>, String)> {
    (0..10)
        .filter(|n| file.is_true(&format!("ethernet{n}.present")))
        .map(|n| {
            let get = |suffix: &str| file.get(&format!("ethernet{n}.{suffix}"));
            let network = match get("connectionType").unwrap_or_default().to_ascii_lowercase().as_str() {
                "hostonly" => "vmnet1".to_owned(),
                "nat" => "vmnet8".to_owned(),
                _ => {
                    let vnet = get("vnet").unwrap_or_else(|| "vmnet0".to_owned());
                    Path::new(&vnet)
                        .file_name()
                        .map_or(vnet.clone(), |name| name.to_string_lossy().into_owned())
                }
            };
            (get("address").or_else(|| get("generatedAddress")), network)
        })
}

/// Whether one of the machine's interfaces is on this network.
pub(super) fn is_on(file: &VmxFile, network: &str) -> bool {
    interfaces(file).any(|(_, name)| name.eq_ignore_ascii_case(network))
}

/// The addresses that the hypervisor's own DHCP server has leased to the machine's cards until later than `now`, in the
/// order of the cards. `files` stands for the places where the product keeps its leases.
fn leased(file: &VmxFile, files: Option<&[PathBuf]>, now: OffsetDateTime) -> Vec<Ipv4Addr> {
    interfaces(file)
        .filter_map(|(mac, network)| {
            let mac = mac?;
            let files = files.map_or_else(|| leases::files(&network), <[PathBuf]>::to_vec);
            files.iter().find_map(|path| {
                let leases = leases::parse(&std::fs::read(path).ok()?);
                let lease = leases::best(&leases, &mac, now)?;
                let holds = lease.is_valid(now) && leases::is_plausible(lease.address.into());
                holds.then_some(lease.address)
            })
        })
        .collect()
}

/// Whether this host has an interface in the guest's network: then the address that it would send from is in there too.
/// Connecting a UDP socket sends nothing.
fn is_directly_reachable(guest: Ipv4Addr, network: Option<&HostNetwork>) -> bool {
    let local = || -> std::io::Result<IpAddr> {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0))?;
        socket.connect((guest, 9))?;
        Ok(socket.local_addr()?.ip())
    };
    let Ok(IpAddr::V4(local)) = local() else { return false };
    match network.filter(|network| network.subnet.is_some()) {
        Some(network) => network.contains(local.into()) && network.contains(guest.into()),
        None => local.octets()[..3] == guest.octets()[..3],
    }
}

/// Takes a port for this process, unless it is forwarded or was chosen already: no two guests get the same.
fn choose(port: u16, existing: &[PortForwarding]) -> bool {
    !existing.iter().any(|forwarding| forwarding.host_port == port)
        && CHOSEN.lock().unwrap_or_else(PoisonError::into_inner).insert(port)
}

/// A port that is free now. It can be taken before it is used: whoever uses it must look.
fn free_port() -> std::io::Result<u16> {
    Ok(std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?
        .local_addr()?
        .port())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vmrun::parse;

    fn networks() -> Vec<HostNetwork> {
        parse::host_networks(b"Total host networks: 1\n1 vmnet1 hostOnly true 192.168.6.0 255.255.255.0\n").unwrap()
    }

    #[test]
    fn an_address_of_another_network_is_a_bridge_inside_the_guest() {
        assert!(believable([192, 168, 6, 10].into(), &networks()));
        assert!(!believable([10, 42, 0, 7].into(), &networks()));
        assert!(!believable([192, 168, 6, 1].into(), &networks()));
        assert!(believable([10, 42, 0, 7].into(), &[]));
    }

    fn vmnet1_machine() -> VmxFile {
        VmxFile::parse(
            b"ethernet0.present = \"TRUE\"\nethernet0.connectionType = \"hostonly\"\n\
              ethernet0.generatedAddress = \"00:0C:29:00:00:01\"\n",
        )
    }

    #[test]
    fn tools_and_the_lease_of_the_card_are_checked_against_one_another() {
        let (own, lease): (IpAddr, Ipv4Addr) = ([192, 168, 6, 10].into(), [192, 168, 6, 10].into());
        let said = |tools: Option<IpAddr>, leased: &[Ipv4Addr], networks: &[HostNetwork]| {
            agree(tools, leased, networks).map(|found| (found.address, found.source))
        };
        for networks in [&networks()[..], &[]] {
            assert_eq!(
                said(Some(own), &[lease], networks),
                Some((own, AddressSource::ToolsAndLease))
            );
            assert_eq!(said(None, &[lease], networks), Some((own, AddressSource::Lease)));
            assert_eq!(said(Some(own), &[], networks), Some((own, AddressSource::Tools)));
            assert_eq!(said(None, &[], networks), None);
            // A container's bridge that looks like an address of its own.
            assert_eq!(
                said(Some([10, 88, 0, 7].into()), &[lease], networks),
                Some((own, AddressSource::Lease))
            );
            // Static since the installer's lease.
            let fixed: IpAddr = [192, 168, 6, 77].into();
            assert_eq!(
                said(Some(fixed), &[lease], networks),
                Some((fixed, AddressSource::Tools))
            );
        }
        // The second card's lease agrees as well as the first one's.
        let second = [[192, 168, 40, 128].into(), lease];
        assert_eq!(said(Some(own), &second, &[]), Some((own, AddressSource::ToolsAndLease)));
    }

    #[test]
    fn only_a_lease_of_the_machines_own_card_that_holds_now_counts() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("dhcpd.leases");
        let block = |address: &str, ends: &str, mac: &str| {
            format!(
                "lease {address} {{\n\tstarts 3 2020/05/13 12:00:00;\n\tends 3 2020/05/13 {ends};\n\thardware ethernet {mac};\n}}\n"
            )
        };
        let now = time::macros::datetime!(2020-05-13 12:10:00 UTC);
        let found = |text: String| {
            std::fs::write(&path, text).unwrap();
            leased(&vmnet1_machine(), Some(&[dir.path().join("absent"), path.clone()]), now)
        };
        let own = "00:0c:29:00:00:01";
        assert_eq!(
            found(block("192.168.6.128", "12:30:00", own)),
            [Ipv4Addr::new(192, 168, 6, 128)]
        );
        for nothing in [
            block("192.168.6.128", "12:05:00", own),
            block("192.168.6.128", "12:30:00", "00:0c:29:00:00:02"),
            block("192.168.6.1", "12:30:00", own),
            String::new(),
        ] {
            assert_eq!(found(nothing), [] as [Ipv4Addr; 0]);
        }
    }

    #[test]
    fn interfaces_are_named_as_the_command_line_names_them() {
        let file = VmxFile::parse(
            b"ethernet0.present = \"TRUE\"\nethernet0.connectionType = \"custom\"\nethernet0.vnet = \"/dev/vmnet1\"\n\
              ethernet0.address = \"00:50:56:00:00:10\"\nethernet1.present = \"TRUE\"\nethernet1.connectionType = \"nat\"\n\
              ethernet1.generatedAddress = \"00:0c:29:00:00:01\"\nethernet2.present = \"FALSE\"\n",
        );
        let found: Vec<_> = interfaces(&file).map(|(mac, net)| (mac.unwrap(), net)).collect();
        let pair = |mac: &str, net: &str| (mac.to_owned(), net.to_owned());
        assert_eq!(
            found,
            [pair("00:50:56:00:00:10", "vmnet1"), pair("00:0c:29:00:00:01", "vmnet8")]
        );
    }

    #[test]
    fn a_port_that_is_forwarded_or_was_chosen_before_is_not_chosen() {
        let list = b"Total port forwardings: 1\nINDEX PROTOCOL HOST PORT\n0 tcp 2 198.51.100.10 22\n";
        let existing = parse::port_forwardings(list).unwrap();
        assert_eq!(existing.len(), 1);
        assert!(!choose(2, &existing));
        // Whoever looked at the list before the first one set its port does not see it there.
        assert!(choose(3, &existing));
        assert!(!choose(3, &existing));
    }

    #[test]
    fn loopback_is_reached_directly_and_a_foreign_network_is_not() {
        assert!(is_directly_reachable([127, 0, 0, 2].into(), None));
        assert!(!is_directly_reachable([203, 0, 113, 9].into(), networks().first()));
    }
}
