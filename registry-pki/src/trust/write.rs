//! Writing a plan's files.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::TrustPlan;
use crate::certificate::CertificateError;
use crate::host::HostError;
use crate::registries::RegistriesError;
use crate::store::{StoreError, disk};

/// Why trust could not be planned or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustError {
    /// The registry's address is no host and port.
    #[error("the registry endpoint `{endpoint}`")]
    Endpoint {
        /// As given.
        endpoint: String,
        /// Why not.
        #[source]
        source: HostError,
    },
    /// The CAs cannot be read.
    #[error("the CAs to trust")]
    Certificate(#[source] CertificateError),
    /// `registries.yaml` could not be made.
    #[error("registries.yaml")]
    Registries(#[source] RegistriesError),
    /// A configuration file is there already, with other contents.
    #[error("{} is there already and says something else: merge it by hand", .0.display())]
    Exists(PathBuf),
    /// The file system refused.
    #[error("{operation} {}", .path.display())]
    Io {
        /// What was being done.
        operation: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
}

impl TrustPlan {
    /// Writes the files, and removes those of CAs that this registry had before. Each is replaced in one step; files
    /// that are right already are not touched. Returns what was written or removed.
    ///
    /// # Errors
    /// [`TrustError::Exists`] before anything is written, where a configuration file says something else already;
    /// [`TrustError::Io`].
    pub fn write(&self) -> Result<Vec<PathBuf>, TrustError> {
        for file in self.files.iter().filter(|file| !file.own) {
            if fs::read(&file.path).is_ok_and(|present| present != file.contents.as_bytes()) {
                return Err(TrustError::Exists(file.path.clone()));
            }
        }
        let mut changed = Vec::new();
        for file in &self.files {
            if fs::read(&file.path).is_ok_and(|present| present == file.contents.as_bytes()) {
                continue;
            }
            replace(&file.path, file.contents.as_bytes())?;
            changed.push(file.path.clone());
        }
        let dirs: std::collections::BTreeSet<_> = self.files.iter().filter_map(|file| file.path.parent()).collect();
        for dir in dirs {
            changed.extend(self.remove_earlier(dir)?);
        }
        Ok(changed)
    }

    /// A CA that has been retired must not stay trusted.
    fn remove_earlier(&self, dir: &Path) -> Result<Vec<PathBuf>, TrustError> {
        let entries = fs::read_dir(dir).map_err(failed("reading", dir))?;
        let mut removed = Vec::new();
        for entry in entries {
            let path = entry.map_err(failed("reading", dir))?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            // Prefix, twelve digits of a fingerprint, extension: nobody else names files so.
            let fingerprint = name
                .strip_prefix(&self.prefix)
                .and_then(|rest| rest.split_once('.'))
                .map(|(id, _)| id);
            let ours = fingerprint.is_some_and(|id| id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit()));
            if ours && self.files.iter().all(|file| file.path != path) {
                fs::remove_file(&path).map_err(failed("removing", &path))?;
                removed.push(path);
            }
        }
        Ok(removed)
    }
}

fn replace(path: &Path, contents: &[u8]) -> Result<(), TrustError> {
    let dir = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(dir).map_err(failed("creating", dir))?;
    disk::replace(path, contents, disk::Access::Public).map_err(|error| match error {
        StoreError::Io {
            operation,
            path,
            source,
        } => TrustError::Io {
            operation,
            path,
            source,
        },
        other => failed("replacing", path)(io::Error::other(other)),
    })
}

fn failed(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> TrustError {
    let path = path.to_owned();
    move |source| TrustError::Io {
        operation,
        path,
        source,
    }
}
