//! The reasons for which clients refuse a certificate.

use std::fmt;
use std::time::SystemTime;

use serde::Serialize;

use crate::when;

/// Which of the inputs a reason speaks of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// The server's certificate.
    Certificate,
    /// A CA certificate in between that the server sends.
    Intermediate,
    /// The trusted CA.
    Ca,
    /// The trusted CAs as a whole.
    Trust,
    /// The server's private key.
    Key,
}

impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Certificate => "the certificate",
            Self::Intermediate => "the intermediate CA",
            Self::Ca => "the CA",
            Self::Trust => "the trusted CAs",
            Self::Key => "the private key",
        })
    }
}

/// One reason for which a client refuses. [`Display`](fmt::Display) is a clause that follows "would refuse it:".
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// Something could not be read.
    Unreadable {
        /// What.
        part: Part,
        /// Why.
        why: String,
    },
    /// The certificate does not name the address.
    NameNotCovered {
        /// What the client reaches.
        address: String,
        /// What the certificate covers: the DNS names and addresses among its subject alternative names.
        names: Vec<String>,
        /// Its common name, which clients do not look at.
        common_name: Option<String>,
        /// Whether the address is there, written as a DNS name.
        as_dns: bool,
        /// Whether there are subject alternative names at all.
        has_extension: bool,
    },
    /// Its validity is over.
    Expired {
        /// Whose.
        part: Part,
        /// The subject.
        subject: String,
        /// The last second.
        #[serde(serialize_with = "when::serialize")]
        not_after: SystemTime,
        /// How long ago, in seconds.
        ago_seconds: u64,
    },
    /// Its validity has not begun: often a client whose clock is behind.
    NotYetValid {
        /// Whose.
        part: Part,
        /// The subject.
        subject: String,
        /// The first second.
        #[serde(serialize_with = "when::serialize")]
        not_before: SystemTime,
        /// How long until then, in seconds.
        in_seconds: u64,
    },
    /// Its last second comes before its first.
    ValidityReversed {
        /// Whose.
        part: Part,
        /// The subject.
        subject: String,
    },
    /// Its (extended) key usages do not allow what it is used for.
    KeyUsage {
        /// Whose.
        part: Part,
        /// The subject.
        subject: String,
        /// What it has.
        usages: Vec<String>,
        /// What it lacks.
        lacks: &'static str,
    },
    /// A signer that is not marked as a CA.
    NotACa {
        /// Whose.
        part: Part,
        /// The subject.
        subject: String,
    },
    /// More CAs in between than a CA allows.
    PathLength {
        /// The subject of the CA that sets the limit.
        subject: String,
        /// The limit.
        allowed: u32,
        /// How many there are.
        found: u32,
    },
    /// A CA's name constraints do not allow a name of the certificate.
    NameConstraint {
        /// The CA.
        ca: String,
        /// The name.
        name: String,
        /// What the CA may sign for, where the name is outside it.
        permitted: Vec<String>,
        /// The excluded subtree that the name is in.
        excluded: Option<String>,
    },
    /// The issuer is not among the trusted CAs.
    UnknownIssuer {
        /// The issuer's name.
        issuer: String,
        /// The trusted CAs' names.
        trusted: Vec<String>,
        /// Whether the certificate signed itself.
        self_signed: bool,
    },
    /// A trusted CA has the issuer's name, but not the key that signed: another generation of it, or an impostor.
    WrongIssuerKey {
        /// What carries the signature.
        part: Part,
        /// The subject.
        subject: String,
        /// The issuer's name.
        issuer: String,
    },
    /// The signature's algorithm cannot be checked here, nor by many clients.
    UnsupportedSignature {
        /// What carries the signature.
        part: Part,
        /// The subject.
        subject: String,
        /// The algorithm.
        algorithm: String,
    },
    /// A signature with MD5 or SHA-1.
    WeakSignature {
        /// What carries it.
        part: Part,
        /// The subject.
        subject: String,
        /// The algorithm.
        algorithm: String,
    },
    /// A key that is too short.
    WeakKey {
        /// Whose.
        part: Part,
        /// The subject.
        subject: String,
        /// Kind and length.
        key: String,
    },
    /// A kind of key that TLS clients do not take.
    UnsupportedKey {
        /// Whose.
        part: Part,
        /// The subject.
        subject: String,
        /// Kind.
        key: String,
    },
    /// The private key belongs to another certificate.
    KeyMismatch,
    /// A critical extension that clients do not know.
    UnknownCritical {
        /// Whose.
        part: Part,
        /// The subject.
        subject: String,
        /// Object identifiers.
        extensions: Vec<String>,
    },
    /// An extension that cannot be read.
    MalformedExtension {
        /// Whose.
        part: Part,
        /// The subject.
        subject: String,
        /// Names or object identifiers.
        extensions: Vec<String>,
    },
    /// The chain did not end within bounds.
    TooComplex,
}
