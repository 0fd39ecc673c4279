//! What can go wrong with a store.

use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use crate::authority::IssueError;
use crate::certificate::CertificateError;
use crate::key::KeyError;
use crate::when;

/// Why a store could not be opened, read or changed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The file system refused.
    #[error("{operation} {}", .path.display())]
    Io {
        /// What was being done, such as `writing`.
        operation: &'static str,
        /// To which file or directory.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The directory does not exist.
    #[error("there is no certificate directory at {}", .dir.display())]
    Missing {
        /// The directory.
        dir: PathBuf,
    },
    /// The directory exists and holds no certificate.
    #[error("there is no certificate in {} yet", .dir.display())]
    Empty {
        /// The directory.
        dir: PathBuf,
    },
    /// Somebody else could put their own CA into the directory.
    #[error("{} can be written by others than its owner, who could put a CA of theirs into it: run `chmod go-w {}`", .dir.display(), .dir.display())]
    Insecure {
        /// The directory.
        dir: PathBuf,
    },
    /// Another process holds the lock for too long.
    #[error("another process has been changing {} for {}: it holds {}", .dir.display(), when::span(*.waited), .dir.join(super::lock::NAME).display())]
    Locked {
        /// The directory.
        dir: PathBuf,
        /// How long it was waited for.
        waited: Duration,
    },
    /// Files that are no complete set, and that this store did not make.
    #[error("{} holds {found} but not {missing}: it is no complete certificate directory; complete it, or move these files away", .dir.display())]
    Incomplete {
        /// The directory.
        dir: PathBuf,
        /// What is there.
        found: String,
        /// What is not.
        missing: String,
    },
    /// A certificate file of the store that cannot be read any more.
    #[error("the certificate in {} cannot be used; restore it from a backup, or move {} away to begin anew", .path.display(), .dir.display())]
    Certificate {
        /// The store.
        dir: PathBuf,
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: CertificateError,
    },
    /// The CA's key and certificate do not belong together, or the certificate is no CA's.
    #[error("the CA in {}", .dir.display())]
    Authority {
        /// The directory.
        dir: PathBuf,
        /// Why.
        #[source]
        source: IssueError,
    },
    /// The CA's key is not there.
    #[error("the CA's key {} is not there: it is needed to issue a certificate", .path.display())]
    CaKeyMissing {
        /// Where it was looked for.
        path: PathBuf,
    },
    /// The CA's key could not be opened.
    #[error("the CA's key {}", .path.display())]
    CaKey {
        /// The file.
        path: PathBuf,
        /// Why.
        #[source]
        source: KeyError,
    },
    /// The server's key could not be read or written.
    #[error("the registry's key")]
    ServerKey(#[source] KeyError),
    /// Nothing was issued, because that failed.
    #[error("issuing the certificate")]
    Issue(#[source] IssueError),
    /// What was issued would not be accepted; nothing was changed.
    #[error("the new certificate would not be accepted, so nothing was changed: {0}")]
    Refused(String),
    /// The clock is before the certificates.
    #[error("the clock says {}, but the CA is valid from {}: set the clock, or rotate the CA if it was made with a wrong one", when::rfc3339(*.now), when::rfc3339(*.not_before))]
    Clock {
        /// The present, as the clock has it.
        now: SystemTime,
        /// First second of the certificate's validity.
        not_before: SystemTime,
    },
    /// The request contradicts itself.
    #[error("the request cannot be met: {0}")]
    Request(String),
    /// There is nothing to retire.
    #[error("there is no other CA in {} to retire", .0.display())]
    NothingToRetire(PathBuf),
}

impl StoreError {
    pub(crate) fn io(operation: &'static str, path: &Path) -> impl FnOnce(io::Error) -> Self {
        let path = path.to_owned();
        move |source| Self::Io {
            operation,
            path,
            source,
        }
    }
}

/// An error and its causes on one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}
