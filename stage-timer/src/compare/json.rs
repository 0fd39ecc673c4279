//! A comparison as JSON.

use serde::Serialize;

use super::{Change, Comparison, Side};
use crate::export::secs;
use crate::{Lang, StageKind, WallTime};

#[derive(Serialize)]
struct Document<'a> {
    format: &'static str,
    version: u32,
    base: Run<'a>,
    new: Run<'a>,
    fair: bool,
    slowdown: f64,
    change: &'static str,
    stages: Vec<Stage<'a>>,
}

#[derive(Serialize)]
struct Run<'a> {
    id: &'a str,
    name: &'a str,
    shape: &'a str,
    started: WallTime,
    wall_s: f64,
    #[serde(flatten)]
    outcome: &'a crate::Outcome,
}

#[derive(Serialize)]
struct Stage<'a> {
    name: &'a str,
    label: String,
    lane: &'a str,
    kind: StageKind,
    depth: usize,
    change: &'static str,
    delta_s: Option<f64>,
    base: Option<JsonSide<'a>>,
    new: Option<JsonSide<'a>>,
}

#[derive(Serialize)]
struct JsonSide<'a> {
    start_s: f64,
    duration_s: f64,
    critical: bool,
    #[serde(flatten)]
    outcome: &'a crate::Outcome,
}

impl Comparison<'_> {
    /// The comparison as one JSON document. Times are in seconds; `slowdown` is 0.1 for 10 % slower.
    pub fn to_json(&self) -> String {
        let document = Document {
            format: "stage-timer-comparison",
            version: 1,
            base: json_run(self.base),
            new: json_run(self.new),
            fair: self.is_fair(),
            slowdown: (self.slowdown() * 1e6).round() / 1e6,
            change: word(self.total),
            stages: self
                .stages
                .iter()
                .map(|stage| Stage {
                    name: &stage.name,
                    label: self.label(stage, Lang::En).into_owned(),
                    lane: stage.lane.as_str(),
                    kind: stage.kind,
                    depth: stage.depth,
                    change: word(stage.change),
                    delta_s: stage.base.as_ref().zip(stage.new.as_ref()).map(|(base, new)| {
                        let delta = secs(new.duration) - secs(base.duration);
                        (delta * 1e6).round() / 1e6
                    }),
                    base: stage.base.as_ref().map(json_side),
                    new: stage.new.as_ref().map(json_side),
                })
                .collect(),
        };
        serde_json::to_string_pretty(&document).unwrap_or_default()
    }
}

fn json_run(run: &crate::RunRecord) -> Run<'_> {
    Run {
        id: &run.id,
        name: &run.name,
        shape: &run.shape,
        started: run.started,
        wall_s: secs(run.wall),
        outcome: &run.outcome,
    }
}

fn json_side(side: &Side) -> JsonSide<'_> {
    JsonSide {
        start_s: secs(side.start),
        duration_s: secs(side.duration),
        critical: side.critical,
        outcome: &side.outcome,
    }
}

fn word(change: Change) -> &'static str {
    match change {
        Change::Same => "same",
        Change::Faster(_) => "faster",
        Change::Slower(_) => "slower",
        Change::Added => "added",
        Change::Removed => "removed",
    }
}
