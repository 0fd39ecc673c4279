//! What can go wrong with a payload.

use std::io;
use std::path::PathBuf;

use crate::iso::IsoError;

/// A payload image was not made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PayloadError {
    /// A file that should go in cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file is not what its role needs it to be.
    #[error("{} cannot be {role}: {reason}", path.display())]
    Unsuitable {
        /// The file.
        path: PathBuf,
        /// What it was to be.
        role: &'static str,
        /// Why it cannot be that, and what would.
        reason: String,
    },
    /// Two files would have the same path in the image.
    #[error("both {} and {} would be {name} in the payload", first.display(), second.display())]
    Twice {
        /// The path in the image.
        name: String,
        /// One file.
        first: PathBuf,
        /// The other.
        second: PathBuf,
    },
    /// A file would take the place of one that the payload makes itself.
    #[error("{} cannot be {name} in the payload: that file is made with the image", source_path.display())]
    Reserved {
        /// The path in the image.
        name: &'static str,
        /// The file.
        source_path: PathBuf,
    },
    /// The image was not written.
    #[error("could not write the payload image {}", path.display())]
    Iso {
        /// The image.
        path: PathBuf,
        /// Why not.
        #[source]
        source: IsoError,
    },
    /// The manifest beside the image was not written.
    #[error("could not write the payload's manifest {}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}
