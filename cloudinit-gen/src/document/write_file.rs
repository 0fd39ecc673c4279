//! `write_files`.

use serde::{Serialize, Serializer};

use super::Content;

/// One entry of `write_files`: written by root in cloud-init's init stage, before users exist.
#[derive(Debug, Clone, Serialize)]
#[non_exhaustive]
pub struct WriteFile {
    /// Absolute path in the guest. Missing directories are made, owned by root.
    pub path: String,
    /// Mode bits.
    pub permissions: Permissions,
    /// `user:group`; only with `defer` may it name a user that cloud-init makes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub owner: Option<String>,
    /// Write in the final stage, when users exist.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub defer: bool,
    /// The text.
    pub content: Content,
}

impl WriteFile {
    /// A file of root's.
    pub fn new(path: impl Into<String>, permissions: Permissions, content: impl Into<Content>) -> Self {
        Self {
            path: path.into(),
            permissions,
            owner: None,
            defer: false,
            content: content.into(),
        }
    }
}

/// Mode bits of a file, written as the quoted octal string that cloud-init wants (`'0644'`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Permissions(u16);

impl Permissions {
    /// Readable by all, writable by root.
    pub const PUBLIC: Self = Self(0o644);
    /// Readable and writable by root alone: for secrets.
    pub const PRIVATE: Self = Self(0o600);
    /// Runnable by all.
    pub const EXECUTABLE: Self = Self(0o755);

    /// The lowest twelve bits of `mode`.
    pub fn new(mode: u16) -> Self {
        Self(mode & 0o7777)
    }

    /// The bits as a number.
    pub fn mode(self) -> u16 {
        self.0
    }
}

impl Serialize for Permissions {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&format_args!("{:04o}", self.0))
    }
}
