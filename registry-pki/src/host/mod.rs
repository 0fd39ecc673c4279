//! The names and addresses that clients reach a registry by.

mod error;

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use idna::AsciiDenyList;
use idna::uts46::{DnsLength, Hyphens, Uts46};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

pub use error::HostError;

/// Longest label of a DNS name, in octets (RFC 1035, 2.3.4).
const MAX_LABEL: usize = 63;

/// What a client writes in front of the port when it reaches the registry: an IP address or a DNS name.
///
/// Parsing normalises (`REGISTRY.Lab` becomes `registry.lab`, `реестр.лаб` its IDNA form, `[fd00::1]` loses its
/// brackets) and refuses everything that could not stand in a certificate, with the reason: see [`HostError`].
///
/// ```
/// use registry_pki::RegistryHost;
///
/// let host: RegistryHost = "192.168.6.1".parse()?;
/// assert_eq!(host.endpoint(5000), "192.168.6.1:5000");
/// let refused = "https://192.168.6.1:5000".parse::<RegistryHost>().unwrap_err();
/// assert_eq!(
///     refused.to_string(),
///     "`https://192.168.6.1:5000` has a scheme (https://): give the host alone, `192.168.6.1`"
/// );
/// # Ok::<(), registry_pki::HostError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum RegistryHost {
    /// An IPv4 or IPv6 address; never an IPv4-mapped IPv6 one, which becomes its IPv4 address.
    Ip(IpAddr),
    /// A DNS name.
    Dns(DnsName),
}

/// A DNS name in the form that certificates carry: lower case, IDNA-encoded, no trailing dot.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct DnsName(String);

impl DnsName {
    /// The ASCII form, such as `registry.lab` or `xn--e1aa5aceg.xn--80ac2a`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The form people read: `реестр.лаб` for `xn--e1aa5aceg.xn--80ac2a`.
    pub fn to_unicode(&self) -> String {
        Uts46::new()
            .to_unicode(self.0.as_bytes(), AsciiDenyList::EMPTY, Hyphens::Allow)
            .0
            .into_owned()
    }

    /// Whether the name is a wildcard, such as `*.registry.lab`.
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with("*.")
    }
}

impl RegistryHost {
    /// Parses like [`FromStr`], and accepts a wildcard such as `*.registry.lab` as well.
    ///
    /// # Errors
    /// [`HostError`], as for `parse`; a `*` elsewhere than as the whole first label is refused.
    pub fn parse_allowing_wildcard(text: &str) -> Result<Self, HostError> {
        let trimmed = text.trim();
        let Some(rest) = trimmed.strip_prefix("*.") else {
            return trimmed.parse();
        };
        match rest.parse::<Self>() {
            // `*.lab` would cover every host of a top-level domain; Go, browsers and GnuTLS disagree on it.
            Ok(Self::Dns(name)) if name.0.contains('.') => Ok(Self::Dns(DnsName(format!("*.{}", name.0)))),
            Ok(_) | Err(HostError::WildcardPosition { .. } | HostError::Wildcard { .. }) => {
                Err(HostError::WildcardPosition {
                    input: trimmed.to_owned(),
                })
            }
            Err(other) => Err(other),
        }
    }

    /// Splits `host:port` (`192.168.6.1:5000`, `[fd00::1]:5000`) and parses the host; the port is `None` where the
    /// text has none.
    ///
    /// # Errors
    /// [`HostError`] for the host; a port that is not a number from 1 to 65535 is [`HostError::Port`].
    pub fn parse_endpoint(text: &str) -> Result<(Self, Option<u16>), HostError> {
        let trimmed = text.trim();
        let Some((host, port)) = split_port(trimmed) else {
            return Ok((trimmed.parse()?, None));
        };
        match port.parse::<u16>() {
            Ok(number) if number > 0 && port.bytes().all(|byte| byte.is_ascii_digit()) => {
                Ok((host.parse()?, Some(number)))
            }
            _ => Err(HostError::Port {
                input: trimmed.to_owned(),
                port: port.to_owned(),
                host: None,
            }),
        }
    }

    /// `host:port` as it stands in URLs, image names and `registries.yaml`: IPv6 addresses in brackets.
    pub fn endpoint(&self, port: u16) -> String {
        match self {
            Self::Ip(IpAddr::V6(address)) => format!("[{address}]:{port}"),
            other => format!("{other}:{port}"),
        }
    }

    /// Whether this is `127.0.0.0/8`, `::1` or `localhost`.
    pub fn is_loopback(&self) -> bool {
        match self {
            Self::Ip(address) => address.is_loopback(),
            Self::Dns(name) => name.0 == "localhost" || name.0.ends_with(".localhost"),
        }
    }

    /// Whether this is a wildcard name.
    pub fn is_wildcard(&self) -> bool {
        matches!(self, Self::Dns(name) if name.is_wildcard())
    }

    /// What to show to a person: the address or name, and the readable form of an IDNA name beside it.
    pub fn describe(&self) -> String {
        match self {
            Self::Dns(name) if name.0.contains("xn--") => format!("{} ({})", name.to_unicode(), name.0),
            other => other.to_string(),
        }
    }
}

impl From<IpAddr> for RegistryHost {
    fn from(address: IpAddr) -> Self {
        Self::Ip(address.to_canonical())
    }
}

impl From<Ipv4Addr> for RegistryHost {
    fn from(address: Ipv4Addr) -> Self {
        Self::Ip(IpAddr::V4(address))
    }
}

impl fmt::Display for RegistryHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Dns(name) => f.write_str(&name.0),
        }
    }
}

impl FromStr for RegistryHost {
    type Err = HostError;

    fn from_str(text: &str) -> Result<Self, HostError> {
        let trimmed = text.trim();
        if trimmed.is_empty() {
            return Err(HostError::Blank);
        }
        refuse_url_parts(trimmed)?;
        if let Some(address) = parse_address(trimmed)? {
            return Ok(Self::Ip(address));
        }
        parse_name(trimmed).map(Self::Dns)
    }
}

impl Serialize for RegistryHost {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for RegistryHost {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

/// The host inside `text`, for a suggestion, if there is one once scheme, user, path and port are taken away.
fn host_within(text: &str) -> Option<String> {
    let rest = text.split_once("://").map_or(text, |(_, rest)| rest);
    let rest = rest.split(['/', '?', '#', '\\']).next().unwrap_or(rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, rest)| rest);
    let rest = split_port(rest).map_or(rest, |(host, _)| host);
    let rest = rest.strip_suffix('.').unwrap_or(rest);
    // `rest` has none of the parts that lead back here, so this recursion ends at once.
    rest.parse::<RegistryHost>().ok().map(|host| host.to_string())
}

fn refuse_url_parts(text: &str) -> Result<(), HostError> {
    let input = || text.to_owned();
    if let Some((scheme, _)) = text.split_once("://") {
        return Err(HostError::Scheme {
            input: input(),
            scheme: scheme.to_owned(),
            host: host_within(text),
        });
    }
    if let Some(at) = text.find(['/', '\\', '?', '#']) {
        let (host, path) = text.split_at(at);
        if host.parse::<IpAddr>().is_ok() && path.len() > 1 && path[1..].bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(HostError::Network { input: input() });
        }
        return Err(HostError::Path {
            input: input(),
            path: path.to_owned(),
            host: host_within(text),
        });
    }
    if text.contains('@') {
        return Err(HostError::UserInfo {
            input: input(),
            host: host_within(text),
        });
    }
    if let Some((_, port)) = split_port(text) {
        return Err(HostError::Port {
            input: input(),
            port: port.to_owned(),
            host: host_within(text),
        });
    }
    Ok(())
}

/// Splits a port off: behind `]`, or behind the only colon. More than one colon without brackets is IPv6.
fn split_port(text: &str) -> Option<(&str, &str)> {
    if text.starts_with('[') {
        let (host, rest) = text.split_at(text.find(']')? + 1);
        return rest.strip_prefix(':').map(|port| (host, port));
    }
    text.split_once(':').filter(|(_, port)| !port.contains(':'))
}

fn parse_address(text: &str) -> Result<Option<IpAddr>, HostError> {
    let input = || text.to_owned();
    let bare = match text.strip_prefix('[') {
        Some(rest) => rest
            .strip_suffix(']')
            .ok_or_else(|| HostError::Ipv6 { input: input() })?,
        None => text,
    };
    let looks_like_ipv6 = bare.contains(':') || bare.len() != text.len();
    if looks_like_ipv6 && let Some((_, zone)) = bare.split_once('%') {
        return Err(HostError::ZoneId {
            input: input(),
            zone: zone.to_owned(),
        });
    }
    let address = if looks_like_ipv6 {
        let address: Ipv6Addr = bare.parse().map_err(|_| HostError::Ipv6 { input: input() })?;
        IpAddr::V6(address).to_canonical()
    } else {
        match bare.parse::<Ipv4Addr>() {
            Ok(address) => IpAddr::V4(address),
            Err(_) => return Ok(None),
        }
    };
    let unreachable = |what| Err(HostError::Unreachable { input: input(), what });
    match address {
        _ if address.is_unspecified() => unreachable("it means any address"),
        _ if address.is_multicast() => unreachable("a multicast address"),
        IpAddr::V4(v4) if v4.is_broadcast() => unreachable("the broadcast address"),
        _ => Ok(Some(address)),
    }
}

fn parse_name(text: &str) -> Result<DnsName, HostError> {
    let input = || text.to_owned();
    if text.contains('*') {
        return Err(if text.starts_with("*.") && text.matches('*').count() == 1 {
            HostError::Wildcard { input: input() }
        } else {
            HostError::WildcardPosition { input: input() }
        });
    }
    // IDNA's separators are dots too (U+3002 and its kin); the mapping below turns them into dots.
    if let Some(label) = text.split('.').find(|label| label.contains('_')) {
        return Err(HostError::Underscore {
            input: input(),
            label: label.to_owned(),
        });
    }
    if let Some(character) = text
        .chars()
        .find(|c| c.is_ascii() && !c.is_ascii_alphanumeric() && !matches!(c, '-' | '.'))
    {
        return Err(HostError::Character {
            input: input(),
            character,
        });
    }
    if let Some(character) = text.chars().find(|c| c.is_whitespace() || c.is_control()) {
        return Err(HostError::Character {
            input: input(),
            character,
        });
    }
    if text.ends_with('.') && text.len() > 1 && !text.ends_with("..") {
        return Err(HostError::TrailingDot {
            input: input(),
            host: host_within(text),
        });
    }
    if text.split('.').any(str::is_empty) {
        return Err(HostError::EmptyLabel { input: input() });
    }
    let ascii = Uts46::new()
        .to_ascii(text.as_bytes(), AsciiDenyList::STD3, Hyphens::Allow, DnsLength::Ignore)
        .map_err(|_| HostError::Idna { input: input() })?
        .into_owned();
    check_labels(text, &ascii)?;
    Ok(DnsName(ascii))
}

/// The checks that only make sense on the encoded form.
fn check_labels(text: &str, ascii: &str) -> Result<(), HostError> {
    let input = || text.to_owned();
    for label in ascii.split('.') {
        if label.is_empty() {
            return Err(HostError::EmptyLabel { input: input() });
        }
        if label.len() > MAX_LABEL {
            return Err(HostError::LabelTooLong {
                input: input(),
                label: label.to_owned(),
                length: label.len(),
            });
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Err(HostError::Hyphen {
                input: input(),
                label: label.to_owned(),
            });
        }
    }
    if ascii.len() > 253 {
        return Err(HostError::NameTooLong {
            input: input(),
            length: ascii.len(),
        });
    }
    // URL parsers take any host whose last label is a number for an IPv4 address (WHATWG URL, "ends in a number").
    let last = ascii.rsplit('.').next().unwrap_or_default();
    let hexadecimal = last
        .strip_prefix("0x")
        .is_some_and(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
    if hexadecimal || last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err(HostError::Numeric { input: input() });
    }
    Ok(())
}

#[cfg(test)]
mod tests;
