//! `lab.toml`: what a lab is made of. Every key has a default, and the defaults alone describe a usable lab.
//!
//! [`load`] reads the file and lays environment variables and command-line settings over it; [`Config`] is the result, checked.
//! The same types give the JSON Schema ([`schema`]), so that an editor and this program agree on every key.

mod check;
mod definition;
mod error;
mod keys;
mod load;
mod reference;
mod source;
mod template;
mod value;

use std::net::Ipv4Addr;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use definition::{Definition, definitions};
pub use error::{ConfigError, ConfigErrors};
pub use keys::{KEYS, Key, KeyKind, NODE_KEYS, SECRET_VARIABLES, misspelt_variable};
pub use load::{Loaded, Origin, Setting, load};
pub use reference::reference;
pub use template::{commented_template, commented_template_in};

/// The most nodes of one lab: more than a hypervisor on a desktop can run, few enough that a slip of a finger is noticed.
const MOST_NODES: usize = 500;
/// The longest limit of a stage, a week in seconds: what no stage needs, and what no clock overflows at.
const LONGEST_LIMIT: u64 = 604_800;
/// The most memory of a machine, 4 TiB in MiB, and the largest virtual disk, 62 TiB in GiB, that VMware documents.
const MOST_MEMORY: u64 = 4_194_304;
const LARGEST_DISK: u64 = 63_488;
/// What a host name, a directory and a k3s node name have in common (RFC 1123, one label).
const LABEL: &str = "^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$";

/// A whole `lab.toml`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// The lab itself.
    pub lab: LabSection,
    /// What runs the virtual machines.
    pub hypervisor: HypervisorSection,
    /// The virtual network that the nodes share with this host.
    pub network: NetworkSection,
    /// The size of every node that does not say otherwise.
    pub vm: VmSection,
    /// The nodes: exactly one master, any number of workers.
    pub nodes: Nodes,
    /// The guest operating system.
    pub guest: GuestSection,
    /// The disk image that nodes are cloned from. `up` needs one of `disk` and `template`.
    pub image: ImageSection,
    /// k3s and what it is started with.
    pub k3s: K3sSection,
    /// The private registry that the nodes pull images from.
    pub registry: RegistrySection,
    /// How long each stage may take, in seconds.
    pub timeouts: TimeoutSection,
}

/// The lab itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct LabSection {
    /// The lab's name: lower-case letters, digits and dashes. Two labs with different names live side by side.
    #[schemars(regex(pattern = LABEL))]
    pub name: String,
    /// Where this lab and its machines are kept. Default: the user's data directory.
    #[schemars(example = "/srv/labs")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data_dir: Option<PathBuf>,
    /// The file that this was read from. A lab belongs to one, so that two projects do not share a lab unawares.
    #[serde(skip)]
    #[schemars(skip)]
    pub project: Option<PathBuf>,
}

impl Default for LabSection {
    fn default() -> Self {
        Self {
            name: "lab".to_owned(),
            data_dir: None,
            project: None,
        }
    }
}

/// Which hypervisor to use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum HypervisorKind {
    /// VMware's vmrun where it is found, else the QEMU drop-in.
    #[default]
    Auto,
    /// VMware's vmrun only.
    Vmware,
    /// The QEMU drop-in only.
    Qemu,
}

/// What runs the virtual machines.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct HypervisorSection {
    /// `auto` takes VMware's vmrun where it is found, else the QEMU drop-in; `vmware` and `qemu` take that one only.
    pub kind: HypervisorKind,
    /// The vmrun program. Default: searched in the usual places. Also settable as `VMRUN_PATH`.
    #[schemars(example = "/usr/bin/vmrun")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub vmrun: Option<PathBuf>,
    /// How long one command of vmrun may take before it is killed, in percent of what it usually gets (start 5 min, list 30 s).
    /// Raise it on a slow host.
    #[schemars(range(min = 1, max = 10000))]
    pub patience: u32,
}

impl Default for HypervisorSection {
    fn default() -> Self {
        Self {
            kind: HypervisorKind::default(),
            vmrun: None,
            patience: 100,
        }
    }
}

/// The virtual network.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct NetworkSection {
    /// The hypervisor's name for it.
    pub name: String,
    /// This host's address in it, and the nodes' default gateway.
    pub gateway: Ipv4Addr,
    /// The prefix length of the network.
    #[schemars(range(min = 8, max = 30))]
    pub prefix: u8,
    /// Name servers for the nodes; an air-gapped lab has none.
    pub dns: Vec<Ipv4Addr>,
}

impl Default for NetworkSection {
    fn default() -> Self {
        Self {
            name: "VMnet1".to_owned(),
            gateway: Ipv4Addr::new(192, 168, 6, 1),
            prefix: 24,
            dns: Vec::new(),
        }
    }
}

/// The size of a node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct VmSection {
    /// Virtual processors.
    #[schemars(range(min = 1, max = 64))]
    pub cpus: u32,
    /// Memory in MiB, a multiple of 4.
    #[schemars(range(min = 512, max = MOST_MEMORY))]
    pub memory_mib: u64,
    /// Size of the system disk in GiB; a smaller image is grown to it.
    #[schemars(range(min = 1, max = LARGEST_DISK))]
    pub disk_gib: u64,
}

impl Default for VmSection {
    fn default() -> Self {
        Self {
            cpus: 2,
            memory_mib: 4096,
            disk_gib: 40,
        }
    }
}

/// What a node does in the cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Runs the k3s server.
    Master,
    /// Runs the k3s agent.
    Worker,
}

/// One node.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct NodeSection {
    /// Host name and machine name: lower-case letters, digits and dashes.
    #[schemars(regex(pattern = LABEL))]
    pub name: String,
    /// `master` or `worker`.
    pub role: Role,
    /// The node's static address, in the gateway's network.
    pub address: Ipv4Addr,
    /// Virtual processors; default `vm.cpus`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 64))]
    pub cpus: Option<u32>,
    /// Memory in MiB; default `vm.memory_mib`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 512, max = MOST_MEMORY))]
    pub memory_mib: Option<u64>,
    /// Disk in GiB; default `vm.disk_gib`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = LARGEST_DISK))]
    pub disk_gib: Option<u64>,
}

/// The list of nodes. A type of its own because its default is not empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Nodes(#[schemars(length(min = 1, max = MOST_NODES))] pub Vec<NodeSection>);

impl Default for Nodes {
    fn default() -> Self {
        let node = |name: &str, role, last| NodeSection {
            name: name.to_owned(),
            role,
            address: Ipv4Addr::new(192, 168, 6, last),
            cpus: None,
            memory_mib: None,
            disk_gib: None,
        };
        Self(vec![
            node("k3s-master1", Role::Master, 10),
            node("k3s-worker1", Role::Worker, 11),
            node("k3s-worker2", Role::Worker, 12),
        ])
    }
}

/// The guest operating system.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct GuestSection {
    /// The login user, made at first boot. Logs in by key; has a password only if `INSTALL_USER_PASSWORD` is set.
    pub user: String,
    /// The time zone, as in the IANA database.
    pub timezone: String,
    /// More public keys that may log in, as in `authorized_keys`.
    pub authorized_keys: Vec<String>,
}

impl Default for GuestSection {
    fn default() -> Self {
        Self {
            user: "ubuntu".to_owned(),
            timezone: "Asia/Seoul".to_owned(),
            authorized_keys: Vec::new(),
        }
    }
}

/// The disk image that nodes are cloned from. `up` needs one of `disk` and `template`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct ImageSection {
    /// A cloud image with cloud-init (.vmdk; with the drop-in also .qcow2). It is copied once and never written to.
    #[schemars(example = "ubuntu-24.04-server-cloudimg-amd64.vmdk")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk: Option<PathBuf>,
    /// A machine of your own (.vmx), powered off, to clone from instead of `disk`.
    #[schemars(example = "/machines/ubuntu/ubuntu.vmx")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub template: Option<PathBuf>,
    /// The snapshot of `template` to clone from.
    pub snapshot: String,
    /// The hypervisor's name for the guest system.
    pub guest_os: String,
}

impl Default for ImageSection {
    fn default() -> Self {
        Self {
            disk: None,
            template: None,
            snapshot: "base".to_owned(),
            guest_os: "ubuntu-64".to_owned(),
        }
    }
}

/// k3s and what it is started with.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct K3sSection {
    /// The k3s program of the release to install. `up` needs it.
    #[schemars(example = &"k3s")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub binary: Option<PathBuf>,
    /// The image archive of the same release (`k3s-airgap-images-amd64.tar.zst`, `.tar.gz` or `.tar`). `up` needs it.
    #[schemars(example = "k3s-airgap-images-amd64.tar.zst")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub images: Option<PathBuf>,
    /// Packaged components to leave out. Empty: k3s runs with all of them.
    pub disable: Vec<String>,
}

/// The private registry.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct RegistrySection {
    /// The address or name that nodes use, and that the certificate must carry. Also settable as `REGISTRY_HOST_IP`.
    pub host: String,
    /// Its port. Also settable as `REGISTRY_PORT`.
    #[schemars(range(min = 1, max = 65535))]
    pub port: u16,
    /// The registries that it stands in for.
    pub mirrors: Vec<String>,
    /// The CA that signed a registry certificate of your own. Default: the lab issues the certificate.
    #[schemars(example = "registry-ca.crt")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ca: Option<PathBuf>,
    /// Whether `up` insists that the registry answers before it makes any machine.
    pub check: bool,
}

impl Default for RegistrySection {
    fn default() -> Self {
        Self {
            host: "192.168.6.1".to_owned(),
            port: 5000,
            mirrors: ["docker.io", "registry.k8s.io", "quay.io", "gcr.io", "ghcr.io"]
                .map(str::to_owned)
                .to_vec(),
            ca: None,
            check: true,
        }
    }
}

/// How long each stage may take, in seconds. A stage ends the moment its work is done; these are only the limits.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct TimeoutSection {
    /// Checks, keys and certificates.
    #[schemars(range(min = 1, max = LONGEST_LIMIT))]
    pub prerequisites: u64,
    /// Deleting machines.
    #[schemars(range(min = 1, max = LONGEST_LIMIT))]
    pub cleanup: u64,
    /// Creating machines, the image copy included.
    #[schemars(range(min = 1, max = LONGEST_LIMIT))]
    pub create: u64,
    /// Starting machines.
    #[schemars(range(min = 1, max = LONGEST_LIMIT))]
    pub start: u64,
    /// From started until a guest answers.
    #[schemars(range(min = 1, max = LONGEST_LIMIT))]
    pub ready: u64,
    /// From ready until the bootstrap's marker is there.
    #[schemars(range(min = 1, max = LONGEST_LIMIT))]
    pub bootstrap: u64,
    /// Taking the seed images out.
    #[schemars(range(min = 1, max = LONGEST_LIMIT))]
    pub disconnect: u64,
    /// Stopping, starting and answering again.
    #[schemars(range(min = 1, max = LONGEST_LIMIT))]
    pub restart: u64,
    /// Until every node is Ready and every packaged component runs.
    #[schemars(range(min = 1, max = LONGEST_LIMIT))]
    pub verify: u64,
}

impl Default for TimeoutSection {
    fn default() -> Self {
        Self {
            prerequisites: 120,
            cleanup: 300,
            create: 900,
            start: 300,
            ready: 900,
            bootstrap: 1200,
            disconnect: 120,
            restart: 900,
            verify: 600,
        }
    }
}

impl TimeoutSection {
    /// The limit as a duration.
    pub(crate) fn limit(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }
}

impl Config {
    /// The one master.
    pub fn master(&self) -> Option<&NodeSection> {
        self.nodes.0.iter().find(|n| n.role == Role::Master)
    }

    /// A node by name.
    pub fn node(&self, name: &str) -> Option<&NodeSection> {
        self.nodes.0.iter().find(|n| n.name == name)
    }

    /// The size of a node: its own keys over the lab's `[vm]`.
    pub fn size(&self, node: &NodeSection) -> VmSection {
        VmSection {
            cpus: node.cpus.unwrap_or(self.vm.cpus),
            memory_mib: node.memory_mib.unwrap_or(self.vm.memory_mib),
            disk_gib: node.disk_gib.unwrap_or(self.vm.disk_gib),
        }
    }

    /// `host:port` of the registry as nodes write it, an IPv6 address in brackets.
    pub fn registry_endpoint(&self) -> String {
        let host = self.registry.host.trim_matches(['[', ']']);
        if host.contains(':') {
            format!("[{host}]:{}", self.registry.port)
        } else {
            format!("{host}:{}", self.registry.port)
        }
    }

    /// What makes two runs comparable in time: the number of masters and workers and their size.
    pub fn shape(&self) -> String {
        let workers = self.nodes.0.iter().filter(|n| n.role == Role::Worker).count();
        format!(
            "{}+{workers} {}cpu {}MiB",
            self.nodes.0.len() - workers,
            self.vm.cpus,
            self.vm.memory_mib
        )
    }
}

/// The JSON Schema of `lab.toml` (draft 2020-12), also published as `docs/lab.schema.json`.
pub fn schema() -> schemars::Schema {
    let mut schema = schemars::schema_for!(Config);
    schema.insert("title".to_owned(), "lab.toml".into());
    schema
}
