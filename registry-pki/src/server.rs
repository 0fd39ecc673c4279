//! The registry's own certificate.

use std::time::{Duration, SystemTime};

use rcgen::string::Ia5String;
use rcgen::{CertificateParams, ExtendedKeyUsagePurpose, IsCa, KeyUsagePurpose, SanType};

use crate::authority::IssueError;
use crate::certificate::CertificateInfo;
use crate::host::RegistryHost;
use crate::key::{KeyAlgorithm, PrivateKey};

/// 397 days: inside the 398 of browsers and the 825 that Apple's clients allow for private CAs.
pub const DEFAULT_LEAF_LIFETIME: Duration = Duration::from_secs(397 * 86_400);

/// How to make a server certificate.
#[derive(Clone, Debug)]
pub struct ServerParams {
    /// What clients reach it by, in this order in the subject alternative names; the first is the common name.
    pub hosts: Vec<RegistryHost>,
    /// Whether a host may be a wildcard.
    pub allow_wildcards: bool,
    /// From `not_before` to `not_after`, both included.
    pub lifetime: Duration,
    /// The kind of key.
    pub algorithm: KeyAlgorithm,
    /// The present; the clock's where `None`.
    pub now: Option<SystemTime>,
}

impl ServerParams {
    /// A P-256 certificate for exactly `hosts`, valid for 397 days.
    pub fn new(hosts: impl IntoIterator<Item = RegistryHost>) -> Self {
        Self {
            hosts: hosts.into_iter().collect(),
            allow_wildcards: false,
            lifetime: DEFAULT_LEAF_LIFETIME,
            algorithm: KeyAlgorithm::default(),
            now: None,
        }
    }

    /// Writes names and usages into `certificate`.
    pub(crate) fn fill(&self, certificate: &mut CertificateParams) -> Result<(), IssueError> {
        for host in &self.hosts {
            let name = match host {
                RegistryHost::Ip(address) => SanType::IpAddress(*address),
                RegistryHost::Dns(name) => SanType::DnsName(
                    Ia5String::try_from(name.as_str()).map_err(|error| IssueError::Encode(error.to_string()))?,
                ),
            };
            if !certificate.subject_alt_names.contains(&name) {
                certificate.subject_alt_names.push(name);
            }
        }
        // Explicitly no CA: with it rcgen writes the subject key identifier too.
        certificate.is_ca = IsCa::ExplicitNoCa;
        certificate.use_authority_key_identifier_extension = true;
        certificate.key_usages = vec![KeyUsagePurpose::DigitalSignature];
        if matches!(
            self.algorithm,
            KeyAlgorithm::Rsa2048 | KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096
        ) {
            // TLS 1.2 clients without elliptic curves encrypt to the key.
            certificate.key_usages.push(KeyUsagePurpose::KeyEncipherment);
        }
        certificate.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        Ok(())
    }
}

/// `hosts`, followed by `127.0.0.1` and `localhost` where they are missing: what the machine that runs the registry
/// reaches it by.
pub fn with_loopback(hosts: impl IntoIterator<Item = RegistryHost>) -> Vec<RegistryHost> {
    let mut all: Vec<RegistryHost> = Vec::new();
    let loopback = ["127.0.0.1", "localhost"]
        .into_iter()
        .filter_map(|text| text.parse().ok());
    for host in hosts.into_iter().chain(loopback) {
        if !all.contains(&host) {
            all.push(host);
        }
    }
    all
}

/// A server certificate and its private key.
#[derive(Debug)]
pub struct ServerCertificate {
    info: CertificateInfo,
    key: PrivateKey,
}

impl ServerCertificate {
    pub(crate) fn from_parts(info: CertificateInfo, key: PrivateKey) -> Self {
        Self { info, key }
    }

    /// What the certificate says.
    pub fn info(&self) -> &CertificateInfo {
        &self.info
    }

    /// The certificate as PEM. The CA is not appended: clients have it, or must not trust it.
    pub fn certificate_pem(&self) -> String {
        self.info.to_pem()
    }

    /// The private key.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }
}
