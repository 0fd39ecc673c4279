//! Creates the machines: seed images, linked clones. The master first, then all workers at once. Each is told of as soon as
//! it is made, so that its start need not wait for the others.

use std::collections::BTreeMap;

use futures::future::try_join_all;
use stage_timer::{StageHandle, StageKind};
use tokio::sync::watch;
use vmrun_rs::hypervisor::{DiskSource, NicSpec, VmSpec};

use super::seed::{self, PayloadImage};
use crate::config::{NodeSection, Role, TimeoutSection};
use crate::conflicts;
use crate::error::{Context as _, LabError};
use crate::files;
use crate::identity;
use crate::run::{Done, Run};
use crate::state::{NodeState, Phase};
use crate::template::{self, Template};

/// What all new nodes share.
pub(super) struct Common {
    template: Template,
    payload: PayloadImage,
}

/// Which run has made a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MadeBy {
    /// One before this one.
    Earlier,
    /// This one.
    This,
}

/// The nodes whose machines are there, by name.
pub(super) type Made = watch::Sender<BTreeMap<String, MadeBy>>;

/// Those that an earlier run has made.
pub(super) fn made_before(run: &Run<'_>) -> Made {
    let names = run.state().nodes.into_keys();
    watch::Sender::new(names.map(|name| (name, MadeBy::Earlier)).collect())
}

fn missing<'a>(run: &Run<'a>, role: Role, made: &Made) -> Vec<&'a NodeSection> {
    let nodes = run.nodes(role).into_iter();
    nodes.filter(|n| !made.borrow().contains_key(&n.name)).collect()
}

/// Makes the master, and before it what all new nodes share.
pub(super) async fn master(run: &Run<'_>, made: &Made) -> Result<Option<Common>, LabError> {
    let limit = TimeoutSection::limit(run.config().timeouts.create);
    let (masters, workers) = (missing(run, Role::Master, made), missing(run, Role::Worker, made));
    run.stage("create-master", StageKind::Working, limit, async |stage| {
        let common = if masters.is_empty() && workers.is_empty() {
            None
        } else {
            Some(prepare(run, stage).await?)
        };
        match (&common, masters.first()) {
            (Some(common), Some(master)) => create(run, stage, master, common, made).await?,
            _ => return Ok(Done::Skipped(common, "it exists".to_owned())),
        }
        Ok(Done::Ok(common))
    })
    .await
}

/// Makes the workers.
pub(super) async fn workers(run: &Run<'_>, common: Option<Common>, made: Made) -> Result<(), LabError> {
    let limit = TimeoutSection::limit(run.config().timeouts.create);
    let workers = missing(run, Role::Worker, &made);
    run.stage("create-workers", StageKind::Working, limit, async |stage| {
        let Some(common) = common.filter(|_| !workers.is_empty()) else {
            return Ok(Done::Skipped((), "they exist".to_owned()));
        };
        try_join_all(workers.iter().map(|node| create(run, stage, node, &common, &made))).await?;
        Ok(Done::Ok(()))
    })
    .await
}

async fn prepare(run: &Run<'_>, stage: &StageHandle) -> Result<Common, LabError> {
    let template = run.in_lane(stage, "template", StageKind::Working, "host", async |_| {
        template::ensure(run.config(), run.lab.paths(), run.lab.hypervisor().as_ref()).await
    });
    let payload = run.in_lane(stage, "payload", StageKind::Working, "host", async |_| {
        seed::payload(run).await
    });
    let (template, payload) = tokio::try_join!(template, payload)?;
    Ok(Common { template, payload })
}

async fn create(
    run: &Run<'_>,
    stage: &StageHandle,
    node: &NodeSection,
    common: &Common,
    made: &Made,
) -> Result<(), LabError> {
    run.in_lane(stage, "create", StageKind::Working, &node.name, async |_| {
        create_node(run, node, common).await.map_err(|e| e.node(&node.name))
    })
    .await?;
    made.send_modify(|made| {
        made.insert(node.name.clone(), MadeBy::This);
    });
    Ok(())
}

async fn create_node(run: &Run<'_>, node: &NodeSection, common: &Common) -> Result<(), LabError> {
    let (lab, config) = (run.lab, run.config());
    let (own_dir, directory) = (lab.paths().node(&node.name), lab.paths().machine(&node.name));
    if own_dir.exists() {
        return Err(conflicts::in_the_way(lab.paths(), &node.name, Some(&run.state())));
    }
    let lab_id = run.state().lab_id;
    let mac = identity::mac_address(&lab_id, &node.name);
    let state = NodeState {
        phase: Phase::Creating,
        vm: lab.hypervisor().id_of(&directory, &node.name),
        directory: directory.clone(),
        instance_id: format!("{}-{}-{}", config.lab.name, node.name, identity::random_hex(6)),
        made_of: lab.facts(node)?,
        media_detached: false,
        network: config.network.name.clone(),
        address: node.address,
    };
    let instance_id = state.instance_id.clone();
    run.update(|s| drop(s.nodes.insert(node.name.clone(), state)))?;
    files::private_dir(&own_dir)?;
    lab.owner(&lab_id, Some(&node.name)).mark(&own_dir)?;

    let image = seed::node(run, node, &mac, &instance_id, &common.payload).await?;
    let size = config.size(node);
    let spec = VmSpec {
        name: node.name.clone(),
        directory,
        disk: DiskSource::LinkedClone {
            template: common.template.vm.clone(),
            snapshot: common.template.snapshot.clone(),
        },
        disk_gib: Some(size.disk_gib),
        cpus: size.cpus,
        memory_mib: size.memory_mib,
        guest_os: config.image.guest_os.clone(),
        nics: vec![NicSpec {
            network: config.network.name.clone(),
            mac: Some(mac),
        }],
        media: vec![image, common.payload.path.clone()],
        variables: BTreeMap::new(),
    };
    let vm = lab
        .hypervisor()
        .create(&spec)
        .await
        .context("could not create the machine")?;
    run.update_node(&node.name, |n| {
        n.vm = vm;
        n.phase = Phase::Created;
    })
}
