//! Private keys: made with ring, kept as PKCS#8, never printed.

use std::fmt;
use std::str::FromStr;

use rcgen::{KeyPair, PublicKeyData};
use ring::rand::{SecureRandom, SystemRandom};
use rustls_pki_types::PrivatePkcs8KeyDer;
use secrecy::{ExposeSecret, SecretString};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

use crate::der;

/// Which kind of key to make.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum KeyAlgorithm {
    /// ECDSA on P-256, signing with SHA-256: small, fast, understood everywhere.
    #[default]
    EcdsaP256,
    /// ECDSA on P-384, signing with SHA-384.
    EcdsaP384,
    /// Ed25519. Go, OpenSSL and `GnuTLS` take it; browsers and NSS do not.
    Ed25519,
    /// RSA with 2048 bits, signing with SHA-256. Needs the feature `rsa`.
    Rsa2048,
    /// RSA with 3072 bits, signing with SHA-256. Needs the feature `rsa`.
    Rsa3072,
    /// RSA with 4096 bits, signing with SHA-256. Needs the feature `rsa`.
    Rsa4096,
}

impl KeyAlgorithm {
    /// All of them, the default first.
    pub const ALL: [Self; 6] = [
        Self::EcdsaP256,
        Self::EcdsaP384,
        Self::Ed25519,
        Self::Rsa2048,
        Self::Rsa3072,
        Self::Rsa4096,
    ];

    /// The name that [`FromStr`] reads: `ecdsa-p256`, `ed25519`, `rsa2048` and so on.
    pub fn name(self) -> &'static str {
        match self {
            Self::EcdsaP256 => "ecdsa-p256",
            Self::EcdsaP384 => "ecdsa-p384",
            Self::Ed25519 => "ed25519",
            Self::Rsa2048 => "rsa2048",
            Self::Rsa3072 => "rsa3072",
            Self::Rsa4096 => "rsa4096",
        }
    }

    /// Whether this build can make keys of this kind; it reads and uses them all.
    pub fn can_be_made(self) -> bool {
        !matches!(self, Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096) || cfg!(feature = "rsa")
    }

    fn signature(self) -> &'static rcgen::SignatureAlgorithm {
        match self {
            Self::EcdsaP256 => &rcgen::PKCS_ECDSA_P256_SHA256,
            Self::EcdsaP384 => &rcgen::PKCS_ECDSA_P384_SHA384,
            Self::Ed25519 => &rcgen::PKCS_ED25519,
            Self::Rsa2048 | Self::Rsa3072 | Self::Rsa4096 => &rcgen::PKCS_RSA_SHA256,
        }
    }
}

impl fmt::Display for KeyAlgorithm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// A text that names no key algorithm.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a key algorithm: use ecdsa-p256, ecdsa-p384, ed25519, rsa2048, rsa3072 or rsa4096")]
pub struct UnknownKeyAlgorithm(pub String);

impl FromStr for KeyAlgorithm {
    type Err = UnknownKeyAlgorithm;

    fn from_str(text: &str) -> Result<Self, UnknownKeyAlgorithm> {
        Self::ALL
            .into_iter()
            .find(|algorithm| algorithm.name() == text)
            .ok_or_else(|| UnknownKeyAlgorithm(text.to_owned()))
    }
}

/// Why a private key could not be made, read or written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum KeyError {
    /// ring does not make RSA keys, and the crate was built without the feature that does.
    #[error("{0} keys cannot be made: this build has no RSA key generation (feature `rsa`); use ecdsa-p256")]
    RsaUnavailable(KeyAlgorithm),
    /// The system's random numbers or the key generator failed.
    #[error("a {algorithm} key could not be made: {reason}")]
    Generate {
        /// The kind asked for.
        algorithm: KeyAlgorithm,
        /// What the generator said.
        reason: String,
    },
    /// The text holds no private key.
    #[error("there is no private key in it (expected a PEM block such as `BEGIN PRIVATE KEY`)")]
    NoKey,
    /// A key is there, of a kind or form that cannot be used.
    #[error("the private key cannot be used: {0}")]
    Unusable(String),
    /// The key is encrypted and no passphrase was given.
    #[error("the private key is encrypted: its passphrase is needed")]
    PassphraseNeeded,
    /// The passphrase does not open the key.
    #[error("the passphrase does not open the private key")]
    WrongPassphrase,
    /// The key is encrypted, and the crate was built without the feature `encrypted-key`.
    #[error("the private key is encrypted, and this build cannot open such keys (feature `encrypted-key`)")]
    EncryptionUnavailable,
}

/// A private key. `Debug` shows its algorithm only; its bytes are wiped when it is dropped.
pub struct PrivateKey {
    pair: KeyPair,
    der: Zeroizing<Vec<u8>>,
}

impl fmt::Debug for PrivateKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PrivateKey")
            .field("algorithm", &self.algorithm())
            .finish_non_exhaustive()
    }
}

impl PrivateKey {
    /// Makes a new key from the system's random numbers.
    ///
    /// # Errors
    /// [`KeyError::RsaUnavailable`] for RSA without the feature `rsa`; [`KeyError::Generate`].
    pub fn generate(algorithm: KeyAlgorithm) -> Result<Self, KeyError> {
        let failed = |reason: String| KeyError::Generate { algorithm, reason };
        let der = match algorithm {
            KeyAlgorithm::EcdsaP256 | KeyAlgorithm::EcdsaP384 => {
                let pair = KeyPair::generate_for(algorithm.signature()).map_err(|error| failed(error.to_string()))?;
                Zeroizing::new(pair.serialized_der().to_vec())
            }
            KeyAlgorithm::Ed25519 => ed25519_pkcs8().map_err(failed)?,
            KeyAlgorithm::Rsa2048 => rsa_pkcs8(algorithm, 2048)?,
            KeyAlgorithm::Rsa3072 => rsa_pkcs8(algorithm, 3072)?,
            KeyAlgorithm::Rsa4096 => rsa_pkcs8(algorithm, 4096)?,
        };
        Self::from_pkcs8(der)
    }

    /// Reads an unencrypted PEM key: PKCS#8 (`PRIVATE KEY`), SEC 1 (`EC PRIVATE KEY`) or PKCS#1 (`RSA PRIVATE KEY`).
    /// Other blocks (certificates, `EC PARAMETERS`) are skipped, as servers do.
    ///
    /// # Errors
    /// [`KeyError::NoKey`], [`KeyError::PassphraseNeeded`], [`KeyError::Unusable`].
    pub fn from_pem(text: &str) -> Result<Self, KeyError> {
        let (label, der) = first_key_block(text)?;
        match label.as_str() {
            "PRIVATE KEY" => Self::from_pkcs8(der),
            "EC PRIVATE KEY" => Self::from_pkcs8(wrap_sec1(&der)?),
            "RSA PRIVATE KEY" => Self::from_pkcs8(wrap(RSA_ENCRYPTION, &der)),
            _ => Err(KeyError::PassphraseNeeded),
        }
    }

    /// Reads a PEM key that may be encrypted (`ENCRYPTED PRIVATE KEY`, PBES2).
    ///
    /// # Errors
    /// As [`from_pem`](Self::from_pem); [`KeyError::WrongPassphrase`];
    /// [`KeyError::EncryptionUnavailable`] without the feature `encrypted-key`.
    pub fn from_pem_with_passphrase(text: &str, passphrase: Option<&SecretString>) -> Result<Self, KeyError> {
        let (label, der) = first_key_block(text)?;
        match passphrase {
            Some(passphrase) if label == "ENCRYPTED PRIVATE KEY" => Self::from_pkcs8(decrypt(&der, passphrase)?),
            _ => Self::from_pem(text),
        }
    }

    fn from_pkcs8(der: Zeroizing<Vec<u8>>) -> Result<Self, KeyError> {
        let mut reason = String::new();
        for signature in [
            &rcgen::PKCS_ECDSA_P256_SHA256,
            &rcgen::PKCS_ECDSA_P384_SHA384,
            &rcgen::PKCS_ED25519,
            &rcgen::PKCS_RSA_SHA256,
        ] {
            match KeyPair::from_pkcs8_der_and_sign_algo(&PrivatePkcs8KeyDer::from(der.as_slice()), signature) {
                Ok(pair) => return Ok(Self { pair, der }),
                Err(error) => reason = error.to_string(),
            }
        }
        Err(KeyError::Unusable(format!(
            "it is no ECDSA P-256, P-384, Ed25519 or RSA (2048 to 4096 bits) key in a form that can be read ({reason})"
        )))
    }

    /// What kind of key it is. RSA keys of a length in between count as the nearest one below.
    pub fn algorithm(&self) -> KeyAlgorithm {
        let signature = self.pair.algorithm();
        if signature == &rcgen::PKCS_ECDSA_P256_SHA256 {
            KeyAlgorithm::EcdsaP256
        } else if signature == &rcgen::PKCS_ECDSA_P384_SHA384 {
            KeyAlgorithm::EcdsaP384
        } else if signature == &rcgen::PKCS_ED25519 {
            KeyAlgorithm::Ed25519
        } else {
            // The public key is the modulus and a short exponent, in DER.
            match self.pair.public_key_raw().len() {
                0..380 => KeyAlgorithm::Rsa2048,
                380..500 => KeyAlgorithm::Rsa3072,
                _ => KeyAlgorithm::Rsa4096,
            }
        }
    }

    /// The public half as DER `SubjectPublicKeyInfo`: what a certificate carries.
    pub fn public_key_der(&self) -> Vec<u8> {
        self.pair.subject_public_key_info()
    }

    /// The key as unencrypted PKCS#8 PEM.
    pub fn to_pem(&self) -> SecretString {
        // The text moves into the secret; the copy inside the block is wiped.
        let block = pem::Pem::new("PRIVATE KEY", self.der.as_slice());
        let text = encode(&block);
        drop(Zeroizing::new(block.into_contents()));
        SecretString::from(text)
    }

    /// The key as PKCS#8 PEM, encrypted with PBES2 (scrypt N=16384 r=8 p=1, AES-256-CBC): OpenSSL opens it.
    ///
    /// # Errors
    /// [`KeyError::Unusable`] for an empty passphrase; [`KeyError::EncryptionUnavailable`].
    pub fn to_encrypted_pem(&self, passphrase: &SecretString) -> Result<SecretString, KeyError> {
        if passphrase.expose_secret().is_empty() {
            return Err(KeyError::Unusable("an empty passphrase protects nothing".to_owned()));
        }
        let der = encrypt(&self.der, passphrase)?;
        Ok(SecretString::from(encode(&pem::Pem::new("ENCRYPTED PRIVATE KEY", der))))
    }

    #[cfg(feature = "pkcs12")]
    pub(crate) fn pkcs8(&self) -> &[u8] {
        &self.der
    }

    pub(crate) fn pair(&self) -> &KeyPair {
        &self.pair
    }
}

/// Whether the first private key in `text` is encrypted.
pub(crate) fn is_encrypted(text: &str) -> bool {
    matches!(first_key_block(text), Ok((label, _)) if label == "ENCRYPTED PRIVATE KEY")
        || matches!(first_key_block(text), Err(KeyError::PassphraseNeeded))
}

/// PEM with 64 characters a line and LF, as OpenSSL writes it.
pub(crate) fn encode(block: &pem::Pem) -> String {
    pem::encode_config(block, pem::EncodeConfig::new().set_line_ending(pem::LineEnding::LF))
}

fn first_key_block(text: &str) -> Result<(String, Zeroizing<Vec<u8>>), KeyError> {
    let blocks = pem::parse_many(text).map_err(|_| KeyError::NoKey)?;
    let mut found = None;
    for block in blocks {
        let label = block.tag().to_owned();
        // OpenSSL's older form: the headers say that the contents are encrypted, the label does not.
        let legacy = block.headers().get("DEK-Info").is_some();
        let contents = Zeroizing::new(block.into_contents());
        if found.is_none() && label.ends_with("PRIVATE KEY") {
            if legacy {
                return Err(KeyError::PassphraseNeeded);
            }
            found = Some((label, contents));
        }
    }
    found.ok_or(KeyError::NoKey)
}

/// A PKCS#8 v1 Ed25519 key. ring writes v2 with the public key appended, in a form that OpenSSL does not read.
fn ed25519_pkcs8() -> Result<Zeroizing<Vec<u8>>, String> {
    const PREFIX: [u8; 16] = [
        0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20,
    ];
    let mut der = Zeroizing::new(Vec::with_capacity(48));
    der.extend_from_slice(&PREFIX);
    der.resize(48, 0);
    SystemRandom::new()
        .fill(&mut der[16..])
        .map_err(|_| "the system gave no random numbers".to_owned())?;
    Ok(der)
}

#[cfg(feature = "rsa")]
fn rsa_pkcs8(algorithm: KeyAlgorithm, bits: usize) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    use rsa::pkcs8::EncodePrivateKey;
    let failed = |reason: String| KeyError::Generate { algorithm, reason };
    let mut random = rsa::rand_core::UnwrapErr(getrandom::SysRng);
    let key = rsa::RsaPrivateKey::new(&mut random, bits).map_err(|error| failed(error.to_string()))?;
    let document = key.to_pkcs8_der().map_err(|error| failed(error.to_string()))?;
    Ok(Zeroizing::new(document.as_bytes().to_vec()))
}

#[cfg(not(feature = "rsa"))]
fn rsa_pkcs8(algorithm: KeyAlgorithm, _bits: usize) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    Err(KeyError::RsaUnavailable(algorithm))
}

#[cfg(feature = "encrypted-key")]
fn encrypt(der: &[u8], passphrase: &SecretString) -> Result<Vec<u8>, KeyError> {
    let unusable = |error: pkcs8::Error| KeyError::Unusable(error.to_string());
    let info = pkcs8::PrivateKeyInfoRef::try_from(der).map_err(|error| KeyError::Unusable(error.to_string()))?;
    Ok(info
        .encrypt(passphrase.expose_secret())
        .map_err(unusable)?
        .as_bytes()
        .to_vec())
}

#[cfg(feature = "encrypted-key")]
fn decrypt(der: &[u8], passphrase: &SecretString) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    let info = pkcs8::EncryptedPrivateKeyInfoRef::try_from(der)
        .map_err(|error| KeyError::Unusable(format!("its encryption is not understood: {error}")))?;
    let document = info
        .decrypt(passphrase.expose_secret())
        .map_err(|_| KeyError::WrongPassphrase)?;
    Ok(Zeroizing::new(document.as_bytes().to_vec()))
}

#[cfg(not(feature = "encrypted-key"))]
fn encrypt(_der: &[u8], _passphrase: &SecretString) -> Result<Vec<u8>, KeyError> {
    Err(KeyError::EncryptionUnavailable)
}

#[cfg(not(feature = "encrypted-key"))]
fn decrypt(_der: &[u8], _passphrase: &SecretString) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    Err(KeyError::EncryptionUnavailable)
}

/// `AlgorithmIdentifier { rsaEncryption, NULL }`.
const RSA_ENCRYPTION: &[u8] = &[
    0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00,
];
/// `AlgorithmIdentifier { id-ecPublicKey, prime256v1 }`.
const EC_P256: &[u8] = &[
    0x30, 0x13, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x03,
    0x01, 0x07,
];
/// `AlgorithmIdentifier { id-ecPublicKey, secp384r1 }`.
const EC_P384: &[u8] = &[
    0x30, 0x10, 0x06, 0x07, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x02, 0x01, 0x06, 0x05, 0x2b, 0x81, 0x04, 0x00, 0x22,
];

/// PKCS#8 around a SEC 1 key, whose curve shows in its own parameters.
fn wrap_sec1(der: &[u8]) -> Result<Zeroizing<Vec<u8>>, KeyError> {
    for algorithm in [EC_P256, EC_P384] {
        // The curve's object identifier, as it stands behind id-ecPublicKey.
        let curve = &algorithm[11..];
        if der.windows(curve.len()).any(|window| window == curve) {
            return Ok(wrap(algorithm, der));
        }
    }
    Err(KeyError::Unusable(
        "an elliptic-curve key on another curve than P-256 and P-384".to_owned(),
    ))
}

/// `PrivateKeyInfo { version 0, algorithm, key }`.
fn wrap(algorithm: &[u8], key: &[u8]) -> Zeroizing<Vec<u8>> {
    let version = der::element(der::INTEGER, &[0]);
    let key = der::element(der::OCTET_STRING, key);
    der::nest(der::SEQUENCE, &[&version, algorithm, &key])
}
