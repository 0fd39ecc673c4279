//! The certificate authority: a self-signed CA that may sign for the registry's hosts and nothing else.

use std::time::{Duration, SystemTime};

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, IsCa, Issuer, KeyIdMethod, KeyUsagePurpose,
};
use ring::digest;
use ring::rand::{SecureRandom, SystemRandom};
use rustls_pki_types::CertificateDer;

use crate::certificate::{CertificateError, CertificateInfo};
use crate::constraints::Constraints;
use crate::host::RegistryHost;
use crate::key::{KeyAlgorithm, KeyError, PrivateKey};
use crate::server::{ServerCertificate, ServerParams};
use crate::when;

/// Ten years: what mkcert gives its CA, and longer than a lab lives.
pub const DEFAULT_CA_LIFETIME: Duration = Duration::from_secs(3_650 * 86_400);

/// How far certificates are dated back, so that a client whose clock is a little slow accepts a fresh one.
pub const BACKDATE: Duration = Duration::from_secs(300);

/// Most octets of a common name (RFC 5280, `ub-common-name`).
const MAX_COMMON_NAME: usize = 64;

/// Why a certificate could not be issued.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IssueError {
    /// No host was given.
    #[error("no host was given: a certificate needs at least one address or name that clients reach")]
    NoHosts,
    /// A wildcard where none was asked for.
    #[error("`{0}` is a wildcard: name the hosts, or allow wildcards explicitly")]
    Wildcard(String),
    /// A lifetime that cannot be written into a certificate.
    #[error("a lifetime of {} cannot be used: {reason}", when::span(*.lifetime))]
    Lifetime {
        /// As asked for.
        lifetime: Duration,
        /// Why not.
        reason: &'static str,
    },
    /// The CA's name constraints do not allow a host.
    #[error("this CA may not sign for {host}: it is constrained to {permitted}; make a new CA for it (rotate)")]
    Constrained {
        /// The host.
        host: String,
        /// What it may sign for.
        permitted: String,
    },
    /// The CA's own validity does not cover the moment.
    #[error("this CA is valid from {} to {} only: make a new one (rotate)", when::rfc3339(*.not_before), when::rfc3339(*.not_after))]
    NotValidNow {
        /// First second.
        not_before: SystemTime,
        /// Last second.
        not_after: SystemTime,
    },
    /// The certificate is not one of a CA.
    #[error("the certificate `{0}` is not a CA's: it cannot sign others")]
    NotACa(String),
    /// The key is not the certificate's.
    #[error("the private key does not belong to the CA certificate `{0}`")]
    KeyMismatch(String),
    /// The key could not be made or used.
    #[error("the private key")]
    Key(#[from] KeyError),
    /// The CA certificate could not be read.
    #[error("the CA certificate")]
    Certificate(#[from] CertificateError),
    /// The system gave no random numbers.
    #[error("the system gave no random numbers for the serial number")]
    Random,
    /// rcgen refused.
    #[error("the certificate could not be encoded: {0}")]
    Encode(String),
}

/// How to make a CA.
#[derive(Clone, Debug)]
pub struct AuthorityParams {
    /// The hosts it may sign for. The first names it.
    pub hosts: Vec<RegistryHost>,
    /// Whether clients are told to refuse its signature for any other host (name constraints, critical).
    pub constrained: bool,
    /// The common name; by default `<first host> registry CA <six random hexadecimal digits>`, so that two
    /// generations of one CA never share a name.
    pub common_name: Option<String>,
    /// From `not_before` to `not_after`, both included.
    pub lifetime: Duration,
    /// The kind of key.
    pub algorithm: KeyAlgorithm,
    /// The present; the clock's where `None`.
    pub now: Option<SystemTime>,
}

impl AuthorityParams {
    /// A constrained P-256 CA for `hosts`, valid for ten years.
    pub fn new(hosts: impl IntoIterator<Item = RegistryHost>) -> Self {
        Self {
            hosts: hosts.into_iter().collect(),
            constrained: true,
            common_name: None,
            lifetime: DEFAULT_CA_LIFETIME,
            algorithm: KeyAlgorithm::default(),
            now: None,
        }
    }
}

/// A certificate authority: certificate and private key.
#[derive(Debug)]
pub struct Authority {
    info: CertificateInfo,
    key: PrivateKey,
}

impl Authority {
    /// Makes a new CA with a new key: self-signed, path length 0 (it signs servers, never other CAs), key usage
    /// `keyCertSign` and `cRLSign`, 128-bit random serial, key identifier after RFC 7093, dated back by five minutes.
    ///
    /// # Errors
    /// [`IssueError`].
    pub fn create(params: &AuthorityParams) -> Result<Self, IssueError> {
        let first = params.hosts.first().ok_or(IssueError::NoHosts)?;
        let key = PrivateKey::generate(params.algorithm)?;
        let common_name = match &params.common_name {
            Some(name) => name.clone(),
            None => default_common_name(first)?,
        };
        let mut certificate = base(params.now, params.lifetime, &key)?;
        certificate.distinguished_name = subject(&common_name);
        // Its own: a root may leave it out, and some checkers want it.
        certificate.use_authority_key_identifier_extension = true;
        certificate.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
        certificate.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        if params.constrained {
            certificate.name_constraints = Some(Constraints::to_rcgen(&params.hosts));
        }
        let signed = certificate
            .self_signed(key.pair())
            .map_err(|error| IssueError::Encode(error.to_string()))?;
        let info = CertificateInfo::from_der(signed.der()).map_err(IssueError::Encode)?;
        Ok(Self { info, key })
    }

    /// Takes up a CA made earlier, by anyone: the first certificate of `pem`, and its key.
    ///
    /// # Errors
    /// [`IssueError::NotACa`], [`IssueError::KeyMismatch`], [`IssueError::Certificate`].
    pub fn load(pem: &str, key: PrivateKey) -> Result<Self, IssueError> {
        let info = CertificateInfo::from_pem(pem)?;
        let may_sign = info
            .key_usage
            .as_ref()
            .is_none_or(|usages| usages.contains(&"keyCertSign"));
        if info.ca != Some(true) || !may_sign {
            return Err(IssueError::NotACa(info.subject));
        }
        if info.public_key_der != key.public_key_der() {
            return Err(IssueError::KeyMismatch(info.subject));
        }
        Ok(Self { info, key })
    }

    /// What its certificate says.
    pub fn info(&self) -> &CertificateInfo {
        &self.info
    }

    /// Its certificate as PEM.
    pub fn certificate_pem(&self) -> String {
        self.info.to_pem()
    }

    /// Its private key.
    pub fn key(&self) -> &PrivateKey {
        &self.key
    }

    /// Whether its name constraints (if any) let it sign for `host`.
    pub fn permits(&self, host: &RegistryHost) -> bool {
        self.info
            .constraints
            .as_ref()
            .is_none_or(|constraints| constraints.permits(host))
    }

    /// Issues a server certificate with a new key. It never outlives the CA: the end of its validity is brought
    /// forward to the CA's where necessary.
    ///
    /// # Errors
    /// [`IssueError`], in particular [`IssueError::Constrained`] and [`IssueError::NotValidNow`].
    pub fn issue(&self, params: &ServerParams) -> Result<ServerCertificate, IssueError> {
        for host in &params.hosts {
            if host.is_wildcard() && !params.allow_wildcards {
                return Err(IssueError::Wildcard(host.to_string()));
            }
            if !self.permits(host) {
                return Err(IssueError::Constrained {
                    host: host.to_string(),
                    permitted: self
                        .info
                        .constraints
                        .as_ref()
                        .map(Constraints::permitted_text)
                        .unwrap_or_default(),
                });
            }
        }
        let key = PrivateKey::generate(params.algorithm)?;
        let mut certificate = base(params.now, params.lifetime, &key)?;
        let (ca_from, ca_to) = (when::offset(self.info.not_before), when::offset(self.info.not_after));
        let now = when::offset(params.now.unwrap_or_else(SystemTime::now));
        if now < ca_from || now > ca_to {
            let (not_before, not_after) = (self.info.not_before, self.info.not_after);
            return Err(IssueError::NotValidNow { not_before, not_after });
        }
        certificate.not_before = certificate.not_before.max(ca_from);
        certificate.not_after = certificate.not_after.min(ca_to);
        params.fill(&mut certificate)?;
        certificate.distinguished_name = subject(&server_common_name(&params.hosts).ok_or(IssueError::NoHosts)?);
        let ca = CertificateDer::from(self.info.der.as_slice());
        let issuer =
            Issuer::from_ca_cert_der(&ca, self.key.pair()).map_err(|error| IssueError::Encode(error.to_string()))?;
        let signed = certificate
            .signed_by(key.pair(), &issuer)
            .map_err(|error| IssueError::Encode(error.to_string()))?;
        let info = CertificateInfo::from_der(signed.der()).map_err(IssueError::Encode)?;
        Ok(ServerCertificate::from_parts(info, key))
    }
}

/// What every certificate has: dates, a random serial, the RFC 7093 key identifier.
fn base(now: Option<SystemTime>, lifetime: Duration, key: &PrivateKey) -> Result<CertificateParams, IssueError> {
    let invalid = |reason| IssueError::Lifetime { lifetime, reason };
    if lifetime < Duration::from_secs(10) {
        return Err(invalid("the shortest is 10 s"));
    }
    // A short life is dated back by less, or it would be over before it began.
    let back = BACKDATE.min(lifetime / 10);
    let now = now.unwrap_or_else(SystemTime::now);
    let not_before = now
        .checked_sub(back)
        .ok_or_else(|| invalid("the present is before all time"))?;
    // Both ends belong to the validity, so the last second is one earlier than the sum.
    let not_after = when::offset(not_before)
        .checked_add(time::Duration::seconds(
            i64::try_from(lifetime.as_secs()).unwrap_or(i64::MAX),
        ))
        .and_then(|end| end.checked_sub(time::Duration::SECOND))
        .filter(|end| end.year() <= 9_999)
        .ok_or_else(|| invalid("it ends after the year 9999"))?;
    let mut certificate = CertificateParams::default();
    certificate.distinguished_name = DistinguishedName::new();
    certificate.not_before = when::offset(not_before);
    certificate.not_after = not_after;
    certificate.serial_number = Some(serial()?);
    certificate.key_identifier_method = KeyIdMethod::PreSpecified(key_identifier(key));
    Ok(certificate)
}

/// A positive 128-bit random number: rcgen's default is a hash of the key, so one key would give one serial.
fn serial() -> Result<rcgen::SerialNumber, IssueError> {
    let mut octets = [0_u8; 16];
    SystemRandom::new().fill(&mut octets).map_err(|_| IssueError::Random)?;
    // Positive in DER, and always of the same length.
    octets[0] = octets[0] & 0x7f | 0x40;
    Ok(rcgen::SerialNumber::from_slice(&octets))
}

/// RFC 7093, section 2, method 1: the leftmost 160 bits of the SHA-256 of the public key's bit string.
fn key_identifier(key: &PrivateKey) -> Vec<u8> {
    use rcgen::PublicKeyData as _;
    digest::digest(&digest::SHA256, key.pair().der_bytes()).as_ref()[..20].to_vec()
}

fn subject(common_name: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common_name);
    name
}

fn default_common_name(host: &RegistryHost) -> Result<String, IssueError> {
    let mut octets = [0_u8; 3];
    SystemRandom::new().fill(&mut octets).map_err(|_| IssueError::Random)?;
    let id = crate::hex::hex(&octets);
    let full = format!("{host} registry CA {id}");
    Ok(if full.len() <= MAX_COMMON_NAME {
        full
    } else {
        format!("registry CA {id}")
    })
}

/// The common name for a server: its first host, unless that is too long for one.
///
/// Where there are addresses only, `OpenSSL` and `GnuTLS` take it for a DNS name, and the CA must permit it as one; an
/// IPv6 address could not stand there.
pub(crate) fn server_common_name(hosts: &[RegistryHost]) -> Option<String> {
    let text = hosts.first()?.to_string();
    let has_name = hosts.iter().any(|host| matches!(host, RegistryHost::Dns(_)));
    let fits = text.len() <= MAX_COMMON_NAME && (has_name || !text.contains(':'));
    Some(if fits { text } else { "registry".to_owned() })
}
