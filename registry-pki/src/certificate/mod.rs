//! What a certificate says, whoever made it: parsed once, owned, ready to print and to serialise.

mod algorithm;
mod error;
mod extension;
mod frame;
mod name;
mod text;

pub use algorithm::PublicKeyInfo;
pub use error::CertificateError;
pub use name::AltName;
pub use text::pem_text;

use std::time::SystemTime;

use ring::digest;
use serde::Serialize;
use x509_parser::certificate::X509Certificate;
use x509_parser::extensions::{self, ParsedExtension};
use x509_parser::prelude::FromDer;

use algorithm::{public_key, signature_name};
use extension::{extended_usages, extension_name, key_usages};
use frame::check_frame;
use name::alt_name;

use crate::constraints::Constraints;
use crate::der;
use crate::hex::hex;
use crate::host::RegistryHost;
use crate::when;

/// What a certificate says.
#[derive(Clone, Debug, Serialize)]
#[non_exhaustive]
pub struct CertificateInfo {
    /// The subject, such as `CN=192.168.6.1`.
    pub subject: String,
    /// The issuer's subject.
    pub issuer: String,
    /// The subject's (last) common name.
    pub common_name: Option<String>,
    /// Subject alternative names, in order. Empty where the extension is absent.
    pub names: Vec<AltName>,
    /// The serial number, lower-case hexadecimal.
    pub serial: String,
    /// First second of validity.
    #[serde(serialize_with = "when::serialize")]
    pub not_before: SystemTime,
    /// Last second of validity.
    #[serde(serialize_with = "when::serialize")]
    pub not_after: SystemTime,
    /// SHA-256 of the whole certificate, lower-case hexadecimal.
    pub sha256: String,
    /// The public key.
    pub key: PublicKeyInfo,
    /// The algorithm it is signed with, such as `ecdsa-with-SHA256`.
    pub signature: String,
    /// X.509 version, 3 for all modern certificates.
    pub version: u32,
    /// Whether the basic constraints make it a CA; `None` where there are none.
    pub ca: Option<bool>,
    /// How many CAs may stand between this CA and a server certificate.
    pub path_length: Option<u32>,
    /// Key usages by their RFC 5280 names; `None` where the extension is absent (everything is allowed then).
    pub key_usage: Option<Vec<&'static str>>,
    /// Extended key usages; `None` where the extension is absent (everything is allowed then).
    pub extended_key_usage: Option<Vec<String>>,
    /// Which names this CA may sign for.
    pub constraints: Option<Constraints>,
    /// Subject key identifier, lower-case hexadecimal.
    pub subject_key_id: Option<String>,
    /// Authority key identifier, lower-case hexadecimal.
    pub authority_key_id: Option<String>,
    #[serde(skip)]
    pub(crate) subject_der: Vec<u8>,
    #[serde(skip)]
    pub(crate) issuer_der: Vec<u8>,
    #[serde(skip)]
    pub(crate) public_key_der: Vec<u8>,
    /// Critical extensions that this crate does not know, by object identifier.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unknown_critical: Vec<String>,
    /// Extensions that are there and cannot be read.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub malformed: Vec<String>,
    #[serde(skip)]
    pub(crate) der: Vec<u8>,
}

impl CertificateInfo {
    /// Reads every certificate of a PEM text, in order; blocks of other kinds are skipped.
    ///
    /// # Errors
    /// [`CertificateError`]; an empty text is [`CertificateError::None`].
    pub fn all_from_pem(text: &str) -> Result<Vec<Self>, CertificateError> {
        let blocks = pem::parse_many(text).map_err(|error| CertificateError::Pem(error.to_string()))?;
        let certificates: Vec<_> = blocks
            .iter()
            .filter(|block| matches!(block.tag(), "CERTIFICATE" | "X509 CERTIFICATE" | "TRUSTED CERTIFICATE"))
            .collect();
        if certificates.is_empty() {
            let found = blocks.first().map(|block| block.tag().to_owned());
            return Err(CertificateError::None { found });
        }
        certificates
            .iter()
            .enumerate()
            .map(|(index, block)| {
                // OpenSSL's trust settings follow the certificate in the same block.
                let der = match (block.tag(), der::read(block.contents())) {
                    ("TRUSTED CERTIFICATE", Some((_, _, behind))) => {
                        &block.contents()[..block.contents().len() - behind.len()]
                    }
                    _ => block.contents(),
                };
                Self::from_der(der).map_err(|reason| CertificateError::Malformed {
                    position: index + 1,
                    reason,
                })
            })
            .collect()
    }

    /// Reads the first certificate of a PEM text.
    ///
    /// # Errors
    /// As [`all_from_pem`](Self::all_from_pem).
    pub fn from_pem(text: &str) -> Result<Self, CertificateError> {
        Self::all_from_pem(text)?
            .into_iter()
            .next()
            .ok_or(CertificateError::None { found: None })
    }

    /// Reads one DER certificate.
    pub(crate) fn from_der(der: &[u8]) -> Result<Self, String> {
        let (_, x509) = X509Certificate::from_der(der).map_err(|error| error.to_string())?;
        check_frame(der)?;
        let mut info = Self {
            subject: x509.subject().to_string(),
            issuer: x509.issuer().to_string(),
            common_name: x509
                .subject()
                .iter_common_name()
                .last()
                .and_then(|cn| cn.as_str().ok())
                .map(str::to_owned),
            names: Vec::new(),
            serial: hex(&x509.tbs_certificate.serial.to_bytes_be()),
            not_before: when::from_seconds(x509.validity().not_before.timestamp()),
            not_after: when::from_seconds(x509.validity().not_after.timestamp()),
            sha256: hex(digest::digest(&digest::SHA256, x509.as_raw()).as_ref()),
            key: public_key(&x509),
            signature: signature_name(&x509.signature_algorithm.algorithm),
            version: x509.version().0 + 1,
            ca: None,
            path_length: None,
            key_usage: None,
            extended_key_usage: None,
            constraints: None,
            subject_key_id: None,
            authority_key_id: None,
            subject_der: x509.subject().as_raw().to_vec(),
            issuer_der: x509.issuer().as_raw().to_vec(),
            public_key_der: x509.public_key().raw.to_vec(),
            unknown_critical: Vec::new(),
            malformed: Vec::new(),
            der: x509.as_raw().to_vec(),
        };
        for extension in x509.extensions() {
            info.read_extension(extension);
        }
        Ok(info)
    }

    fn read_extension(&mut self, extension: &extensions::X509Extension<'_>) {
        match extension.parsed_extension() {
            ParsedExtension::SubjectAlternativeName(names) => {
                self.names = names.general_names.iter().map(alt_name).collect();
            }
            ParsedExtension::BasicConstraints(basic) => {
                self.ca = Some(basic.ca);
                self.path_length = basic.path_len_constraint;
            }
            ParsedExtension::KeyUsage(usage) => self.key_usage = Some(key_usages(*usage)),
            ParsedExtension::ExtendedKeyUsage(usage) => self.extended_key_usage = Some(extended_usages(usage)),
            ParsedExtension::NameConstraints(constraints) => {
                self.constraints = Some(Constraints::from_extension(constraints));
            }
            ParsedExtension::SubjectKeyIdentifier(id) => self.subject_key_id = Some(hex(id.0)),
            ParsedExtension::AuthorityKeyIdentifier(id) => {
                self.authority_key_id = id.key_identifier.as_ref().map(|id| hex(id.0));
            }
            ParsedExtension::ParseError { .. } => self.malformed.push(extension_name(&extension.oid)),
            // Go, OpenSSL and the others handle policies; where they are critical they are understood.
            ParsedExtension::CertificatePolicies(_)
            | ParsedExtension::PolicyMappings(_)
            | ParsedExtension::PolicyConstraints(_)
            | ParsedExtension::InhibitAnyPolicy(_)
            | ParsedExtension::CRLDistributionPoints(_)
            | ParsedExtension::IssuerAlternativeName(_)
            | ParsedExtension::AuthorityInfoAccess(_)
            | ParsedExtension::SubjectInfoAccess(_)
            | ParsedExtension::NSCertType(_)
            | ParsedExtension::NsCertComment(_)
            | ParsedExtension::SCT(_) => {}
            _ if extension.critical => self.unknown_critical.push(extension.oid.to_id_string()),
            _ => {}
        }
    }

    /// The names that a TLS client reaches a server by: its DNS names and addresses that are valid ones, in order.
    pub fn hosts(&self) -> Vec<RegistryHost> {
        let host = |name: &AltName| match name {
            AltName::Dns(text) => RegistryHost::parse_allowing_wildcard(text).ok(),
            AltName::Ip(address) => Some(RegistryHost::from(*address)),
            _ => None,
        };
        self.names.iter().filter_map(host).collect()
    }

    /// Whether issuer and subject are the same name: a root, or a certificate that signed itself.
    pub fn is_self_issued(&self) -> bool {
        self.subject_der == self.issuer_der
    }

    /// The certificate as PEM.
    pub fn to_pem(&self) -> String {
        crate::key::encode(&pem::Pem::new("CERTIFICATE", self.der.as_slice()))
    }

    /// The public key as DER `SubjectPublicKeyInfo`.
    pub fn public_key_der(&self) -> &[u8] {
        &self.public_key_der
    }

    /// How many seconds from `at` to the end of its validity, and how many its whole life has.
    pub(crate) fn life(&self, at: SystemTime) -> (i64, i64) {
        let end = when::seconds(self.not_after) + 1;
        (end - when::seconds(at), end - when::seconds(self.not_before))
    }

    /// Whether less than a third of its life is left at `at` (or none, or it has not begun).
    pub fn renewal_due(&self, at: SystemTime) -> bool {
        let (left, whole) = self.life(at);
        left.saturating_mul(3) < whole
    }
}
