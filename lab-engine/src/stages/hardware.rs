//! Gives machines that exist other processors and memory, for which they have to be off. Disk and identity stay.

use stage_timer::{StageHandle, StageKind};
use vmrun_rs::hypervisor::{Hardware, PowerState, StopMode};

use super::power::{self, Target};
use crate::config::NodeSection;
use crate::error::{Context as _, LabError};
use crate::event::Level;
use crate::facts;
use crate::run::Run;

/// Fits a machine to the configuration, if it was made or fitted before to another; whether it runs afterwards.
pub(super) async fn fit(
    run: &Run<'_>,
    stage: &StageHandle,
    node: &NodeSection,
    power: PowerState,
) -> Result<PowerState, LabError> {
    let known = run.node_state(&node.name)?;
    let mut changes = run.lab.changes(node, &known.made_of)?;
    changes.retain(|change| change.restart);
    if changes.is_empty() {
        return Ok(power);
    }
    let work = async {
        for change in &changes {
            run.notice(Level::Info, Some(&node.name), format!("applying {change}"));
        }
        if power == PowerState::Suspended {
            // What is saved to disk goes on only on the hardware that it was saved on.
            let woken = run.lab.hypervisor().start(&known.vm).await;
            woken.context("could not wake the machine to shut it down")?;
        }
        if power != PowerState::Off {
            let target = Target {
                name: node.name.clone(),
                vm: known.vm.clone(),
                node: Some(node),
            };
            power::shut_down(run, &target, StopMode::Soft).await?;
        }
        let size = run.config().size(node);
        let hardware = Hardware {
            cpus: size.cpus,
            memory_mib: size.memory_mib,
        };
        let given = run.lab.hypervisor().reconfigure(&known.vm, hardware).await;
        given.context("could not change the machine's processors and memory")?;
        // A run that dies before this does it again, which does no harm; after it, the next run starts the machine.
        let now = run.lab.facts(node)?;
        run.update_node(&node.name, |n| n.made_of.take_over(&now, &facts::HARDWARE))
    };
    run.in_lane(stage, "reconfigure", StageKind::Working, &node.name, async |_| {
        work.await.map_err(|e: LabError| e.node(&node.name))
    })
    .await?;
    Ok(PowerState::Off)
}
