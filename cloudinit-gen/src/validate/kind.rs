//! Which document a file is.

use std::fmt;

use serde::Serialize;

/// The documents that can be checked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum DocumentKind {
    /// User-data or vendor-data: a cloud-config, perhaps with `autoinstall` in it, or a script.
    #[default]
    UserData,
    /// The `NoCloud` data source's `meta-data`.
    MetaData,
    /// `network-config`, version 1 or 2.
    NetworkConfig,
    /// `autoinstall.yaml` as it lies on an installer's medium: without the header of a cloud-config.
    Autoinstall,
}

impl DocumentKind {
    /// Tells by a file's first line, else by its name. What neither tells is user-data.
    pub fn detect(file_name: &str, text: &[u8]) -> Self {
        if text.starts_with(b"#cloud-config") || text.starts_with(b"#!") || text.starts_with(b"## template: jinja") {
            return Self::UserData;
        }
        let name = file_name.to_ascii_lowercase().replace('_', "-");
        if name.contains("meta-data") || name.contains("metadata") {
            Self::MetaData
        } else if name.contains("network") {
            Self::NetworkConfig
        } else if name.contains("autoinstall") {
            Self::Autoinstall
        } else {
            Self::UserData
        }
    }

    /// The kind's name, as in `--kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::UserData => "user-data",
            Self::MetaData => "meta-data",
            Self::NetworkConfig => "network-config",
            Self::Autoinstall => "autoinstall",
        }
    }
}

impl fmt::Display for DocumentKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_line_counts_more_than_the_name() {
        for (name, text, kind) in [
            ("user-data", "", DocumentKind::UserData),
            ("x.yaml", "hostname: a\n", DocumentKind::UserData),
            ("meta-data", "instance-id: a\n", DocumentKind::MetaData),
            ("network-config.yaml", "version: 2\n", DocumentKind::NetworkConfig),
            ("autoinstall.yaml", "version: 1\n", DocumentKind::Autoinstall),
            ("autoinstall.yaml", "#cloud-config\n", DocumentKind::UserData),
        ] {
            assert_eq!(DocumentKind::detect(name, text.as_bytes()), kind, "{name}");
        }
    }
}
