//! Hardware and network addresses.

use std::fmt;
use std::net::Ipv4Addr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::InvalidValue;

/// The hardware address of one network card; printed in lower case with colons, as netplan matches it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct MacAddr([u8; 6]);

impl MacAddr {
    /// Makes an address of its six bytes. Group addresses and the zero address belong to no card and are refused.
    pub fn new(bytes: [u8; 6]) -> Result<Self, InvalidValue> {
        let mac = Self(bytes);
        if bytes[0] & 1 == 1 {
            return Err(InvalidValue::new(
                "MAC address",
                &mac.to_string(),
                "is a group address, not a card's own",
            ));
        }
        if bytes == [0; 6] {
            return Err(InvalidValue::new("MAC address", &mac.to_string(), "is all zero"));
        }
        Ok(mac)
    }

    /// The six bytes, most significant first.
    pub fn octets(self) -> [u8; 6] {
        self.0
    }
}

impl fmt::Display for MacAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, byte) in self.0.iter().enumerate() {
            let separator = if index == 0 { "" } else { ":" };
            write!(f, "{separator}{byte:02x}")?;
        }
        Ok(())
    }
}

impl FromStr for MacAddr {
    type Err = InvalidValue;

    /// Reads `00:50:56:3f:00:0a`, with colons or with hyphens, in either case.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || InvalidValue::new("MAC address", text, "must be six two-digit hex bytes joined by ':'");
        let separator = if text.contains('-') { '-' } else { ':' };
        let mut bytes = [0; 6];
        let mut parts = text.split(separator);
        for byte in &mut bytes {
            let part = parts.next().ok_or_else(malformed)?;
            if part.len() != 2 || !part.bytes().all(|b| b.is_ascii_hexdigit()) {
                return Err(malformed());
            }
            *byte = u8::from_str_radix(part, 16).map_err(|_| malformed())?;
        }
        if parts.next().is_some() {
            return Err(malformed());
        }
        Self::new(bytes)
    }
}

impl TryFrom<String> for MacAddr {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<MacAddr> for String {
    fn from(mac: MacAddr) -> Self {
        mac.to_string()
    }
}

/// A host's IPv4 address together with the length of its network's prefix, for example `192.168.6.10/24`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct InterfaceAddress {
    address: Ipv4Addr,
    prefix: u8,
}

impl InterfaceAddress {
    /// Joins an address and a prefix length of 1 to 30 bits. The network's own and its broadcast address are refused.
    pub fn new(address: Ipv4Addr, prefix: u8) -> Result<Self, InvalidValue> {
        const WHAT: &str = "interface address";
        let joined = Self { address, prefix };
        let refuse = |reason| Err(InvalidValue::new(WHAT, &joined.to_string(), reason));
        if !(1..=30).contains(&prefix) {
            return refuse("must have a prefix length of 1 to 30");
        }
        if address.is_loopback() || address.is_multicast() || address.is_unspecified() || address.is_broadcast() {
            return refuse("is not an address that a host can have on a network");
        }
        if address == joined.network() {
            return refuse("is the network's own address, not a host's");
        }
        if address == joined.broadcast() {
            return refuse("is the network's broadcast address, not a host's");
        }
        Ok(joined)
    }

    /// The host's address.
    pub fn address(self) -> Ipv4Addr {
        self.address
    }

    /// The length of the network's prefix, in bits.
    pub fn prefix(self) -> u8 {
        self.prefix
    }

    /// The lowest address of the network.
    pub fn network(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.address.to_bits() & self.mask())
    }

    /// The highest address of the network.
    pub fn broadcast(self) -> Ipv4Addr {
        Ipv4Addr::from_bits(self.address.to_bits() | !self.mask())
    }

    /// Whether the other address is on this network.
    pub fn contains(self, other: Ipv4Addr) -> bool {
        other.to_bits() & self.mask() == self.network().to_bits()
    }

    fn mask(self) -> u32 {
        u32::MAX.checked_shl(32 - u32::from(self.prefix.min(32))).unwrap_or(0)
    }
}

impl fmt::Display for InterfaceAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix)
    }
}

impl FromStr for InterfaceAddress {
    type Err = InvalidValue;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let malformed = || InvalidValue::new("interface address", text, "must look like 192.168.6.10/24");
        let (address, prefix) = text.split_once('/').ok_or_else(malformed)?;
        if prefix.is_empty() || !prefix.bytes().all(|b| b.is_ascii_digit()) {
            return Err(malformed());
        }
        Self::new(
            address.parse().map_err(|_| malformed())?,
            prefix.parse().map_err(|_| malformed())?,
        )
    }
}

impl TryFrom<String> for InterfaceAddress {
    type Error = InvalidValue;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<InterfaceAddress> for String {
    fn from(address: InterfaceAddress) -> Self {
        address.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_mac_is_read_in_every_common_form_and_printed_in_one() {
        for text in ["00:50:56:3F:00:0a", "00-50-56-3f-00-0A"] {
            assert_eq!(text.parse::<MacAddr>().unwrap().to_string(), "00:50:56:3f:00:0a");
        }
        for bad in [
            "",
            "00:50:56:3f:00",
            "00:50:56:3f:00:0a:01",
            "0:50:56:3f:00:0a",
            "+0:50:56:3f:00:0a",
        ] {
            assert!(bad.parse::<MacAddr>().is_err(), "{bad:?}");
        }
        assert!(
            "01:00:5e:00:00:01".parse::<MacAddr>().is_err(),
            "a multicast address is no card's own"
        );
        assert!("00:00:00:00:00:00".parse::<MacAddr>().is_err());
    }

    #[test]
    fn only_a_hosts_address_can_be_given_to_an_interface() {
        let address: InterfaceAddress = "192.168.6.10/24".parse().unwrap();
        assert_eq!(address.network(), Ipv4Addr::new(192, 168, 6, 0));
        assert_eq!(address.broadcast(), Ipv4Addr::new(192, 168, 6, 255));
        assert!(address.contains(Ipv4Addr::new(192, 168, 6, 1)));
        assert!(!address.contains(Ipv4Addr::new(192, 168, 7, 1)));
        for bad in [
            "192.168.6.10",
            "192.168.6.10/",
            "192.168.6.10/33",
            "192.168.6.10/+24",
            "192.168.6.0/24",
            "192.168.6.255/24",
            "127.0.0.1/8",
            "0.0.0.0/0",
        ] {
            assert!(bad.parse::<InterfaceAddress>().is_err(), "{bad:?}");
        }
    }
}
