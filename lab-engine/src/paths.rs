//! Where a lab keeps its things.

use std::path::{Path, PathBuf};

use etcetera::BaseStrategy as _;

use crate::error::{ErrorKind, LabError};

/// The directories and files of one lab, under `<data dir>/labs/<name>/`.
#[derive(Debug, Clone)]
pub struct LabPaths {
    data: PathBuf,
    root: PathBuf,
}

impl LabPaths {
    /// The places of the lab `name` under `data_dir`, or under the user's data directory.
    pub fn new(data_dir: Option<&Path>, name: &str) -> Result<Self, LabError> {
        let data = match data_dir {
            Some(dir) => std::path::absolute(dir).map_err(|e| LabError::io("find", dir, e))?,
            None => user_data()?,
        };
        let root = data.join("labs").join(name);
        Ok(Self { data, root })
    }

    /// The user's own configuration, for every directory that has none: `airgap-lab/lab.toml` in `~/.config`, on Windows in
    /// the roaming application data. Whether it exists is not looked at; `None` for a user without a home directory.
    pub fn user_config() -> Option<PathBuf> {
        let user = etcetera::choose_base_strategy().ok()?;
        Some(user.config_dir().join("airgap-lab").join("lab.toml"))
    }

    /// What all labs of this user share.
    pub fn data(&self) -> &Path {
        &self.data
    }

    /// The directory of all labs.
    pub fn labs(&self) -> PathBuf {
        self.data.join("labs")
    }

    /// This lab's own directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// What the lab knows about itself.
    pub fn state(&self) -> PathBuf {
        self.root.join("state.json")
    }

    /// Held while something changes the lab.
    pub fn lock(&self) -> PathBuf {
        self.root.join("lock")
    }

    /// SSH keys and the join token.
    pub fn keys(&self) -> PathBuf {
        self.root.join("keys")
    }

    /// The registry's certificates.
    pub fn pki(&self) -> PathBuf {
        self.root.join("pki")
    }

    /// The seed images.
    pub fn seeds(&self) -> PathBuf {
        self.root.join("seeds")
    }

    /// One node's seed image.
    pub fn seed(&self, node: &str) -> PathBuf {
        self.seeds().join(format!("{node}.iso"))
    }

    /// The payload image shared by all nodes.
    pub fn payload(&self) -> PathBuf {
        self.seeds().join("payload.iso")
    }

    /// The nodes' directories.
    pub fn machines(&self) -> PathBuf {
        self.root.join("vms")
    }

    /// What belongs to one node; carries the ownership marker.
    pub fn node(&self, node: &str) -> PathBuf {
        self.machines().join(node)
    }

    /// One node's machine, inside [`node`](Self::node).
    pub fn machine(&self, node: &str) -> PathBuf {
        self.node(node).join("vm")
    }

    /// Records, pictures and logs of runs.
    pub fn runs(&self) -> PathBuf {
        self.root.join("runs")
    }

    /// The cluster's administrator configuration.
    pub fn kubeconfig(&self) -> PathBuf {
        self.root.join("kubeconfig")
    }

    /// Which kubeconfigs of the user's it was merged into.
    pub fn kubeconfigs(&self) -> PathBuf {
        self.root.join("kubeconfigs.json")
    }

    /// Checksums of files that go into payload images, shared by all labs of this data directory.
    pub(crate) fn digests(&self) -> PathBuf {
        self.data.join("digests.json")
    }

    /// Template machines, one per disk image, shared by all labs of this data directory.
    pub fn images(&self) -> PathBuf {
        self.data.join("images")
    }
}

/// The user's data directory for this program.
fn user_data() -> Result<PathBuf, LabError> {
    let user = etcetera::choose_base_strategy().map_err(|e| {
        LabError::new(ErrorKind::Configuration, "this user has no home directory")
            .help("set lab.data_dir or LAB_DATA_DIR")
            .source(e)
    })?;
    // On Windows the data directory roams from machine to machine with its user; disks of gigabytes must not, and the other
    // known folder is for that.
    let data = if cfg!(windows) {
        user.cache_dir()
    } else {
        user.data_dir()
    };
    Ok(data.join("airgap-lab"))
}
