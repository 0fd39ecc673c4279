//! A directory that holds the registry's CA and certificate, and keeps them usable.
//!
//! ```text
//! DIR/                    0700
//!   ca.crt                the CA that signs
//!   ca.key                its key, 0600, perhaps encrypted
//!   registry.crt          the registry's certificate
//!   registry.key          its key, 0600
//!   bundle.crt            what clients trust: the CA, and those it replaces or that will replace it
//!   generations/0001/…    every set ever issued; superseded ones keep certificates, not keys
//!   .lock                 held while one process changes the directory
//! ```
//!
//! A new set is written to a directory of its own, flushed, and renamed to the next number: that rename is the moment
//! it counts. The files in `DIR` are then brought up to date such that certificate and key match at every point in
//! between (see `publish.rs`), so a process that is killed leaves either the old or the new set, and the next call
//! finishes what it began.

mod decide;
mod disk;
mod error;
#[cfg(feature = "pkcs12")]
mod export;
mod generation;
mod lock;
mod publish;
mod request;
mod show;

#[cfg(test)]
mod crash_tests;

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use secrecy::SecretString;

pub use error::StoreError;
#[cfg(feature = "pkcs12")]
pub use export::{ExportError, SecretExport};
pub use generation::Record;
pub use request::{Action, Ensured, PkiRequest, Rotation, StorePaths, Why};
pub use show::{HistoryEntry, StoreSummary};

use decide::Decision;
use generation::{Current, Issued};

/// A directory with the registry's CA and certificate.
#[derive(Clone, Debug)]
pub struct PkiStore {
    dir: PathBuf,
    passphrase: Option<SecretString>,
}

impl PkiStore {
    /// Opens `dir`, which is created (0700, with its parents) where it is missing.
    ///
    /// # Errors
    /// [`StoreError::Io`]; [`StoreError::Insecure`] where others than its owner may write in it.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let dir = dir.into();
        disk::make_private_dir(&dir)?;
        Self::open_existing(dir)
    }

    /// Opens `dir`, which must exist: for reading.
    ///
    /// # Errors
    /// [`StoreError::Missing`]; [`StoreError::Insecure`].
    pub fn open_existing(dir: impl Into<PathBuf>) -> Result<Self, StoreError> {
        let dir = dir.into();
        if !dir.is_dir() {
            return Err(StoreError::Missing { dir });
        }
        disk::refuse_shared_dir(&dir)?;
        Ok(Self { dir, passphrase: None })
    }

    /// The passphrase of the CA's key: new CA keys are encrypted with it, and an encrypted one is opened with it.
    pub fn with_ca_passphrase(mut self, passphrase: SecretString) -> Self {
        self.passphrase = Some(passphrase);
        self
    }

    /// The directory.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where the files are.
    pub fn paths(&self) -> StorePaths {
        StorePaths::in_dir(&self.dir)
    }

    /// Makes sure that there is a certificate which covers the requested hosts and is not about to end.
    ///
    /// What is there is reused while it covers every host and at least a third of its life is left. Otherwise a new
    /// certificate is issued by the same CA. The CA itself is replaced only where it must be: when its name
    /// constraints exclude a requested host, or at the end of its life; when less than a third of its life is left,
    /// its successor is announced in `bundle.crt`, and takes over when less than a sixth is left. A CA and certificate that somebody else put there is taken up.
    ///
    /// # Errors
    /// [`StoreError`]. Where nothing could be renewed but what is there still works, that is reused and
    /// [`Ensured::notes`] says why.
    pub fn ensure(&self, request: &PkiRequest) -> Result<Ensured, StoreError> {
        self.change(request, |current, now| decide::decide(current, request, now))
    }

    /// Issues a new certificate with a new key now, by the same CA where that may sign for the hosts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn renew(&self, request: &PkiRequest) -> Result<Ensured, StoreError> {
        self.change(request, |current, now| match decide::decide(current, request, now)? {
            Decision::Reuse { .. } | Decision::Announce => Ok(Decision::Leaf {
                why: Why::Asked,
                must: true,
            }),
            Decision::Leaf { why, .. } => Ok(Decision::Leaf { why, must: true }),
            other => Ok(other),
        })
    }

    /// Replaces the CA; see [`Rotation`] for the ways. Where there is no CA yet, one is made.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn rotate(&self, request: &PkiRequest, rotation: Rotation) -> Result<Ensured, StoreError> {
        self.change(request, |current, _| {
            Ok(match rotation {
                _ if current.is_none() => Decision::Create,
                Rotation::AtOnce => Decision::NewCa { why: Why::Asked },
                Rotation::Announce => Decision::Announce,
                Rotation::Retire => Decision::Retire,
            })
        })
    }

    /// Runs `decide` on what is there, under the lock, and carries its decision out.
    fn change(
        &self,
        request: &PkiRequest,
        decide: impl FnOnce(Option<&Current>, SystemTime) -> Result<Decision, StoreError>,
    ) -> Result<Ensured, StoreError> {
        request.check()?;
        let now = request.now.unwrap_or_else(SystemTime::now);
        let _lock = lock::exclusive(&self.dir)?;
        generation::remove_leftovers(&self.dir)?;
        let found = generation::load_or_adopt(&self.dir)?;
        let decision = decide(found.as_ref(), now)?;
        let issued = match self.carry_out(&decision, found.as_ref(), request, now) {
            // A renewal that could wait must not stop what still works.
            Err(error @ (StoreError::CaKeyMissing { .. } | StoreError::CaKey { .. })) if decision.can_wait() => {
                Issued::kept(vec![format!(
                    "the certificate could not be renewed yet: {}",
                    error::chain(&error)
                )])
            }
            other => other?,
        };
        self.finish(found, issued, &decision, now)
    }

    fn finish(
        &self,
        found: Option<Current>,
        issued: Issued,
        decision: &Decision,
        now: SystemTime,
    ) -> Result<Ensured, StoreError> {
        let adopted = found.as_ref().is_some_and(|found| found.adopted);
        let previous_ca = found.as_ref().map(|found| found.ca.sha256.clone());
        let mut notes = issued.notes;
        let (current, action) = match (issued.set, found) {
            (Some(set), found) => {
                let action = decision.action(adopted);
                let number = found.as_ref().map_or(0, |found| found.number) + 1;
                (generation::commit(&self.dir, number, set, &action, now)?, action)
            }
            (None, Some(found)) if adopted => {
                let set = found.set.clone();
                (
                    generation::commit(&self.dir, found.number + 1, set, &Action::Adopted, now)?,
                    Action::Adopted,
                )
            }
            (None, Some(found)) => (found, Action::Reused),
            (None, None) => return Err(StoreError::Empty { dir: self.dir.clone() }),
        };
        if let Decision::Reuse { notes: more } = decision {
            notes.extend(more.iter().cloned());
        }
        publish::publish(&self.dir, &current)?;
        generation::remove_superseded_keys(&self.dir, current.number)?;
        let ca_changed = previous_ca.as_ref() != Some(&current.ca.sha256);
        Ok(Ensured::new(&self.dir, &current, action, ca_changed, notes))
    }
}
