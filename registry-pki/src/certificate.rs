//! What a certificate says, whoever made it: parsed once, owned, ready to print and to serialise.

use std::fmt;
use std::net::IpAddr;
use std::time::SystemTime;

use ring::digest;
use serde::Serialize;
use x509_parser::certificate::X509Certificate;
use x509_parser::der_parser::asn1_rs::oid;
use x509_parser::extensions::{self, ParsedExtension};
use x509_parser::oid_registry::Oid;
use x509_parser::prelude::FromDer;
use x509_parser::public_key::PublicKey;

use crate::constraints::{self, Constraints};
use crate::der;
use crate::host::RegistryHost;
use crate::when;

/// A text or a DER block that is no certificate.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CertificateError {
    /// No PEM block `CERTIFICATE` in the text.
    #[error("there is no certificate in it{} (expected a PEM block `BEGIN CERTIFICATE`)", found.as_ref().map(|found| format!(", only `{found}`")).unwrap_or_default())]
    None {
        /// The label of the first other block, such as `PRIVATE KEY`.
        found: Option<String>,
    },
    /// A file that is no text.
    #[error("it is {what}, not PEM: {remedy}")]
    NotText {
        /// What it looks like.
        what: &'static str,
        /// How to make PEM of it.
        remedy: &'static str,
    },
    /// A PEM block that is not well-formed.
    #[error("it is not well-formed PEM: {0}")]
    Pem(String),
    /// A certificate block that is not a certificate.
    #[error("certificate {position} in it cannot be read: {reason}")]
    Malformed {
        /// Counted from 1.
        position: usize,
        /// What the parser said.
        reason: String,
    },
}

/// A name in a certificate's subject alternative names or in a CA's name constraints.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AltName {
    /// A DNS name as the certificate has it, perhaps not a valid one.
    Dns(String),
    /// An IP address.
    Ip(IpAddr),
    /// An IP address of neither 4 nor 16 octets.
    BadIp(String),
    /// An e-mail address.
    Email(String),
    /// A URI.
    Uri(String),
    /// A directory name.
    Directory(String),
    /// Something else; no TLS client looks at it.
    Other(String),
}

impl fmt::Display for AltName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::BadIp(text) => write!(f, "malformed address {text}"),
            Self::Dns(text) | Self::Email(text) | Self::Uri(text) | Self::Directory(text) | Self::Other(text) => {
                f.write_str(text)
            }
        }
    }
}

/// What kind of public key a certificate carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct PublicKeyInfo {
    /// `RSA`, `ECDSA P-256`, `Ed25519`, or the object identifier of something else.
    pub kind: String,
    /// Length in bits.
    pub bits: usize,
}

impl fmt::Display for PublicKeyInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.kind == "RSA" {
            write!(f, "RSA {}", self.bits)
        } else {
            f.write_str(&self.kind)
        }
    }
}

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

/// The text of a file that should be PEM. What cannot be is an error that says what it is instead; other text around the
/// blocks may be in any encoding.
///
/// # Errors
/// [`CertificateError::NotText`].
pub fn pem_text(bytes: &[u8]) -> Result<String, CertificateError> {
    let not_text = |what, remedy| Err(CertificateError::NotText { what, remedy });
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        return not_text(
            "text in UTF-16, as PowerShell's `>` writes it",
            "write it anew with `| Out-File -Encoding ascii`",
        );
    }
    let text = String::from_utf8_lossy(bytes);
    if text.contains("-----BEGIN") || !bytes.iter().any(|byte| *byte == 0 || *byte >= 0x80) {
        return Ok(text.into_owned());
    }
    if X509Certificate::from_der(bytes).is_ok() {
        return not_text(
            "a certificate in binary form (DER)",
            "`openssl x509 -inform DER -in FILE -out FILE.pem` converts it",
        );
    }
    // A SEQUENCE with its length in long form: every DER structure of more than 127 octets.
    if bytes.len() > 2 && bytes[0] == 0x30 && bytes[1] > 0x80 {
        return not_text(
            "binary (DER), but no certificate: perhaps PKCS#12, or a key",
            "`openssl pkcs12 -in FILE -nokeys -out FILE.pem` takes the certificates out of PKCS#12",
        );
    }
    not_text("binary", "name the file with the `BEGIN CERTIFICATE` block")
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    use fmt::Write as _;
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

/// The certificate's frame, which no signature covers: the parser is more forgiving here than TLS clients are.
fn check_frame(bytes: &[u8]) -> Result<(), String> {
    let Some((frame, behind)) = frame(bytes) else {
        return Err("its outer structure is not that of a certificate".to_owned());
    };
    if !behind.is_empty() {
        return Err("other bytes follow it".to_owned());
    }
    // Octet by octet, as Go compares them: what is parsed no longer shows in what form it was written.
    if signed_algorithm(frame.signed) != Some(frame.algorithm) {
        return Err("the signed and the unsigned name of its signature algorithm differ".to_owned());
    }
    Ok(())
}

/// The contents of two of a certificate's three parts.
struct Frame<'a> {
    signed: &'a [u8],
    algorithm: &'a [u8],
}

/// A certificate's parts, and what follows it.
fn frame(bytes: &[u8]) -> Option<(Frame<'_>, &[u8])> {
    let (tag, body, behind) = der::read(bytes)?;
    let (signed_tag, signed, rest) = der::read(body)?;
    let (algorithm_tag, algorithm, rest) = der::read(rest)?;
    let (signature, bits, rest) = der::read(rest)?;
    let tags = [tag, signed_tag, algorithm_tag, signature];
    let sound = tags == [der::SEQUENCE, der::SEQUENCE, der::SEQUENCE, der::BIT_STRING]
        && rest.is_empty()
        && bits.first() == Some(&0);
    sound.then_some((Frame { signed, algorithm }, behind))
}

/// The signature algorithm's identifier in the part that the signature covers: behind the version, if there is one, and the
/// serial number.
fn signed_algorithm(signed: &[u8]) -> Option<&[u8]> {
    let (mut tag, mut contents, mut rest) = der::read(signed)?;
    for expected in [der::CONTEXT_0, der::INTEGER] {
        if tag == expected {
            (tag, contents, rest) = der::read(rest)?;
        }
    }
    let _ = rest;
    (tag == der::SEQUENCE).then_some(contents)
}

fn alt_name(name: &extensions::GeneralName<'_>) -> AltName {
    use extensions::GeneralName;
    match name {
        GeneralName::DNSName(text) => AltName::Dns((*text).to_owned()),
        GeneralName::IPAddress(octets) => {
            constraints::ip(octets).map_or_else(|| AltName::BadIp(hex(octets)), AltName::Ip)
        }
        GeneralName::RFC822Name(text) => AltName::Email((*text).to_owned()),
        GeneralName::URI(text) => AltName::Uri((*text).to_owned()),
        GeneralName::DirectoryName(name) => AltName::Directory(name.to_string()),
        other => AltName::Other(other.to_string()),
    }
}

fn key_usages(usage: extensions::KeyUsage) -> Vec<&'static str> {
    [
        (usage.digital_signature(), "digitalSignature"),
        (usage.non_repudiation(), "nonRepudiation"),
        (usage.key_encipherment(), "keyEncipherment"),
        (usage.data_encipherment(), "dataEncipherment"),
        (usage.key_agreement(), "keyAgreement"),
        (usage.key_cert_sign(), "keyCertSign"),
        (usage.crl_sign(), "cRLSign"),
        (usage.encipher_only(), "encipherOnly"),
        (usage.decipher_only(), "decipherOnly"),
    ]
    .into_iter()
    .filter_map(|(set, name)| set.then_some(name))
    .collect()
}

fn extended_usages(usage: &extensions::ExtendedKeyUsage<'_>) -> Vec<String> {
    let known = [
        (usage.any, "anyExtendedKeyUsage"),
        (usage.server_auth, "serverAuth"),
        (usage.client_auth, "clientAuth"),
        (usage.code_signing, "codeSigning"),
        (usage.email_protection, "emailProtection"),
        (usage.time_stamping, "timeStamping"),
        (usage.ocsp_signing, "OCSPSigning"),
    ];
    known
        .into_iter()
        .filter(|(set, _)| *set)
        .map(|(_, name)| name.to_owned())
        .chain(usage.other.iter().map(Oid::to_id_string))
        .collect()
}

fn public_key(x509: &X509Certificate<'_>) -> PublicKeyInfo {
    let key = x509.public_key();
    let algorithm = &key.algorithm.algorithm;
    if let Ok(PublicKey::RSA(rsa)) = key.parsed() {
        return PublicKeyInfo {
            kind: "RSA".to_owned(),
            bits: rsa.key_size(),
        };
    }
    let curve = key
        .algorithm
        .parameters
        .as_ref()
        .and_then(|parameters| parameters.as_oid().ok());
    let (kind, bits) = if *algorithm == oid!(1.2.840.10045.2.1) {
        match curve {
            Some(curve) if curve == oid!(1.2.840.10045.3.1.7) => ("ECDSA P-256".to_owned(), 256),
            Some(curve) if curve == oid!(1.3.132.0.34) => ("ECDSA P-384".to_owned(), 384),
            Some(curve) if curve == oid!(1.3.132.0.35) => ("ECDSA P-521".to_owned(), 521),
            Some(curve) => (
                format!("ECDSA on curve {}", curve.to_id_string()),
                key.subject_public_key.data.len().saturating_sub(1) * 4,
            ),
            None => ("ECDSA on an unnamed curve".to_owned(), 0),
        }
    } else if *algorithm == oid!(1.3.101.112) {
        ("Ed25519".to_owned(), 256)
    } else if *algorithm == oid!(1.3.101.113) {
        ("Ed448".to_owned(), 456)
    } else if *algorithm == oid!(1.2.840.10040.4.1) {
        ("DSA".to_owned(), 0)
    } else {
        (algorithm.to_id_string(), 0)
    };
    PublicKeyInfo { kind, bits }
}

fn signature_name(algorithm: &Oid<'_>) -> String {
    let text = algorithm.to_id_string();
    match text.as_str() {
        "1.2.840.113549.1.1.4" => "md5WithRSAEncryption",
        "1.2.840.113549.1.1.5" | "1.3.14.3.2.29" => "sha1WithRSAEncryption",
        "1.2.840.113549.1.1.10" => "RSASSA-PSS",
        "1.2.840.113549.1.1.11" => "sha256WithRSAEncryption",
        "1.2.840.113549.1.1.12" => "sha384WithRSAEncryption",
        "1.2.840.113549.1.1.13" => "sha512WithRSAEncryption",
        "1.2.840.10045.4.1" => "ecdsa-with-SHA1",
        "1.2.840.10045.4.3.2" => "ecdsa-with-SHA256",
        "1.2.840.10045.4.3.3" => "ecdsa-with-SHA384",
        "1.2.840.10045.4.3.4" => "ecdsa-with-SHA512",
        "1.3.101.112" => "Ed25519",
        "1.3.101.113" => "Ed448",
        _ => return text,
    }
    .to_owned()
}

fn extension_name(identifier: &Oid<'_>) -> String {
    let text = identifier.to_id_string();
    match text.as_str() {
        "2.5.29.14" => "subject key identifier",
        "2.5.29.15" => "key usage",
        "2.5.29.17" => "subject alternative name",
        "2.5.29.19" => "basic constraints",
        "2.5.29.30" => "name constraints",
        "2.5.29.35" => "authority key identifier",
        "2.5.29.37" => "extended key usage",
        _ => return text,
    }
    .to_owned()
}
