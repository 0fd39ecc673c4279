//! Small validated values: what a node is called, where it lives, who logs in.
//!
//! Each type is parsed once, at the edge, and is correct from then on: no value that could break a line, a path or a
//! shell word reaches a document.

mod digest;
mod macros;
mod names;
mod network;

pub use digest::Sha256Digest;
pub use names::{Hostname, InstanceId, Timezone, UserName, VolumeLabel};
pub use network::{InterfaceAddress, MacAddr};

use std::fmt;

/// A text that cannot be the value it was meant to be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct InvalidValue {
    what: &'static str,
    value: String,
    reason: &'static str,
}

/// How much of a rejected text an error message repeats, in characters.
const SHOWN_CHARS: usize = 60;

impl InvalidValue {
    pub(crate) fn new(what: &'static str, value: &str, reason: &'static str) -> Self {
        let mut shown: String = value.chars().take(SHOWN_CHARS).collect();
        if shown.len() < value.len() {
            shown.push('…');
        }
        Self {
            what,
            value: shown,
            reason,
        }
    }

    /// What the text was meant to be, for example `host name`.
    pub fn what(&self) -> &str {
        self.what
    }

    /// Why it is not one, and what would be.
    pub fn reason(&self) -> &str {
        self.reason
    }
}

impl fmt::Display for InvalidValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `{:?}` escapes line breaks and control characters, so the message stays one line.
        write!(f, "{} {:?} {}", self.what, self.value, self.reason)
    }
}
