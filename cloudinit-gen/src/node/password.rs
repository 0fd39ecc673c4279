//! Passwords leave this process only as hashes.

use secrecy::{ExposeSecret, SecretString};
use sha_crypt::{CustomizedPasswordHasher, Params, ShaCrypt};
use sha2::{Digest, Sha256};

use super::NodeConfig;

/// Twelve bytes become the sixteen characters that SHA-crypt takes at most.
const SALT_BYTES: usize = 12;

/// The SHA-512 crypt hash of a node's password.
///
/// The salt is drawn from the node's private host key and its instance id: nobody without the key can foretell it, no
/// two nodes share it, and rendering the same node again gives the same document.
pub(crate) fn hash(
    node: &NodeConfig,
    password: &SecretString,
) -> Result<SecretString, sha_crypt::password_hash::Error> {
    let mut seed = Sha256::new();
    seed.update(b"cloudinit-gen password salt\0");
    seed.update(node.instance_id.as_str());
    seed.update(b"\0");
    seed.update(node.host_key.private_openssh.expose_secret());
    let seed = seed.finalize();
    let hash = ShaCrypt::SHA512.hash_password_customized(
        password.expose_secret().as_bytes(),
        &seed[..SALT_BYTES],
        None,
        None,
        Params::RECOMMENDED,
    )?;
    Ok(hash.as_str().to_owned().into())
}
