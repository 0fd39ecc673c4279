//! What is known of one node.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::time::SystemTime;

use secrecy::SecretString;

use super::HostKey;
use crate::guest::GuestLimits;
use crate::values::{Hostname, InstanceId, InterfaceAddress, MacAddr, Sha256Digest, Timezone, UserName, VolumeLabel};

/// Everything that both roles need to know of a node.
///
/// Secrets are in secrecy types: `Debug` of a node shows none of them.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct NodeConfig {
    /// Host name, and the node's name in the cluster.
    pub hostname: Hostname,
    /// The id of this life of the disk; markers hold it.
    pub instance_id: InstanceId,
    /// Hardware address of the network card.
    pub mac: MacAddr,
    /// Static address.
    pub address: InterfaceAddress,
    /// Default gateway, on the same network.
    pub gateway: Ipv4Addr,
    /// Name servers; none in a lab without name service.
    pub dns: Vec<IpAddr>,
    /// Time servers; with none, the node's time clients are silenced.
    pub time_servers: Vec<String>,
    /// Time zone.
    pub timezone: Timezone,
    /// The user that logs in and may become root without a password.
    pub user: UserName,
    /// Lines of the user's `authorized_keys`; at least one.
    pub authorized_keys: Vec<String>,
    /// The node's SSH host key.
    pub host_key: HostKey,
    /// The user's password on the console and for guest operations of the hypervisor; SSH never takes it. It reaches the
    /// node only as a salted SHA-512 crypt hash. `None` locks password login.
    pub password: Option<SecretString>,
    /// Certificates, in PEM form, that the node trusts.
    pub ca_pem: Vec<String>,
    /// k3s's `registries.yaml`, verbatim. Its `ca_file` should be [`CA_FILE`](crate::guest::CA_FILE).
    pub registries_yaml: Option<SecretString>,
    /// Other hosts that the node knows by name; its own entry is added.
    pub hosts: Vec<HostEntry>,
    /// The payload medium; `None` if k3s is in the image already.
    pub payload: Option<PayloadRef>,
    /// Kernel modules that must load.
    pub kernel_modules: Vec<String>,
    /// Kernel parameters by their dotted names.
    pub sysctl: BTreeMap<String, String>,
    /// The secret that nodes join the cluster with.
    pub token: SecretString,
    /// How long the node waits for things.
    pub limits: GuestLimits,
    /// Which of cloud-init's modules run.
    pub modules: ModuleSet,
}

impl NodeConfig {
    /// A node with what it cannot do without; the rest has defaults and public fields.
    ///
    /// Kernel modules and parameters default to those that k3s needs, the time zone to `Etc/UTC`.
    pub fn new(essentials: NodeEssentials) -> Self {
        let NodeEssentials {
            hostname,
            instance_id,
            mac,
            address,
            gateway,
            user,
            authorized_keys,
            host_key,
            token,
        } = essentials;
        Self {
            hostname,
            instance_id,
            mac,
            address,
            gateway,
            dns: Vec::new(),
            time_servers: Vec::new(),
            timezone: "Etc/UTC".parse().expect("a constant in the form that Timezone demands"),
            user,
            authorized_keys,
            host_key,
            password: None,
            ca_pem: Vec::new(),
            registries_yaml: None,
            hosts: Vec::new(),
            payload: None,
            kernel_modules: DEFAULT_MODULES.map(str::to_owned).to_vec(),
            sysctl: DEFAULT_SYSCTL
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .into(),
            token,
            limits: GuestLimits::default(),
            modules: ModuleSet::default(),
        }
    }
}

/// What a node cannot do without.
#[derive(Debug, Clone)]
pub struct NodeEssentials {
    /// See [`NodeConfig::hostname`].
    pub hostname: Hostname,
    /// See [`NodeConfig::instance_id`].
    pub instance_id: InstanceId,
    /// See [`NodeConfig::mac`].
    pub mac: MacAddr,
    /// See [`NodeConfig::address`].
    pub address: InterfaceAddress,
    /// See [`NodeConfig::gateway`].
    pub gateway: Ipv4Addr,
    /// See [`NodeConfig::user`].
    pub user: UserName,
    /// See [`NodeConfig::authorized_keys`].
    pub authorized_keys: Vec<String>,
    /// See [`NodeConfig::host_key`].
    pub host_key: HostKey,
    /// See [`NodeConfig::token`].
    pub token: SecretString,
}

/// A host by its address and its names, as a line of `/etc/hosts`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct HostEntry {
    /// Address.
    pub address: IpAddr,
    /// Names.
    pub names: Vec<Hostname>,
}

impl HostEntry {
    /// An entry of these names.
    pub fn new(address: impl Into<IpAddr>, names: Vec<Hostname>) -> Self {
        Self {
            address: address.into(),
            names,
        }
    }
}

/// What a node has to know of the payload image.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct PayloadRef {
    /// The medium's label.
    pub label: VolumeLabel,
    /// When the payload was built: a clock that is earlier is set to this.
    pub build_time: SystemTime,
    /// SHA-256 of the payload's `SHA256SUMS`: with it, the node refuses any other payload.
    pub digest: Option<Sha256Digest>,
}

impl PayloadRef {
    /// A payload that is recognised by its label alone.
    pub fn new(label: VolumeLabel, build_time: SystemTime) -> Self {
        Self {
            label,
            build_time,
            digest: None,
        }
    }
}

/// Which of cloud-init's modules run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum ModuleSet {
    /// Those that have something to do for a lab node. The rest would only be loaded, which costs seconds in a guest
    /// without hardware virtualisation.
    #[default]
    Needed,
    /// Those that the image lists.
    Image,
}

/// `br_netfilter` and `overlay` are what k3s loads itself if it can; loading them first turns a missing one into a clear
/// failure and makes the `net.bridge` parameters exist.
const DEFAULT_MODULES: [&str; 2] = ["br_netfilter", "overlay"];

/// What the kubelet's `protect-kernel-defaults` demands, forwarding, and enough inotify watches for many pods.
const DEFAULT_SYSCTL: [(&str, &str); 9] = [
    ("fs.inotify.max_user_instances", "8192"),
    ("fs.inotify.max_user_watches", "524288"),
    ("kernel.panic", "10"),
    ("kernel.panic_on_oops", "1"),
    ("net.bridge.bridge-nf-call-ip6tables", "1"),
    ("net.bridge.bridge-nf-call-iptables", "1"),
    ("net.ipv4.ip_forward", "1"),
    ("vm.overcommit_memory", "1"),
    ("vm.panic_on_oom", "0"),
];
