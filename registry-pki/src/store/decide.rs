//! What to do with what is there, and doing it.

use std::time::SystemTime;

use secrecy::{ExposeSecret, SecretString};

use super::generation::{Current, Set};
use super::request::{Action, PkiRequest, Why};
use super::{PkiStore, StoreError};
use crate::authority::{Authority, AuthorityParams};
use crate::certificate::CertificateInfo;
use crate::host::RegistryHost;
use crate::key::{KeyError, PrivateKey};
use crate::server::{ServerCertificate, ServerParams};
use crate::verify::{self, Candidate};

/// What a request makes of the store.
#[derive(Clone, Debug)]
pub(super) enum Decision {
    /// Nothing is there: make a CA and a certificate.
    Create,
    /// What is there is good.
    Reuse,
    /// A new certificate by the same CA. Without `must` what is there still works.
    Leaf { why: Why, must: bool },
    /// A new CA and a new certificate.
    NewCa { why: Why },
    /// Make the next CA known.
    Announce,
    /// Forget all CAs but the signing one.
    Retire,
}

impl Decision {
    /// Whether what is there works without it.
    pub(super) fn can_wait(&self) -> bool {
        matches!(self, Self::Leaf { must: false, .. } | Self::Announce)
    }

    /// Whether it is made because what is there ends, and not because something else is wanted.
    pub(super) fn is_for_age(&self) -> bool {
        matches!(
            self,
            Self::Leaf {
                why: Why::Ending { .. },
                ..
            } | Self::NewCa {
                why: Why::CaEnding { .. }
            }
        )
    }

    pub(super) fn action(&self, adopted: bool) -> Action {
        match self {
            Self::Create => Action::Created,
            Self::Reuse if adopted => Action::Adopted,
            Self::Reuse => Action::Reused,
            Self::Leaf {
                why: why @ (Why::HostsAdded { .. } | Why::Algorithm { .. } | Why::Unusable { .. }),
                ..
            }
            | Self::NewCa { why } => Action::Reissued { why: why.clone() },
            Self::Leaf { why, .. } => Action::Renewed { why: why.clone() },
            Self::Announce => Action::Announced,
            Self::Retire => Action::Retired,
        }
    }
}

/// Decides what `ensure` does.
pub(super) fn decide(current: Option<&Current>, request: &PkiRequest, now: SystemTime) -> Result<Decision, StoreError> {
    let Some(current) = current else {
        return Ok(Decision::Create);
    };
    let hosts = request.all_hosts();
    if now < current.ca.not_before {
        return Err(StoreError::Clock {
            now,
            not_before: current.ca.not_before,
        });
    }
    let refused: Vec<_> = hosts
        .iter()
        .filter(|host| !permits(&current.ca, host))
        .cloned()
        .collect();
    if !refused.is_empty() {
        return Ok(Decision::NewCa {
            why: Why::CaConstrained { hosts: refused },
        });
    }
    let (left, whole) = current.ca.life(now);
    if left.saturating_mul(6) < whole {
        return Ok(Decision::NewCa {
            why: Why::CaEnding {
                not_after: current.ca.not_after,
            },
        });
    }
    if let Some((why, must)) = leaf_fault(current, request, &hosts, now) {
        return Ok(Decision::Leaf { why, must });
    }
    if current.ca.renewal_due(now) && current.next.is_none() {
        return Ok(Decision::Announce);
    }
    Ok(Decision::Reuse)
}

/// Why the certificate must or should be issued anew.
fn leaf_fault(current: &Current, request: &PkiRequest, hosts: &[RegistryHost], now: SystemTime) -> Option<(Why, bool)> {
    if let Some(what) = &current.problem {
        return Some((Why::Unusable { what: what.clone() }, true));
    }
    let missing: Vec<_> = hosts
        .iter()
        .filter(|host| !verify::names_cover(&current.leaf.names, host))
        .cloned()
        .collect();
    if !missing.is_empty() {
        return Some((Why::HostsAdded { hosts: missing }, true));
    }
    if let (Some(wanted), Some(present)) = (request.algorithm, current.key_algorithm())
        && wanted != present
    {
        return Some((Why::Algorithm { wanted }, true));
    }
    let (left, _) = current.leaf.life(now);
    if current.leaf.renewal_due(now) {
        return Some((
            Why::Ending {
                not_after: current.leaf.not_after,
            },
            left <= 0,
        ));
    }
    refusal(&current.set, hosts, now).map(|what| (Why::Unusable { what }, true))
}

/// Why a client that trusts the bundle would refuse the set for one of the hosts.
fn refusal(set: &Set, hosts: &[RegistryHost], now: SystemTime) -> Option<String> {
    hosts.iter().filter(|host| !host.is_wildcard()).find_map(|host| {
        let verdict = verify::verify(&Candidate {
            chain_pem: &set.leaf,
            key_pem: set.leaf_key.as_ref().map(ExposeSecret::expose_secret),
            trust_pem: &set.bundle,
            address: host.clone(),
            at: now,
        });
        (!verdict.accepted).then(|| verdict.to_string())
    })
}

fn permits(ca: &CertificateInfo, host: &RegistryHost) -> bool {
    ca.constraints
        .as_ref()
        .is_none_or(|constraints| constraints.permits(host))
}

impl PkiStore {
    /// The set that a decision makes; `None` where what is there stays.
    pub(super) fn carry_out(
        &self,
        decision: &Decision,
        current: Option<&Current>,
        request: &PkiRequest,
        now: SystemTime,
    ) -> Result<Option<Set>, StoreError> {
        let set = match (decision, current) {
            (Decision::Reuse, _) => return Ok(None),
            (Decision::Create, _) | (_, None) => self.new_ca(request, None, now)?,
            (Decision::Leaf { .. }, Some(current)) => {
                let authority = self.open_ca(current)?;
                let leaf = issue(&authority, request, now)?;
                Set {
                    leaf: leaf.certificate_pem(),
                    leaf_key: Some(leaf.key().to_pem()),
                    bundle: bundle(&current.ca, current, current.next.as_ref(), now),
                    ..current.set.clone()
                }
            }
            (Decision::NewCa { .. }, Some(current)) => self.new_ca(request, Some(current), now)?,
            (Decision::Announce, Some(current)) => self.announce(request, current, now)?,
            (Decision::Retire, Some(current)) => {
                let known = CertificateInfo::all_from_pem(&current.set.bundle).map_or(1, |all| all.len());
                if known <= 1 && current.next.is_none() {
                    return Err(StoreError::NothingToRetire(self.dir.clone()));
                }
                Set {
                    bundle: current.ca.to_pem(),
                    next: None,
                    ..current.set.clone()
                }
            }
        };
        if let Some(reason) = refusal(&set, &request.all_hosts(), now) {
            return Err(StoreError::Refused(reason));
        }
        Ok(Some(set))
    }

    /// A new CA, or the announced one, and a certificate by it.
    fn new_ca(&self, request: &PkiRequest, current: Option<&Current>, now: SystemTime) -> Result<Set, StoreError> {
        let hosts = request.all_hosts();
        let announced = current.and_then(|current| current.next.as_ref().zip(current.set.next.as_ref()));
        let (authority, key) = match announced {
            Some((info, (certificate, key)))
                if hosts.iter().all(|host| permits(info, host)) && !info.renewal_due(now) =>
            {
                (self.authority(certificate, key)?, key.clone())
            }
            _ => {
                let authority = create(request, now)?;
                let key = self.encode_ca_key(authority.key(), current)?;
                (authority, key)
            }
        };
        let leaf = issue(&authority, request, now)?;
        let ca = authority.info();
        Ok(Set {
            ca: ca.to_pem(),
            ca_key: Some(key),
            leaf: leaf.certificate_pem(),
            leaf_key: Some(leaf.key().to_pem()),
            bundle: current.map_or_else(|| ca.to_pem(), |current| bundle(ca, current, None, now)),
            next: None,
        })
    }

    fn announce(&self, request: &PkiRequest, current: &Current, now: SystemTime) -> Result<Set, StoreError> {
        let next = create(request, now)?;
        if current.ca_key_encrypted() {
            // One passphrase opens both, or the next CA could not take over.
            self.open_ca(current)?;
        }
        let key = self.encode_ca_key(next.key(), Some(current))?;
        Ok(Set {
            bundle: bundle(&current.ca, current, Some(next.info()), now),
            next: Some((next.certificate_pem(), key)),
            ..current.set.clone()
        })
    }

    pub(super) fn open_ca(&self, current: &Current) -> Result<Authority, StoreError> {
        let key = current.set.ca_key.as_ref().ok_or_else(|| StoreError::CaKeyMissing {
            path: self.paths().ca_key,
        })?;
        self.authority(&current.set.ca, key)
    }

    fn authority(&self, certificate: &str, key: &SecretString) -> Result<Authority, StoreError> {
        let key =
            PrivateKey::from_pem_with_passphrase(key.expose_secret(), self.passphrase.as_ref()).map_err(|source| {
                StoreError::CaKey {
                    path: self.paths().ca_key,
                    source,
                }
            })?;
        Authority::load(certificate, key).map_err(|source| StoreError::Authority {
            dir: self.dir.clone(),
            source,
        })
    }

    /// The present set with the keys of its CAs encrypted anew, or not any more.
    pub(super) fn with_new_passphrase(&self, current: &Current, new: Option<&SecretString>) -> Result<Set, StoreError> {
        if new.is_none() && !current.ca_key_encrypted() {
            return Err(StoreError::Request(
                "the CA's key has no passphrase that could be removed".to_owned(),
            ));
        }
        let written_anew = |authority: &Authority| match new {
            None => Ok(authority.key().to_pem()),
            Some(new) => authority
                .key()
                .to_encrypted_pem(new)
                .map_err(|source| StoreError::CaKey {
                    path: self.paths().ca_key,
                    source,
                }),
        };
        let next = match &current.set.next {
            None => None,
            Some((certificate, key)) => {
                let authority = self.authority(certificate, key)?;
                Some((certificate.clone(), written_anew(&authority)?))
            }
        };
        Ok(Set {
            ca_key: Some(written_anew(&self.open_ca(current)?)?),
            next,
            ..current.set.clone()
        })
    }

    /// The key of a new CA as it is written. Where its predecessor's is encrypted it never becomes a plain one.
    fn encode_ca_key(&self, key: &PrivateKey, current: Option<&Current>) -> Result<SecretString, StoreError> {
        match &self.passphrase {
            None if current.is_some_and(Current::ca_key_encrypted) => Err(StoreError::CaKey {
                path: self.paths().ca_key,
                source: KeyError::PassphraseNeeded,
            }),
            None => Ok(key.to_pem()),
            Some(passphrase) => key.to_encrypted_pem(passphrase).map_err(|source| StoreError::CaKey {
                path: self.paths().ca_key,
                source,
            }),
        }
    }
}

fn create(request: &PkiRequest, now: SystemTime) -> Result<Authority, StoreError> {
    Authority::create(&AuthorityParams {
        hosts: request.all_hosts(),
        constrained: request.constrained,
        common_name: None,
        lifetime: request.ca_lifetime,
        algorithm: request.algorithm.unwrap_or_default(),
        now: Some(now),
    })
    .map_err(StoreError::Issue)
}

fn issue(authority: &Authority, request: &PkiRequest, now: SystemTime) -> Result<ServerCertificate, StoreError> {
    authority
        .issue(&ServerParams {
            hosts: request.all_hosts(),
            allow_wildcards: request.allow_wildcards,
            lifetime: request.leaf_lifetime,
            algorithm: request.algorithm.unwrap_or_default(),
            now: Some(now),
        })
        .map_err(StoreError::Issue)
}

/// The signing CA, the announced one, and every other of the present bundle that is not over.
fn bundle(signing: &CertificateInfo, current: &Current, next: Option<&CertificateInfo>, now: SystemTime) -> String {
    let known = CertificateInfo::all_from_pem(&current.set.bundle).unwrap_or_default();
    let others = next
        .into_iter()
        .chain([&current.ca])
        .chain(&known)
        .filter(|ca| now <= ca.not_after);
    let mut all = vec![signing];
    for ca in others {
        if all.iter().all(|one| one.sha256 != ca.sha256) {
            all.push(ca);
        }
    }
    all.into_iter().map(CertificateInfo::to_pem).collect()
}
