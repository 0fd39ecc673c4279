//! The SSH host key that a node is given, so that its host can pin it before the first connection.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};

/// An Ed25519 host key made outside the node.
#[derive(Clone)]
#[non_exhaustive]
pub struct HostKey {
    /// The private key in OpenSSH's PEM form (`-----BEGIN OPENSSH PRIVATE KEY-----`), without a passphrase.
    pub private_openssh: SecretString,
    /// The public key on one line: `ssh-ed25519 AAAA…`.
    pub public_openssh: String,
}

impl HostKey {
    /// Joins the two halves. They are not compared here: the caller made them together.
    pub fn new(private_openssh: SecretString, public_openssh: impl Into<String>) -> Self {
        Self {
            private_openssh,
            public_openssh: public_openssh.into(),
        }
    }
}

impl HostKey {
    /// The private half as OpenSSH reads it back: with plain line ends, the last one included.
    pub(super) fn private_file(&self) -> SecretString {
        let text = self.private_openssh.expose_secret().replace("\r\n", "\n");
        format!("{}\n", text.trim()).into()
    }
}

impl fmt::Debug for HostKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HostKey")
            .field("public_openssh", &self.public_openssh)
            .finish_non_exhaustive()
    }
}
