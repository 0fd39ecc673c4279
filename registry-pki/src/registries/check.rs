//! What k3s would ignore, misread or fail on.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::Serialize;

use super::{Auth, Mirror, Registries, Tls};
use crate::host::RegistryHost;

/// What the caller accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CheckOptions {
    /// Whether `insecure_skip_verify` and plain HTTP are wanted.
    pub allow_insecure: bool,
}

impl CheckOptions {
    /// Accepts `insecure_skip_verify` and plain HTTP.
    pub fn allowing_insecure() -> Self {
        Self { allow_insecure: true }
    }
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// It works, perhaps not as meant.
    Warning,
    /// It does not work: k3s does not start, or an image is not pulled as the file says.
    Error,
}

/// Something wrong in a `registries.yaml`, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Where, such as `mirrors."docker.io".endpoint[0]`.
    pub path: String,
    /// What.
    #[serde(flatten)]
    pub problem: Problem,
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.path, self.problem)
    }
}

/// What is wrong.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "problem", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Problem {
    /// A mirror or config whose key is no registry.
    Key {
        /// The key.
        key: String,
        /// Why.
        why: String,
    },
    /// An endpoint that is no URL of a registry.
    Endpoint {
        /// As written.
        endpoint: String,
        /// Why.
        why: String,
    },
    /// An endpoint over HTTPS without a `configs` entry for exactly its host and port.
    NoTls {
        /// The key that is needed.
        key: String,
        /// An entry that looks as if it was meant for this endpoint.
        similar: Option<String>,
    },
    /// An endpoint over HTTPS whose `configs` entry names no CA: only a publicly trusted certificate works.
    NoCa {
        /// The key of the entry.
        key: String,
    },
    /// A `configs` entry that no endpoint and no registry uses.
    Unused {
        /// Its key.
        key: String,
    },
    /// TLS settings under `*`, which containerd ignores.
    WildcardTls,
    /// A path of a file on the node that is not absolute.
    RelativePath {
        /// The path.
        path: String,
    },
    /// A client certificate without its key, or the reverse.
    HalfPair {
        /// What is there.
        present: &'static str,
        /// What is not.
        missing: &'static str,
    },
    /// The CA's file is given as the client's certificate too.
    CaAsClient,
    /// Any certificate is accepted.
    Insecure,
    /// Nothing is encrypted.
    PlainHttp {
        /// The endpoint.
        endpoint: String,
    },
    /// `localhost` with a port and without a scheme is taken for HTTP.
    LocalhostIsHttp {
        /// The endpoint.
        endpoint: String,
    },
    /// The endpoint's path takes the place of `/v2`.
    PathOverride {
        /// The path.
        path: String,
    },
    /// Listed twice; the second is skipped.
    Duplicate {
        /// The endpoint.
        endpoint: String,
    },
    /// More than one rewrite: their order is not kept.
    RewriteOrder {
        /// How many.
        count: usize,
    },
    /// A rewrite of a mirror without endpoints: rewrites do not apply to the registry itself.
    RewriteWithoutEndpoint,
    /// Two kinds of credentials, or half of one.
    Credentials {
        /// What is wrong.
        why: &'static str,
    },
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Key { key, why } => write!(f, "`{key}` is not the name of a registry: {why}"),
            Self::Endpoint { endpoint, why } => write!(f, "`{endpoint}` is not the URL of a registry: {why}"),
            Self::NoTls {
                key,
                similar: Some(similar),
            } => write!(
                f,
                "k3s looks for the certificate settings under exactly `{key}` in configs, and finds `{similar}` only"
            ),
            Self::NoTls { key, similar: None } => {
                write!(
                    f,
                    "there is no `{key}` in configs, so the registry's certificate is checked against public CAs"
                )
            }
            Self::NoCa { key } => write!(
                f,
                "`{key}` names no ca_file, so only a publicly trusted certificate works"
            ),
            Self::Unused { key } => {
                write!(
                    f,
                    "no endpoint is `{key}`: k3s takes these settings by an endpoint's exact host and port, not by a mirror's name"
                )
            }
            Self::WildcardTls => f.write_str("containerd ignores TLS settings under `*`: name each endpoint"),
            Self::RelativePath { path } => write!(f, "`{path}` is not an absolute path"),
            Self::HalfPair { present, missing } => write!(f, "{present} is given and {missing} is not"),
            Self::CaAsClient => f.write_str(
                "the ca_file is given as the client's certificate too: a registry's CA belongs under ca_file alone",
            ),
            Self::Insecure => {
                f.write_str("insecure_skip_verify accepts any certificate; give the CA as ca_file instead")
            }
            Self::PlainHttp { endpoint } => write!(f, "`{endpoint}` is not encrypted; use https://"),
            Self::LocalhostIsHttp { endpoint } => {
                write!(
                    f,
                    "`{endpoint}` is taken for http:// (localhost with a port); write the scheme"
                )
            }
            Self::PathOverride { path } => write!(f, "the path `{path}` takes the place of /v2"),
            Self::Duplicate { endpoint } => write!(f, "`{endpoint}` is listed twice; k3s skips the second"),
            Self::RewriteOrder { count } => {
                write!(
                    f,
                    "{count} rewrites in one mirror: k3s does not keep their order; use one"
                )
            }
            Self::RewriteWithoutEndpoint => {
                f.write_str("rewrites apply to endpoints only, not to the registry itself, and there is no endpoint")
            }
            Self::Credentials { why } => f.write_str(why),
        }
    }
}

/// An endpoint as k3s reads it.
#[derive(Debug, PartialEq, Eq)]
struct Endpoint {
    https: bool,
    /// The key under which k3s looks for settings.
    key: String,
    path: String,
    scheme_given: bool,
    localhost: bool,
}

impl Registries {
    /// Everything that k3s would ignore, misread or fail on, in the order of the file's sections.
    pub fn check(&self, options: CheckOptions) -> Vec<Finding> {
        let mut check = Check {
            registries: self,
            options,
            findings: Vec::new(),
            used: BTreeSet::new(),
        };
        for (name, mirror) in &self.mirrors {
            check.mirror(name, mirror);
        }
        for (name, config) in &self.configs {
            let path = format!("configs.\"{name}\"");
            check.key(name, &path);
            if let Some(tls) = &config.tls {
                check.tls(name, tls, &format!("{path}.tls"));
            }
            if let Some(auth) = &config.auth {
                check.auth(auth, &format!("{path}.auth"));
            }
            // A registry without a mirror has its own entry by its own name; one that is mirrored elsewhere has not.
            let mirrored = self
                .mirrors
                .get(name)
                .is_some_and(|mirror| !mirror.endpoints.is_empty());
            if name != "*" && mirrored && !check.used.contains(name) {
                check.warn(&path, Problem::Unused { key: name.clone() });
            }
        }
        check.findings
    }
}

struct Check<'a> {
    registries: &'a Registries,
    options: CheckOptions,
    findings: Vec<Finding>,
    used: BTreeSet<String>,
}

impl Check<'_> {
    fn add(&mut self, severity: Severity, path: &str, problem: Problem) {
        self.findings.push(Finding {
            severity,
            path: path.to_owned(),
            problem,
        });
    }

    fn error(&mut self, path: &str, problem: Problem) {
        self.add(Severity::Error, path, problem);
    }

    fn warn(&mut self, path: &str, problem: Problem) {
        self.add(Severity::Warning, path, problem);
    }

    /// A key is `*`, a host, or a host and port.
    fn key(&mut self, key: &str, path: &str) {
        if key != "*"
            && let Err(error) = RegistryHost::parse_endpoint(key)
        {
            self.error(
                path,
                Problem::Key {
                    key: key.to_owned(),
                    why: error.to_string(),
                },
            );
        }
    }

    fn mirror(&mut self, name: &str, mirror: &Mirror) {
        let path = format!("mirrors.\"{name}\"");
        self.key(name, &path);
        let mut seen = BTreeSet::new();
        for (index, text) in mirror.endpoints.iter().enumerate() {
            let path = format!("{path}.endpoint[{index}]");
            let endpoint = match read_endpoint(text) {
                Ok(endpoint) => endpoint,
                Err(why) => {
                    self.error(
                        &path,
                        Problem::Endpoint {
                            endpoint: text.clone(),
                            why,
                        },
                    );
                    continue;
                }
            };
            if !seen.insert((endpoint.https, endpoint.key.clone(), endpoint.path.clone())) {
                self.warn(&path, Problem::Duplicate { endpoint: text.clone() });
            }
            self.endpoint(text, &endpoint, &path);
            self.used.insert(endpoint.key);
        }
        if mirror.rewrite.len() > 1 {
            self.error(
                &format!("{path}.rewrite"),
                Problem::RewriteOrder {
                    count: mirror.rewrite.len(),
                },
            );
        }
        if !mirror.rewrite.is_empty() && mirror.endpoints.is_empty() {
            self.warn(&format!("{path}.rewrite"), Problem::RewriteWithoutEndpoint);
        }
    }

    fn endpoint(&mut self, text: &str, endpoint: &Endpoint, path: &str) {
        if !matches!(endpoint.path.as_str(), "" | "/" | "/v2" | "/v2/") {
            self.warn(
                path,
                Problem::PathOverride {
                    path: endpoint.path.clone(),
                },
            );
        }
        if !endpoint.https {
            if !endpoint.scheme_given && endpoint.localhost {
                self.warn(
                    path,
                    Problem::LocalhostIsHttp {
                        endpoint: text.to_owned(),
                    },
                );
            } else if !self.options.allow_insecure {
                self.warn(
                    path,
                    Problem::PlainHttp {
                        endpoint: text.to_owned(),
                    },
                );
            }
            return;
        }
        let tls = self
            .registries
            .configs
            .get(&endpoint.key)
            .map(|config| config.tls.as_ref());
        match tls {
            Some(Some(tls)) if tls.ca_file.is_some() || tls.insecure_skip_verify => {}
            Some(_) => self.warn(
                path,
                Problem::NoCa {
                    key: endpoint.key.clone(),
                },
            ),
            None => {
                let host = endpoint
                    .key
                    .rsplit_once(':')
                    .map_or(endpoint.key.as_str(), |(host, _)| host);
                let similar = |key: &&String| {
                    key.as_str() == "*"
                        || key.rsplit_once(':').map_or(key.as_str(), |(host, _)| host) == host
                        || key.contains("://") && key.ends_with(&endpoint.key)
                };
                let similar = self.registries.configs.keys().find(similar).cloned();
                self.error(
                    path,
                    Problem::NoTls {
                        key: endpoint.key.clone(),
                        similar,
                    },
                );
            }
        }
    }

    fn tls(&mut self, name: &str, tls: &Tls, path: &str) {
        if name == "*" {
            self.error(path, Problem::WildcardTls);
        }
        for (key, file) in [
            ("ca_file", &tls.ca_file),
            ("cert_file", &tls.cert_file),
            ("key_file", &tls.key_file),
        ] {
            // Nodes are Linux machines, wherever this runs.
            if let Some(file) = file.as_ref().filter(|file| !file.starts_with('/')) {
                self.error(&format!("{path}.{key}"), Problem::RelativePath { path: file.clone() });
            }
        }
        match (&tls.cert_file, &tls.key_file) {
            (Some(_), None) => self.error(
                path,
                Problem::HalfPair {
                    present: "cert_file",
                    missing: "key_file",
                },
            ),
            (None, Some(_)) => self.error(
                path,
                Problem::HalfPair {
                    present: "key_file",
                    missing: "cert_file",
                },
            ),
            _ => {}
        }
        if tls.ca_file.is_some() && tls.ca_file == tls.cert_file {
            self.error(path, Problem::CaAsClient);
        }
        if tls.insecure_skip_verify && !self.options.allow_insecure {
            self.error(path, Problem::Insecure);
        }
    }

    fn auth(&mut self, auth: &Auth, path: &str) {
        let pair = (auth.username.is_some(), auth.password.is_some());
        let others = usize::from(auth.auth.is_some()) + usize::from(auth.identity_token.is_some());
        let why = match (pair, others) {
            ((true, false), _) => "a username is given and no password",
            ((false, true), _) => "a password is given and no username",
            ((true, true), 1..) | ((false, false), 2..) => "more than one kind of credentials is given",
            ((false, false), 0) => "no credentials are given",
            _ => return,
        };
        self.error(path, Problem::Credentials { why });
    }
}

/// Reads an endpoint as k3s does: no scheme means HTTPS, except for `localhost` with a port of its own.
fn read_endpoint(text: &str) -> Result<Endpoint, String> {
    let (scheme, rest) = match text.split_once("://") {
        Some((scheme, rest)) => (Some(scheme), rest),
        None => (None, text),
    };
    let (authority, path) = rest.find('/').map_or((rest, ""), |at| rest.split_at(at));
    let (host, port) = RegistryHost::parse_endpoint(authority).map_err(|error| error.to_string())?;
    let localhost = host.is_loopback();
    let https = match scheme {
        Some("https") => true,
        Some("http") => false,
        Some(other) => return Err(format!("the scheme is `{other}`, and only https and http are known")),
        None => !(localhost && port.is_some_and(|port| port != 443)),
    };
    // The key is the text as written: k3s compares strings.
    Ok(Endpoint {
        https,
        key: authority.to_owned(),
        path: path.to_owned(),
        scheme_given: scheme.is_some(),
        localhost,
    })
}

impl Registries {
    /// The settings that k3s uses for an endpoint, if there are any.
    pub fn config_for(&self, endpoint: &str) -> Option<&super::RegistryConfig> {
        read_endpoint(endpoint)
            .ok()
            .and_then(|endpoint| self.configs.get(&endpoint.key))
    }

    /// Every endpoint that is used over HTTPS, with the file of the CA that its certificate is checked with.
    pub fn https_endpoints(&self) -> BTreeMap<String, Option<String>> {
        let endpoints = self.mirrors.values().flat_map(|mirror| &mirror.endpoints);
        endpoints
            .filter_map(|text| read_endpoint(text).ok())
            .filter(|endpoint| endpoint.https)
            .map(|endpoint| {
                let ca = self
                    .configs
                    .get(&endpoint.key)
                    .and_then(|config| config.tls.as_ref()?.ca_file.clone());
                (endpoint.key, ca)
            })
            .collect()
    }
}
