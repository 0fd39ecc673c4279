//! Starts the machines that do not run. A start counts only once the hypervisor lists the machine.

use std::collections::BTreeMap;

use futures::future::join_all;
use stage_timer::{StageHandle, StageKind};
use tokio::sync::watch;
use vmrun_rs::hypervisor::PowerState;

use super::create::MadeBy;
use super::hardware;
use crate::config::{NodeSection, TimeoutSection};
use crate::error::{Context as _, LabError};
use crate::run::{Done, Run};

/// Starts those of `nodes` that do not run; returns the names of those that were started.
pub(crate) async fn run(run: &Run<'_>, nodes: &[&NodeSection]) -> Result<Vec<String>, LabError> {
    let limit = TimeoutSection::limit(run.config().timeouts.start);
    run.stage("start", StageKind::Working, limit, async |stage| {
        let started = join_all(nodes.iter().map(async |node| {
            let power = power(run, node).await?;
            start(run, stage, node, power).await
        }));
        done(started.await)
    })
    .await
}

/// Starts each of `nodes` that does not run as soon as its machine is made. One whose processors and memory are to be others
/// is shut down for it if it runs.
pub(super) async fn as_made(
    run: &Run<'_>,
    nodes: &[&NodeSection],
    made: watch::Receiver<BTreeMap<String, MadeBy>>,
) -> Result<Vec<String>, LabError> {
    let timeouts = &run.config().timeouts;
    // The last machine's start begins when it is made; one that is shut down before has the time of a restart.
    let limit = TimeoutSection::limit(timeouts.start)
        + TimeoutSection::limit(timeouts.create)
        + TimeoutSection::limit(timeouts.restart);
    run.stage("start", StageKind::Working, limit, async |stage| {
        let started = join_all(nodes.iter().map(async |node| {
            let mut made = made.clone();
            let made = made.wait_for(|made| made.contains_key(&node.name)).await;
            let Some(made_by) = made.ok().and_then(|made| made.get(&node.name).copied()) else {
                return Err(LabError::failed("it cannot be started: its machine was not made").node(&node.name));
            };
            // A machine that was made just now does not run: nothing needs to be asked.
            if made_by == MadeBy::This {
                return start(run, stage, node, PowerState::Off).await;
            }
            let power = power(run, node).await?;
            let power = hardware::fit(run, stage, node, power).await?;
            start(run, stage, node, power).await
        }));
        done(started.await)
    })
    .await
}

fn done(started: Vec<Result<Option<String>, LabError>>) -> Result<Done<Vec<String>>, LabError> {
    let started: Vec<String> = LabError::first_of(started)?.into_iter().flatten().collect();
    Ok(if started.is_empty() {
        Done::Skipped(started, "they run".to_owned())
    } else {
        Done::Ok(started)
    })
}

async fn power(run: &Run<'_>, node: &NodeSection) -> Result<PowerState, LabError> {
    let vm = run.node_state(&node.name)?.vm;
    let power = run.lab.hypervisor().state(&vm).await;
    let power = power.context("could not see whether the machine runs");
    match power.map_err(|e| e.node(&node.name))? {
        PowerState::Missing => {
            let error = LabError::failed(format!("its machine is gone: there is no {vm}"));
            let help = format!("`lab-cli up --recreate {}` makes it anew", node.name);
            Err(error.node(&node.name).help(help))
        }
        power => Ok(power),
    }
}

/// Starts one machine unless it runs; its name if it was started.
async fn start(
    run: &Run<'_>,
    stage: &StageHandle,
    node: &NodeSection,
    power: PowerState,
) -> Result<Option<String>, LabError> {
    if power == PowerState::Running {
        return Ok(None);
    }
    let vm = run.node_state(&node.name)?.vm;
    run.in_lane(stage, "start", StageKind::Working, &node.name, async |_| {
        let started = run.lab.hypervisor().start(&vm).await;
        started
            .context("could not start the machine")
            .map_err(|e| e.node(&node.name))
    })
    .await?;
    run.note_start(&node.name);
    Ok(Some(node.name.clone()))
}
