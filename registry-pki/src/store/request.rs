//! What is asked of a store, and what it answers.

use std::fmt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::StoreError;
use super::generation::Current;
use crate::authority::DEFAULT_CA_LIFETIME;
use crate::certificate::CertificateInfo;
use crate::host::RegistryHost;
use crate::key::KeyAlgorithm;
use crate::server::{DEFAULT_LEAF_LIFETIME, with_loopback};
use crate::when;

/// What the store is to provide.
#[derive(Clone, Debug)]
pub struct PkiRequest {
    /// What clients reach the registry by. The first is the certificate's common name and names the CA.
    pub hosts: Vec<RegistryHost>,
    /// Whether `127.0.0.1` and `localhost` are added to the hosts. On by default.
    pub loopback: bool,
    /// Whether a host may be a wildcard. Off by default.
    pub allow_wildcards: bool,
    /// Whether a new CA may sign for the hosts only (name constraints). On by default.
    pub constrained: bool,
    /// How long a new CA is valid.
    pub ca_lifetime: Duration,
    /// How long a new certificate is valid.
    pub leaf_lifetime: Duration,
    /// The kind of new keys. A certificate whose key is of another kind is issued anew; a CA is kept. `None` is the
    /// kind of the present key, and P-256 where there is none.
    pub algorithm: Option<KeyAlgorithm>,
    /// The present; the clock's where `None`.
    pub now: Option<SystemTime>,
}

impl PkiRequest {
    /// A certificate for `hosts`, `127.0.0.1` and `localhost`, with the defaults: a constrained CA of ten years,
    /// certificates of 397 days.
    pub fn new(hosts: impl IntoIterator<Item = RegistryHost>) -> Self {
        Self {
            hosts: hosts.into_iter().collect(),
            loopback: true,
            allow_wildcards: false,
            constrained: true,
            ca_lifetime: DEFAULT_CA_LIFETIME,
            leaf_lifetime: DEFAULT_LEAF_LIFETIME,
            algorithm: None,
            now: None,
        }
    }

    /// The hosts that the certificate covers: the given ones, and the loopback ones where wanted.
    pub fn all_hosts(&self) -> Vec<RegistryHost> {
        let loopback = if self.loopback { with_loopback([]) } else { Vec::new() };
        let mut all: Vec<RegistryHost> = Vec::new();
        for host in self.hosts.iter().cloned().chain(loopback) {
            if !all.contains(&host) {
                all.push(host);
            }
        }
        all
    }

    /// The request with what it leaves open taken from what is there: the kind of key, and with `keep_names` the hosts
    /// that the present certificate covers.
    pub(super) fn completed(&self, current: Option<&Current>, keep_names: bool) -> Self {
        let mut request = self.clone();
        let Some(current) = current else { return request };
        request.algorithm = self
            .algorithm
            .or_else(|| current.key_algorithm().filter(|algorithm| algorithm.can_be_made()));
        if keep_names {
            let covered = self.all_hosts();
            let kept = current.leaf.hosts().into_iter().filter(|host| !covered.contains(host));
            request.hosts.extend(kept);
            request.allow_wildcards |= request.hosts.iter().any(RegistryHost::is_wildcard);
        }
        request
    }

    pub(super) fn check(&self) -> Result<(), StoreError> {
        if self.hosts.is_empty() {
            return Err(StoreError::Request(
                "no host was given, and a certificate names hosts".to_owned(),
            ));
        }
        if self.leaf_lifetime > self.ca_lifetime {
            return Err(StoreError::Request(format!(
                "a certificate of {} would outlive its CA of {}",
                when::span(self.leaf_lifetime),
                when::span(self.ca_lifetime)
            )));
        }
        if !self.allow_wildcards
            && let Some(host) = self.hosts.iter().find(|host| host.is_wildcard())
        {
            return Err(StoreError::Request(format!(
                "`{host}` is a wildcard, and wildcards were not asked for"
            )));
        }
        Ok(())
    }
}

/// How to replace a CA.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Rotation {
    /// A new CA (or the announced one) signs a new certificate now; `bundle.crt` has the new and the old CA. Clients
    /// that still trust the old CA alone refuse the registry until they have the new bundle.
    #[default]
    AtOnce,
    /// A new CA is made and added to `bundle.crt`; the old one goes on signing. Once every client has the bundle,
    /// [`AtOnce`](Self::AtOnce) switches over without anyone noticing.
    Announce,
    /// Every CA but the signing one leaves `bundle.crt`: the end of an overlap, or of an announcement.
    Retire,
}

/// What the store did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "action", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Action {
    /// A CA and a certificate were made.
    Created,
    /// A CA and certificate that somebody else put there were taken up.
    Adopted,
    /// What was there is good.
    Reused,
    /// A new certificate for the same hosts, by the same CA.
    Renewed {
        /// The reason.
        why: Why,
    },
    /// A new certificate for other hosts, or by another CA.
    Reissued {
        /// The reason.
        why: Why,
    },
    /// The next CA was added to the bundle.
    Announced,
    /// The bundle was reduced to the signing CA.
    Retired,
    /// The CA's key was encrypted, or encrypted anew with another passphrase.
    KeyEncrypted,
    /// The CA's key needs no passphrase any more.
    KeyDecrypted,
}

/// Why the store issued something.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Why {
    /// It was asked for.
    Asked,
    /// The certificate is over, or less than a third of its life is left.
    Ending {
        /// Its last second.
        #[serde(serialize_with = "when::serialize")]
        not_after: SystemTime,
    },
    /// The certificate does not cover these hosts.
    HostsAdded {
        /// The hosts.
        hosts: Vec<RegistryHost>,
    },
    /// The CA may not sign for these hosts, so there is a new CA.
    CaConstrained {
        /// The hosts.
        hosts: Vec<RegistryHost>,
    },
    /// The CA is over or nearly so, so there is a new CA.
    CaEnding {
        /// Its last second.
        #[serde(serialize_with = "when::serialize")]
        not_after: SystemTime,
    },
    /// Another kind of key is wanted.
    Algorithm {
        /// Which.
        wanted: KeyAlgorithm,
    },
    /// The certificate or its key was missing, damaged, or not this CA's.
    Unusable {
        /// What was wrong.
        what: String,
    },
}

impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Asked => f.write_str("as asked"),
            Self::Ending { not_after } => write!(f, "the old one ends on {}", when::date(*not_after)),
            Self::HostsAdded { hosts } => write!(f, "the old one does not cover {}", list(hosts)),
            Self::CaConstrained { hosts } => write!(f, "the old CA may not sign for {}", list(hosts)),
            Self::CaEnding { not_after } => write!(f, "the old CA ends on {}", when::date(*not_after)),
            Self::Algorithm { wanted } => write!(f, "a key of the kind {wanted} is wanted"),
            Self::Unusable { what } => write!(f, "the old one was unusable: {what}"),
        }
    }
}

fn list(hosts: &[RegistryHost]) -> String {
    hosts.iter().map(RegistryHost::describe).collect::<Vec<_>>().join(", ")
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Created => f.write_str("created"),
            Self::Adopted => f.write_str("taken up"),
            Self::Reused => f.write_str("reused"),
            Self::Renewed { why } => write!(f, "renewed ({why})"),
            Self::Reissued { why } => write!(f, "reissued ({why})"),
            Self::Announced => f.write_str("kept, its next CA announced"),
            Self::Retired => f.write_str("kept, other CAs retired"),
            Self::KeyEncrypted => f.write_str("kept, its CA's key encrypted with the new passphrase"),
            Self::KeyDecrypted => f.write_str("kept, its CA's key not encrypted any more"),
        }
    }
}

/// Where a store's files are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct StorePaths {
    /// The CA that signs.
    pub ca: PathBuf,
    /// Its key.
    pub ca_key: PathBuf,
    /// The registry's certificate.
    pub cert: PathBuf,
    /// Its key.
    pub key: PathBuf,
    /// What clients are to trust.
    pub bundle: PathBuf,
}

impl StorePaths {
    pub(super) fn in_dir(dir: &Path) -> Self {
        Self {
            ca: dir.join("ca.crt"),
            ca_key: dir.join("ca.key"),
            cert: dir.join("registry.crt"),
            key: dir.join("registry.key"),
            bundle: dir.join("bundle.crt"),
        }
    }
}

/// What there is after [`PkiStore::ensure`](super::PkiStore::ensure), `renew` or `rotate`.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct Ensured {
    /// What was done.
    #[serde(flatten)]
    pub action: Action,
    /// The signing CA's certificate.
    pub ca_pem: String,
    /// What clients are to trust: the signing CA first, then those that overlap with it.
    pub bundle_pem: String,
    /// The signing CA's file.
    pub ca_path: PathBuf,
    /// The registry's certificate file.
    pub cert_path: PathBuf,
    /// The registry's key file.
    pub key_path: PathBuf,
    /// The bundle's file.
    pub bundle_path: PathBuf,
    /// The registry's certificate.
    pub leaf: CertificateInfo,
    /// The signing CA.
    pub ca: CertificateInfo,
    /// The certificate's last second.
    #[serde(serialize_with = "when::serialize")]
    pub leaf_not_after: SystemTime,
    /// Whether the signing CA is another than before: clients need the bundle anew.
    pub ca_changed: bool,
    /// Number of this set, counted from 1.
    pub generation: u64,
    /// What a person should know, such as a renewal that could not be made yet.
    pub notes: Vec<String>,
}

impl Ensured {
    pub(super) fn new(dir: &Path, current: &Current, action: Action, ca_changed: bool, notes: Vec<String>) -> Self {
        let paths = StorePaths::in_dir(dir);
        let leaf_not_after = current.leaf.not_after;
        Self {
            action,
            ca_pem: current.set.ca.clone(),
            bundle_pem: current.set.bundle.clone(),
            ca_path: paths.ca,
            cert_path: paths.cert,
            key_path: paths.key,
            bundle_path: paths.bundle,
            leaf: current.leaf.clone(),
            ca: current.ca.clone(),
            leaf_not_after,
            ca_changed,
            generation: current.number,
            notes,
        }
    }
}

impl fmt::Display for Ensured {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names = self
            .leaf
            .names
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ");
        write!(
            f,
            "registry certificate {}: covers {names}, valid until {}, signed by {}",
            self.action,
            when::date(self.leaf_not_after),
            self.ca.subject
        )?;
        for note in &self.notes {
            write!(f, "\nnote: {note}")?;
        }
        Ok(())
    }
}
