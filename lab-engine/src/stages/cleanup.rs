//! Deletes machines of this lab that are half-made or to be made anew, and nothing else.

use futures::future::try_join_all;
use stage_timer::StageKind;
use vmrun_rs::hypervisor::{PowerState, StopMode};

use super::UpOptions;
use crate::config::TimeoutSection;
use crate::error::{Context as _, LabError};
use crate::lab::Lab;
use crate::owner;
use crate::run::{Done, Run};
use crate::state::{NodeState, Phase};

pub(super) async fn run(run: &Run<'_>, options: &UpOptions) -> Result<(), LabError> {
    let limit = TimeoutSection::limit(run.config().timeouts.cleanup);
    run.stage("cleanup", StageKind::Working, limit, async |stage| {
        let doomed: Vec<(String, NodeState)> = run
            .state()
            .nodes
            .into_iter()
            .filter(|(name, node)| node.phase == Phase::Creating || options.recreates(name))
            .collect();
        if doomed.is_empty() {
            return Ok(Done::Skipped((), "no machine to delete".to_owned()));
        }
        try_join_all(doomed.iter().map(|(name, node)| {
            run.in_lane(stage, "delete", StageKind::Working, name, async |_| {
                remove_node(run.lab, &run.state().lab_id, name, node).await?;
                run.update(|s| drop(s.nodes.remove(name)))
            })
        }))
        .await?;
        Ok(Done::Ok(()))
    })
    .await
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
    } else if own_dir.exists() {
        std::fs::remove_dir(&own_dir).map_err(|e| LabError::io("delete", &own_dir, e))?;
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
