//! What a lab says while it works. This crate prints nothing; whoever embeds it decides what to do with these.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use schemars::JsonSchema;
use serde::Serialize;
use stage_timer::eta::Eta;

use crate::readiness::Signal;

/// How much a notice matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Level {
    /// Good to know.
    Info,
    /// Not as it should be, but the run goes on.
    Warning,
}

/// How a stage ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub enum StageEnd {
    /// It did what it was for.
    Ok,
    /// There was nothing to do.
    Skipped {
        /// Why.
        reason: String,
    },
    /// It failed.
    Failed {
        /// Why, in one line.
        reason: String,
    },
    /// Its limit passed.
    TimedOut {
        /// What was missing, in one line.
        reason: String,
    },
}

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
#[serde(tag = "event", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Event {
    /// A run began.
    RunStarted {
        /// The lab.
        lab: String,
        /// The run's name, also that of its record.
        run: String,
        /// The nodes, the master first.
        nodes: Vec<String>,
    },
    /// Something a person may want to know.
    Notice {
        /// How much it matters.
        level: Level,
        /// The node it is about.
        #[serde(skip_serializing_if = "Option::is_none")]
        node: Option<String>,
        /// What it is.
        message: String,
    },
    /// A stage began.
    StageStarted {
        /// Its stable id, for example `wait-ready`.
        stage: &'static str,
    },
    /// A stage ended.
    StageFinished {
        /// Its stable id.
        stage: &'static str,
        /// How.
        #[serde(flatten)]
        end: StageEnd,
        /// How long it took, in seconds.
        #[serde(serialize_with = "seconds")]
        #[schemars(with = "f64")]
        took: Duration,
    },
    /// A node showed a sign of life.
    NodeSignal {
        /// The node.
        node: String,
        /// What was seen.
        signal: Signal,
        /// More about it, for example the address.
        detail: String,
    },
    /// A node's bootstrap moved on.
    NodeProgress {
        /// The node.
        node: String,
        /// The step that it is in.
        step: String,
    },
    /// Looking at a node failed in a way that may pass.
    NodeTrouble {
        /// The node.
        node: String,
        /// What happened, in one line.
        message: String,
    },
    /// How long the run will still take, judged by the runs before it. Comes when a run begins, with every stage that
    /// begins, with every node that is through, and every few seconds in between.
    Forecast {
        /// The whole run. `None` if there is no earlier run to go by; that is said once.
        #[schemars(with = "Option<Prediction>")]
        run: Option<Eta>,
        /// What the nodes that are at work still need in the present stage, where that is known.
        #[serde(skip_serializing_if = "BTreeMap::is_empty")]
        #[schemars(with = "BTreeMap<String, Prediction>")]
        nodes: BTreeMap<String, Eta>,
    },
    /// A run ended.
    RunFinished {
        /// Whether it did what it was for; of `up`: whether the lab was seen ready.
        ready: bool,
        /// How long it took, in seconds.
        #[serde(serialize_with = "seconds")]
        #[schemars(with = "f64")]
        took: Duration,
        /// The run's record.
        record: PathBuf,
        /// The timeline as a page for a browser.
        #[serde(skip_serializing_if = "Option::is_none")]
        picture: Option<PathBuf>,
    },
}

/// What an [`Eta`] looks like when it is serialised, for the schema: times are in seconds.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Prediction {
    /// How long the run has taken so far.
    elapsed: f64,
    /// How long it will still take: as likely more as less.
    median: f64,
    /// In nine of ten cases it will not take longer than this from now on.
    p90: f64,
    /// What the prediction rests on: `same_shape`, or `other_shape` for want of runs of the same.
    basis: String,
    /// How many earlier runs it rests on.
    runs: usize,
    /// The stage that has taken longer than it ever did, if there is one: the prediction is then a guess.
    overrun: Option<Late>,
}

/// A stage that takes longer than it ever did.
#[derive(JsonSchema)]
#[expect(dead_code, reason = "only its schema is used")]
struct Late {
    /// Its number in the run.
    id: u64,
    /// Its stable name.
    name: String,
    /// Its lane.
    lane: String,
    /// How much longer than the longest time it ever took, in seconds.
    by: f64,
}

/// The JSON Schema of [`Event`] (draft 2020-12), as it is serialised.
pub fn event_schema() -> schemars::Schema {
    let settings = schemars::generate::SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<Event>()
}

fn seconds<S: serde::Serializer>(d: &Duration, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_f64((d.as_secs_f64() * 1000.0).round() / 1000.0)
}

/// Takes events. Called from async code, so it must not block for long.
pub trait EventSink: Send + Sync + 'static {
    /// One thing happened.
    fn emit(&self, event: Event);
}

/// Takes events and drops them.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoEvents;

impl EventSink for NoEvents {
    fn emit(&self, _event: Event) {}
}

impl<F: Fn(Event) + Send + Sync + 'static> EventSink for F {
    fn emit(&self, event: Event) {
        self(event);
    }
}
