//! Everything that can be known to be wrong before a machine exists.

use stage_timer::StageKind;

use super::UpOptions;
use crate::checks::{self, CheckStatus};
use crate::config::TimeoutSection;
use crate::error::{ErrorKind, LabError};
use crate::event::Level;
use crate::registry;
use crate::run::{Done, Run};
use crate::state::Phase;

pub(super) async fn run(run: &Run<'_>, options: &UpOptions) -> Result<(), LabError> {
    let limit = TimeoutSection::limit(run.config().timeouts.prerequisites);
    run.stage("prerequisites", StageKind::Working, limit, async |_| {
        known_nodes(run, options)?;
        let chosen = run.lab.chosen();
        run.notice(
            Level::Info,
            None,
            format!("driving machines with {}: {}", chosen.program.display(), chosen.why),
        );
        if let Some(issued) = registry::ensure_certificate(run.config(), run.lab.paths())? {
            run.notice(Level::Info, None, format!("registry certificate: {}", issued.action));
            for note in issued.notes {
                run.notice(Level::Warning, None, note);
            }
        }
        changed_nodes(run, options)?;
        let checks = checks::all(run.lab).await;
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

/// A machine that was made from another configuration is not silently used, and not silently replaced.
fn changed_nodes(run: &Run<'_>, options: &UpOptions) -> Result<(), LabError> {
    let state = run.state();
    let mut changed = Vec::new();
    for node in run.all_nodes() {
        let Some(known) = state.nodes.get(&node.name) else {
            continue;
        };
        if known.phase != Phase::Creating && !options.recreates(&node.name) && known.digest != run.lab.digest(node)? {
            changed.push(node.name.clone());
        }
    }
    let Some(first) = changed.first() else { return Ok(()) };
    Err(LabError::new(
        ErrorKind::Configuration,
        format!(
            "the configuration of {} changed since its machine was made",
            changed.join(", ")
        ),
    )
    .help(format!(
        "`lab-cli up --recreate {first}` makes it anew (its data is lost); or undo the change in lab.toml"
    )))
}
