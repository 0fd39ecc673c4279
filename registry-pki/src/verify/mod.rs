//! Whether a client would accept a certificate, and if not, every reason why.
//!
//! The judgement is the one that containerd (Go), curl (OpenSSL, `GnuTLS`) and their like agree on; where they differ,
//! the verdict is that of the majority and a remark names the others. The certificate may be anyone's.

mod chain;
#[cfg(feature = "connect")]
mod connect;
mod names;
mod reason;
mod single;
mod verdict;
mod wording;

use std::fmt;
use std::time::SystemTime;

#[cfg(feature = "connect")]
pub use connect::{ConnectError, ConnectOptions, Connected, Served, connect, connect_with, fetch_chain};
pub use reason::{Part, Reason};
pub use single::MIN_RSA_BITS;
pub use verdict::{Remark, Verdict};

pub(crate) use names::cover as names_cover;

use crate::certificate::{CertificateError, CertificateInfo};
use crate::host::RegistryHost;
use crate::key::{KeyError, PrivateKey};

/// What to judge.
#[derive(Clone)]
pub struct Candidate<'a> {
    /// What the server sends, as PEM: its certificate first, then CAs in between, if any.
    pub chain_pem: &'a str,
    /// The server's private key as PEM, where it is to be checked that it belongs to the certificate.
    pub key_pem: Option<&'a str>,
    /// The CAs that the client trusts, as PEM.
    pub trust_pem: &'a str,
    /// What the client reaches the server by.
    pub address: RegistryHost,
    /// When.
    pub at: SystemTime,
}

impl fmt::Debug for Candidate<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Candidate")
            .field("chain_pem", &self.chain_pem)
            .field("key_pem", &self.key_pem.map(|_| "[secret key elided]"))
            .field("trust_pem", &self.trust_pem)
            .field("address", &self.address)
            .field("at", &self.at)
            .finish()
    }
}

/// Judges whether a client that reaches the server by the candidate's address and trusts its CAs would accept it.
///
/// Nothing is an error: what cannot be read is a reason to refuse.
pub fn verify(candidate: &Candidate<'_>) -> Verdict {
    let unreadable = |part, error: CertificateError| {
        vec![Reason::Unreadable {
            part,
            why: error.to_string(),
        }]
    };
    let chain = match CertificateInfo::all_from_pem(candidate.chain_pem) {
        Ok(chain) => chain,
        Err(error) => return Verdict::new(candidate, &[], unreadable(Part::Certificate, error), Vec::new()),
    };
    let trust = match CertificateInfo::all_from_pem(candidate.trust_pem) {
        Ok(trust) => trust,
        Err(error) => return Verdict::new(candidate, &chain, unreadable(Part::Trust, error), Vec::new()),
    };
    let mut judgement = chain::judge(&chain, &trust, &candidate.address, candidate.at);
    if let (Some(key), Some(leaf)) = (candidate.key_pem, chain.first()) {
        judgement.reasons.extend(key_fault(key, leaf));
    }
    let mut verdict = Verdict::new(candidate, &chain, judgement.reasons, judgement.remarks);
    verdict.path = judgement.path;
    verdict
}

/// Why the private key cannot be used with the certificate.
fn key_fault(key: &str, leaf: &CertificateInfo) -> Option<Reason> {
    match PrivateKey::from_pem(key) {
        Ok(key) if key.public_key_der() == leaf.public_key_der => None,
        Ok(_) => Some(Reason::KeyMismatch),
        Err(KeyError::Unusable(why)) => Some(Reason::Unreadable { part: Part::Key, why }),
        Err(error) => Some(Reason::Unreadable {
            part: Part::Key,
            why: error.to_string(),
        }),
    }
}
