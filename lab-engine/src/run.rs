//! One run of `up`: the timeline, the state and the connections that its stages share.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use secrecy::SecretString;
use stage_timer::{Lane, Outcome, StageHandle, StageKind, Timeline};
use vmrun_rs::GuestChannel;

use crate::config::{Config, NodeSection, Role};
use crate::error::{ErrorKind, LabError};
use crate::event::{Event, Level, StageEnd};
use crate::forecast::Forecast;
use crate::lab::Lab;
use crate::state::{NodeState, State, StateFile};

/// How often the forecast is made anew while nothing else makes it.
const FORECAST_EVERY: Duration = Duration::from_secs(2);

/// How a stage's work ended well.
pub(crate) enum Done<T> {
    /// It was done.
    Ok(T),
    /// There was nothing to do.
    Skipped(T, String),
}

/// A way into a node, made once per run.
#[derive(Clone)]
pub(crate) struct Connection {
    pub(crate) channel: Arc<dyn GuestChannel>,
    /// The same for looks only, which may be made over two ways at the same time.
    pub(crate) looks: Arc<dyn GuestChannel>,
    pub(crate) ssh: SocketAddr,
}

/// What the stages of one run share.
pub(crate) struct Run<'a> {
    pub(crate) lab: &'a Lab,
    pub(crate) timeline: Timeline,
    pub(crate) state: Mutex<StateFile>,
    pub(crate) password: Option<SecretString>,
    connections: Mutex<HashMap<String, Connection>>,
    forecast: Forecast,
    /// The nodes whose machines this run started.
    started: Mutex<BTreeSet<String>>,
}

impl<'a> Run<'a> {
    pub(crate) fn new(
        lab: &'a Lab,
        timeline: Timeline,
        state: StateFile,
        password: Option<SecretString>,
        forecast: Forecast,
    ) -> Self {
        Self {
            lab,
            timeline,
            state: Mutex::new(state),
            password,
            connections: Mutex::default(),
            forecast,
            started: Mutex::default(),
        }
    }

    /// Notes that this run started a node's machine.
    pub(crate) fn note_start(&self, node: &str) {
        self.started
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(node.to_owned());
    }

    /// Whether this run started a node's machine.
    pub(crate) fn has_started(&self, node: &str) -> bool {
        self.started
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .contains(node)
    }

    pub(crate) fn config(&self) -> &'a Config {
        self.lab.config()
    }

    /// The nodes with a role.
    pub(crate) fn nodes(&self, role: Role) -> Vec<&'a NodeSection> {
        self.config().nodes.0.iter().filter(|n| n.role == role).collect()
    }

    /// All nodes, the master first.
    pub(crate) fn all_nodes(&self) -> Vec<&'a NodeSection> {
        let mut nodes = self.nodes(Role::Master);
        nodes.extend(self.nodes(Role::Worker));
        nodes
    }

    /// A copy of the state as it is now.
    pub(crate) fn state(&self) -> State {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).get().clone()
    }

    /// What is known of a node; an error if it was never created, which the stages before make impossible.
    pub(crate) fn node_state(&self, node: &str) -> Result<NodeState, LabError> {
        self.state()
            .nodes
            .remove(node)
            .ok_or_else(|| LabError::failed("the lab has no such machine").node(node))
    }

    /// Changes the state, on disk too.
    pub(crate) fn update(&self, change: impl FnOnce(&mut State)) -> Result<(), LabError> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner).update(change)
    }

    /// Changes what is known of one node, on disk too.
    pub(crate) fn update_node(&self, node: &str, change: impl FnOnce(&mut NodeState)) -> Result<(), LabError> {
        self.update(|s| {
            if let Some(state) = s.nodes.get_mut(node) {
                change(state);
            }
        })
    }

    /// The way into a node. Made at the first call, after the machine was started: only then the hypervisor can say how
    /// this host reaches it.
    pub(crate) async fn connection(&self, node: &NodeSection) -> Result<Connection, LabError> {
        if let Some(known) = self
            .connections
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&node.name)
        {
            return Ok(known.clone());
        }
        let vm = self.node_state(&node.name)?.vm;
        let connection = self.lab.connect(node, &vm, self.password.clone()).await?;
        let mut known = self.connections.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(known.entry(node.name.clone()).or_insert(connection).clone())
    }

    /// Runs one stage: times it, bounds it, tells about it.
    pub(crate) async fn stage<T>(
        &self,
        id: &'static str,
        kind: StageKind,
        limit: Duration,
        work: impl AsyncFnOnce(&StageHandle) -> Result<Done<T>, LabError>,
    ) -> Result<T, LabError> {
        let stage = self.timeline.stage(id, kind);
        let handle = stage.handle();
        let started = Instant::now();
        self.lab.emit(Event::StageStarted { stage: id });
        if !self.forecast.is_empty() {
            self.tell_forecast();
        }
        let bounded = async {
            tokio::time::timeout(limit, work(&handle)).await.unwrap_or_else(|_| {
                Err(LabError::new(
                    ErrorKind::TimedOut,
                    format!("the stage `{id}` took longer than {} s", limit.as_secs()),
                )
                .help(format!(
                    "raise timeouts.* in lab.toml if this machine is slow, then run `lab-cli up` again; stage: {id}"
                )))
            })
        };
        // Dropped because the user interrupts the run, it ends as cancelled.
        let result = stage.run_with_outcome(bounded, outcome_of_stage).await;
        let end = match &result {
            Ok(Done::Ok(_)) => StageEnd::Ok,
            Ok(Done::Skipped(_, reason)) => StageEnd::Skipped { reason: reason.clone() },
            Err(error) if error.kind() == ErrorKind::TimedOut => StageEnd::TimedOut {
                reason: error.one_line(),
            },
            Err(error) => StageEnd::Failed {
                reason: error.one_line(),
            },
        };
        self.lab.emit(Event::StageFinished {
            stage: id,
            end,
            took: started.elapsed(),
        });
        result.map(|done| match done {
            Done::Ok(value) | Done::Skipped(value, _) => value,
        })
    }

    /// Runs one node's part of a stage in the node's own lane.
    pub(crate) async fn in_lane<T>(
        &self,
        stage: &StageHandle,
        id: &'static str,
        kind: StageKind,
        node: &str,
        work: impl AsyncFnOnce(&StageHandle) -> Result<T, LabError>,
    ) -> Result<T, LabError> {
        let child = stage.child(id, kind, Lane::new(node.to_owned()));
        let handle = child.handle();
        // Dropped because another node failed, it ends as cancelled.
        let outcome = |result: &Result<T, LabError>| result.as_ref().err().map_or(Outcome::Ok, outcome_of_error);
        let result = child.run_with_outcome(work(&handle), outcome).await;
        if !self.forecast.is_empty() {
            self.tell_forecast();
        }
        result
    }

    /// Says how long the run will still take, or that nobody knows.
    pub(crate) fn tell_forecast(&self) {
        let unknown = || Event::Forecast {
            run: None,
            nodes: BTreeMap::new(),
        };
        let event = if self.forecast.is_empty() {
            self.forecast.is_of_up().then(unknown)
        } else {
            self.forecast.event(&self.timeline.snapshot())
        };
        if let Some(event) = event {
            self.lab.emit(event);
        }
    }

    /// Says it again and again, if there is anything to say.
    pub(crate) async fn keep_forecasting(&self) -> Infallible {
        if self.forecast.is_empty() {
            return std::future::pending().await;
        }
        loop {
            tokio::time::sleep(FORECAST_EVERY).await;
            self.tell_forecast();
        }
    }

    pub(crate) fn notice(&self, level: Level, node: Option<&str>, message: impl Into<String>) {
        self.lab.emit(Event::Notice {
            level,
            node: node.map(str::to_owned),
            message: message.into(),
        });
    }
}

fn outcome_of_stage<T>(result: &Result<Done<T>, LabError>) -> Outcome {
    match result {
        Ok(Done::Ok(_)) => Outcome::Ok,
        Ok(Done::Skipped(_, reason)) => Outcome::skipped(reason.clone()),
        Err(error) => outcome_of_error(error),
    }
}

fn outcome_of_error(error: &LabError) -> Outcome {
    match error.kind() {
        ErrorKind::TimedOut => Outcome::timed_out(error.one_line()),
        _ => Outcome::failed(error.one_line()),
    }
}

/// Where a guest's SSH server is in the virtual network.
pub(crate) fn ssh_of(node: &NodeSection) -> SocketAddr {
    SocketAddr::new(IpAddr::V4(node.address), 22)
}
