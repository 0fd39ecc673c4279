//! The answer: accepted or refused, and why.

use std::fmt;
use std::time::SystemTime;

use serde::Serialize;

use super::Candidate;
use super::reason::Reason;
use super::wording::list;
use crate::certificate::CertificateInfo;
use crate::host::RegistryHost;
use crate::when;

/// Something that most clients accept and a person should know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "remark", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Remark {
    /// Valid for longer than some clients allow.
    LongLived {
        /// Days of validity.
        days: u64,
        /// The limit that it passes.
        limit_days: u64,
        /// Whose limit that is.
        whose: &'static str,
    },
    /// Less than a third of its life is left.
    EndingSoon {
        /// The last second.
        #[serde(serialize_with = "when::serialize")]
        not_after: SystemTime,
    },
    /// A certificate that is marked as a CA and used by a server: Firefox and rustls refuse that.
    CaAsServer,
    /// The trusted certificate is the server's own, not that of a CA.
    TrustedItself,
    /// No subject key identifier, which RFC 5280 wants and strict checkers ask for.
    NoKeyIdentifier,
    /// Ed25519, which NSS and browsers do not take.
    Ed25519,
    /// A trusted CA with a key that is short by today's measure, or the like: the trusted copy is what counts.
    WeakRootSignature {
        /// The algorithm.
        algorithm: String,
    },
    /// An address written twice, as IP address and as DNS name: harmless, and strict checkers refuse it.
    AddressAsDns {
        /// The address.
        address: String,
    },
    /// OpenSSL and `GnuTLS` hold the common name of a certificate without DNS names against the CA's constraints on
    /// DNS names.
    CommonNameConstrained {
        /// The common name.
        common_name: String,
        /// The CA.
        ca: String,
    },
    /// The server's files contain the trusted root itself, which it need not send.
    RootInChain,
}

impl fmt::Display for Remark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::LongLived {
                days,
                limit_days,
                whose,
            } => {
                write!(f, "it is valid for {days} days; {whose} refuse more than {limit_days}")
            }
            Self::EndingSoon { not_after } => {
                write!(
                    f,
                    "less than a third of its life is left (until {})",
                    when::date(*not_after)
                )
            }
            Self::CaAsServer => f.write_str("it is a CA's certificate: Firefox and rustls refuse that from a server"),
            Self::TrustedItself => {
                f.write_str("what is trusted is the server's own certificate, not a CA's: GnuTLS and NSS refuse that")
            }
            Self::NoKeyIdentifier => f.write_str("it has no subject key identifier: strict checkers complain"),
            Self::Ed25519 => f.write_str("its key is Ed25519, which browsers do not take"),
            Self::WeakRootSignature { algorithm } => {
                write!(
                    f,
                    "the trusted CA signed itself with {algorithm}; clients do not check that"
                )
            }
            Self::AddressAsDns { address } => write!(f, "it has the address {address} among its DNS names"),
            Self::CommonNameConstrained { common_name, ca } => write!(
                f,
                "it has no DNS name, so OpenSSL and GnuTLS take the common name {common_name} for one, for which the \
                 CA `{ca}` may not sign: curl and others refuse it"
            ),
            Self::RootInChain => f.write_str("the server sends the trusted CA along, which it need not"),
        }
    }
}

/// Whether a client would accept the certificate.
///
/// `Display` is one line. `{:#}` puts each of several reasons, and each remark, on a line of its own.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Verdict {
    /// What the client reaches the server by.
    pub address: RegistryHost,
    /// When.
    #[serde(serialize_with = "when::serialize")]
    pub at: SystemTime,
    /// Whether it would accept.
    pub accepted: bool,
    /// Every reason not to; empty if and only if it would accept.
    pub reasons: Vec<Reason>,
    /// What most clients accept and a person should know.
    pub remarks: Vec<Remark>,
    /// The certificate judged, where it could be read.
    pub leaf: Option<CertificateInfo>,
    /// The subjects from the certificate to the trusted CA: the best path found, accepted or not.
    pub path: Vec<String>,
}

impl Verdict {
    pub(super) fn new(
        candidate: &Candidate<'_>,
        chain: &[CertificateInfo],
        reasons: Vec<Reason>,
        remarks: Vec<Remark>,
    ) -> Self {
        Self {
            address: candidate.address.clone(),
            at: candidate.at,
            accepted: reasons.is_empty(),
            reasons,
            remarks,
            leaf: chain.first().cloned(),
            path: Vec::new(),
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let address = self.address.describe();
        if self.accepted {
            write!(f, "a client reaching {address} would accept it")?;
            if let Some(leaf) = &self.leaf {
                let names: Vec<_> = leaf.names.iter().map(ToString::to_string).collect();
                write!(f, ": it covers {}, until {}", list(&names), when::date(leaf.not_after))?;
            }
        } else {
            write!(f, "a client reaching {address} would refuse it: ")?;
            // Even where there is a line for each, the only one needs none of its own.
            if !f.alternate() || self.reasons.len() == 1 {
                let reasons: Vec<_> = self.reasons.iter().map(ToString::to_string).collect();
                f.write_str(&reasons.join("; "))?;
            }
        }
        if f.alternate() {
            for reason in self.reasons.iter().filter(|_| self.reasons.len() > 1) {
                write!(f, "\n  - {reason}")?;
            }
            for remark in &self.remarks {
                write!(f, "\n  note: {remark}")?;
            }
        }
        Ok(())
    }
}
