//! Everything that can be known to be wrong before a machine exists.

use stage_timer::StageKind;

use super::UpOptions;
use crate::checks::{self, CheckStatus};
use crate::config::{NodeSection, Role, TimeoutSection};
use crate::error::{ErrorKind, LabError};
use crate::event::Level;
use crate::facts::Change;
use crate::run::{Done, Run};
use crate::snapshots;
use crate::state::Phase;

pub(super) async fn run(run: &Run<'_>, options: &UpOptions) -> Result<(), LabError> {
    let limit = TimeoutSection::limit(run.config().timeouts.prerequisites);
    run.stage("prerequisites", StageKind::Working, limit, async |_| {
        known_nodes(run, options)?;
        snapshots::restored(&run.state())?;
        let chosen = run.lab.chosen();
        run.notice(
            Level::Info,
            None,
            format!("driving machines with {}: {}", chosen.program.display(), chosen.why),
        );
        if let Some(issued) = run.lab.ensure_certificate()? {
            run.notice(Level::Info, None, format!("registry certificate: {}", issued.action));
            for note in issued.notes {
                run.notice(Level::Warning, None, note);
            }
        }
        whole_cluster(run, options)?;
        changed_nodes(run, options)?;
        let checks = checks::all(run.lab, options).await;
        for check in checks.iter().filter(|c| c.status == CheckStatus::Warning) {
            run.notice(Level::Warning, None, check.detail.clone());
        }
        let failed: Vec<_> = checks.into_iter().filter(|c| c.status == CheckStatus::Failed).collect();
        let Some(first) = failed.first() else {
            return Ok(Done::Ok(()));
        };
        let mut error = LabError::new(ErrorKind::Prerequisite, first.detail.clone());
        if let Some(remedy) = &first.remedy {
            error = error.help(remedy.clone());
        }
        Err(error.details(failed.iter().skip(1).map(|c| match &c.remedy {
            Some(remedy) => format!("also: {} (help: {remedy})", c.detail),
            None => format!("also: {}", c.detail),
        })))
    })
    .await
}

/// `--recreate` must name nodes of this lab, and machines of nodes that left lab.toml are mentioned.
fn known_nodes(run: &Run<'_>, options: &UpOptions) -> Result<(), LabError> {
    if let Some(unknown) = options.recreate.iter().find(|n| run.config().node(n).is_none()) {
        return Err(LabError::new(
            ErrorKind::Configuration,
            format!("there is no node `{unknown}` to recreate"),
        )
        .help(format!("the nodes are: {}", run.lab.node_names().join(", "))));
    }
    for name in run.state().nodes.keys().filter(|n| run.config().node(n).is_none()) {
        let message = format!("not in lab.toml any more; `lab-cli destroy --node {name}` deletes its machine");
        run.notice(Level::Warning, Some(name), message);
    }
    Ok(())
}

/// A machine that was made from another configuration is not silently used, and not silently replaced. What can be
/// applied to it is applied later, when its guest answers.
fn changed_nodes(run: &Run<'_>, options: &UpOptions) -> Result<(), LabError> {
    let state = run.state();
    let mut refused: Vec<(&NodeSection, Vec<Change>)> = Vec::new();
    for node in run.all_nodes() {
        let Some(known) = state.nodes.get(&node.name) else {
            continue;
        };
        if known.phase == Phase::Creating || options.recreates(&node.name) {
            continue;
        }
        let mut changes = run.lab.changes(node, &known.made_of)?;
        changes.retain(|c| !c.applicable);
        if !changes.is_empty() {
            refused.push((node, changes));
        }
    }
    let Some((first, _)) = refused.first() else {
        return Ok(());
    };
    let names: Vec<&str> = refused.iter().map(|(n, _)| n.name.as_str()).collect();
    let how = if names.len() == run.config().nodes.0.len() || first.role == Role::Master {
        "`lab-cli up --recreate-all` makes all machines anew (their data is lost)".to_owned()
    } else {
        format!(
            "`lab-cli up --recreate {}` makes it anew (its data is lost)",
            names.join(" --recreate ")
        )
    };
    Err(LabError::new(
        ErrorKind::Configuration,
        format!(
            "lab.toml changed for {} in a way that only a new machine can take on",
            names.join(", ")
        ),
    )
    .details(
        refused
            .iter()
            .flat_map(|(node, changes)| changes.iter().map(move |c| format!("{}: {c}", node.name))),
    )
    .help(format!("{how}; or undo the change in lab.toml")))
}

/// A new master is a new cluster, which the workers of the old one do not join: they keep its certificates.
fn whole_cluster(run: &Run<'_>, options: &UpOptions) -> Result<(), LabError> {
    let state = run.state();
    let phase = |name: &str| state.nodes.get(name).map(|n| n.phase);
    let Some(master) = run.config().master() else {
        return Ok(());
    };
    let new = options.recreates(&master.name) || phase(&master.name).is_none_or(|p| p == Phase::Creating);
    let stays = |n: &&&NodeSection| phase(&n.name) == Some(Phase::Complete) && !options.recreates(&n.name);
    let workers = run.nodes(Role::Worker);
    let Some(worker) = workers.iter().find(stays).filter(|_| new) else {
        return Ok(());
    };
    Err(LabError::new(
        ErrorKind::Configuration,
        format!(
            "a new {} is a new cluster, which {} of the old one cannot join",
            master.name, worker.name
        ),
    )
    .help("`lab-cli up --recreate-all` makes all machines anew (their data is lost)"))
}
