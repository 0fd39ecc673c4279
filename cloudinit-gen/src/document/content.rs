//! The text of a file, which may be a secret.

use std::fmt;

use serde_saphyr::LitStr;

use secrecy::{ExposeSecret, SecretString};
use serde::{Serialize, Serializer};

/// The text of a file that cloud-init writes. `Debug` shows its size only: some of these files hold keys and tokens.
#[derive(Clone)]
pub struct Content(Text);

#[derive(Clone)]
enum Text {
    /// Part of this program, so no secret.
    Constant(&'static str),
    Secret(SecretString),
}

impl Content {
    /// A text that is the same for every node; it is not copied.
    pub const fn constant(text: &'static str) -> Self {
        Self(Text::Constant(text))
    }

    /// Size in bytes.
    pub fn len(&self) -> usize {
        self.expose().len()
    }

    /// Whether there is no text at all.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The text itself; treat it as a secret.
    pub fn expose(&self) -> &str {
        match &self.0 {
            Text::Constant(text) => text,
            Text::Secret(text) => text.expose_secret(),
        }
    }
}

impl From<String> for Content {
    fn from(text: String) -> Self {
        SecretString::from(text).into()
    }
}

impl From<&str> for Content {
    fn from(text: &str) -> Self {
        SecretString::from(text).into()
    }
}

impl From<SecretString> for Content {
    fn from(text: SecretString) -> Self {
        Self(Text::Secret(text))
    }
}

impl fmt::Debug for Content {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{} bytes]", self.len())
    }
}

impl Serialize for Content {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match &self.0 {
            // What a text of several lines becomes anyway. Said beforehand, it is looked through once less, which for the long ones costs
            // more than all the rest of a node.
            Text::Constant(text) if text.contains('\n') => LitStr(text).serialize(serializer),
            _ => serializer.serialize_str(self.expose()),
        }
    }
}
