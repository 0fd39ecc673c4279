//! Reading and writing the file.

use std::collections::BTreeMap;

use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};

use super::{Auth, Mirror, Registries, RegistryConfig, Tls};
use crate::host::HostError;

/// Why a `registries.yaml` could not be made or read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistriesError {
    /// The registry's address is no host and port.
    #[error("the registry endpoint `{endpoint}`")]
    Endpoint {
        /// As given.
        endpoint: String,
        /// Why not.
        #[source]
        source: HostError,
    },
    /// The text is no `registries.yaml`: not YAML, or with keys that k3s does not know.
    #[error("registries.yaml cannot be read: {0}")]
    Parse(String),
    /// There are passwords in it, and the caller asked for plain text.
    #[error("this registries.yaml has credentials in it: write it with `to_secret_yaml`")]
    HasSecrets,
    /// It could not be written as YAML.
    #[error("registries.yaml cannot be written: {0}")]
    Write(String),
}

/// The file as it stands, with secrets as text: lives only inside this module.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    // A key without a value is as good as none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    mirrors: Option<BTreeMap<String, Option<FileMirror>>>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    configs: Option<BTreeMap<String, Option<FileConfig>>>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileMirror {
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    endpoint: Vec<String>,
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    rewrite: BTreeMap<String, String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileConfig {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth: Option<FileAuth>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    tls: Option<FileTls>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileAuth {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    username: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    password: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    auth: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    identity_token: Option<String>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileTls {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ca_file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    cert_file: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    key_file: Option<String>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    insecure_skip_verify: bool,
}

impl Drop for FileAuth {
    fn drop(&mut self) {
        use zeroize::Zeroize as _;
        self.password.zeroize();
        self.auth.zeroize();
        self.identity_token.zeroize();
    }
}

impl Registries {
    /// The file as YAML, for a file with nothing secret in it.
    ///
    /// # Errors
    /// [`RegistriesError::HasSecrets`] where there are credentials.
    pub fn to_yaml(&self) -> Result<String, RegistriesError> {
        if self.has_secrets() {
            Err(RegistriesError::HasSecrets)
        } else {
            self.write()
        }
    }

    /// The file as YAML, credentials included.
    ///
    /// # Errors
    /// [`RegistriesError::Write`].
    pub fn to_secret_yaml(&self) -> Result<SecretString, RegistriesError> {
        self.write().map(SecretString::from)
    }

    fn write(&self) -> Result<String, RegistriesError> {
        serde_saphyr::to_string(&File::from(self)).map_err(|error| RegistriesError::Write(error.to_string()))
    }

    /// Reads a file. What k3s would accept and ignore (unknown keys) is an error here, with its place. No error repeats what
    /// stands in the file's lines, which may be a password.
    ///
    /// # Errors
    /// [`RegistriesError::Parse`].
    pub fn from_yaml(text: &str) -> Result<Self, RegistriesError> {
        // An empty file is valid, and says nothing.
        // The place is said, the line is not shown: it may be the one with the password.
        let options = serde_saphyr::options! { with_snippet: false };
        let file: Option<File> = serde_saphyr::from_str_with_options(text, options)
            .map_err(|error| RegistriesError::Parse(error.to_string()))?;
        Ok(file.map(Self::from).unwrap_or_default())
    }
}

impl From<&Registries> for File {
    fn from(registries: &Registries) -> Self {
        let mirror = |(name, one): (&String, &Mirror)| {
            (
                name.clone(),
                Some(FileMirror {
                    endpoint: one.endpoints.clone(),
                    rewrite: one.rewrite.clone(),
                }),
            )
        };
        let config = |(name, one): (&String, &RegistryConfig)| (name.clone(), Some(FileConfig::from(one)));
        Self {
            mirrors: (!registries.mirrors.is_empty()).then(|| registries.mirrors.iter().map(mirror).collect()),
            configs: (!registries.configs.is_empty()).then(|| registries.configs.iter().map(config).collect()),
        }
    }
}

impl From<&RegistryConfig> for FileConfig {
    fn from(config: &RegistryConfig) -> Self {
        let expose = |secret: &Option<SecretString>| secret.as_ref().map(|secret| secret.expose_secret().to_owned());
        Self {
            auth: config.auth.as_ref().map(|auth| FileAuth {
                username: auth.username.clone(),
                password: expose(&auth.password),
                auth: expose(&auth.auth),
                identity_token: expose(&auth.identity_token),
            }),
            tls: config.tls.clone().map(|tls| FileTls {
                ca_file: tls.ca_file,
                cert_file: tls.cert_file,
                key_file: tls.key_file,
                insecure_skip_verify: tls.insecure_skip_verify,
            }),
        }
    }
}

impl From<File> for Registries {
    fn from(file: File) -> Self {
        let mirror = |one: Option<FileMirror>| {
            one.map(|one| Mirror {
                endpoints: one.endpoint,
                rewrite: one.rewrite,
            })
            .unwrap_or_default()
        };
        let config = |one: Option<FileConfig>| one.map(RegistryConfig::from).unwrap_or_default();
        Self {
            mirrors: file
                .mirrors
                .unwrap_or_default()
                .into_iter()
                .map(|(name, one)| (name, mirror(one)))
                .collect(),
            configs: file
                .configs
                .unwrap_or_default()
                .into_iter()
                .map(|(name, one)| (name, config(one)))
                .collect(),
        }
    }
}

impl From<FileConfig> for RegistryConfig {
    fn from(config: FileConfig) -> Self {
        Self {
            auth: config.auth.map(|mut auth| Auth {
                username: auth.username.take(),
                password: auth.password.take().map(SecretString::from),
                auth: auth.auth.take().map(SecretString::from),
                identity_token: auth.identity_token.take().map(SecretString::from),
            }),
            tls: config.tls.map(|tls| Tls {
                ca_file: tls.ca_file,
                cert_file: tls.cert_file,
                key_file: tls.key_file,
                insecure_skip_verify: tls.insecure_skip_verify,
            }),
        }
    }
}
