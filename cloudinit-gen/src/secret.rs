//! Writing secrets into the documents that have to carry them, and nowhere else.

use secrecy::{ExposeSecret, SecretString};
use serde::Serializer;

/// Serialises a secret as its text: for documents that go into a guest.
pub(crate) fn expose<S: Serializer>(secret: &SecretString, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(secret.expose_secret())
}

/// Serialises a secret that may be absent; pair it with `skip_serializing_if = "Option::is_none"`.
#[expect(clippy::ref_option, reason = "serde hands over a reference to the field")]
pub(crate) fn expose_some<S: Serializer>(secret: &Option<SecretString>, serializer: S) -> Result<S::Ok, S::Error> {
    match secret {
        Some(secret) => expose(secret, serializer),
        None => serializer.serialize_none(),
    }
}
