//! The run as one JSON document. Its schema is published with the crate: `schema/run.schema.json`.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::time::Duration;

use serde::Serialize;

use crate::analysis::Tree;
use crate::record::wire::micros;
use crate::text::share;
use crate::{Lang, RunRecord, RunState, StageId, StageKind, WallTime};

/// The version of the document. It changes when a field goes or changes its meaning, not when one is added.
pub const JSON_VERSION: u32 = 1;

#[derive(Serialize)]
pub(crate) struct Document<'a> {
    format: &'static str,
    version: u32,
    id: &'a str,
    name: &'a str,
    shape: &'a str,
    started: WallTime,
    ended: Option<WallTime>,
    state: RunState,
    #[serde(flatten)]
    outcome: &'a crate::Outcome,
    wall_s: f64,
    meta: &'a BTreeMap<String, String>,
    totals: Totals<'a>,
    bottleneck: Option<StageId>,
    critical_path: Vec<Step>,
    stages: Vec<Stage<'a>>,
    #[serde(skip_serializing_if = "Option::is_none")]
    recording_error: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    damage: Option<&'a str>,
}

#[derive(Serialize)]
struct Totals<'a> {
    working_s: f64,
    waiting_s: f64,
    untracked_s: f64,
    lane_time_s: f64,
    speed_up: f64,
    lanes: Vec<Lane<'a>>,
}

#[derive(Serialize)]
struct Lane<'a> {
    name: Cow<'a, str>,
    busy_s: f64,
    working_s: f64,
    waiting_s: f64,
}

#[derive(Serialize)]
struct Step {
    stage: Option<StageId>,
    start_s: f64,
    end_s: f64,
}

#[derive(Serialize)]
struct Stage<'a> {
    id: StageId,
    parent: Option<StageId>,
    name: &'a str,
    label: Label<'a>,
    kind: StageKind,
    lane: &'a str,
    start_s: f64,
    end_s: f64,
    duration_s: f64,
    share: f64,
    critical_s: f64,
    #[serde(flatten)]
    outcome: &'a crate::Outcome,
    open: bool,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    notes: Vec<Note<'a>>,
}

#[derive(Serialize)]
struct Label<'a> {
    en: Cow<'a, str>,
    ko: Cow<'a, str>,
}

#[derive(Serialize)]
struct Note<'a> {
    at_s: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    fraction: Option<f64>,
    message: &'a str,
}

impl RunRecord {
    /// The run with all that can be said of it as one JSON document, as `schema/run.schema.json` in this crate's
    /// sources describes it. Times are in seconds, from the start of the run.
    pub fn to_json(&self) -> String {
        // Strings, numbers that are finite and maps with string keys: nothing that JSON cannot hold.
        serde_json::to_string_pretty(&document(self, &Tree::of(self))).unwrap_or_default()
    }
}

pub(crate) fn document<'a>(record: &'a RunRecord, tree: &Tree) -> Document<'a> {
    let totals = record.totals();
    let path = record.critical_path();
    Document {
        format: "stage-timer-run",
        version: JSON_VERSION,
        id: &record.id,
        name: &record.name,
        shape: &record.shape,
        started: record.started,
        ended: record.ended,
        state: record.state,
        outcome: &record.outcome,
        wall_s: secs(record.wall),
        meta: &record.meta,
        bottleneck: path.bottleneck_in(record, tree).map(|stage| stage.id),
        critical_path: path
            .steps
            .iter()
            .map(|step| Step {
                stage: step.stage,
                start_s: secs(step.start),
                end_s: secs(step.end),
            })
            .collect(),
        stages: record
            .stages
            .iter()
            .map(|stage| self::stage(record, stage, path.within(stage.id)))
            .collect(),
        totals: Totals {
            working_s: secs(totals.working),
            waiting_s: secs(totals.waiting),
            untracked_s: secs(totals.untracked),
            lane_time_s: secs(totals.lane_time),
            speed_up: (totals.speed_up * 1000.0).round() / 1000.0,
            lanes: totals
                .lanes
                .into_iter()
                .map(|lane| Lane {
                    name: Cow::Owned(lane.lane.to_string()),
                    busy_s: secs(lane.busy),
                    working_s: secs(lane.working),
                    waiting_s: secs(lane.waiting),
                })
                .collect(),
        },
        recording_error: record.recording_error.as_deref(),
        damage: record.damage.as_deref(),
    }
}

fn stage<'a>(record: &'a RunRecord, stage: &'a crate::StageRecord, critical: Duration) -> Stage<'a> {
    Stage {
        id: stage.id,
        parent: stage.parent,
        name: &stage.name,
        label: Label {
            en: record.label(stage, Lang::En),
            ko: record.label(stage, Lang::Ko),
        },
        kind: stage.kind,
        lane: stage.lane.as_str(),
        start_s: secs(stage.start),
        end_s: secs(stage.end),
        duration_s: secs(stage.duration()),
        share: (share(stage.duration(), record.wall) * 1e6).round() / 1e6,
        critical_s: secs(critical),
        outcome: &stage.outcome,
        open: stage.open,
        notes: stage
            .notes
            .iter()
            .map(|note| Note {
                at_s: secs(note.at),
                fraction: note.fraction,
                message: &note.message,
            })
            .collect(),
    }
}

/// Seconds to the microsecond, without the noise of binary fractions.
#[expect(
    clippy::cast_precision_loss,
    reason = "microseconds fit an f64 exactly for 285 years"
)]
pub(crate) fn secs(duration: Duration) -> f64 {
    micros(duration) as f64 / 1e6
}
