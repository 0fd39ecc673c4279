//! What a node's first boot is told, with or without a machine: the documents of the configured node, the images that
//! carry them, the payload.
//!
//! `up` makes machines of them; [`Seeds`] hands them out for machines that something else makes.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cloudinit_gen::guestinfo::GuestInfoEncoding;
use cloudinit_gen::payload::{PayloadAction, PayloadManifest};
use cloudinit_gen::{
    HostEntry, HostKey, Installer, InterfaceAddress, K3sAgentConfig, K3sServerConfig, MasterNode, NodeConfig,
    NodeEssentials, PayloadRef, SeedFiles, WorkerNode,
};
use secrecy::{ExposeSecret as _, SecretString};
use serde::Serialize;

use crate::claim::{Adopt, Claimed, claim};
use crate::config::{Config, NodeSection, Role};
use crate::error::{Context as _, ErrorKind, LabError};
use crate::lock::LabLock;
use crate::paths::LabPaths;
use crate::state::StateFile;
use crate::{files, identity, payload, registry};

/// What a machine's own life adds to its node.
#[derive(Debug, Clone)]
pub(crate) struct Life<'a> {
    pub(crate) mac: &'a str,
    pub(crate) instance_id: &'a str,
    pub(crate) payload: Option<PayloadRef>,
    pub(crate) password: Option<SecretString>,
}

/// A node as cloudinit-gen knows it.
pub(crate) enum SeedNode {
    Master(MasterNode),
    Worker(WorkerNode),
}

impl SeedNode {
    /// The node of the configuration in this life of its machine.
    pub(crate) fn new(config: &Config, paths: &LabPaths, node: &NodeSection, life: Life<'_>) -> Result<Self, LabError> {
        let trust = registry::trust(config, paths)?;
        let host_key = identity::host_key(paths, &node.name)?;
        let mut authorized_keys = vec![identity::login_key(paths)?.public];
        authorized_keys.extend(config.guest.authorized_keys.iter().cloned());

        let wrong = |what: &str| format!("the {what} cannot be written into the seed");
        let mut seed = NodeConfig::new(NodeEssentials {
            hostname: node.name.parse().context(wrong("node's name"))?,
            instance_id: life.instance_id.parse().context(wrong("instance id"))?,
            mac: life.mac.parse().context(wrong("MAC address"))?,
            address: InterfaceAddress::new(node.address, config.network.prefix).context(wrong("address"))?,
            gateway: config.network.gateway,
            user: config.guest.user.parse().context(wrong("user name"))?,
            authorized_keys,
            host_key: HostKey::new(host_key.private, host_key.public),
            token: identity::token(paths)?,
        });
        seed.dns = config.network.dns.iter().map(|a| (*a).into()).collect();
        seed.timezone = config.guest.timezone.parse().context(wrong("time zone"))?;
        seed.password = life.password;
        seed.ca_pem = vec![trust.ca_pem];
        seed.registries_yaml = Some(trust.registries_yaml.into());
        seed.payload = life.payload;
        for other in config.nodes.0.iter().filter(|n| n.name != node.name) {
            seed.hosts.push(HostEntry::new(
                other.address,
                vec![other.name.parse().context(wrong("node's name"))?],
            ));
        }
        Ok(match node.role {
            Role::Master => {
                let mut k3s = K3sServerConfig::default();
                k3s.tls_san = vec![node.address.to_string()];
                k3s.disable.clone_from(&config.k3s.disable);
                Self::Master(MasterNode::new(seed, k3s))
            }
            Role::Worker => {
                let master = config
                    .master()
                    .ok_or_else(|| LabError::failed("the lab has no master"))?;
                let server = format!("https://{}:6443", master.address);
                Self::Worker(WorkerNode::new(seed, K3sAgentConfig::new(server)))
            }
        })
    }

    /// The seed for a disk image that has cloud-init.
    pub(crate) fn render(&self) -> Result<SeedFiles, LabError> {
        match self {
            Self::Master(master) => master.render(),
            Self::Worker(worker) => worker.render(),
        }
        .context("could not write the node's user-data")
    }

    /// The seed for Ubuntu's installer.
    fn render_autoinstall(&self, installer: &Installer) -> Result<SeedFiles, LabError> {
        match self {
            Self::Master(master) => master.render_autoinstall(installer),
            Self::Worker(worker) => worker.render_autoinstall(installer),
        }
        .context("could not write the node's autoinstall")
    }
}

/// How a node is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SeedForm {
    /// A cloud-config, for a disk image that has cloud-init.
    #[default]
    Cloud,
    /// Ubuntu's autoinstall, for its installer's medium and a blank disk.
    Autoinstall,
    /// VMware's guest variables, for a disk image that has cloud-init, without a seed image.
    GuestInfo,
}

/// What a seed is made for.
#[derive(Debug, Clone, Default)]
pub struct SeedOptions {
    /// The form.
    pub form: SeedForm,
    /// Hardware address of the machine's network card; without it the one that `up` gives the node's machine.
    pub mac: Option<String>,
    /// cloud-init's instance id; without it that of the node's machine, else one that is the lab's and the node's own.
    pub instance_id: Option<String>,
    /// A password for the guest's user.
    pub password: Option<SecretString>,
    /// How guest variables are encoded; without it as base64 where that fits.
    pub encoding: Option<GuestInfoEncoding>,
}

/// One node's seed.
#[derive(Debug)]
pub struct NodeSeed {
    /// The node.
    pub node: String,
    /// The form.
    pub form: SeedForm,
    /// The hardware address that the node's network is configured for.
    pub mac: String,
    /// The instance id that the node's markers will hold.
    pub instance_id: String,
    /// The payload that it expects; `None` if k3s has to be in the image already.
    pub payload: Option<PayloadRef>,
    encoding: Option<GuestInfoEncoding>,
    files: SeedFiles,
}

impl NodeSeed {
    /// Writes the seed as files into a directory, which is made if it is missing: `user-data`, `meta-data` and
    /// `network-config`, or `guestinfo.vmx`. They hold secrets and are readable by their owner only. Returns their paths.
    ///
    /// # Errors
    ///
    /// If they cannot be written, or do not fit into guest variables.
    pub fn write_files(&self, dir: &Path) -> Result<Vec<PathBuf>, LabError> {
        files::private_dir(dir)?;
        let mut written = Vec::new();
        let mut write = |name: &str, text: &str| {
            let path = dir.join(name);
            files::write_private(&path, text.as_bytes())?;
            written.push(path);
            Ok::<_, LabError>(())
        };
        if self.form == SeedForm::GuestInfo {
            let variables = self
                .files
                .guestinfo(self.encoding)
                .context("the seed does not fit into guest variables")
                .map_err(|e| e.node(&self.node))?;
            write("guestinfo.vmx", variables.to_vmx().expose_secret())?;
        } else {
            for (name, text) in self.files.named() {
                write(name, text)?;
            }
        }
        Ok(written)
    }

    /// Writes the seed image.
    ///
    /// # Errors
    ///
    /// If it cannot be written, or the form has no image.
    pub fn write_iso(&self, path: &Path) -> Result<(), LabError> {
        if self.form == SeedForm::GuestInfo {
            return Err(
                LabError::new(ErrorKind::Configuration, "guest variables need no seed image")
                    .help("`lab-cli seed render --form guestinfo` writes the lines for the machine's .vmx file"),
            );
        }
        self.files
            .write_iso(path)
            .context("could not write the seed image")
            .map_err(|e| e.node(&self.node))
    }
}

/// The seeds of one lab. While this lives, no other process changes the lab.
#[derive(Debug)]
pub struct Seeds {
    config: Config,
    paths: LabPaths,
    state: StateFile,
    _lock: LabLock,
}

impl Seeds {
    /// The seeds of the configured lab. Keys, the join token and the registry's certificate are made if the lab has none
    /// yet, and kept: `up` and every later seed use the same. `ca_passphrase` is that of the CA's key, where that is encrypted.
    /// No hypervisor is needed.
    ///
    /// # Errors
    ///
    /// If another process works on the lab, or its files cannot be written.
    pub fn open(config: Config, ca_passphrase: Option<&SecretString>) -> Result<Self, LabError> {
        let paths = LabPaths::new(config.lab.data_dir.as_deref(), &config.lab.name)?;
        let Claimed { lock, state, .. } = claim(&config, &paths, Adopt::No)?;
        registry::ensure_certificate(&config, &paths, ca_passphrase)?;
        Ok(Self {
            config,
            paths,
            state,
            _lock: lock,
        })
    }

    /// The names of the nodes, in the order of the configuration.
    pub fn node_names(&self) -> Vec<String> {
        self.config.nodes.0.iter().map(|n| n.name.clone()).collect()
    }

    /// One node's seed. It names the payload of [`write_payload`](Self::write_payload), or of an earlier `up`, by its
    /// digest; before either, by its label alone.
    ///
    /// # Errors
    ///
    /// If there is no such node, or a value cannot be written into a seed.
    pub fn node(
        &self,
        name: &str,
        options: &SeedOptions,
        written: Option<&PayloadManifest>,
    ) -> Result<NodeSeed, LabError> {
        let node = self.config.node(name).ok_or_else(|| {
            LabError::new(ErrorKind::Configuration, format!("there is no node `{name}`"))
                .help(format!("the nodes are: {}", self.node_names().join(", ")))
        })?;
        let state = self.state.get();
        let mac = match &options.mac {
            Some(mac) => mac.clone(),
            None => identity::mac_address(&state.lab_id, name),
        };
        let instance_id = match (&options.instance_id, state.nodes.get(name)) {
            (Some(id), _) => id.clone(),
            (None, Some(machine)) => machine.instance_id.clone(),
            (None, None) => {
                let own = identity::digest(format!("{}/{name}", state.lab_id).as_bytes());
                format!("{}-{name}-{}", self.config.lab.name, &own[..12])
            }
        };
        let payload = match written {
            Some(manifest) => Some(self.reference(manifest.to_ref())?),
            None => self.known_payload()?,
        };
        let life = Life {
            mac: &mac,
            instance_id: &instance_id,
            payload: payload.clone(),
            password: options.password.clone(),
        };
        let seed = SeedNode::new(&self.config, &self.paths, node, life);
        let files = seed
            .and_then(|seed| match options.form {
                SeedForm::Cloud | SeedForm::GuestInfo => seed.render(),
                SeedForm::Autoinstall => seed.render_autoinstall(&Installer::default()),
            })
            .map_err(|e| e.node(name))?;
        Ok(NodeSeed {
            node: name.to_owned(),
            form: options.form,
            mac,
            instance_id,
            payload,
            encoding: options.encoding,
            files,
        })
    }

    /// Writes the payload image that all nodes share, unless the one there holds exactly this already. `None` if no k3s
    /// is configured.
    ///
    /// # Errors
    ///
    /// If a file of the payload is not what it should be, or the image cannot be written.
    pub fn write_payload(&self, path: &Path) -> Result<Option<(PayloadManifest, PayloadAction)>, LabError> {
        let Some(payload) = payload::configured(&self.config)? else {
            return Ok(None);
        };
        payload::ensure_image(payload, path, &self.paths).map(Some)
    }

    fn known_payload(&self) -> Result<Option<PayloadRef>, LabError> {
        let Some(payload) = payload::configured(&self.config)? else {
            return Ok(None);
        };
        let existing = payload
            .existing_iso(&self.paths.payload())
            .context("could not look at the payload image")?;
        let reference = match (existing, payload.build_time) {
            (Some(manifest), _) => manifest.to_ref(),
            (None, built) => PayloadRef::new(payload.label, built.unwrap_or(SystemTime::UNIX_EPOCH)),
        };
        self.reference(reference).map(Some)
    }

    /// A clock that is behind is set to the payload's build time, which must not be before the registry's certificate is
    /// valid. Not now, but the moment that its file was written: the same lab gives the same seed.
    fn reference(&self, mut reference: PayloadRef) -> Result<PayloadRef, LabError> {
        let issued = files::modified(&registry::ca_path(&self.config, &self.paths))?;
        reference.build_time = reference.build_time.max(issued);
        Ok(reference)
    }
}
