//! Keys and signatures by their names.

use std::fmt;

use serde::Serialize;
use x509_parser::certificate::X509Certificate;
use x509_parser::der_parser::asn1_rs::oid;
use x509_parser::oid_registry::Oid;
use x509_parser::public_key::PublicKey;

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

/// The key that a certificate is for.
pub(super) fn public_key(x509: &X509Certificate<'_>) -> PublicKeyInfo {
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

/// The name of a signature's algorithm, or its object identifier.
pub(super) fn signature_name(algorithm: &Oid<'_>) -> String {
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
