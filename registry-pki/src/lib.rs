#![doc = include_str!("../README.md")]

pub mod authority;
pub mod certificate;
mod constraints;
pub mod host;
pub mod key;
pub mod registries;
pub mod server;
pub mod store;
mod when;

pub mod verify;

pub use authority::{Authority, AuthorityParams};
pub use certificate::CertificateInfo;
pub use host::{DnsName, HostError, RegistryHost};
pub use key::{KeyAlgorithm, PrivateKey};
pub use registries::Registries;
pub use server::{ServerCertificate, ServerParams};
pub use store::{Ensured, PkiRequest, PkiStore, StoreError};
pub use verify::{Candidate, Verdict};
