//! Starts the machines that do not run. A start counts only once the hypervisor lists the machine.

use futures::future::try_join_all;
use stage_timer::StageKind;
use vmrun_rs::hypervisor::PowerState;

use crate::config::{NodeSection, TimeoutSection};
use crate::error::{Context as _, LabError};
use crate::run::{Done, Run};

/// Starts those of `nodes` that do not run; returns the names of those that were started.
pub(crate) async fn run(run: &Run<'_>, nodes: &[&NodeSection]) -> Result<Vec<String>, LabError> {
    let limit = TimeoutSection::limit(run.config().timeouts.start);
    run.stage("start", StageKind::Working, limit, async |stage| {
        let started = try_join_all(nodes.iter().map(async |node| {
            let vm = run.node_state(&node.name)?.vm;
            let hypervisor = run.lab.hypervisor();
            let state = hypervisor
                .state(&vm)
                .await
                .context("could not see whether the machine runs");
            match state.map_err(|e| e.node(&node.name))? {
                PowerState::Running => return Ok(None),
                PowerState::Missing => {
                    let error = LabError::failed(format!("its machine is gone: there is no {vm}"));
                    let help = format!("`lab-cli up --recreate {}` makes it anew", node.name);
                    return Err(error.node(&node.name).help(help));
                }
                _ => {}
            }
            run.in_lane(stage, "start", StageKind::Working, &node.name, async |_| {
                hypervisor
                    .start(&vm)
                    .await
                    .context("could not start the machine")
                    .map_err(|e| e.node(&node.name))
            })
            .await?;
            run.note_start(&node.name);
            Ok::<_, LabError>(Some(node.name.clone()))
        }))
        .await?;
        let started: Vec<String> = started.into_iter().flatten().collect();
        Ok(if started.is_empty() {
            Done::Skipped(started, "they run".to_owned())
        } else {
            Done::Ok(started)
        })
    })
    .await
}
