//! From a node to its three seed files.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use secrecy::SecretString;

use super::check::{NodeError, check};
use super::{Installer, MasterNode, ModuleSet, NodeConfig, WorkerNode, files, password};
use crate::document::{
    AptConfig, CaCerts, CloudConfig, Command, Content, Ethernet, GrowPart, GrubDpkg, KeysToConsole, MetaData,
    Nameservers, NetworkConfig, NtpConfig, Permissions, ResizeRootfs, Route, SshKeys, User, WriteFile,
};
use crate::guest::{self, EnvFile};
use crate::k3s::{K3sConfigError, K3sNodeConfig};
use crate::seed::SeedFiles;
use crate::values::Sha256Digest;
use crate::yaml::YamlError;

/// What the two roles do differently.
struct Role {
    name: &'static str,
    unit: &'static str,
    unit_text: &'static str,
    config: SecretString,
    /// Host and port that an agent waits for.
    server: Option<(String, u16)>,
}

/// What a seed is for.
pub(super) enum Target<'a> {
    /// A disk image that has cloud-init in it.
    CloudImage,
    /// Ubuntu's installer, which makes such a disk.
    Installer(&'a Installer),
}

pub(super) fn master(master: &MasterNode, target: &Target<'_>) -> Result<SeedFiles, NodeError> {
    let node = &master.node;
    check(node)?;
    let mut k3s = master.k3s.clone();
    k3s.check().map_err(|source| k3s_error(node, source))?;
    complete(&mut k3s.node, node);
    k3s.write_kubeconfig_mode.get_or_insert_with(|| "0600".to_owned());
    let role = Role {
        name: "server",
        unit: "k3s.service",
        unit_text: guest::K3S_SERVICE,
        config: k3s.to_yaml().map_err(|source| yaml_error(node, source))?,
        server: None,
    };
    seed_files(node, &role, target)
}

pub(super) fn worker(worker: &WorkerNode, target: &Target<'_>) -> Result<SeedFiles, NodeError> {
    let node = &worker.node;
    check(node)?;
    let mut k3s = worker.k3s.clone();
    k3s.check().map_err(|source| k3s_error(node, source))?;
    complete(&mut k3s.node, node);
    let role = Role {
        name: "agent",
        unit: "k3s-agent.service",
        unit_text: guest::K3S_AGENT_SERVICE,
        config: k3s.to_yaml().map_err(|source| yaml_error(node, source))?,
        server: Some(k3s.server_endpoint().map_err(|source| k3s_error(node, source))?),
    };
    seed_files(node, &role, target)
}

/// What k3s is told of the node unless its user said otherwise.
fn complete(k3s: &mut K3sNodeConfig, node: &NodeConfig) {
    k3s.token.get_or_insert_with(|| node.token.clone());
    k3s.node_name.get_or_insert_with(|| node.hostname.to_string());
    k3s.node_ip.get_or_insert_with(|| node.address.address().into());
}

fn seed_files(node: &NodeConfig, role: &Role, target: &Target<'_>) -> Result<SeedFiles, NodeError> {
    let network = network_config(node);
    let user_data = match target {
        Target::CloudImage => cloud_config(node, role)?,
        Target::Installer(installer) => {
            installer.user_data(network.clone(), cloud_config(node, role)?, bootstrap_files(node, role))
        }
    };
    let meta_data = MetaData::new(node.instance_id.clone(), node.hostname.clone());
    SeedFiles::new(&user_data, meta_data, network).map_err(|source| yaml_error(node, source))
}

fn cloud_config(node: &NodeConfig, role: &Role) -> Result<CloudConfig, NodeError> {
    let needed = node.modules == ModuleSet::Needed;
    Ok(CloudConfig {
        autoinstall: None,
        hostname: Some(node.hostname.to_string()),
        manage_etc_hosts: Some(false),
        timezone: Some(node.timezone.to_string()),
        users: vec![user(node)?],
        disable_root: Some(true),
        ssh_pwauth: Some(false),
        ssh_deletekeys: Some(true),
        ssh_keys: Some(SshKeys {
            ed25519_private: Some(node.host_key.private_file()),
            ed25519_public: Some(node.host_key.public_openssh.clone()),
        }),
        no_ssh_fingerprints: Some(true),
        ssh: Some(KeysToConsole::off()),
        ca_certs: (!node.ca_pem.is_empty()).then(|| CaCerts::trusting(files::certificates(node))),
        growpart: Some(GrowPart::root()),
        resize_rootfs: Some(ResizeRootfs::Wait),
        ntp: Some(NtpConfig::off()),
        apt: Some(AptConfig::preserved()),
        grub_dpkg: Some(GrubDpkg::off()),
        cloud_init_modules: needed.then(|| owned(&NETWORK_STAGE)),
        cloud_config_modules: needed.then(|| owned(&CONFIG_STAGE)),
        cloud_final_modules: needed.then(|| owned(&FINAL_STAGE)),
        write_files: write_files(node, role),
        // `--no-block`: the unit waits for cloud-init's final stage, of which this command is a part.
        runcmd: vec![Command::new(
            "systemctl",
            ["enable", "--now", "--no-block", guest::BOOTSTRAP_UNIT],
        )],
    })
}

/// The network stage, in cloud-init's own order. `ssh` follows `users_groups`, whose keys it does not touch.
const NETWORK_STAGE: [&str; 7] = [
    "write_files",
    "growpart",
    "resizefs",
    "set_hostname",
    "ca_certs",
    "users_groups",
    "ssh",
];

/// The config stage. `set_passwords` is left out: the password's hash is set with its user, and a drop-in of
/// `sshd_config` closes SSH to passwords without restarting it.
const CONFIG_STAGE: [&str; 2] = ["timezone", "runcmd"];

/// The final stage: `scripts_user` runs what `runcmd` wrote; `final_message` writes `boot-finished`, for which other
/// tools wait.
const FINAL_STAGE: [&str; 2] = ["scripts_user", "final_message"];

fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

fn user(node: &NodeConfig) -> Result<User, NodeError> {
    let hash = node
        .password
        .as_ref()
        .map(|password| password::hash(node, password))
        .transpose();
    let hash = hash.map_err(|source| NodeError::Field {
        node: node.hostname.to_string(),
        field: "password",
        problem: format!("cannot be hashed: {source}"),
    })?;
    Ok(User {
        name: node.user.to_string(),
        shell: Some("/bin/bash".to_owned()),
        groups: vec!["adm".to_owned(), "systemd-journal".to_owned()],
        sudo: Some("ALL=(ALL) NOPASSWD:ALL".to_owned()),
        lock_passwd: hash.is_none(),
        hashed_passwd: hash,
        ssh_authorized_keys: node.authorized_keys.clone(),
    })
}

/// What the bootstrap script needs to run at all.
fn bootstrap_files(node: &NodeConfig, role: &Role) -> Vec<WriteFile> {
    use Permissions as P;
    vec![
        WriteFile::new(guest::ENV_FILE, P::PRIVATE, env_file(node, role)),
        WriteFile::new(
            guest::BOOTSTRAP_SCRIPT,
            P::EXECUTABLE,
            Content::constant(guest::BOOTSTRAP_SH),
        ),
    ]
}

fn write_files(node: &NodeConfig, role: &Role) -> Vec<WriteFile> {
    use Permissions as P;
    let mut list = bootstrap_files(node, role);
    list.extend([
        WriteFile::new(
            guest::NODE_READY_SCRIPT,
            P::PUBLIC,
            Content::constant(guest::NODE_READY_PY),
        ),
        WriteFile::new(guest::K3S_UNIT_SOURCE, P::PUBLIC, Content::constant(role.unit_text)),
        WriteFile::new(
            format!("/etc/systemd/system/{}", guest::BOOTSTRAP_UNIT),
            P::PUBLIC,
            Content::constant(guest::BOOTSTRAP_SERVICE),
        ),
        WriteFile::new(guest::K3S_CONFIG, P::PRIVATE, role.config.clone()),
        WriteFile::new("/etc/hosts", P::PUBLIC, files::etc_hosts(node)),
        WriteFile::new("/etc/modules-load.d/lab.conf", P::PUBLIC, files::modules(node)),
        WriteFile::new("/etc/sysctl.d/90-lab.conf", P::PUBLIC, files::sysctl(node)),
        WriteFile::new(
            "/etc/ssh/sshd_config.d/00-lab.conf",
            P::PUBLIC,
            Content::constant(files::SSHD),
        ),
        WriteFile::new(
            "/etc/systemd/timesyncd.conf.d/90-lab.conf",
            P::PUBLIC,
            files::timesyncd(node),
        ),
    ]);
    if let Some(registries) = &node.registries_yaml {
        list.push(WriteFile::new(guest::K3S_REGISTRIES, P::PRIVATE, registries.clone()));
    }
    if !node.ca_pem.is_empty() {
        list.push(WriteFile::new(guest::CA_FILE, P::PUBLIC, files::ca_bundle(node)));
    }
    list
}

fn env_file(node: &NodeConfig, role: &Role) -> SecretString {
    use secrecy::ExposeSecret;
    let seconds = |limit: Duration| limit.as_secs().max(1).to_string();
    let payload = node.payload.as_ref();
    let floor = payload.map_or(SystemTime::UNIX_EPOCH, |payload| payload.build_time);
    let floor = floor.duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs());
    let (server_host, server_port) = role.server.clone().unwrap_or_default();
    let mut env = EnvFile::default();
    env.set("LAB_ROLE", role.name);
    env.set("LAB_INSTANCE_ID", node.instance_id.as_str());
    env.set("LAB_HOSTNAME", node.hostname.as_str());
    env.set("LAB_K3S_UNIT", role.unit);
    env.set("LAB_SERVER_HOST", &server_host);
    env.set("LAB_SERVER_PORT", &server_port.to_string());
    env.set("LAB_CLOCK_FLOOR", &floor.to_string());
    env.set("LAB_TIME_SERVERS", &node.time_servers.join(" "));
    env.set(
        "LAB_PAYLOAD_LABEL",
        payload.map_or("", |payload| payload.label.as_str()),
    );
    env.set(
        "LAB_PAYLOAD_DIGEST",
        payload
            .and_then(|payload| payload.digest.as_ref())
            .map_or("", Sha256Digest::as_str),
    );
    env.set("LAB_LIMIT_CLOUD_INIT", &seconds(node.limits.cloud_init));
    env.set("LAB_LIMIT_MEDIUM", &seconds(node.limits.medium));
    env.set("LAB_LIMIT_SERVER", &seconds(node.limits.server));
    env.set("LAB_LIMIT_K3S_START", &seconds(node.limits.k3s_start));
    env.set("LAB_LIMIT_NODE_READY", &seconds(node.limits.node_ready));
    env.set("LAB_LIMIT_COMMAND", &seconds(node.limits.command));
    env.set("LAB_K3S_RESTARTS", &node.limits.k3s_restarts.to_string());
    env.set("LAB_TOKEN", node.token.expose_secret());
    env.finish()
}

fn network_config(node: &NodeConfig) -> NetworkConfig {
    let mut card = Ethernet::new(node.mac, guest::INTERFACE);
    card.addresses.push(node.address);
    card.routes.push(Route::default_via(node.gateway));
    card.nameservers = (!node.dns.is_empty()).then(|| Nameservers::new(node.dns.clone()));
    NetworkConfig::new(BTreeMap::from([(guest::INTERFACE.to_owned(), card)]))
}

fn k3s_error(node: &NodeConfig, source: K3sConfigError) -> NodeError {
    NodeError::K3s {
        node: node.hostname.to_string(),
        source,
    }
}

fn yaml_error(node: &NodeConfig, source: YamlError) -> NodeError {
    NodeError::Yaml {
        node: node.hostname.to_string(),
        source,
    }
}
