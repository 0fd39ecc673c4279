//! What k3s would ignore, misread or fail on.

use std::collections::{BTreeMap, BTreeSet};

use super::problem::{Finding, Problem, Severity};
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
