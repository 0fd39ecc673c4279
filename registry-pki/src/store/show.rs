//! What a store holds, to look at.

use std::fmt;
use std::path::PathBuf;
use std::time::{Duration, SystemTime};

use serde::Serialize;

use super::generation::{self, Current};
use super::{PkiRequest, PkiStore, StoreError, StorePaths, lock};
use crate::certificate::CertificateInfo;
use crate::host::RegistryHost;
use crate::server::DEFAULT_LEAF_LIFETIME;
use crate::when;

/// What a store holds.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct StoreSummary {
    /// The directory.
    pub dir: PathBuf,
    /// The files.
    pub paths: StorePaths,
    /// Number of the present set; 0 for files that no store made.
    pub generation: u64,
    /// The registry's certificate.
    pub leaf: CertificateInfo,
    /// The signing CA.
    pub ca: CertificateInfo,
    /// The CA that was announced to sign next.
    pub next_ca: Option<CertificateInfo>,
    /// What clients trust.
    pub bundle: Vec<CertificateInfo>,
    /// Whether the CA's key is there.
    pub ca_key_present: bool,
    /// Whether the CA's key needs a passphrase.
    pub ca_key_encrypted: bool,
    /// Whether less than a third of the certificate's life is left.
    pub renewal_due: bool,
    /// What is wrong with the certificate or its key.
    pub problem: Option<String>,
    #[serde(skip)]
    at: SystemTime,
}

/// One set of a store's history.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct HistoryEntry {
    /// Its number.
    pub generation: u64,
    /// When it was made, RFC 3339; `None` where that is not known.
    pub created: Option<String>,
    /// What was done and why.
    pub action: Option<String>,
    /// The certificate's names.
    pub names: Vec<String>,
    /// The certificate's serial number.
    pub serial: String,
    /// The certificate's last second.
    #[serde(serialize_with = "when::serialize")]
    pub not_after: SystemTime,
    /// The CA that signed it.
    pub ca: String,
}

impl PkiStore {
    /// What the store holds; `None` where nothing was made yet. Changes nothing.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn show(&self) -> Result<Option<StoreSummary>, StoreError> {
        let _lock = lock::shared(&self.dir)?;
        let at = SystemTime::now();
        Ok(generation::load_or_adopt(&self.dir)?.map(|current| StoreSummary::new(self, &current, at)))
    }

    /// Every set that was ever made, oldest first.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn history(&self) -> Result<Vec<HistoryEntry>, StoreError> {
        let _lock = lock::shared(&self.dir)?;
        let mut entries = Vec::new();
        for number in generation::numbers(&self.dir)? {
            let path = generation::path(&self.dir, number).join("registry.crt");
            let text = std::fs::read_to_string(&path).map_err(StoreError::io("reading", &path))?;
            let Ok(leaf) = CertificateInfo::from_pem(&text) else {
                continue;
            };
            let record = generation::record(&self.dir, number)?;
            entries.push(HistoryEntry {
                generation: number,
                created: record.as_ref().map(|record| record.created.clone()),
                action: record.map(|record| record.action),
                names: leaf.names.iter().map(ToString::to_string).collect(),
                serial: leaf.serial,
                not_after: leaf.not_after,
                ca: leaf.issuer,
            });
        }
        Ok(entries)
    }
}

impl StoreSummary {
    /// The request that what is there was made for: its hosts, kinds of key, lifetimes and constraints.
    pub fn request(&self) -> PkiRequest {
        let lifetime = |info: &CertificateInfo| Duration::from_secs(u64::try_from(info.life(self.at).1).unwrap_or(0));
        let hosts = if self.problem.is_none() {
            self.leaf.hosts()
        } else {
            Vec::new()
        };
        let (leaf_lifetime, ca_lifetime) = (lifetime(&self.leaf), lifetime(&self.ca));
        PkiRequest {
            loopback: hosts.is_empty(),
            allow_wildcards: hosts.iter().any(RegistryHost::is_wildcard),
            constrained: self.ca.constraints.is_some(),
            // A certificate that its CA's end cut short was meant to live longer than it does.
            leaf_lifetime: if self.leaf.not_after == self.ca.not_after {
                leaf_lifetime.max(DEFAULT_LEAF_LIFETIME).min(ca_lifetime)
            } else {
                leaf_lifetime
            },
            ca_lifetime,
            ..PkiRequest::new(hosts)
        }
    }

    fn new(store: &PkiStore, current: &Current, at: SystemTime) -> Self {
        Self {
            dir: store.dir.clone(),
            paths: store.paths(),
            generation: current.number,
            leaf: current.leaf.clone(),
            ca: current.ca.clone(),
            next_ca: current.next.clone(),
            bundle: CertificateInfo::all_from_pem(&current.set.bundle).unwrap_or_default(),
            ca_key_present: current.set.ca_key.is_some(),
            ca_key_encrypted: current.ca_key_encrypted(),
            renewal_due: current.leaf.renewal_due(at),
            problem: current.problem.clone(),
            at,
        }
    }
}

impl fmt::Display for StoreSummary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let validity = |info: &CertificateInfo| {
            let until = when::date(info.not_after);
            let left = when::span(when::distance(info.not_after, self.at));
            if info.not_after >= self.at {
                format!("until {until} ({left} left)")
            } else {
                format!("until {until} (over for {left})")
            }
        };
        let names = self
            .leaf
            .names
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join(", ");
        writeln!(
            f,
            "directory    {} (generation {})",
            self.dir.display(),
            self.generation
        )?;
        writeln!(f, "certificate  {} for {names}", self.leaf.subject)?;
        writeln!(
            f,
            "  valid      {}{}",
            validity(&self.leaf),
            if self.renewal_due { ", renewal is due" } else { "" }
        )?;
        writeln!(f, "  key        {}", self.leaf.key)?;
        writeln!(f, "  serial     {}", self.leaf.serial)?;
        writeln!(f, "  sha256     {}", self.leaf.sha256)?;
        if let Some(problem) = &self.problem {
            writeln!(f, "  problem    {problem}")?;
        }
        writeln!(f, "CA           {}", self.ca.subject)?;
        writeln!(f, "  valid      {}", validity(&self.ca))?;
        let key = match (self.ca_key_present, self.ca_key_encrypted) {
            (false, _) => ", its private key is not here",
            (true, true) => ", its private key is encrypted",
            (true, false) => "",
        };
        writeln!(f, "  key        {}{key}", self.ca.key)?;
        writeln!(f, "  sha256     {}", self.ca.sha256)?;
        match &self.ca.constraints {
            None => writeln!(f, "  signs for  any host")?,
            Some(constraints) => writeln!(f, "  signs for  {} only", constraints.permitted_text())?,
        }
        if let Some(next) = &self.next_ca {
            writeln!(f, "next CA      {}, valid {}", next.subject, validity(next))?;
        }
        write!(
            f,
            "trusted      {} CA{} in {}",
            self.bundle.len(),
            if self.bundle.len() == 1 { "" } else { "s" },
            self.paths.bundle.display()
        )
    }
}
