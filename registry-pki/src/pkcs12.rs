//! PKCS#12 files (RFC 7292): a key with its certificates, or CAs alone, for consumers that do not read PEM.
//!
//! Keys are encrypted with PBES2 (PBKDF2-HMAC-SHA-256, AES-256-CBC) and the file is authenticated with HMAC-SHA-256, as
//! OpenSSL 3 writes it. Certificates are public and stand in the clear.

use pkcs8::PrivateKeyInfoRef;
use pkcs8::pkcs5::pbes2;
use ring::{digest, hmac, rand, rand::SecureRandom};
use secrecy::{ExposeSecret, SecretString};
use zeroize::Zeroizing;

use crate::certificate::CertificateInfo;
use crate::der::{self, Der, element, nest};
use crate::key::PrivateKey;

/// What OpenSSL 3 and current keytool use or exceed; more makes every opening slower.
const ITERATIONS: u32 = 10_000;

/// Why a PKCS#12 file could not be made.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Pkcs12Error {
    /// Programs disagree on how other characters become octets.
    #[error("the password has characters outside ASCII, which programs encode differently: use ASCII")]
    Password,
    /// The password is empty: some programs then leave the authentication out, others do not.
    #[error("the password is empty, which programs read differently: give one")]
    NoPassword,
    /// No certificate was given.
    #[error("there is no certificate to export")]
    Empty,
    /// The key does not belong to the certificate.
    #[error("the private key does not belong to the certificate `{0}`")]
    KeyMismatch(String),
    /// The key could not be encrypted.
    #[error("the private key could not be encrypted: {0}")]
    Encrypt(String),
}

/// A server certificate, its key, and the CAs that belong to it.
///
/// # Errors
/// [`Pkcs12Error`].
pub fn identity(
    leaf: &CertificateInfo,
    key: &PrivateKey,
    cas: &[CertificateInfo],
    password: &SecretString,
) -> Result<Vec<u8>, Pkcs12Error> {
    check_password(password)?;
    if key.public_key_der() != leaf.public_key_der {
        return Err(Pkcs12Error::KeyMismatch(leaf.subject.clone()));
    }
    let name = leaf.common_name.clone().unwrap_or_else(|| leaf.subject.clone());
    // The same identifier on both tells which key is whose.
    let id = digest::digest(&digest::SHA256, &leaf.der);
    let id = attribute(LOCAL_KEY_ID, &element(der::OCTET_STRING, &id.as_ref()[..20]));
    let key_bag = bag(
        SHROUDED_KEY_BAG,
        &encrypt(key, password)?,
        vec![friendly_name(&name), id.clone()],
    );
    let mut certificates = vec![certificate_bag(leaf, vec![friendly_name(&name), id])];
    certificates.extend(
        cas.iter()
            .map(|ca| certificate_bag(ca, vec![friendly_name(&label(ca))])),
    );
    authenticated(&[certificates, vec![key_bag]], password)
}

/// CAs to trust, for Java and others that keep trusted certificates in PKCS#12.
///
/// # Errors
/// [`Pkcs12Error`].
pub fn trust_store(cas: &[CertificateInfo], password: &SecretString) -> Result<Vec<u8>, Pkcs12Error> {
    check_password(password)?;
    if cas.is_empty() {
        return Err(Pkcs12Error::Empty);
    }
    // Java trusts a certificate in PKCS#12 only where it carries this attribute of Oracle's.
    let trusted = attribute(
        TRUSTED_KEY_USAGE,
        &element(der::OBJECT_IDENTIFIER, ANY_EXTENDED_KEY_USAGE),
    );
    let bags = cas
        .iter()
        .map(|ca| certificate_bag(ca, vec![friendly_name(&label(ca)), trusted.clone()]))
        .collect();
    authenticated(&[bags], password)
}

const DATA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x07, 0x01];
const SHROUDED_KEY_BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x02];
const CERT_BAG: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x0c, 0x0a, 0x01, 0x03];
const X509_CERTIFICATE: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x16, 0x01];
const FRIENDLY_NAME: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x14];
const LOCAL_KEY_ID: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x09, 0x15];
/// 2.16.840.1.113894.746875.1.1
const TRUSTED_KEY_USAGE: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x86, 0xf9, 0x66, 0xad, 0xca, 0x7b, 0x01, 0x01];
const ANY_EXTENDED_KEY_USAGE: &[u8] = &[0x55, 0x1d, 0x25, 0x00];
const SHA_256: &[u8] = &[0x60, 0x86, 0x48, 0x01, 0x65, 0x03, 0x04, 0x02, 0x01];

fn check_password(password: &SecretString) -> Result<(), Pkcs12Error> {
    let password = password.expose_secret();
    match () {
        () if password.is_empty() => Err(Pkcs12Error::NoPassword),
        () if !password.is_ascii() => Err(Pkcs12Error::Password),
        () => Ok(()),
    }
}

fn label(ca: &CertificateInfo) -> String {
    ca.common_name.clone().unwrap_or_else(|| ca.subject.clone())
}

fn encrypt(key: &PrivateKey, password: &SecretString) -> Result<Der, Pkcs12Error> {
    let failed = |reason: String| Pkcs12Error::Encrypt(reason);
    let (mut salt, mut vector) = ([0_u8; 16], [0_u8; 16]);
    let random = rand::SystemRandom::new();
    random
        .fill(&mut salt)
        .and_then(|()| random.fill(&mut vector))
        .map_err(|_| failed("the system gave no random numbers".to_owned()))?;
    let parameters = pbes2::Parameters::generate_pbkdf2_sha256_aes256cbc(ITERATIONS, &salt, vector)
        .map_err(|error| failed(error.to_string()))?;
    let info = PrivateKeyInfoRef::try_from(key.pkcs8()).map_err(|error| failed(error.to_string()))?;
    let document = info
        .encrypt_with_params(parameters, password.expose_secret())
        .map_err(|error| failed(error.to_string()))?;
    Ok(Zeroizing::new(document.as_bytes().to_vec()))
}

/// `Attribute { type, SET { value } }`
fn attribute(kind: &[u8], value: &[u8]) -> Der {
    nest(
        der::SEQUENCE,
        &[&element(der::OBJECT_IDENTIFIER, kind), &element(der::SET, value)],
    )
}

fn friendly_name(name: &str) -> Der {
    attribute(FRIENDLY_NAME, &element(der::BMP_STRING, &utf16(name)))
}

fn utf16(text: &str) -> Zeroizing<Vec<u8>> {
    Zeroizing::new(text.encode_utf16().flat_map(u16::to_be_bytes).collect())
}

/// `SafeBag { type, [0] value, attributes }`
fn bag(kind: &[u8], value: &[u8], mut attributes: Vec<Der>) -> Der {
    // DER sorts the members of a set.
    attributes.sort_by(|one, other| one.as_slice().cmp(other.as_slice()));
    let attributes: Vec<&[u8]> = attributes.iter().map(|attribute| attribute.as_slice()).collect();
    nest(
        der::SEQUENCE,
        &[
            &element(der::OBJECT_IDENTIFIER, kind),
            &element(der::CONTEXT_0, value),
            &nest(der::SET, &attributes),
        ],
    )
}

fn certificate_bag(certificate: &CertificateInfo, attributes: Vec<Der>) -> Der {
    let octets = element(der::OCTET_STRING, &certificate.der);
    let value = nest(
        der::SEQUENCE,
        &[
            &element(der::OBJECT_IDENTIFIER, X509_CERTIFICATE),
            &element(der::CONTEXT_0, &octets),
        ],
    );
    bag(CERT_BAG, &value, attributes)
}

/// `ContentInfo { data, [0] OCTET STRING }`
fn data(contents: &[u8]) -> Der {
    let octets = element(der::OCTET_STRING, contents);
    nest(
        der::SEQUENCE,
        &[
            &element(der::OBJECT_IDENTIFIER, DATA),
            &element(der::CONTEXT_0, &octets),
        ],
    )
}

/// The whole file: each list of bags in a safe of its own, and the authentication code over all of them.
fn authenticated(safes: &[Vec<Der>], password: &SecretString) -> Result<Vec<u8>, Pkcs12Error> {
    let safes: Vec<Der> = safes
        .iter()
        .map(|bags| {
            data(&nest(
                der::SEQUENCE,
                &bags.iter().map(|bag| bag.as_slice()).collect::<Vec<_>>(),
            ))
        })
        .collect();
    let contents = nest(
        der::SEQUENCE,
        &safes.iter().map(|safe| safe.as_slice()).collect::<Vec<_>>(),
    );
    let mut salt = [0_u8; 16];
    rand::SystemRandom::new()
        .fill(&mut salt)
        .map_err(|_| Pkcs12Error::Encrypt("the system gave no random numbers".to_owned()))?;
    let key = hmac::Key::new(hmac::HMAC_SHA256, &*mac_key(password.expose_secret(), &salt));
    let code = hmac::sign(&key, &contents);
    let algorithm = nest(
        der::SEQUENCE,
        &[&element(der::OBJECT_IDENTIFIER, SHA_256), &element(der::NULL, &[])],
    );
    let digest = nest(der::SEQUENCE, &[&algorithm, &element(der::OCTET_STRING, code.as_ref())]);
    // 10,000 in two octets, whose first bit is clear.
    let iterations = element(der::INTEGER, &ITERATIONS.to_be_bytes()[2..]);
    let mac = nest(
        der::SEQUENCE,
        &[&digest, &element(der::OCTET_STRING, &salt), &iterations],
    );
    Ok(nest(der::SEQUENCE, &[&element(der::INTEGER, &[3]), &data(&contents), &mac]).to_vec())
}

/// RFC 7292, appendix B.2, for SHA-256 and one block of key material for authentication (identifier 3).
fn mac_key(password: &str, salt: &[u8; 16]) -> Zeroizing<[u8; 32]> {
    const BLOCK: usize = 64;
    let mut text = utf16(password);
    text.extend_from_slice(&[0, 0]);
    let repeat = |part: &[u8]| -> Zeroizing<Vec<u8>> {
        let length = part.len().div_ceil(BLOCK) * BLOCK;
        Zeroizing::new(part.iter().copied().cycle().take(length).collect())
    };
    let mut input = Zeroizing::new(vec![3_u8; BLOCK]);
    input.extend_from_slice(&repeat(salt));
    input.extend_from_slice(&repeat(&text));
    let mut key = Zeroizing::new([0_u8; 32]);
    let mut hash = digest::digest(&digest::SHA256, &input);
    for _ in 1..ITERATIONS {
        hash = digest::digest(&digest::SHA256, hash.as_ref());
    }
    key.copy_from_slice(hash.as_ref());
    key
}
