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
//!
//! Where there are no symbolic links, which includes Windows, the files are replaced one by one: a process that is killed
//! between certificate and key leaves a pair that does not match until the next call of `ensure`, or of whatever else
//! changes the store.

mod decide;
pub(crate) mod disk;
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

use std::io;
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
use generation::{Current, Set};

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
        if dir.is_file() {
            return Err(StoreError::Io {
                operation: "opening",
                path: dir,
                source: io::ErrorKind::NotADirectory.into(),
            });
        }
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
    /// certificate is issued by the same CA; one that is issued because of the old one's age also covers what that
    /// covered. The CA itself is replaced only where it must be: when its name constraints exclude a requested host, or
    /// at the end of its life; when less than a third of its life is left, its successor is announced in `bundle.crt`,
    /// and takes over when less than a sixth is left. A CA and certificate that somebody else put there is taken up.
    ///
    /// # Errors
    /// [`StoreError`]. Where nothing could be renewed but what is there still works, that is reused and
    /// [`Ensured::notes`] says why.
    pub fn ensure(&self, request: &PkiRequest) -> Result<Ensured, StoreError> {
        self.change(request, true, |current, now| decide::decide(current, request, now))
    }

    /// Whether [`ensure`](Self::ensure) would fail for want of the passphrase of the CA's key. Changes nothing.
    ///
    /// # Errors
    /// [`StoreError`], as `ensure` itself would give it.
    pub fn needs_passphrase(&self, request: &PkiRequest) -> Result<bool, StoreError> {
        request.check()?;
        let _lock = lock::shared(&self.dir)?;
        let now = request.now.unwrap_or_else(SystemTime::now);
        let found = generation::load_or_adopt(&self.dir)?;
        let locked = self.passphrase.is_none() && found.as_ref().is_some_and(generation::Current::ca_key_encrypted);
        if !locked {
            return Ok(false);
        }
        let decision = decide::decide(found.as_ref(), request, now)?;
        Ok(!matches!(decision, Decision::Reuse) && !decision.can_wait())
    }

    /// Issues a new certificate with a new key now, by the same CA where that may sign for the hosts.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn renew(&self, request: &PkiRequest) -> Result<Ensured, StoreError> {
        self.change(request, false, |current, now| {
            match decide::decide(current, request, now)? {
                Decision::Reuse | Decision::Announce => Ok(Decision::Leaf {
                    why: Why::Asked,
                    must: true,
                }),
                Decision::Leaf { why, .. } => Ok(Decision::Leaf { why, must: true }),
                other => Ok(other),
            }
        })
    }

    /// Replaces the CA; see [`Rotation`] for the ways. Where there is no CA yet, one is made.
    ///
    /// # Errors
    /// [`StoreError`].
    pub fn rotate(&self, request: &PkiRequest, rotation: Rotation) -> Result<Ensured, StoreError> {
        self.change(request, false, |current, _| {
            Ok(match rotation {
                _ if current.is_none() => Decision::Create,
                Rotation::AtOnce => Decision::NewCa { why: Why::Asked },
                Rotation::Announce => Decision::Announce,
                Rotation::Retire => Decision::Retire,
            })
        })
    }

    /// Encrypts the CA's key with `new`, or with `None` writes it in plain. An encrypted key is opened with the store's
    /// own passphrase ([`with_ca_passphrase`](Self::with_ca_passphrase)) first. The key of an announced CA goes with it.
    ///
    /// # Errors
    /// [`StoreError::Empty`]; [`StoreError::CaKeyMissing`]; [`StoreError::CaKey`] where the passphrase is missing or wrong,
    /// or `new` is empty; [`StoreError::Request`] where there is no passphrase to remove.
    pub fn change_ca_passphrase(&self, new: Option<&SecretString>) -> Result<Ensured, StoreError> {
        let _lock = lock::exclusive(&self.dir)?;
        generation::remove_leftovers(&self.dir)?;
        let current =
            generation::load_or_adopt(&self.dir)?.ok_or_else(|| StoreError::Empty { dir: self.dir.clone() })?;
        let set = self.with_new_passphrase(&current, new)?;
        let action = match new {
            Some(_) => Action::KeyEncrypted,
            None => Action::KeyDecrypted,
        };
        self.finish(Some(current), Some(set), action, Vec::new(), SystemTime::now())
    }

    /// Runs `decide` on what is there, under the lock, and carries its decision out. `by_itself` is for what nobody
    /// asked for in so many words: a certificate that is replaced because of its age goes on covering the hosts that it
    /// covered, and a change that could wait does so where the CA's key is not at hand.
    fn change(
        &self,
        request: &PkiRequest,
        by_itself: bool,
        decide: impl FnOnce(Option<&Current>, SystemTime) -> Result<Decision, StoreError>,
    ) -> Result<Ensured, StoreError> {
        request.check()?;
        let now = request.now.unwrap_or_else(SystemTime::now);
        let _lock = lock::exclusive(&self.dir)?;
        generation::remove_leftovers(&self.dir)?;
        let found = generation::load_or_adopt(&self.dir)?;
        let decision = decide(found.as_ref(), now)?;
        let request = request.completed(found.as_ref(), by_itself && decision.is_for_age());
        if let (Decision::NewCa { why }, Some(found)) = (&decision, &found)
            && !matches!(why, Why::Asked)
            && found.ca_key_encrypted()
        {
            // A mistyped passphrase must not become that of the new CA. Who lost it can ask for a new CA (`Rotation::AtOnce`).
            self.open_ca(found)?;
        }
        let mut notes = Vec::new();
        let set = match self.carry_out(&decision, found.as_ref(), &request, now) {
            // A renewal that could wait must not stop what still works.
            Err(error @ (StoreError::CaKeyMissing { .. } | StoreError::CaKey { .. }))
                if by_itself && decision.can_wait() =>
            {
                notes.push(format!(
                    "the certificate could not be renewed yet: {}",
                    error::chain(&error)
                ));
                None
            }
            other => other?,
        };
        let adopted = found.as_ref().is_some_and(|found| found.adopted);
        let action = if set.is_some() { &decision } else { &Decision::Reuse }.action(adopted);
        self.finish(found, set, action, notes, now)
    }

    /// Writes the new set, if there is one, and brings the visible files up to date.
    fn finish(
        &self,
        found: Option<Current>,
        set: Option<Set>,
        action: Action,
        notes: Vec<String>,
        now: SystemTime,
    ) -> Result<Ensured, StoreError> {
        let previous_ca = found.as_ref().map(|found| found.ca.sha256.clone());
        let current = match (set, found) {
            (Some(set), found) => {
                let number = found.as_ref().map_or(0, |found| found.number) + 1;
                generation::commit(&self.dir, number, set, &action, now)?
            }
            (None, Some(found)) if found.adopted => {
                generation::commit(&self.dir, found.number + 1, found.set, &action, now)?
            }
            (None, Some(found)) => found,
            (None, None) => return Err(StoreError::Empty { dir: self.dir.clone() }),
        };
        publish::publish(&self.dir, &current)?;
        generation::remove_superseded_keys(&self.dir, current.number)?;
        let ca_changed = previous_ca.as_ref() != Some(&current.ca.sha256);
        Ok(Ensured::new(&self.dir, &current, action, ca_changed, notes))
    }
}

/// Writes a file that its owner alone may read, 0600 from its first byte; an existing file is replaced in one step.
///
/// # Errors
/// [`StoreError::Io`].
pub fn write_private(path: &Path, contents: &[u8]) -> Result<(), StoreError> {
    disk::replace(path, contents, disk::Access::Private)
}

/// Writes a file that everybody may read (less the umask); an existing file is replaced in one step.
///
/// # Errors
/// [`StoreError::Io`].
pub fn write_public(path: &Path, contents: &[u8]) -> Result<(), StoreError> {
    disk::replace(path, contents, disk::Access::Public)
}
