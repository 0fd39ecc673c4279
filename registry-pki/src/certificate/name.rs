//! Names in certificates.

use std::fmt;
use std::net::IpAddr;

use serde::Serialize;
use x509_parser::extensions;

use crate::constraints;
use crate::hex::hex;

/// A name in a certificate's subject alternative names or in a CA's name constraints.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AltName {
    /// A DNS name as the certificate has it, perhaps not a valid one.
    Dns(String),
    /// An IP address.
    Ip(IpAddr),
    /// An IP address of neither 4 nor 16 octets.
    BadIp(String),
    /// An e-mail address.
    Email(String),
    /// A URI.
    Uri(String),
    /// A directory name.
    Directory(String),
    /// Something else; no TLS client looks at it.
    Other(String),
}

impl fmt::Display for AltName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::BadIp(text) => write!(f, "malformed address {text}"),
            Self::Dns(text) | Self::Email(text) | Self::Uri(text) | Self::Directory(text) | Self::Other(text) => {
                f.write_str(text)
            }
        }
    }
}

/// A name as the parser has it.
pub(super) fn alt_name(name: &extensions::GeneralName<'_>) -> AltName {
    use extensions::GeneralName;
    match name {
        GeneralName::DNSName(text) => AltName::Dns((*text).to_owned()),
        GeneralName::IPAddress(octets) => {
            constraints::ip(octets).map_or_else(|| AltName::BadIp(hex(octets)), AltName::Ip)
        }
        GeneralName::RFC822Name(text) => AltName::Email((*text).to_owned()),
        GeneralName::URI(text) => AltName::Uri((*text).to_owned()),
        GeneralName::DirectoryName(name) => AltName::Directory(name.to_string()),
        other => AltName::Other(other.to_string()),
    }
}
