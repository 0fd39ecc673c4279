//! Waits for the guests, all at once: first until each answers, then until each has finished its bootstrap.

use std::time::Duration;

use futures::future::try_join_all;
use stage_timer::{StageHandle, StageKind};

use crate::backoff;
use crate::config::{NodeSection, Role, TimeoutSection};
use crate::error::LabError;
use crate::readiness::{Wanted, Watched};
use crate::run::{Done, Run};
use crate::state::Phase;

/// The stage's own limit comes after the nodes', so that the error of a node, which says more, is the one that is seen.
const GRACE: Duration = Duration::from_secs(30);

/// Waits until all of `nodes` answer.
pub(crate) async fn wait(run: &Run<'_>, nodes: &[&NodeSection]) -> Result<(), LabError> {
    let limit = TimeoutSection::limit(run.config().timeouts.ready);
    run.stage("wait-ready", StageKind::Waiting, limit + GRACE, async |stage| {
        try_join_all(nodes.iter().map(|node| answers(run, stage, node, limit))).await?;
        Ok(Done::Ok(()))
    })
    .await
}

/// Waits until one node answers.
pub(super) async fn answers(
    run: &Run<'_>,
    stage: &StageHandle,
    node: &NodeSection,
    limit: Duration,
) -> Result<(), LabError> {
    run.in_lane(stage, "wait-ready", StageKind::Waiting, &node.name, async |lane| {
        let vm = run.node_state(&node.name)?.vm;
        let connection = run.connection(node).await?;
        let hypervisor = run.lab.hypervisor().as_ref();
        let watched = Watched::new(&node.name, &vm, hypervisor, &connection, lane, run.lab.sink());
        let api = async {
            // Where a port has to be forwarded for it, that is done by the time that it is needed.
            if node.role == Role::Master
                && let Err(error) = run.lab.api_endpoint(node).await
            {
                tracing::debug!(%error, "the cluster's API cannot be reached yet");
            }
        };
        let (ready, ()) = tokio::join!(watched.until_ready(limit), api);
        ready
    })
    .await
}

pub(super) async fn monitor(run: &Run<'_>) -> Result<(), LabError> {
    let limit = TimeoutSection::limit(run.config().timeouts.bootstrap);
    run.stage("monitor", StageKind::Waiting, limit + GRACE, async |stage| {
        try_join_all(run.all_nodes().into_iter().map(async |node| {
            run.in_lane(stage, "monitor", StageKind::Waiting, &node.name, async |lane| {
                let known = run.node_state(&node.name)?;
                let connection = run.connection(node).await?;
                let hypervisor = run.lab.hypervisor().as_ref();
                let watched = Watched::new(&node.name, &known.vm, hypervisor, &connection, lane, run.lab.sink());
                let wanted = Wanted {
                    marker: marker(node.role),
                    instance_id: &known.instance_id,
                    pause: backoff::longest_of(run.config().nodes.0.len()),
                };
                // A machine that this run started runs its bootstrap by itself.
                let again = known.phase == Phase::Created && !run.has_started(&node.name);
                watched.until_complete(&wanted, again, limit).await?;
                run.update_node(&node.name, |n| n.phase = Phase::Complete)
            })
            .await
        }))
        .await?;
        Ok(Done::Ok(()))
    })
    .await
}

/// The file that a finished bootstrap leaves in a node.
pub(crate) fn marker(role: Role) -> &'static str {
    match role {
        Role::Master => cloudinit_gen::guest::MARKER_SERVER,
        Role::Worker => cloudinit_gen::guest::MARKER_AGENT,
    }
}
