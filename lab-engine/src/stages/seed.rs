//! The images that a new machine boots with: one small seed per node, one payload for all.

use std::path::{Path, PathBuf};
use std::time::SystemTime;

use cloudinit_gen::payload::Payload;
use cloudinit_gen::{
    HostEntry, HostKey, InterfaceAddress, K3sAgentConfig, K3sServerConfig, MasterNode, NodeConfig, NodeEssentials,
    PayloadRef, SeedFiles, WorkerNode,
};

use crate::config::{NodeSection, Role};
use crate::error::{Context as _, LabError};
use crate::run::Run;
use crate::{files, identity, registry};

/// The payload image, and what a node must know of it.
#[derive(Debug, Clone)]
pub(super) struct PayloadImage {
    pub(super) path: PathBuf,
    pub(super) reference: PayloadRef,
}

/// Makes the payload image, unless the one there was made of the same files.
pub(super) async fn payload(run: &Run<'_>) -> Result<PayloadImage, LabError> {
    let missing =
        |what: &str| LabError::prerequisite(format!("no {what} is configured"), "set k3s.binary and k3s.images");
    let config = run.config();
    let binary = config.k3s.binary.clone().ok_or_else(|| missing("k3s program"))?;
    let images = config.k3s.images.clone().ok_or_else(|| missing("image archive"))?;
    let path = run.lab.paths().payload();
    files::private_dir(&run.lab.paths().seeds())?;
    // Hashing and copying hundreds of megabytes must not hold up the other node's work.
    tokio::task::spawn_blocking(move || {
        // The files' own time, not now: the same files give the same image, and nodes that were seeded with an earlier
        // run's image, whose digest they insist on, accept this one.
        let built = changed(&binary)?.max(changed(&images)?);
        let mut payload = Payload::new(binary);
        payload.images = vec![images];
        payload.build_time = Some(built);
        let (manifest, _) = payload.ensure_iso(&path).context("could not write the payload image")?;
        let mut reference = manifest.to_ref();
        // What nodes set a clock to that is behind: it must also be later than the certificates' first moment.
        reference.build_time = SystemTime::now();
        Ok(PayloadImage { path, reference })
    })
    .await
    .context("writing the payload image was interrupted")?
}

fn changed(path: &Path) -> Result<SystemTime, LabError> {
    std::fs::metadata(path)
        .and_then(|m| m.modified())
        .map_err(|e| LabError::io("look at", path, e))
}

/// Writes one node's seed image.
pub(super) async fn node(
    run: &Run<'_>,
    node: &NodeSection,
    mac: &str,
    instance_id: &str,
    payload: &PayloadImage,
) -> Result<PathBuf, LabError> {
    let seed = render(run, node, mac, instance_id, payload)?;
    let path = run.lab.paths().seed(&node.name);
    let out = path.clone();
    let written = tokio::task::spawn_blocking(move || seed.write_iso(&out)).await;
    written
        .context("writing the seed image was interrupted")?
        .context("could not write the seed image")?;
    Ok(path)
}

fn render(
    run: &Run<'_>,
    node: &NodeSection,
    mac: &str,
    instance_id: &str,
    payload: &PayloadImage,
) -> Result<SeedFiles, LabError> {
    let (lab, config) = (run.lab, run.config());
    let trust = registry::trust(config, lab.paths())?;
    let host_key = identity::host_key(lab.paths(), &node.name)?;
    let mut authorized_keys = vec![lab.login_key()?.public];
    authorized_keys.extend(config.guest.authorized_keys.iter().cloned());

    let wrong = |what: &str| format!("the {what} cannot be written into the seed");
    let mut seed = NodeConfig::new(NodeEssentials {
        hostname: node.name.parse().context(wrong("node's name"))?,
        instance_id: instance_id.parse().context(wrong("instance id"))?,
        mac: mac.parse().context(wrong("MAC address"))?,
        address: InterfaceAddress::new(node.address, config.network.prefix).context(wrong("address"))?,
        gateway: config.network.gateway,
        user: config.guest.user.parse().context(wrong("user name"))?,
        authorized_keys,
        host_key: HostKey::new(host_key.private, host_key.public),
        token: identity::token(lab.paths())?,
    });
    seed.dns = config.network.dns.iter().map(|a| (*a).into()).collect();
    seed.timezone = config.guest.timezone.parse().context(wrong("time zone"))?;
    seed.password.clone_from(&run.password);
    seed.ca_pem = vec![trust.ca_pem];
    seed.registries_yaml = Some(trust.registries_yaml.into());
    seed.payload = Some(payload.reference.clone());
    for other in config.nodes.0.iter().filter(|n| n.name != node.name) {
        seed.hosts.push(HostEntry::new(
            other.address,
            vec![other.name.parse().context(wrong("node's name"))?],
        ));
    }
    match node.role {
        Role::Master => {
            let mut k3s = K3sServerConfig::default();
            k3s.tls_san = vec![node.address.to_string()];
            k3s.disable.clone_from(&config.k3s.disable);
            MasterNode::new(seed, k3s).render()
        }
        Role::Worker => {
            let master = config
                .master()
                .ok_or_else(|| LabError::failed("the lab has no master"))?;
            WorkerNode::new(seed, K3sAgentConfig::new(format!("https://{}:6443", master.address))).render()
        }
    }
    .context("could not write the node's user-data")
}
