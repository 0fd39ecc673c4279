//! Which addresses are this host's.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

/// Whether an address belongs to this host: then a socket can be bound to it.
///
/// Some hosts bind sockets to any address (Linux with `net.ipv4.ip_nonlocal_bind`, wine): where one for documentation can
/// be bound, too, it counts where the system would send from to reach the address. That alone would miss the second address
/// of an interface.
pub(crate) fn has(ip: IpAddr) -> bool {
    has_if(ip, binds, source)
}

fn has_if(ip: IpAddr, binds: impl Fn(IpAddr) -> bool, source: impl Fn(IpAddr) -> Option<IpAddr>) -> bool {
    // RFC 5737 and RFC 3849: no host has these.
    let nobodys = match ip {
        IpAddr::V4(_) => IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)),
        IpAddr::V6(_) => IpAddr::V6(Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1)),
    };
    binds(ip) && (!binds(nobodys) || source(ip) == Some(ip))
}

fn binds(ip: IpAddr) -> bool {
    UdpSocket::bind((ip, 0)).is_ok()
}

/// The address from which this host would send to another one. Connecting a UDP socket sends nothing.
pub(crate) fn source(ip: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = match ip {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    socket.connect((ip, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    const OWN: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
    /// RFC 5737, TEST-NET-2.
    const FOREIGN: IpAddr = IpAddr::V4(Ipv4Addr::new(198, 51, 100, 10));

    #[test]
    fn an_address_of_this_host_is_known() {
        assert!(has(OWN));
        assert!(!has(FOREIGN));
    }

    #[test]
    fn a_host_that_binds_to_any_address_has_only_those_that_it_sends_from() {
        let from_loopback = |_| Some(OWN);
        assert!(has_if(OWN, |_| true, from_loopback));
        assert!(!has_if(FOREIGN, |_| true, from_loopback));
        assert!(!has_if(FOREIGN, |_| true, |_| None), "there is no way to it");
    }

    #[test]
    fn the_second_address_of_an_interface_is_this_hosts_although_it_sends_from_the_first() {
        assert!(has_if(FOREIGN, |ip| ip == FOREIGN, |_| Some(OWN)));
    }
}
