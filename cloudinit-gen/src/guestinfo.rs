//! A seed without any image: VMware's guest variables, which cloud-init's `VMware` data source reads.
//!
//! The network's configuration is a part of the metadata there. Guest and host need `open-vm-tools` and a VMware
//! hypervisor. The variables stand in the machine's `.vmx` file in plain text, and until cloud-init has read them any
//! user of the guest may ask for them; so cloud-init is told to blank the user-data as soon as it has it.

use std::fmt;
use std::fmt::Write as _;
use std::io::Write as _;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::{Compression, GzBuilder};
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;

use crate::document::{MetaData, NetworkConfig};
use crate::yaml::{self, YamlError};

/// Most bytes of one variable's value as it is written, so after encoding: VMware's tools carry no longer message.
pub const GUESTINFO_MAX: usize = 64 * 1024;

/// How a value is written into a variable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum GuestInfoEncoding {
    /// Base64.
    Base64,
    /// Compressed with gzip, then base64.
    GzipBase64,
}

impl GuestInfoEncoding {
    /// The word that cloud-init knows it by.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Base64 => "base64",
            Self::GzipBase64 => "gzip+base64",
        }
    }

    /// Bytes of the value that these bytes become.
    pub(crate) fn encoded_len(self, bytes: &[u8]) -> usize {
        self.encode(bytes).expose_secret().len()
    }

    /// The text as a variable's value: letters, digits, `+`, `/` and `=`, so nothing that a `.vmx` file would have to
    /// escape. Equal texts make equal values.
    pub fn encode(self, text: impl AsRef<[u8]>) -> SecretString {
        let text = text.as_ref();
        match self {
            Self::Base64 => STANDARD.encode(text).into(),
            Self::GzipBase64 => {
                let mut gzip = GzBuilder::new().mtime(0).write(Vec::new(), Compression::best());
                gzip.write_all(text).expect("writing to memory does not fail");
                let bytes = gzip.finish().expect("writing to memory does not fail");
                STANDARD.encode(bytes).into()
            }
        }
    }
}

impl fmt::Display for GuestInfoEncoding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A seed does not fit into guest variables.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GuestInfoError {
    /// A value is longer than VMware carries.
    #[error(
        "{key} has {len} bytes as {encoding}, and VMware's guest variables hold {GUESTINFO_MAX}: {}",
        match encoding {
            GuestInfoEncoding::Base64 => "encode it as gzip+base64, or boot with a seed image instead",
            GuestInfoEncoding::GzipBase64 => "boot with a seed image instead",
        }
    )]
    TooLong {
        /// The variable.
        key: &'static str,
        /// How it was encoded.
        encoding: GuestInfoEncoding,
        /// Bytes of its value.
        len: usize,
    },
    /// The metadata could not be written.
    #[error(transparent)]
    Yaml(#[from] YamlError),
}

/// The metadata as the `VMware` data source wants it.
#[derive(Serialize)]
struct Metadata<'a> {
    #[serde(flatten)]
    node: &'a MetaData,
    network: &'a NetworkConfig,
    /// Blanked by cloud-init when it has read them.
    redact: [&'static str; 2],
}

/// The guest variables of one machine. The user-data holds the host key and the join token, so they are secrets.
#[derive(Clone)]
pub struct GuestInfo {
    metadata: SecretString,
    userdata: SecretString,
    encodings: [GuestInfoEncoding; 2],
}

const METADATA: &str = "guestinfo.metadata";
const USERDATA: &str = "guestinfo.userdata";

impl GuestInfo {
    /// Encodes both values; with no encoding named, as base64 where that fits, else compressed.
    pub(crate) fn new(
        node: &MetaData,
        network: &NetworkConfig,
        cloud_config: &str,
        encoding: Option<GuestInfoEncoding>,
    ) -> Result<Self, GuestInfoError> {
        let metadata = yaml::to_string(
            "metadata",
            &Metadata {
                node,
                network,
                redact: ["userdata", "vendordata"],
            },
        )?;
        let (metadata, metadata_encoding) = encode(METADATA, &metadata, encoding)?;
        let (userdata, userdata_encoding) = encode(USERDATA, cloud_config, encoding)?;
        Ok(Self {
            metadata,
            userdata,
            encodings: [metadata_encoding, userdata_encoding],
        })
    }

    /// The variables by their names in a `.vmx` file, in the order to write them.
    pub fn variables(&self) -> [(&'static str, &str); 4] {
        [
            (METADATA, self.metadata.expose_secret()),
            ("guestinfo.metadata.encoding", self.encodings[0].as_str()),
            (USERDATA, self.userdata.expose_secret()),
            ("guestinfo.userdata.encoding", self.encodings[1].as_str()),
        ]
    }

    /// The variables as lines of a `.vmx` file, to be added to the machine's own while it is powered off.
    pub fn to_vmx(&self) -> SecretString {
        let mut text = String::new();
        for (name, value) in self.variables() {
            writeln!(text, "{name} = \"{value}\"").expect("writing to a String does not fail");
        }
        text.into()
    }
}

impl fmt::Debug for GuestInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut shown = f.debug_struct("GuestInfo");
        for (name, value) in self.variables() {
            shown.field(name, &format_args!("[{} bytes]", value.len()));
        }
        shown.finish()
    }
}

fn encode(
    key: &'static str,
    text: &str,
    encoding: Option<GuestInfoEncoding>,
) -> Result<(SecretString, GuestInfoEncoding), GuestInfoError> {
    let candidates = match encoding {
        Some(encoding) => vec![encoding],
        None => vec![GuestInfoEncoding::Base64, GuestInfoEncoding::GzipBase64],
    };
    let mut too_long = None;
    for encoding in candidates {
        let value = encoding.encode(text);
        let len = value.expose_secret().len();
        if len <= GUESTINFO_MAX {
            return Ok((value, encoding));
        }
        too_long = Some(GuestInfoError::TooLong { key, encoding, len });
    }
    Err(too_long.expect("there is at least one candidate"))
}
