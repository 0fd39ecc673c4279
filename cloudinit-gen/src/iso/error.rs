//! What can go wrong while an image is written.

use std::io;
use std::path::PathBuf;

/// An image was not written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IsoError {
    /// A path inside the image cannot be recorded.
    #[error("{path:?} cannot be a path in an ISO image: {reason}")]
    Name {
        /// The path inside the image.
        path: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// A file of the host cannot be opened.
    #[error("cannot open {}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Something that is not a regular file was to be put into the image.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// What it was.
        path: PathBuf,
    },
    /// A file of the host cannot be read.
    #[error("cannot read {}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// A file was written to, or replaced, between the moment it was measured and the moment it had been copied.
    #[error("{} changed while the image was written; try again when nothing writes to it", path.display())]
    Changed {
        /// The file.
        path: PathBuf,
    },
    /// More than the format can address.
    #[error("the image would be larger than ISO 9660 can address: {what}")]
    TooLarge {
        /// Which limit was passed.
        what: &'static str,
    },
    /// The image cannot be written to where it belongs.
    #[error("cannot write the image {}", path.display())]
    Write {
        /// Where it was to be; empty for a stream.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}
