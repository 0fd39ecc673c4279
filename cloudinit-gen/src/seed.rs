//! The three files of a `NoCloud` seed.

use std::fmt;
use std::path::Path;

use secrecy::{ExposeSecret, SecretString};

use crate::document::{CloudConfig, MetaData, NetworkConfig};
use crate::guestinfo::{GuestInfo, GuestInfoEncoding, GuestInfoError};
use crate::iso::{IsoBuilder, IsoError, Source};
use crate::validate::{Finding, validate};
use crate::yaml::YamlError;

/// The label that cloud-init's `NoCloud` data source looks for.
pub const CIDATA_LABEL: &str = "CIDATA";

/// A node's seed files. The user-data holds the host key and the join token, so it is a secret.
#[derive(Clone)]
#[non_exhaustive]
pub struct SeedFiles {
    /// `user-data`.
    pub user_data: SecretString,
    /// `meta-data`.
    pub meta_data: String,
    /// `network-config`.
    pub network_config: String,
    /// What the two files above say, for transports that join them.
    documents: (MetaData, NetworkConfig),
}

impl SeedFiles {
    /// The three files of these documents.
    pub(crate) fn new(
        user_data: &CloudConfig,
        meta_data: MetaData,
        network_config: NetworkConfig,
    ) -> Result<Self, YamlError> {
        Ok(Self {
            user_data: user_data.to_user_data()?.into(),
            meta_data: meta_data.to_yaml()?,
            network_config: network_config.to_yaml()?,
            documents: (meta_data, network_config),
        })
    }

    /// The same seed as VMware's guest variables, which need no image at all.
    ///
    /// With no encoding named, each value is base64 where that fits and compressed where it does not.
    pub fn guestinfo(&self, encoding: Option<GuestInfoEncoding>) -> Result<GuestInfo, GuestInfoError> {
        let (meta_data, network) = &self.documents;
        GuestInfo::new(meta_data, network, self.user_data.expose_secret(), encoding)
    }

    /// Writes the seed image that a node boots with: label `CIDATA`, the three files in its root.
    ///
    /// The image appears under `path` complete or not at all, readable by its owner alone. Equal files make equal
    /// images.
    pub fn write_iso(&self, path: &Path) -> Result<(), IsoError> {
        let mut iso = IsoBuilder::new(
            CIDATA_LABEL
                .parse()
                .expect("a constant in the form that VolumeLabel demands"),
        );
        for (name, text) in self.named() {
            iso.file(name, Source::bytes(text))?.private();
        }
        iso.private().write_file(path)?;
        Ok(())
    }

    /// What is wrong with the user-data: nothing, for what this crate has rendered.
    pub fn validate(&self) -> Vec<Finding> {
        validate(self.user_data.expose_secret())
    }

    /// The files by the names that cloud-init looks for.
    pub fn named(&self) -> [(&'static str, &str); 3] {
        [
            ("meta-data", &self.meta_data),
            ("network-config", &self.network_config),
            ("user-data", self.user_data.expose_secret()),
        ]
    }
}

impl fmt::Debug for SeedFiles {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SeedFiles")
            .field("meta_data", &self.meta_data)
            .field("network_config", &self.network_config)
            .finish_non_exhaustive()
    }
}
