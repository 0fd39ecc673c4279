//! k3s's `registries.yaml`: which registry images are pulled from, and how its certificate is checked.
//!
//! k3s reads `/etc/rancher/k3s/registries.yaml` at its start only. It looks up TLS and credentials by the exact
//! `host:port` of an endpoint, never by the mirror's name and never from `*`; a file that it cannot parse keeps it from
//! starting, and a key that it does not know is ignored. [`Registries::check`] knows these rules (k3s documentation
//! "Private Registry Configuration"; k3s `pkg/agent/containerd/config.go`).

mod check;
mod problem;
mod yaml;

use std::collections::BTreeMap;
use std::fmt;

use secrecy::SecretString;

pub use check::CheckOptions;
pub use problem::{Finding, Problem, Severity};
pub use yaml::RegistriesError;

use crate::host::RegistryHost;

/// The public registries that a k3s cluster's images usually come from.
pub const DEFAULT_MIRRORS: [&str; 5] = ["docker.io", "registry.k8s.io", "quay.io", "gcr.io", "ghcr.io"];

/// A `registries.yaml`.
#[derive(Clone, Debug, Default)]
pub struct Registries {
    /// By the registry's name in image references (`docker.io`, `registry.lab:5000`), or `*` for all others.
    pub mirrors: BTreeMap<String, Mirror>,
    /// By the `host` or `host:port` of an endpoint, exactly.
    pub configs: BTreeMap<String, RegistryConfig>,
}

/// Where the images of one registry are pulled from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mirror {
    /// URLs, tried in order; the registry itself comes last.
    pub endpoints: Vec<String>,
    /// Regular expression for an image's name (without its tag), and what takes its place. k3s keeps these in a map
    /// without an order, so more than one is ambiguous.
    pub rewrite: BTreeMap<String, String>,
}

/// How one endpoint is spoken to.
#[derive(Clone, Debug, Default)]
pub struct RegistryConfig {
    /// Credentials.
    pub auth: Option<Auth>,
    /// Certificates.
    pub tls: Option<Tls>,
}

/// Credentials for an endpoint.
#[derive(Clone, Default)]
pub struct Auth {
    /// User name.
    pub username: Option<String>,
    /// Password.
    pub password: Option<SecretString>,
    /// Base64 of `user:password`, instead of the two.
    pub auth: Option<SecretString>,
    /// A token for OAuth, instead of the two.
    pub identity_token: Option<SecretString>,
}

impl fmt::Debug for Auth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Auth")
            .field("username", &self.username)
            .finish_non_exhaustive()
    }
}

/// Certificates for an endpoint: paths on the node.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// PEM file with the CAs to trust.
    pub ca_file: Option<String>,
    /// The client's certificate, where the registry wants one.
    pub cert_file: Option<String>,
    /// The client's private key.
    pub key_file: Option<String>,
    /// Whether any certificate is accepted.
    pub insecure_skip_verify: bool,
}

impl Registries {
    /// A file that pulls the images of `mirrors` (and of the registry itself) from one registry over TLS.
    ///
    /// `endpoint` is `host:port`, as clients reach it; `ca_file` is where its CA lies on the node.
    ///
    /// ```
    /// use registry_pki::registries::{DEFAULT_MIRRORS, Registries};
    ///
    /// let registries = Registries::for_mirrors("192.168.6.1:5000", &DEFAULT_MIRRORS, "/etc/rancher/k3s/registry-ca.crt")?;
    /// assert!(registries.check(Default::default()).is_empty());
    /// assert!(registries.to_yaml()?.contains("https://192.168.6.1:5000"));
    /// # Ok::<(), registry_pki::registries::RegistriesError>(())
    /// ```
    ///
    /// # Errors
    /// [`RegistriesError::Endpoint`] where `endpoint` is no host and port.
    pub fn for_mirrors<S: AsRef<str>>(endpoint: &str, mirrors: &[S], ca_file: &str) -> Result<Self, RegistriesError> {
        let wrong = |source| RegistriesError::Endpoint {
            endpoint: endpoint.to_owned(),
            source,
        };
        let key = match RegistryHost::parse_endpoint(endpoint).map_err(wrong)? {
            (host, Some(port)) => host.endpoint(port),
            (RegistryHost::Ip(std::net::IpAddr::V6(address)), None) => format!("[{address}]"),
            (host, None) => host.to_string(),
        };
        let mirror = Mirror {
            endpoints: vec![format!("https://{key}")],
            rewrite: BTreeMap::new(),
        };
        let names = mirrors.iter().map(|name| name.as_ref().to_owned()).chain([key.clone()]);
        let tls = Tls {
            ca_file: Some(ca_file.to_owned()),
            ..Tls::default()
        };
        Ok(Self {
            mirrors: names.map(|name| (name, mirror.clone())).collect(),
            configs: BTreeMap::from([(
                key,
                RegistryConfig {
                    auth: None,
                    tls: Some(tls),
                },
            )]),
        })
    }

    /// Sets the credentials for every endpoint that is configured.
    pub fn with_credentials(mut self, username: &str, password: &SecretString) -> Self {
        for config in self.configs.values_mut() {
            config.auth = Some(Auth {
                username: Some(username.to_owned()),
                password: Some(password.clone()),
                ..Auth::default()
            });
        }
        self
    }

    /// Sets the one rewrite of a mirror: images whose name matches `pattern` are asked for as `replacement`.
    pub fn with_rewrite(mut self, mirror: &str, pattern: &str, replacement: &str) -> Self {
        if let Some(mirror) = self.mirrors.get_mut(mirror) {
            mirror.rewrite = BTreeMap::from([(pattern.to_owned(), replacement.to_owned())]);
        }
        self
    }

    /// Whether any password or token is in it.
    pub fn has_secrets(&self) -> bool {
        self.configs
            .values()
            .filter_map(|config| config.auth.as_ref())
            .any(|auth| auth.password.is_some() || auth.auth.is_some() || auth.identity_token.is_some())
    }
}
