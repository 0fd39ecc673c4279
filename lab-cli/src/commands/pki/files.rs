//! Reading certificates and keys, and writing what is handed out.

use std::path::{Path, PathBuf};

use lab_engine::{ErrorKind, LabError, read_foreign};
use registry_pki::certificate::{CertificateError, pem_text};
use registry_pki::store::{write_private, write_public};
use secrecy::{ExposeSecret as _, SecretSlice, SecretString};

use crate::failure::{Context as _, Failure};

/// The text of a PEM file; what is none is an error that says what it is instead.
pub(super) fn pem(path: &Path) -> Result<String, Failure> {
    let what = || format!("could not read {}", path.display());
    let bytes = read_foreign(path).context(ErrorKind::Configuration, what())?;
    pem_text(&bytes).map_err(|e| match e {
        CertificateError::NotText { what, remedy } => Failure::usage(
            format!("{} is {what}, not PEM", path.display()),
            remedy.replace("FILE", &path.display().to_string()),
        ),
        other => LabError::new(ErrorKind::Configuration, what()).source(other).into(),
    })
}

/// The text of a private key's file.
pub(super) fn key(path: &Path) -> Result<SecretString, Failure> {
    // Bytes and text are wiped; the text between them is checked for what it is as any other PEM file's.
    let bytes = secret_bytes(path)?;
    pem_text(bytes.expose_secret()).map(SecretString::from).map_err(|_| {
        Failure::usage(
            format!("{} is no PEM file", path.display()),
            "name the file with the private key",
        )
    })
}

/// A file's contents, wiped after use.
pub(super) fn secret_bytes(path: &Path) -> Result<SecretSlice<u8>, Failure> {
    let bytes = read_foreign(path).context(ErrorKind::Configuration, format!("could not read {}", path.display()))?;
    Ok(SecretSlice::from(bytes))
}

/// Where something is written to, and whether it may replace what is there.
#[derive(Debug, clap::Args)]
pub(super) struct Target {
    /// Write it to this file; standard output without it
    #[arg(long, value_name = "FILE")]
    pub(super) to: Option<PathBuf>,
    /// Replace the file if it exists
    #[arg(long, requires = "to")]
    pub(super) force: bool,
}

impl Target {
    /// Writes to `path`: with 0600 for what is secret. Refuses a file that is there, unless told to replace it.
    pub(super) fn write(&self, path: &Path, contents: &[u8], secret: bool) -> Result<(), Failure> {
        if !self.force && path.symlink_metadata().is_ok() {
            let message = format!("{} exists already", path.display());
            return Err(Failure::usage(message, "`--force` replaces it"));
        }
        let written = if secret {
            write_private(path, contents)
        } else {
            write_public(path, contents)
        };
        Ok(written.context(ErrorKind::Failed, format!("could not write {}", path.display()))?)
    }
}
