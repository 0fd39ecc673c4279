//! Values of k3s keys that have no field here.

use serde::{Deserialize, Serialize};

/// A value in k3s's `config.yaml`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum ConfigValue {
    /// A switch.
    Flag(bool),
    /// A whole number.
    Number(i64),
    /// A text.
    Text(String),
    /// A flag that may be given several times.
    List(Vec<String>),
}
