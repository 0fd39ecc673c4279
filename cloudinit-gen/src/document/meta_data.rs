//! `meta-data`.

use serde::Serialize;

use crate::values::{Hostname, InstanceId};
use crate::yaml::{self, YamlError};

/// The `meta-data` file of the `NoCloud` data source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub struct MetaData {
    /// A new id makes cloud-init run its once-per-instance work again.
    pub instance_id: InstanceId,
    /// The host name before user-data is read.
    pub local_hostname: Hostname,
}

impl MetaData {
    /// Meta-data of one node.
    pub fn new(instance_id: InstanceId, local_hostname: Hostname) -> Self {
        Self {
            instance_id,
            local_hostname,
        }
    }

    /// The file's text.
    pub fn to_yaml(&self) -> Result<String, YamlError> {
        yaml::to_string("meta-data", self)
    }
}
