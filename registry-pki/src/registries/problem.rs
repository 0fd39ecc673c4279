//! What can be wrong in a `registries.yaml`.

use std::fmt;

use serde::Serialize;

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
