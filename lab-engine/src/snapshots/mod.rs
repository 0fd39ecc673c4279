//! Snapshots of the whole lab: one of every machine, taken while all of them are off, kept together as a set.
//!
//! The set is in the lab's state before the first snapshot is taken and until the last one is gone, so that a run that was
//! ended in between leaves a set that is known to be incomplete, never one that only looks whole.

mod work;

use std::collections::BTreeMap;

use futures::future::join_all;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use stage_timer::StageKind;
use tokio_util::sync::CancellationToken;
use vmrun_rs::hypervisor::StopMode;

use crate::config::TimeoutSection;
use crate::error::{ErrorKind, LabError};
use crate::facts::Facts;
use crate::lab::Lab;
use crate::lifecycle::{bring_back, whole};
use crate::report::Report;
use crate::run::Done;
use crate::stages;
use crate::state::{Phase, State};
use work::{delete_all, revert, take, update_set};

/// A snapshot of every machine of the lab, as it is kept in the lab's state.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SnapshotSet {
    /// Its random id.
    pub id: String,
    /// Its name, unique in the lab.
    pub name: String,
    /// When it was begun, in UTC: `2026-11-25T16:15:44Z`.
    pub created: String,
    /// How far it has come.
    pub phase: SetPhase,
    /// The machines in it.
    pub nodes: BTreeMap<String, SnapshotNode>,
}

/// How far a set has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SetPhase {
    /// Being taken; if this is what a later run finds, it was interrupted.
    Taking,
    /// All of it is there.
    Complete,
    /// Being deleted.
    Deleting,
}

/// One machine of a set: what the lab knew of it then.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SnapshotNode {
    /// Which life of the machine it is of; one that was made anew since does not have the snapshot.
    pub instance_id: String,
    /// How far the node had come.
    pub phase: Phase,
    /// Whether its seed images were out.
    pub media_detached: bool,
    /// Whether it ran, and is therefore started after it was restored.
    pub ran: bool,
    /// What it was made of, with what had been applied by then; nothing in sets of a version that did not keep it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub made_of: Option<Facts>,
}

/// A set and whether it can be restored.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SnapshotStatus {
    /// The set.
    #[serde(flatten)]
    pub set: SnapshotSet,
    /// Whether every machine of the lab has its snapshot, and nothing else is wrong with it.
    pub consistent: bool,
    /// What is wrong with it.
    pub problems: Vec<String>,
}

/// What creating, restoring or deleting a set did.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SnapshotChange {
    /// The set.
    pub snapshot: SnapshotSet,
    /// The nodes whose machines were started afterwards; they have answered since.
    pub started: Vec<String>,
}

impl SnapshotSet {
    /// What the hypervisor calls the snapshots of this set.
    fn label(&self) -> String {
        format!("{}-{}", self.name, self.id)
    }
}

impl Lab {
    /// Takes a snapshot of every machine at once. Machines that run are shut down for it and started again afterwards;
    /// `leave_off` leaves them off. What was taken of a set that cannot be completed is deleted again.
    ///
    /// # Errors
    ///
    /// If there is no lab, the name cannot be used, or another process works on the lab. What happens to the machines is
    /// in [`Report::result`].
    pub async fn snapshot_create(
        &self,
        name: Option<&str>,
        leave_off: bool,
        password: Option<SecretString>,
        cancel: &CancellationToken,
    ) -> Result<Report<SnapshotChange>, LabError> {
        let state = self.existing()?;
        let name = name.map_or_else(
            || jiff::Zoned::now().strftime("snap-%Y%m%d-%H%M%S").to_string(),
            str::to_owned,
        );
        usable(&name)?;
        if state.snapshots.iter().any(|s| s.name == name) {
            return Err(LabError::new(
                ErrorKind::Configuration,
                format!("there is a snapshot `{name}` already"),
            )
            .help("choose another name, or delete it first: `lab-cli snapshot delete`"));
        }
        self.recorded(
            "snapshot",
            self.node_names(),
            |_| 0,
            password,
            cancel,
            async |run| {
                ready_for_snapshots(&run.state())?;
                let names: Vec<String> = run.state().nodes.into_keys().collect();
                let targets = self.targets(&run.state(), &names);
                let stopped = stages::stop(run, &targets, StopMode::Soft).await?;
                let taken = take(run, &name, &targets, &stopped).await;
                // The lab goes on whether or not the snapshot came about.
                let started = if leave_off {
                    Ok(Vec::new())
                } else {
                    bring_back(run, &stopped).await.map(|c| c.started)
                };
                let snapshot = taken.map_err(|e| match &started {
                    Ok(_) => e,
                    Err(also) => e.details([format!("also: {}", also.one_line())]),
                })?;
                Ok(SnapshotChange {
                    snapshot,
                    started: started?,
                })
            },
        )
        .await
    }

    /// All sets, the oldest first, each with what keeps it from being restored.
    ///
    /// # Errors
    ///
    /// If the state cannot be read. A machine that cannot be asked is a problem of the sets that it is in.
    pub async fn snapshot_list(&self) -> Result<Vec<SnapshotStatus>, LabError> {
        let Some(state) = self.state()? else {
            return Ok(Vec::new());
        };
        if state.snapshots.is_empty() {
            return Ok(Vec::new());
        }
        let there = self.snapshots_there(&state).await;
        let judged = state.snapshots.iter().map(|set| {
            let problems = problems(set, &state, &there);
            SnapshotStatus {
                set: set.clone(),
                consistent: problems.is_empty(),
                problems,
            }
        });
        Ok(judged.collect())
    }

    /// Takes every machine back to a set, named by its name or id. Machines that run are cut off: what they hold is given
    /// up anyway. Those that ran when the set was taken are started; `leave_off` leaves them off.
    ///
    /// # Errors
    ///
    /// If there is no such set, it is not consistent, or another process works on the lab. What happens to the machines
    /// is in [`Report::result`]; a restore that failed or was interrupted must be repeated before the lab can be used.
    pub async fn snapshot_restore(
        &self,
        name: &str,
        leave_off: bool,
        password: Option<SecretString>,
        cancel: &CancellationToken,
    ) -> Result<Report<SnapshotChange>, LabError> {
        let set = self.snapshot_named(name)?;
        self.recorded(
            "restore",
            self.node_names(),
            |_| 0,
            password,
            cancel,
            async |run| {
                let state = run.state();
                let problems = problems(&set, &state, &self.snapshots_there(&state).await);
                if !problems.is_empty() {
                    return Err(LabError::new(
                        ErrorKind::NotReady,
                        format!("the snapshot `{}` is not consistent", set.name),
                    )
                    .details(problems)
                    .help(format!(
                        "nothing was changed; `lab-cli snapshot delete {}` removes what is left of it",
                        set.name
                    )));
                }
                let names: Vec<String> = state.nodes.keys().cloned().collect();
                let targets = self.targets(&state, &names);
                run.update(|s| s.restoring = Some(set.name.clone()))?;
                stages::stop(run, &targets, StopMode::Hard).await?;
                revert(run, &set, &targets).await?;
                run.update(|s| {
                    for (name, then) in &set.nodes {
                        if let Some(node) = s.nodes.get_mut(name) {
                            node.phase = then.phase;
                            node.media_detached = then.media_detached;
                            if let Some(made_of) = &then.made_of {
                                // What was applied since is gone with the disk: the next `up` applies it again.
                                node.made_of = made_of.clone();
                            }
                        }
                    }
                    s.restoring = None;
                })?;
                let ran: Vec<String> = set
                    .nodes
                    .iter()
                    .filter(|(_, n)| n.ran)
                    .map(|(name, _)| name.clone())
                    .collect();
                let started = if leave_off || ran.is_empty() {
                    Vec::new()
                } else {
                    bring_back(run, &ran).await?.started
                };
                Ok(SnapshotChange {
                    snapshot: set.clone(),
                    started,
                })
            },
        )
        .await
    }

    /// Deletes a set, named by its name or id: the snapshots that are there of it, and then the set.
    ///
    /// # Errors
    ///
    /// If there is no such set or another process works on the lab. What happens to the machines is in
    /// [`Report::result`]; what could not be deleted stays listed, as not consistent, and can be deleted again.
    pub async fn snapshot_delete(
        &self,
        name: &str,
        cancel: &CancellationToken,
    ) -> Result<Report<SnapshotChange>, LabError> {
        let set = self.snapshot_named(name)?;
        self.recorded(
            "snapshot-delete",
            self.node_names(),
            |_| 0,
            None,
            cancel,
            async |run| {
                let state = run.state();
                if state.restoring.as_ref() == Some(&set.name) {
                    return Err(half_restored(&set.name));
                }
                update_set(run, &set.id, |s| s.phase = SetPhase::Deleting)?;
                let names: Vec<String> = set.nodes.keys().cloned().collect();
                let limit = TimeoutSection::limit(run.config().timeouts.restart);
                run.stage("delete-snapshot", StageKind::Working, limit, async |_| {
                    delete_all(run, &set, &self.targets(&state, &names)).await.map(Done::Ok)
                })
                .await?;
                run.update(|s| s.snapshots.retain(|other| other.id != set.id))?;
                Ok(SnapshotChange {
                    snapshot: set.clone(),
                    started: Vec::new(),
                })
            },
        )
        .await
    }

    /// A set by its name or id.
    fn snapshot_named(&self, name: &str) -> Result<SnapshotSet, LabError> {
        let sets = self.state()?.map(|s| s.snapshots).unwrap_or_default();
        let found = sets.iter().find(|s| s.name == name || s.id == name);
        found.cloned().ok_or_else(|| {
            let names: Vec<&str> = sets.iter().map(|s| s.name.as_str()).collect();
            LabError::new(ErrorKind::Configuration, format!("there is no snapshot `{name}`")).help(
                if names.is_empty() {
                    "there is none; `lab-cli snapshot create` takes one".to_owned()
                } else {
                    format!("there are: {}", names.join(", "))
                },
            )
        })
    }

    /// The snapshots that each machine has, or why it could not be asked.
    async fn snapshots_there(&self, state: &State) -> BTreeMap<String, Result<Vec<String>, String>> {
        let asked = state.nodes.iter().map(async |(name, node)| {
            let answer = self.hypervisor().snapshots(&node.vm).await;
            (name.clone(), answer.map_err(|e| e.one_line()))
        });
        join_all(asked).await.into_iter().collect()
    }
}

/// A snapshot's name becomes a part of a command line and of file names, and vmrun takes a slash for a path.
fn usable(name: &str) -> Result<(), LabError> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    if !name.is_empty() && name.len() <= 64 && name.bytes().all(plain) && name.as_bytes()[0].is_ascii_alphanumeric() {
        return Ok(());
    }
    Err(LabError::new(
        ErrorKind::Configuration,
        format!("`{name}` cannot be a snapshot's name"),
    )
    .help("use up to 64 letters, digits, `-`, `_` and `.`, with a letter or digit first"))
}

fn ready_for_snapshots(state: &State) -> Result<(), LabError> {
    restored(state)?;
    whole(state)
}

/// A lab that is half in one state and half in another is not to be worked with.
pub(crate) fn restored(state: &State) -> Result<(), LabError> {
    state.restoring.as_ref().map_or(Ok(()), |name| Err(half_restored(name)))
}

fn half_restored(name: &str) -> LabError {
    LabError::new(
        ErrorKind::NotReady,
        format!("the lab was being restored to the snapshot `{name}`, which was not finished"),
    )
    .help(format!("finish it: `lab-cli snapshot restore {name}`"))
}

/// What keeps a set from being restored; empty if nothing does.
fn problems(set: &SnapshotSet, state: &State, there: &BTreeMap<String, Result<Vec<String>, String>>) -> Vec<String> {
    let mut problems = Vec::new();
    match set.phase {
        SetPhase::Taking => problems.push("taking it was interrupted".to_owned()),
        SetPhase::Deleting => problems.push("deleting it was not finished".to_owned()),
        SetPhase::Complete => {}
    }
    let label = set.label();
    for (name, then) in &set.nodes {
        let Some(now) = state.nodes.get(name) else {
            problems.push(format!("{name} has left the lab since"));
            continue;
        };
        if now.instance_id != then.instance_id {
            problems.push(format!("{name} has been made anew since"));
            continue;
        }
        match there.get(name) {
            Some(Ok(labels)) if labels.contains(&label) => {}
            Some(Err(error)) => problems.push(format!("{name} cannot be asked: {error}")),
            _ => problems.push(format!("{name} does not have it")),
        }
    }
    let newer = state.nodes.keys().filter(|name| !set.nodes.contains_key(*name));
    problems.extend(newer.map(|name| format!("{name} came into the lab later")));
    problems
}
