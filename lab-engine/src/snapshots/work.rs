//! What is done to the machines.

use futures::future::join_all;
use stage_timer::StageKind;
use vmrun_rs::hypervisor::PowerState;

use super::{SetPhase, SnapshotNode, SnapshotSet};
use crate::config::TimeoutSection;
use crate::error::{Context as _, LabError};
use crate::event::Level;
use crate::identity;
use crate::run::{Done, Run};
use crate::stages::Target;

pub(super) fn update_set(run: &Run<'_>, id: &str, change: impl FnOnce(&mut SnapshotSet)) -> Result<(), LabError> {
    run.update(|s| {
        if let Some(set) = s.snapshots.iter_mut().find(|s| s.id == id) {
            change(set);
        }
    })
}

/// Takes a snapshot of each machine, all of which are off; all or none.
pub(super) async fn take(
    run: &Run<'_>,
    name: &str,
    targets: &[Target<'_>],
    ran: &[String],
) -> Result<SnapshotSet, LabError> {
    let nodes = run.state().nodes.into_iter().map(|(name, node)| {
        let node = SnapshotNode {
            instance_id: node.instance_id,
            phase: node.phase,
            media_detached: node.media_detached,
            ran: ran.contains(&name),
            made_of: Some(node.made_of),
        };
        (name, node)
    });
    let mut set = SnapshotSet {
        id: identity::random_hex(4),
        name: name.to_owned(),
        created: jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
        phase: SetPhase::Taking,
        nodes: nodes.collect(),
    };
    run.update(|s| s.snapshots.push(set.clone()))?;
    let label = set.label();
    let limit = TimeoutSection::limit(run.config().timeouts.restart);
    let taken = run
        .stage("snapshot", StageKind::Working, limit, async |stage| {
            let results = join_all(targets.iter().map(async |target| {
                run.in_lane(stage, "snapshot", StageKind::Working, &target.name, async |_| {
                    let taken = run.lab.hypervisor().snapshot(&target.vm, &label).await;
                    taken
                        .context("could not take the snapshot")
                        .map_err(|e| e.node(&target.name))
                })
                .await
            }));
            LabError::first_of(results.await).map(Done::Ok)
        })
        .await;
    if let Err(error) = taken {
        return Err(give_up(run, &set, targets, error).await);
    }
    set.phase = SetPhase::Complete;
    update_set(run, &set.id, |s| s.phase = SetPhase::Complete)?;
    Ok(set)
}

/// Deletes what was taken of a set that cannot be completed.
async fn give_up(run: &Run<'_>, set: &SnapshotSet, targets: &[Target<'_>], error: LabError) -> LabError {
    let removed = match delete_all(run, set, targets).await {
        Ok(()) => run.update(|s| s.snapshots.retain(|other| other.id != set.id)),
        Err(error) => Err(error),
    };
    match removed {
        Ok(()) => error.details(["what had been taken of the other machines was deleted again".to_owned()]),
        Err(left) => error
            .details([format!("what had been taken could not be deleted: {}", left.one_line())])
            .help(format!("`lab-cli snapshot delete {}` tries again", set.name)),
    }
}

/// Deletes the snapshots of a set that are there.
pub(super) async fn delete_all(run: &Run<'_>, set: &SnapshotSet, targets: &[Target<'_>]) -> Result<(), LabError> {
    let label = set.label();
    let hypervisor = run.lab.hypervisor();
    let results = join_all(targets.iter().map(async |target| {
        let at = |e: LabError| e.node(&target.name);
        let there = hypervisor.snapshots(&target.vm).await;
        if !there
            .context("could not list the snapshots")
            .map_err(at)?
            .contains(&label)
        {
            return Ok(());
        }
        let deleted = hypervisor.delete_snapshot(&target.vm, &label).await;
        match deleted.context("could not delete the snapshot").map_err(at) {
            Ok(()) => Ok(()),
            // Some hypervisors can merge disks only while nothing writes to them.
            Err(error) => match hypervisor.state(&target.vm).await {
                Ok(PowerState::Running) => Err(error.help("stop the lab first: `lab-cli stop`, then delete it again")),
                _ => Err(error),
            },
        }
    }));
    LabError::first_of(results.await).map(drop)
}

/// Takes every machine back. Each is tried; doing it again does no harm.
pub(super) async fn revert(run: &Run<'_>, set: &SnapshotSet, targets: &[Target<'_>]) -> Result<(), LabError> {
    let label = set.label();
    let limit = TimeoutSection::limit(run.config().timeouts.restart);
    run.stage("revert", StageKind::Working, limit, async |stage| {
        let results = join_all(targets.iter().map(async |target| {
            run.in_lane(stage, "revert", StageKind::Working, &target.name, async |_| {
                let reverted = run.lab.hypervisor().revert(&target.vm, &label).await;
                reverted
                    .context("could not go back to the snapshot")
                    .map_err(|e| e.node(&target.name))
            })
            .await
        }));
        match LabError::first_of(results.await) {
            Ok(_) => Ok(Done::Ok(())),
            Err(error) => {
                run.notice(
                    Level::Warning,
                    None,
                    "some machines are as they were in the snapshot and some are not",
                );
                Err(error.help(format!("repeat it: `lab-cli snapshot restore {}`", set.name)))
            }
        }
    })
    .await
}
