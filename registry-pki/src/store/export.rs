//! Taking the store's certificates and keys out.

use secrecy::{ExposeSecret, SecretString};

use super::generation::{self, Current};
use super::{PkiStore, StoreError, lock};
use crate::certificate::CertificateInfo;
use crate::key::PrivateKey;
use crate::pkcs12::{self, Pkcs12Error};

/// Why nothing was exported.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ExportError {
    /// The store.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The file could not be made.
    #[error("the PKCS#12 file could not be made")]
    Pkcs12(#[from] Pkcs12Error),
}

impl PkiStore {
    /// The registry's key and certificate with the signing CA's certificate, as PKCS#12.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn export_identity(&self, password: &SecretString) -> Result<SecretExport, ExportError> {
        let current = self.current()?;
        let key = current
            .set
            .leaf_key
            .as_ref()
            .map(ExposeSecret::expose_secret)
            .unwrap_or_default();
        let key = PrivateKey::from_pem(key).map_err(StoreError::ServerKey)?;
        let contents = pkcs12::identity(&current.leaf, &key, std::slice::from_ref(&current.ca), password)?;
        Ok(SecretExport { contents })
    }

    /// The CAs that clients trust, as PKCS#12.
    ///
    /// # Errors
    /// [`ExportError`].
    pub fn export_trust(&self, password: &SecretString) -> Result<Vec<u8>, ExportError> {
        let current = self.current()?;
        let cas = CertificateInfo::all_from_pem(&current.set.bundle).unwrap_or_default();
        Ok(pkcs12::trust_store(&cas, password)?)
    }

    fn current(&self) -> Result<Current, StoreError> {
        let _lock = lock::shared(self.dir())?;
        generation::load_or_adopt(self.dir())?.ok_or_else(|| StoreError::Empty {
            dir: self.dir().to_owned(),
        })
    }
}

/// A file with a private key in it (encrypted, but only as well as its password).
pub struct SecretExport {
    contents: Vec<u8>,
}

impl SecretExport {
    /// The file's contents.
    pub fn contents(&self) -> &[u8] {
        &self.contents
    }

    /// Writes it to `path`, 0600 from its first byte; an existing file is replaced in one step.
    ///
    /// # Errors
    /// [`StoreError::Io`].
    pub fn write(&self, path: &std::path::Path) -> Result<(), StoreError> {
        super::write_private(path, &self.contents)
    }
}

impl std::fmt::Debug for SecretExport {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SecretExport")
            .field("bytes", &self.contents.len())
            .finish()
    }
}
