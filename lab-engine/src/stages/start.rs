//! Starts the machines that do not run. A start counts only once the hypervisor lists the machine.

use futures::future::try_join_all;
use stage_timer::StageKind;
use vmrun_rs::hypervisor::PowerState;

use crate::config::TimeoutSection;
use crate::error::{Context as _, LabError};
use crate::run::{Done, Run};

pub(super) async fn run(run: &Run<'_>) -> Result<(), LabError> {
    let limit = TimeoutSection::limit(run.config().timeouts.start);
    run.stage("start", StageKind::Working, limit, async |stage| {
        let started = try_join_all(run.all_nodes().into_iter().map(async |node| {
            let vm = run.node_state(&node.name)?.vm;
            let hypervisor = run.lab.hypervisor();
            let state = hypervisor
                .state(&vm)
                .await
                .context("could not see whether the machine runs");
            if state.map_err(|e| e.node(&node.name))? == PowerState::Running {
                return Ok(false);
            }
            run.in_lane(stage, "start", StageKind::Working, &node.name, async |_| {
                hypervisor
                    .start(&vm)
                    .await
                    .context("could not start the machine")
                    .map_err(|e| e.node(&node.name))
            })
            .await?;
            Ok::<_, LabError>(true)
        }))
        .await?;
        Ok(if started.contains(&true) {
            Done::Ok(())
        } else {
            Done::Skipped((), "they run".to_owned())
        })
    })
    .await
}
