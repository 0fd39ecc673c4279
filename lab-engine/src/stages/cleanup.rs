//! Deletes machines of this lab that are half-made or to be made anew, and nothing else.

use futures::future::try_join_all;
use stage_timer::StageKind;
use vmrun_rs::hypervisor::{PowerState, StopMode};

use super::UpOptions;
use crate::cluster;
use crate::config::{Role, TimeoutSection};
use crate::error::{Context as _, LabError};
use crate::event::Level;
use crate::lab::Lab;
use crate::orphans;
use crate::owner;
use crate::run::{Done, Run};
use crate::state::{NodeState, Phase, State};

pub(super) async fn run(run: &Run<'_>, options: &UpOptions) -> Result<(), LabError> {
    let limit = TimeoutSection::limit(run.config().timeouts.cleanup);
    run.stage("cleanup", StageKind::Working, limit, async |stage| {
        let mut known = orphans::of(run.lab, Some(&run.state()));
        // What the state does not know is deleted only by its name, which is not the same as half-made.
        known.retain(|name, _| options.recreates(name));
        known.extend(run.state().nodes);
        let doomed: Vec<(String, NodeState)> = known
            .into_iter()
            .filter(|(name, node)| node.phase == Phase::Creating || options.recreates(name))
            .collect();
        let forgotten = forgotten(run, &doomed);
        if doomed.is_empty() {
            forget(run, &forgotten).await;
            return Ok(Done::Skipped((), "no machine to delete".to_owned()));
        }
        // Killed from here on, the next run finds them half-made.
        run.update(|s| {
            for (name, _) in &doomed {
                if let Some(node) = s.nodes.get_mut(name) {
                    node.phase = Phase::Creating;
                }
            }
        })?;
        try_join_all(doomed.iter().map(|(name, node)| {
            run.in_lane(stage, "delete", StageKind::Working, name, async |_| {
                remove_node(run.lab, &run.state().lab_id, name, node).await
            })
        }))
        .await?;
        forget(run, &forgotten).await;
        run.update(|s| {
            s.nodes
                .retain(|name, _| doomed.iter().all(|(doomed, _)| name != doomed));
        })?;
        Ok(Done::Ok(()))
    })
    .await
}

/// The workers that will join with a new machine a cluster that may know their names already.
fn forgotten(run: &Run<'_>, doomed: &[(String, NodeState)]) -> Vec<String> {
    let state = run.state();
    let goes = |name: &String| doomed.iter().any(|(doomed, _)| doomed == name);
    let master = run.config().master().filter(|m| !goes(&m.name));
    let master = master.and_then(|m| state.nodes.get(&m.name));
    if master.is_none_or(|m| m.phase != Phase::Complete) {
        return Vec::new();
    }
    let workers = run.nodes(Role::Worker).into_iter().map(|n| n.name.clone());
    workers
        .filter(|name| goes(name) || !state.nodes.contains_key(name))
        .collect()
}

/// Lets the cluster forget these workers. One that it cannot be told to forget shows when it joins; so no error here.
async fn forget(run: &Run<'_>, workers: &[String]) {
    if let Err(error) = forget_workers(run.lab, &run.state(), workers).await {
        let message = format!(
            "the cluster could not be told to forget {}: {}",
            workers.join(", "),
            error.one_line()
        );
        run.notice(Level::Warning, None, message);
    }
}

/// Lets the cluster forget these workers, if the master runs.
pub(crate) async fn forget_workers(lab: &Lab, state: &State, workers: &[String]) -> Result<(), LabError> {
    let Some((master, known)) = lab.config().master().and_then(|m| Some((m, state.nodes.get(&m.name)?))) else {
        return Ok(());
    };
    if workers.is_empty() || known.phase != Phase::Complete {
        return Ok(());
    }
    let power = lab.hypervisor().state(&known.vm).await;
    if power.context("could not see whether the master runs")? != PowerState::Running {
        return Err(LabError::failed("the master does not run"));
    }
    let channel = lab.connect(master, &known.vm, None).await?.channel;
    for worker in workers {
        cluster::forget(&*channel, worker).await?;
    }
    Ok(())
}

/// Stops and deletes one node's machine and its directory, if they carry this lab's marker.
pub(crate) async fn remove_node(lab: &Lab, lab_id: &str, name: &str, node: &NodeState) -> Result<(), LabError> {
    let owner = lab.owner(lab_id, Some(name));
    let own_dir = lab.paths().node(name);
    // Killed before the marker was written: there is nothing of ours in the directory, so nothing to delete.
    let marked = owner.owns(&own_dir);
    if own_dir.exists() && !marked && std::fs::read_dir(&own_dir).is_ok_and(|mut d| d.next().is_some()) {
        return Err(LabError::failed(format!(
            "{} was not made by this lab, so it is left alone",
            own_dir.display()
        ))
        .node(name)
        .help("look what it is; move it away if the lab needs the place"));
    }
    if marked {
        let hypervisor = lab.hypervisor();
        let state = hypervisor
            .state(&node.vm)
            .await
            .context("could not see whether the machine runs")
            .map_err(|e| e.node(name))?;
        if matches!(state, PowerState::Running | PowerState::Suspended) {
            hypervisor
                .stop(&node.vm, StopMode::Hard)
                .await
                .context("could not stop the machine")
                .map_err(|e| e.node(name))?;
        }
        hypervisor
            .delete(&node.vm)
            .await
            .context("could not delete the machine")
            .map_err(|e| e.node(name))?;
        owner::remove_owned(&own_dir, &owner)?;
    } else {
        stop_without_directory(lab, name, node).await?;
        if own_dir.exists() {
            std::fs::remove_dir(&own_dir).map_err(|e| LabError::io("delete", &own_dir, e))?;
        }
    }
    lab.hypervisor()
        .release_endpoints(&node.network, node.address.into())
        .await
        .context("could not remove the machine's forwarded ports")
        .map_err(|e| e.node(name))?;
    let seed = lab.paths().seed(name);
    match std::fs::remove_file(&seed) {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(LabError::io("delete", &seed, e)),
        _ => Ok(()),
    }
}

/// Ends a machine that goes on running although what it was made of is gone.
async fn stop_without_directory(lab: &Lab, name: &str, node: &NodeState) -> Result<(), LabError> {
    if lab.hypervisor().state(&node.vm).await.ok() != Some(PowerState::Running) {
        return Ok(());
    }
    // A new machine in its place would be taken for the one that runs.
    let stopped = lab.hypervisor().stop(&node.vm, StopMode::Hard).await;
    stopped
        .context("its directory is gone, but the machine still runs and could not be stopped")
        .map_err(|e| {
            e.node(name)
                .help("end it in the hypervisor's own window, or by its process")
        })
}
