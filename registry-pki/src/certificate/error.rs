//! What cannot be read as a certificate.

/// A text or a DER block that is no certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// No PEM block `CERTIFICATE` in the text.
    #[error("there is no certificate in it{} (expected a PEM block `BEGIN CERTIFICATE`)", found.as_ref().map(|found| format!(", only `{found}`")).unwrap_or_default())]
    None {
        /// The label of the first other block, such as `PRIVATE KEY`.
        found: Option<String>,
    },
    /// A file that is no text.
    #[error("it is {what}, not PEM: {remedy}")]
    NotText {
        /// What it looks like.
        what: &'static str,
        /// How to make PEM of it.
        remedy: &'static str,
    },
    /// A PEM block that is not well-formed.
    #[error("it is not well-formed PEM: {0}")]
    Pem(String),
    /// A certificate block that is not a certificate.
    #[error("certificate {position} in it cannot be read: {reason}")]
    Malformed {
        /// Counted from 1.
        position: usize,
        /// What the parser said.
        reason: String,
    },
}
