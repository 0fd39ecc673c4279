//! Takes the seed images out of the drives: hot where the hypervisor can, else over a clean stop.

use futures::future::try_join_all;
use stage_timer::{StageHandle, StageKind};
use vmrun_rs::hypervisor::{Detached, MediaSlot, StopMode};

use super::power::{self, Target};
use super::ready;
use crate::config::{NodeSection, TimeoutSection};
use crate::error::{Context as _, LabError};
use crate::run::{Done, Run};

/// The seed and the payload.
const SLOTS: [MediaSlot; 2] = [MediaSlot(0), MediaSlot(1)];

/// Detaches what can be detached now; returns the nodes that must be powered off for it.
pub(super) async fn disconnect<'a>(run: &Run<'a>) -> Result<Vec<&'a NodeSection>, LabError> {
    let limit = TimeoutSection::limit(run.config().timeouts.disconnect);
    run.stage("disconnect", StageKind::Working, limit, async |stage| {
        let state = run.state();
        let attached = |n: &&NodeSection| state.nodes.get(&n.name).is_some_and(|s| !s.media_detached);
        let nodes: Vec<_> = run.all_nodes().into_iter().filter(attached).collect();
        if nodes.is_empty() {
            return Ok(Done::Skipped(Vec::new(), "they are out".to_owned()));
        }
        let results = try_join_all(nodes.iter().map(|node| detach(run, stage, node))).await?;
        let stubborn = nodes
            .into_iter()
            .zip(results)
            .filter(|(_, r)| *r == Detached::NeedsPowerOff)
            .map(|(n, _)| n);
        Ok(Done::Ok(stubborn.collect()))
    })
    .await
}

async fn detach(run: &Run<'_>, stage: &StageHandle, node: &NodeSection) -> Result<Detached, LabError> {
    run.in_lane(stage, "disconnect", StageKind::Working, &node.name, async |_| {
        let vm = run.node_state(&node.name)?.vm;
        let detached = run.lab.hypervisor().detach_all(&vm, &SLOTS).await;
        let detached = detached.context("could not take the seed images out");
        if detached.map_err(|e| e.node(&node.name))? == Detached::NeedsPowerOff {
            return Ok(Detached::NeedsPowerOff);
        }
        run.update_node(&node.name, |n| n.media_detached = true)?;
        Ok(Detached::Done)
    })
    .await
}

/// Stops, detaches and starts the nodes for which nothing else worked.
pub(super) async fn restart(run: &Run<'_>, nodes: &[&NodeSection]) -> Result<(), LabError> {
    let limit = TimeoutSection::limit(run.config().timeouts.restart);
    run.stage("restart", StageKind::Working, limit, async |stage| {
        if nodes.is_empty() {
            return Ok(Done::Skipped((), "no machine needs it".to_owned()));
        }
        try_join_all(nodes.iter().map(async |node| {
            let vm = run.node_state(&node.name)?.vm;
            let hypervisor = run.lab.hypervisor();
            run.in_lane(stage, "restart", StageKind::Working, &node.name, async |_| {
                let target = Target {
                    name: node.name.clone(),
                    vm: vm.clone(),
                    node: Some(*node),
                };
                let stopped = power::shut_down(run, &target, StopMode::Soft).await;
                stopped.map_err(|e| e.node(&node.name))?;
                let detached = hypervisor.detach_all(&vm, &SLOTS).await;
                let detached = detached.context("could not take the seed images out");
                detached.map_err(|e| e.node(&node.name))?;
                run.update_node(&node.name, |n| n.media_detached = true)?;
                hypervisor
                    .start(&vm)
                    .await
                    .context("could not start the machine again")
                    .map_err(|e| e.node(&node.name))
            })
            .await?;
            ready::answers(run, stage, node, limit).await
        }))
        .await?;
        Ok(Done::Ok(()))
    })
    .await
}
