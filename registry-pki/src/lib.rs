#![doc = include_str!("../README.md")]

pub mod authority;
pub mod certificate;
mod constraints;
mod der;
mod hex;
pub mod host;
pub mod key;
#[cfg(feature = "pkcs12")]
pub mod pkcs12;
pub mod registries;
pub mod server;
pub mod store;
pub mod trust;
pub mod verify;
mod when;

pub use authority::{Authority, AuthorityParams};
pub use certificate::CertificateInfo;
pub use host::{DnsName, HostError, RegistryHost};
pub use key::{KeyAlgorithm, PrivateKey};
pub use registries::Registries;
pub use server::{ServerCertificate, ServerParams};
pub use store::{Ensured, PkiRequest, PkiStore, StoreError};
pub use verify::{Candidate, Verdict};
