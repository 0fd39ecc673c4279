//! What earlier runs usually took, stage by stage.

use std::collections::{HashMap, HashSet};
use std::fmt::Write as _;
use std::time::Duration;

use serde::Serialize;

use super::model::Model;
use super::simulate::{FADING, quantile, seconds};
use super::{Basis, Estimator, as_seconds, pick};
use crate::analysis::keys::Key;
use crate::text::{columns, lane_suffix};
use crate::{Labels, Lane, Lang};

/// What the earlier runs that a prediction rests on took. Serialized, times are in seconds.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct Typical {
    /// Which runs these are.
    pub basis: Basis,
    /// The whole run.
    pub run: Spread,
    /// Its stages: the order is that of the newest run, each before what is inside of it.
    pub stages: Vec<TypicalStage>,
}

/// What a stage took in earlier runs.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct TypicalStage {
    /// Its stable name.
    pub name: String,
    /// Its lane.
    pub lane: Lane,
    /// How many stages enclose it.
    pub depth: usize,
    /// How long it took, where it was not skipped.
    #[serde(flatten)]
    pub took: Spread,
}

/// How durations were spread. Newer runs count a little more, as they do in predictions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[non_exhaustive]
pub struct Spread {
    /// How many there were.
    pub runs: usize,
    /// As many took longer as did not.
    #[serde(serialize_with = "as_seconds")]
    pub median: Duration,
    /// Nine of ten took no longer.
    #[serde(serialize_with = "as_seconds")]
    pub p90: Duration,
    /// The longest.
    #[serde(serialize_with = "as_seconds")]
    pub longest: Duration,
}

impl Spread {
    /// Of durations in seconds with their weights; `None` of none.
    fn of(mut values: Vec<(f64, f64)>) -> Option<Self> {
        values.sort_by(|a, b| a.0.total_cmp(&b.0));
        let longest = values.last()?.0;
        Some(Self {
            runs: values.len(),
            median: seconds(quantile(&values, 0.5)),
            p90: seconds(quantile(&values, 0.9)),
            longest: seconds(longest),
        })
    }
}

impl Estimator {
    /// What the runs took that predictions for runs called `name` rest on. `None` if there are none. A stage that all of
    /// them skipped is left out.
    pub fn typical(&self, name: &str) -> Option<Typical> {
        let group = self.groups.get(name)?;
        let (basis, indices, _) = group.basis(true);
        let models: Vec<(&Model, f64)> = pick(&self.models, indices)
            .into_iter()
            .rev()
            .zip(std::iter::successors(Some(1.0), |weight| Some(weight * FADING)))
            .collect();
        let run = Spread::of(models.iter().map(|(model, weight)| (model.wall, *weight)).collect())?;
        let stages = order(&models).into_iter().filter_map(|(key, depth)| {
            let pasts = || models.iter().filter_map(|(m, w)| Some((m.stages.get(&key)?, *w)));
            let (newest, _) = pasts().next()?;
            let took = pasts().filter(|(past, _)| !past.skipped);
            Some(TypicalStage {
                name: newest.name.clone(),
                lane: newest.lane.clone(),
                depth,
                took: Spread::of(took.map(|(past, weight)| (past.duration(), weight)).collect())?,
            })
        });
        let stages = stages.collect();
        Some(Typical { basis, run, stages })
    }
}

/// The stages of all runs with their depths; what only older runs have comes last in its surroundings.
fn order(models: &[(&Model, f64)]) -> Vec<(Key, usize)> {
    let mut inside: HashMap<Option<Key>, Vec<Key>> = HashMap::new();
    let mut known = HashSet::new();
    for (model, _) in models {
        let parents = std::iter::once(None).chain(model.stages.keys().copied().map(Some));
        for parent in parents {
            for &child in model.children(parent) {
                if known.insert(child) {
                    inside.entry(parent).or_default().push(child);
                }
            }
        }
    }
    let mut stack: Vec<(Key, usize)> = Vec::new();
    let mut order = Vec::with_capacity(known.len());
    let mut push = |stack: &mut Vec<(Key, usize)>, parent, depth| {
        let children = inside.remove(&parent).unwrap_or_default();
        stack.extend(children.into_iter().rev().map(|child| (child, depth)));
    };
    push(&mut stack, None, 0);
    while let Some((key, depth)) = stack.pop() {
        order.push((key, depth));
        push(&mut stack, Some(key), depth + 1);
    }
    order
}

impl Typical {
    /// As a table whose columns line up.
    pub fn to_text(&self, labels: &Labels, lang: Lang) -> String {
        let head = match lang {
            Lang::En => ["Stage", "Median", "90%", "Longest", "Runs"],
            Lang::Ko => ["단계", "중앙값", "90%", "최장", "실행 수"],
        };
        let row = |label: String, took: &Spread| {
            let times = [took.median, took.p90, took.longest].map(crate::text::seconds);
            let mut row = vec![label];
            row.extend(times);
            row.push(took.runs.to_string());
            row
        };
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        rows.extend(self.stages.iter().map(|stage| {
            let (indent, lane) = ("  ".repeat(stage.depth.min(8)), lane_suffix(&stage.lane));
            row(format!("{indent}{}{lane}", labels.get(&stage.name, lang)), &stage.took)
        }));
        rows.push(row(lang.pick("Total", "총 소요 시간").to_owned(), &self.run));
        let mut text = String::new();
        for line in columns(&rows, &[false, true, true, true, true]) {
            let _ = writeln!(text, "{line}");
        }
        text
    }
}
