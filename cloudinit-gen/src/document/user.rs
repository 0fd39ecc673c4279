//! `users` and `ssh_keys`.

use secrecy::SecretString;
use serde::Serialize;

use crate::secret;

/// One entry of `users`.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct User {
    /// Login name.
    pub name: String,
    /// Login shell, for example `/bin/bash`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub shell: Option<String>,
    /// Further groups; cloud-init makes those that are missing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub groups: Vec<String>,
    /// A rule for sudoers, for example `ALL=(ALL) NOPASSWD:ALL`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sudo: Option<String>,
    /// Whether no password opens the account.
    pub lock_passwd: bool,
    /// A hash in crypt(3)'s form; applied to a user of the image as well as to a new one.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "secret::expose_some")]
    pub hashed_passwd: Option<SecretString>,
    /// Lines for `authorized_keys`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ssh_authorized_keys: Vec<String>,
}

impl User {
    /// A user with a locked password and nothing else.
    pub fn new(name: impl Into<String>) -> Self {
        Self {
            name: name.into(),
            lock_passwd: true,
            ..Self::default()
        }
    }
}

/// `ssh_keys`: the host's own keys. When one is given, cloud-init generates none of the other types.
#[derive(Debug, Clone, Default, Serialize)]
#[non_exhaustive]
pub struct SshKeys {
    /// The Ed25519 private key in OpenSSH's PEM form.
    #[serde(skip_serializing_if = "Option::is_none", serialize_with = "secret::expose_some")]
    pub ed25519_private: Option<SecretString>,
    /// The matching public key, one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ed25519_public: Option<String>,
}
