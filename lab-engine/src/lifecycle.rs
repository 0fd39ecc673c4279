//! Stopping, starting and restarting the lab's machines, all at once.

use secrecy::SecretString;
use serde::Serialize;
use tokio_util::sync::CancellationToken;
use vmrun_rs::hypervisor::StopMode;

use crate::cluster::ClusterNode;
use crate::config::NodeSection;
use crate::error::{ErrorKind, LabError};
use crate::event::Level;
use crate::lab::Lab;
use crate::report::Report;
use crate::run::Run;
use crate::snapshots;
use crate::stages::{self, Target};
use crate::state::{Phase, State};

/// What a stop, start or restart did.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct PowerChange {
    /// The nodes whose machines were stopped.
    pub stopped: Vec<String>,
    /// The nodes whose machines were started; they have answered since.
    pub started: Vec<String>,
    /// The cluster's nodes, all Ready, if the whole lab was looked at after the start.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cluster: Option<Vec<ClusterNode>>,
}

impl Lab {
    /// Stops machines, all at once: those of `nodes`, or of the whole lab where that is empty. [`StopMode::Soft`] lets the
    /// guests shut down; one that does not is an error, and the others are stopped all the same.
    ///
    /// # Errors
    ///
    /// If there is no such node or no such lab, or another process works on it. What happens to the machines is in
    /// [`Report::result`].
    pub async fn stop(
        &self,
        nodes: &[String],
        mode: StopMode,
        cancel: &CancellationToken,
    ) -> Result<Report<PowerChange>, LabError> {
        self.power("stop", nodes, None, cancel, async |run, nodes| {
            let stopped = stages::stop(run, &self.targets(&run.state(), nodes), mode).await?;
            Ok(PowerChange {
                stopped,
                ..PowerChange::default()
            })
        })
        .await
    }

    /// Starts machines and waits until their guests answer: those of `nodes`, or of the whole lab where that is empty. A
    /// lab that is complete and runs as a whole is also verified, as `up` does.
    ///
    /// # Errors
    ///
    /// As for [`stop`](Self::stop).
    pub async fn start(
        &self,
        nodes: &[String],
        password: Option<SecretString>,
        cancel: &CancellationToken,
    ) -> Result<Report<PowerChange>, LabError> {
        self.power("start", nodes, password, cancel, async |run, nodes| {
            usable(&run.state())?;
            bring_back(run, nodes).await
        })
        .await
    }

    /// [`stop`](Self::stop) and [`start`](Self::start) in one run. Machines that did not run are started too.
    ///
    /// # Errors
    ///
    /// As for [`stop`](Self::stop).
    pub async fn restart(
        &self,
        nodes: &[String],
        mode: StopMode,
        password: Option<SecretString>,
        cancel: &CancellationToken,
    ) -> Result<Report<PowerChange>, LabError> {
        self.power("restart", nodes, password, cancel, async |run, nodes| {
            usable(&run.state())?;
            let stopped = stages::stop(run, &self.targets(&run.state(), nodes), mode).await?;
            let change = bring_back(run, nodes).await?;
            Ok(PowerChange { stopped, ..change })
        })
        .await
    }

    /// A recorded run that makes no machine, on the named nodes.
    async fn power(
        &self,
        operation: &'static str,
        nodes: &[String],
        password: Option<SecretString>,
        cancel: &CancellationToken,
        work: impl AsyncFnOnce(&Run<'_>, &[String]) -> Result<PowerChange, LabError>,
    ) -> Result<Report<PowerChange>, LabError> {
        let nodes = self.chosen_names(nodes)?;
        let lanes = nodes.clone();
        self.recorded(
            operation,
            lanes,
            |_| 0,
            password,
            cancel,
            async |run| work(run, &nodes).await,
        )
        .await
    }

    /// The named nodes, each once, the master first; all that exist where none is named.
    fn chosen_names(&self, names: &[String]) -> Result<Vec<String>, LabError> {
        let state = self.existing()?;
        let mut all = self.node_names();
        all.extend(state.nodes.keys().filter(|n| self.config().node(n).is_none()).cloned());
        if let Some(unknown) = names.iter().find(|n| !all.contains(n)) {
            return Err(
                LabError::new(ErrorKind::Configuration, format!("there is no node `{unknown}`"))
                    .help(format!("the nodes are: {}", all.join(", "))),
            );
        }
        if let Some(missing) = names.iter().find(|n| !state.nodes.contains_key(*n)) {
            return Err(LabError::new(ErrorKind::NotReady, "its machine has not been created")
                .node(missing)
                .help("run `lab-cli up` first"));
        }
        all.retain(|n| state.nodes.contains_key(n) && (names.is_empty() || names.contains(n)));
        Ok(all)
    }

    /// The lab's state, or an error that says how to get a lab.
    pub(crate) fn existing(&self) -> Result<State, LabError> {
        let state = self.state()?.filter(|s| !s.nodes.is_empty());
        state.ok_or_else(|| {
            LabError::new(
                ErrorKind::NotReady,
                format!("the lab `{}` has no machines", self.config().lab.name),
            )
            .help("run `lab-cli up` first")
        })
    }

    /// The machines of these nodes.
    pub(crate) fn targets<'a>(&'a self, state: &State, names: &[String]) -> Vec<Target<'a>> {
        let known = |name: &String| {
            let vm = state.nodes.get(name)?.vm.clone();
            Some(Target {
                name: name.clone(),
                vm,
                node: self.config().node(name),
            })
        };
        names.iter().filter_map(known).collect()
    }
}

fn usable(state: &State) -> Result<(), LabError> {
    snapshots::restored(state)?;
    whole(state)
}

/// A half-made machine cannot be started as if it were whole.
pub(crate) fn whole(state: &State) -> Result<(), LabError> {
    match state.nodes.iter().find(|(_, n)| n.phase == Phase::Creating) {
        None => Ok(()),
        Some((name, _)) => Err(LabError::new(ErrorKind::NotReady, "its machine is half-made")
            .node(name)
            .help("`lab-cli up` makes it anew")),
    }
}

/// Starts these nodes, waits until they answer, and verifies the cluster if the whole lab runs and is complete.
pub(crate) async fn bring_back(run: &Run<'_>, names: &[String]) -> Result<PowerChange, LabError> {
    let chosen: Vec<&NodeSection> = run
        .all_nodes()
        .into_iter()
        .filter(|n| names.contains(&n.name))
        .collect();
    let started = stages::start(run, &chosen).await?;
    stages::wait(run, &chosen).await?;
    let state = run.state();
    let mut everything = true;
    for node in run.all_nodes() {
        let known = state.nodes.get(&node.name);
        let complete = known.is_some_and(|n| n.phase == Phase::Complete);
        if !complete && names.contains(&node.name) {
            let message = "its bootstrap was never seen finished; `lab-cli up` waits for it";
            run.notice(Level::Warning, Some(&node.name), message);
        }
        let runs = match known {
            Some(known) if !names.contains(&node.name) => {
                run.lab.hypervisor().state(&known.vm).await.ok() == Some(vmrun_rs::hypervisor::PowerState::Running)
            }
            Some(_) => true,
            None => false,
        };
        everything &= complete && runs;
    }
    let cluster = if everything {
        Some(stages::verify(run).await?)
    } else {
        None
    };
    Ok(PowerChange {
        stopped: Vec::new(),
        started,
        cluster,
    })
}
