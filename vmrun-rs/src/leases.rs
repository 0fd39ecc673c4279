//! DHCP leases of VMware's virtual networks: a second source of a guest's address, found by its MAC address.
//!
//! Windows, Linux and Fusion write the ISC format (tabs, on Windows CRLF); Fusion 12 on macOS Big Sur used the system's
//! own server with another format. [`parse`] reads all of them.

use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;

use time::{Date, Month, OffsetDateTime, PrimitiveDateTime, Time};

/// One lease.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Lease {
    /// The address.
    pub address: Ipv4Addr,
    /// The card's address, six pairs of lower-case hexadecimal digits with colons.
    pub mac: String,
    /// When it began, where the format says so.
    pub starts: Option<OffsetDateTime>,
    /// When it ends; `None` means never, or not said.
    pub ends: Option<OffsetDateTime>,
    /// The name the guest gave.
    pub hostname: Option<String>,
}

impl Lease {
    /// Whether it holds at `now`.
    pub fn is_valid(&self, now: OffsetDateTime) -> bool {
        self.starts.is_none_or(|starts| starts <= now) && self.ends.is_none_or(|ends| now < ends)
    }
}

/// Reads a lease file of any format; what is not understood is skipped.
pub fn parse(bytes: &[u8]) -> Vec<Lease> {
    let text = String::from_utf8_lossy(bytes);
    let mut leases = Vec::new();
    let mut open: Option<Draft> = None;
    for line in text.lines().map(str::trim) {
        if line == "}" {
            leases.extend(open.take().and_then(Draft::finish));
        } else if line == "{" {
            open = Some(Draft::default());
        } else if let Some(rest) = line.strip_prefix("lease ").filter(|_| line.ends_with('{')) {
            open = Some(Draft {
                address: rest.trim_end_matches('{').trim().parse().ok(),
                ..Draft::default()
            });
        } else if let Some(draft) = &mut open {
            draft.read(line);
        }
    }
    leases
}

#[derive(Default)]
struct Draft {
    address: Option<Ipv4Addr>,
    mac: Option<String>,
    starts: Option<OffsetDateTime>,
    ends: Option<OffsetDateTime>,
    hostname: Option<String>,
}

impl Draft {
    fn read(&mut self, line: &str) {
        let line = line.strip_suffix(';').unwrap_or(line);
        if let Some(value) = line.strip_prefix("hardware ethernet ") {
            self.mac = normalise_mac(value);
        } else if let Some(value) = line.strip_prefix("starts ") {
            self.starts = isc_time(value);
        } else if let Some(value) = line.strip_prefix("ends ") {
            self.ends = isc_time(value);
        } else if let Some(value) = line.strip_prefix("client-hostname ") {
            self.hostname = Some(value.trim_matches('"').to_owned());
        } else if let Some((key, value)) = line.split_once('=') {
            // macOS: `hw_address=1,0:c:29:aa:bb:cc`, `lease=0x5f8a3c21`
            match key {
                "ip_address" => self.address = value.parse().ok(),
                "hw_address" => self.mac = normalise_mac(value.split_once(',').map_or(value, |(_, mac)| mac)),
                "name" => self.hostname = Some(value.to_owned()),
                "lease" => {
                    let seconds = value
                        .strip_prefix("0x")
                        .and_then(|hex| i64::from_str_radix(hex, 16).ok());
                    self.ends = seconds.and_then(|s| OffsetDateTime::from_unix_timestamp(s).ok());
                }
                _ => {}
            }
        }
    }

    fn finish(self) -> Option<Lease> {
        let Self {
            address,
            mac,
            starts,
            ends,
            hostname,
        } = self;
        Some(Lease {
            address: address?,
            mac: mac?,
            starts,
            ends,
            hostname,
        })
    }
}

/// `3 2020/05/13 12:00:37` (the first word is the day of the week), in UTC.
fn isc_time(value: &str) -> Option<OffsetDateTime> {
    let mut words = value.split_whitespace().skip(1);
    let (date, clock) = (words.next()?, words.next()?);
    let mut date = date.split('/');
    let year = date.next()?.parse().ok()?;
    let month: u8 = date.next()?.parse().ok()?;
    let day = date.next()?.parse().ok()?;
    let date = Date::from_calendar_date(year, Month::try_from(month).ok()?, day).ok()?;
    let mut clock = clock.split(':').map(|part| part.parse::<u8>().ok());
    let time = Time::from_hms(clock.next()??, clock.next()??, clock.next()??).ok()?;
    Some(PrimitiveDateTime::new(date, time).assume_utc())
}

/// A MAC address as six pairs of lower-case digits with colons; `0:c:29` and `00-0C-29` are the same.
pub fn normalise_mac(mac: &str) -> Option<String> {
    let parts: Vec<u8> = mac
        .trim()
        .split([':', '-'])
        .map(|part| u8::from_str_radix(part, 16).ok().filter(|_| part.len() <= 2))
        .collect::<Option<_>>()?;
    let parts: [u8; 6] = parts.try_into().ok()?;
    Some(parts.map(|part| format!("{part:02x}")).join(":"))
}

/// The lease of a card: one that holds now, else the one that ended last.
pub fn best<'a>(leases: &'a [Lease], mac: &str, now: OffsetDateTime) -> Option<&'a Lease> {
    let mac = normalise_mac(mac)?;
    let own = || leases.iter().filter(|lease| lease.mac == mac);
    let newest = |a: &&Lease, b: &&Lease| match (a.ends, b.ends) {
        (Some(a), Some(b)) => a.cmp(&b),
        (a, b) => b.is_some().cmp(&a.is_some()),
    };
    own()
        .filter(|lease| lease.is_valid(now))
        .max_by(newest)
        .or_else(|| own().max_by(newest))
}

/// Where the host keeps the leases of a virtual network, whether or not the files exist.
pub fn files(network: &str) -> Vec<PathBuf> {
    let network = network.to_ascii_lowercase();
    let mut files: Vec<PathBuf> = crate::platform::lease_file().into_iter().collect();
    if cfg!(windows) {
        let data = std::env::var_os("ProgramData").unwrap_or_else(|| r"C:\ProgramData".into());
        files.push(PathBuf::from(data).join("VMware").join("vmnetdhcp.leases"));
    } else if cfg!(target_os = "macos") {
        files.push(format!("/var/db/vmware/vmnet-dhcpd-{network}.leases").into());
        files.push("/var/db/dhcpd_leases".into());
    } else {
        files.push(format!("/etc/vmware/{network}/dhcpd/dhcpd.leases").into());
    }
    files
}

/// Whether an address can be the one at which a guest is reached: no loopback, link-local or multicast address, none that
/// ends in `.0`, `.1` or `.255` (bridges and gateways inside the guest), no default network of Docker.
pub fn is_plausible(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(v4) => {
            let [a, b, _, d] = v4.octets();
            let special = v4.is_loopback() || v4.is_link_local() || v4.is_multicast() || v4.is_unspecified();
            !special && !matches!(d, 0 | 1 | 255) && (a, b) != (172, 17)
        }
        IpAddr::V6(v6) => !(v6.is_loopback() || v6.is_unspecified() || v6.is_multicast() || v6.is_unicast_link_local()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use time::macros::datetime;

    const ISC: &str = "# comment\r\nlease 192.168.40.128 {\r\n\tstarts 3 2020/05/13 12:00:37;\r\n\tends 3 2020/05/13 12:30:37;\r\n\
        \thardware ethernet 00:0c:29:aa:bb:cc;\r\n\tuid 01:00:0c;\r\n\tclient-hostname \"old\";\r\n}\r\n\
        lease 192.168.40.129 {\r\n\tstarts 3 2020/05/13 13:00:37;\r\n\tends 3 2020/05/13 13:30:37;\r\n\
        \thardware ethernet 00:0C:29:AA:BB:CC;\r\n}\r\nlease 192.168.40.130 {\r\n\thardware ethernet 00:0c:29:00:00:01;\r\n\tends never;\r\n}\r\n";

    #[test]
    fn the_lease_that_holds_now_wins_then_the_newest() {
        let leases = parse(ISC.as_bytes());
        assert_eq!(leases.len(), 3);
        let at = |now| best(&leases, "00:0c:29:aa:bb:cc", now).unwrap().address;
        assert_eq!(at(datetime!(2020-05-13 12:10:00 UTC)), Ipv4Addr::new(192, 168, 40, 128));
        assert_eq!(at(datetime!(2020-05-13 13:10:00 UTC)), Ipv4Addr::new(192, 168, 40, 129));
        assert_eq!(at(datetime!(2021-01-01 00:00:00 UTC)), Ipv4Addr::new(192, 168, 40, 129));
        assert_eq!(leases[0].hostname.as_deref(), Some("old"));
        assert!(best(&leases, "00-0C-29-00-00-01", datetime!(2030-01-01 00:00:00 UTC)).is_some());
        assert!(best(&leases, "00:0c:29:ff:ff:ff", datetime!(2020-05-13 12:10:00 UTC)).is_none());
    }

    #[test]
    fn the_macos_format_is_read() {
        let leases = parse(b"{\n\tname=guest\n\tip_address=192.168.64.5\n\thw_address=1,0:c:29:a:b:c\n\tidentifier=1,0:c\n\tlease=0x5ebbe2b5\n}\n");
        assert_eq!(leases[0].mac, "00:0c:29:0a:0b:0c");
        assert_eq!(leases[0].ends.unwrap(), datetime!(2020-05-13 12:06:13 UTC));
    }

    #[test]
    fn the_place_of_vmwares_lease_file_is_known_on_every_system() {
        let files = files("VMnet1");
        let place = files.last().unwrap().display().to_string();
        let expected = if cfg!(windows) {
            r"\VMware\vmnetdhcp.leases"
        } else if cfg!(target_os = "macos") {
            "/var/db/dhcpd_leases"
        } else {
            "/etc/vmware/vmnet1/dhcpd/dhcpd.leases"
        };
        assert!(place.ends_with(expected), "{place}");
        assert!(files.iter().all(|file| file.is_absolute()), "{files:?}");
    }

    #[test]
    fn placeholders_and_bridges_are_no_addresses() {
        for bad in [
            "127.0.0.1",
            "169.254.3.4",
            "0.0.0.0",
            "172.17.0.5",
            "192.168.122.1",
            "10.42.0.0",
            "::1",
            "fe80::1",
        ] {
            assert!(!is_plausible(bad.parse().unwrap()), "{bad}");
        }
        for good in ["192.168.6.10", "10.0.2.15", "2001:db8::5"] {
            assert!(is_plausible(good.parse().unwrap()), "{good}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_lease_file_makes_the_parser_panic(bytes: Vec<u8>, line in "(lease|starts|ends|hardware ethernet|lease=|hw_address=)[ -~]{0,30}[{;]?") {
            let _ = parse(&bytes);
            let _ = parse(format!("lease 1.2.3.4 {{\n{line}\n}}\n").as_bytes());
        }
    }
}
