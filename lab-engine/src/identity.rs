//! The lab's own secrets and keys: the SSH key that logs in, one host key per node, and the token that joins agents.

use std::fmt::Write as _;
use std::path::Path;

use rand::Rng as _;
use russh::keys::ssh_key::LineEnding;
use russh::keys::{Algorithm, PrivateKey};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};

use crate::error::{Context as _, LabError};
use crate::files;
use crate::paths::LabPaths;

/// An SSH key pair.
#[derive(Clone)]
pub(crate) struct KeyPair {
    /// OpenSSH format.
    pub(crate) private: SecretString,
    /// `ssh-ed25519 AAAA… comment`.
    pub(crate) public: String,
}

/// The key that logs into every node of this lab; made at first use.
pub(crate) fn login_key(paths: &LabPaths) -> Result<KeyPair, LabError> {
    key_pair(&paths.keys(), "id_ed25519", "airgap-lab")
}

/// A node's host key; made at first use, injected into the guest and pinned by every connection.
pub(crate) fn host_key(paths: &LabPaths, node: &str) -> Result<KeyPair, LabError> {
    key_pair(&paths.keys().join("host"), node, node)
}

/// The key that logs into nodes that exist: they let no other in, so none is made.
pub(crate) fn known_login_key(paths: &LabPaths) -> Result<KeyPair, LabError> {
    exists(&paths.keys().join("id_ed25519"))?;
    login_key(paths)
}

/// The host key of a node that exists, which has no other.
pub(crate) fn known_host_key(paths: &LabPaths, node: &str) -> Result<KeyPair, LabError> {
    exists(&paths.keys().join("host").join(node))?;
    host_key(paths, node)
}

fn exists(key: &Path) -> Result<(), LabError> {
    if key.is_file() {
        return Ok(());
    }
    Err(LabError::failed(format!(
        "the key {}, which the lab's machines were made with, is gone",
        key.display()
    ))
    .help("put it back; `lab-cli up --recreate-all` makes the machines anew, with new keys (their data is lost)"))
}

/// The token that agents join with; made at first use.
pub(crate) fn token(paths: &LabPaths) -> Result<SecretString, LabError> {
    let path = paths.keys().join("token");
    files::private_dir(&paths.keys())?;
    if let Some(bytes) = files::read_optional(&path)? {
        let text = String::from_utf8(bytes).context(format!("{} is not text", path.display()))?;
        let text = text.trim();
        if !text.is_empty() {
            return Ok(SecretString::from(text));
        }
    }
    let token = SecretString::from(random_hex(24));
    files::write_private(&path, token.expose_secret().as_bytes())?;
    Ok(token)
}

fn key_pair(dir: &Path, name: &str, comment: &str) -> Result<KeyPair, LabError> {
    files::private_dir(dir)?;
    let path = dir.join(name);
    let key = if let Some(bytes) = files::read_optional(&path)? {
        PrivateKey::from_openssh(&bytes).context(format!("{} is not an OpenSSH key", path.display()))?
    } else {
        let mut key = PrivateKey::random(&mut russh::keys::key::safe_rng(), Algorithm::Ed25519)
            .context("could not make an SSH key")?;
        key.set_comment(comment);
        let text = key.to_openssh(LineEnding::LF).context("could not write an SSH key")?;
        files::write_private(&path, text.as_bytes())?;
        key
    };
    let private = key.to_openssh(LineEnding::LF).context("could not write an SSH key")?;
    let public = key.public_key().to_openssh().context("could not write an SSH key")?;
    files::write_private(&path.with_extension("pub"), format!("{public}\n").as_bytes())?;
    Ok(KeyPair {
        private: SecretString::from(private.to_string()),
        public,
    })
}

/// `bytes` random bytes in hexadecimal.
pub(crate) fn random_hex(bytes: usize) -> String {
    let mut buffer = vec![0_u8; bytes];
    rand::rng().fill_bytes(&mut buffer);
    hex(&buffer)
}

/// SHA-256 in hexadecimal.
pub(crate) fn digest(content: &[u8]) -> String {
    hex(&Sha256::digest(content))
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, b| {
        let _ = write!(text, "{b:02x}");
        text
    })
}

/// A node's MAC address: in VMware's range for addresses set by hand (00:50:56:00:00:00 to :3f:ff:ff), the same for
/// every life of the same node of the same lab.
pub(crate) fn mac_address(lab_id: &str, node: &str) -> String {
    let hash = Sha256::digest(format!("{lab_id}/{node}"));
    format!("00:50:56:{:02x}:{:02x}:{:02x}", hash[0] & 0x3f, hash[1], hash[2])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_token_are_made_once_and_kept() {
        let dir = tempfile::tempdir().unwrap();
        let paths = LabPaths::new(Some(dir.path()), "lab").unwrap();
        let first = host_key(&paths, "m").unwrap();
        assert_eq!(host_key(&paths, "m").unwrap().public, first.public);
        assert_ne!(host_key(&paths, "w").unwrap().public, first.public);
        assert!(first.public.starts_with("ssh-ed25519 "));
        let one = token(&paths).unwrap();
        assert_eq!(token(&paths).unwrap().expose_secret(), one.expose_secret());
        assert_eq!(one.expose_secret().len(), 48);
    }

    #[test]
    fn a_mac_address_is_in_vmwares_range_for_fixed_addresses() {
        for i in 0..200 {
            let mac = mac_address("lab", &format!("node{i}"));
            let fourth = u8::from_str_radix(&mac[9..11], 16).unwrap();
            assert!(mac.starts_with("00:50:56:") && fourth <= 0x3f, "{mac}");
        }
    }
}
