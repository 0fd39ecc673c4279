//! How long a run will take, from the runs before it.

use std::collections::BTreeMap;

use stage_timer::eta::{Estimator, Eta, MOST_RUNS, Typical};
use stage_timer::{History, RunRecord, RunState};

use crate::config::Config;
use crate::error::{Context as _, LabError};
use crate::event::Event;
use crate::paths::LabPaths;
use crate::stages::UpOptions;
use crate::state::{self, Phase, State};

/// What runs of `up` are called in their records.
pub(crate) const UP: &str = "up";
/// How many records are looked through for runs of the right kind, the newest first.
const MOST_READ: usize = 200;
/// Under this name a record keeps how many machines its run had to make.
pub(crate) const NEW_MACHINES: &str = "new-machines";

/// What earlier runs say of one.
///
/// Runs are compared with runs of the same operation and shape: as many machines of the same size, as many of which had to
/// be made. A run that only looks at a finished lab says nothing of one that makes it.
#[derive(Debug)]
pub struct Forecast {
    operation: &'static str,
    shape: String,
    new_machines: usize,
    nodes: Vec<String>,
    estimator: Estimator,
}

/// How many machines `up` has to make.
pub(crate) fn new_machines(config: &Config, state: Option<&State>, options: &UpOptions) -> usize {
    let stays = |node: &str| {
        let known = state.and_then(|state| state.nodes.get(node));
        known.is_some_and(|known| known.phase != Phase::Creating) && !options.recreates(node)
    };
    config.nodes.0.iter().filter(|node| !stays(&node.name)).count()
}

impl Forecast {
    /// For the next run of `up` with these options.
    ///
    /// # Errors
    ///
    /// If the lab's state or the directory of its records cannot be read. A record that cannot be read is passed over.
    pub fn of(config: &Config, paths: &LabPaths, options: &UpOptions) -> Result<Self, LabError> {
        let state = state::read(&paths.state())?;
        let nodes: Vec<String> = config.nodes.0.iter().map(|node| node.name.clone()).collect();
        let forecast = Self::unlearned(config, UP, &nodes, new_machines(config, state.as_ref(), options));
        let what = format!(
            "could not read the records of earlier runs in {}",
            paths.runs().display()
        );
        forecast.learn(paths).context(what)
    }

    /// For a run that begins now and concerns these nodes. A history that cannot be read is none.
    pub(crate) fn of_run(
        config: &Config,
        paths: &LabPaths,
        operation: &'static str,
        nodes: &[String],
        new_machines: usize,
    ) -> Self {
        let unlearned = || Self::unlearned(config, operation, nodes, new_machines);
        unlearned().learn(paths).unwrap_or_else(|error| {
            tracing::warn!(%error, "the records of earlier runs cannot be read");
            unlearned()
        })
    }

    fn unlearned(config: &Config, operation: &'static str, nodes: &[String], new_machines: usize) -> Self {
        let mut shape = config.shape();
        if nodes.len() != config.nodes.0.len() {
            shape = format!("{shape}, {} of them", nodes.len());
        }
        if new_machines > 0 {
            shape = format!("{shape}, {new_machines} new");
        }
        Self {
            operation,
            estimator: Estimator::from_history(&[], &shape),
            shape,
            new_machines,
            nodes: nodes.to_vec(),
        }
    }

    /// Reads as many records as it takes.
    fn learn(mut self, paths: &LabPaths) -> std::io::Result<Self> {
        let (mut same, mut other) = (Vec::new(), Vec::new());
        for entry in History::new(paths.runs()).newest_first()?.take(MOST_READ) {
            let Ok(record) = entry.record else { continue };
            if record.name != self.operation || record.state != RunState::Finished || !record.outcome.is_success() {
                continue;
            }
            if record.shape == self.shape {
                same.push(record);
            } else {
                other.push(record);
            }
            if same.len() == MOST_RUNS {
                break;
            }
        }
        // Of runs of other shapes, those that also made machines (or also did not) say more than the others.
        let makes = |record: &RunRecord| record.meta.get(NEW_MACHINES).is_some_and(|n| n != "0");
        let alike = |record: &RunRecord| makes(record) == (self.new_machines > 0);
        if other.iter().any(alike) {
            other.retain(alike);
        }
        let mut records = if same.is_empty() { other } else { same };
        records.reverse();
        self.estimator = Estimator::from_history(&records, &self.shape);
        Ok(self)
    }

    /// What runs have to be like to be compared with this one: `1+2 2cpu 4096MiB, 3 new`.
    pub fn shape(&self) -> &str {
        &self.shape
    }

    pub(crate) fn new_machines(&self) -> usize {
        self.new_machines
    }

    /// How long the run will take, as of its beginning. `None` if there was none before.
    pub fn whole(&self) -> Option<Eta> {
        self.estimator.whole(self.operation)
    }

    /// What the runs that this rests on took, stage by stage. `None` if there are none.
    pub fn typical(&self) -> Option<Typical> {
        self.estimator.typical(self.operation)
    }

    /// Whether somebody may be waiting for a prediction, so that it is worth a word that there is none.
    pub(crate) fn is_of_up(&self) -> bool {
        self.operation == UP
    }

    /// Whether there is no earlier run to go by.
    pub(crate) fn is_empty(&self) -> bool {
        self.estimator.is_empty()
    }

    /// What can be said of a live run; nothing of one that nothing is known about.
    pub(crate) fn event(&self, live: &RunRecord) -> Option<Event> {
        let outlook = self.estimator.outlook(live)?;
        let mut nodes = BTreeMap::new();
        for (id, eta) in outlook.open {
            let lane = live.stage(id).map(|stage| stage.lane.as_str()).unwrap_or_default();
            if self.nodes.iter().any(|node| node == lane) {
                // What surrounds comes before what is inside of it.
                nodes.entry(lane.to_owned()).or_insert(eta);
            }
        }
        let run = Some(outlook.run);
        Some(Event::Forecast { run, nodes })
    }
}
