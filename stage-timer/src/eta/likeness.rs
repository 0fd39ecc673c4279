//! How much an earlier run is like the live one, and how much faster or slower that one is.

use super::model::Model;
use super::simulate::Live;
use crate::Outcome;

/// How much less a run counts for every stage that went another way in it: skipped in one and not in the other, twice as
/// long, or already older than it then became.
const UNLIKE: f64 = 0.25;
/// The weight of "as fast as then" against the evidence of the stages that have ended so far, as a part of that run.
/// Chosen, like the other weights here, by replaying histories.
const INERTIA: f64 = 0.25;
/// Stages shorter than this part of the run tell little by how long they took.
const SHORT: f64 = 0.02;
/// The most that one stage says of the pace of the others (a natural logarithm: half as long again).
const MOST_SLOWER: f64 = 0.4;
/// A stage that took twice or half as long as it did (a natural logarithm) was done in another way than then.
const OTHER_WAY: f64 = 0.7;

/// How much slower the live run is than an earlier one, judged by what has ended in both. A stage that went quite
/// differently says little of the pace of others.
pub(super) fn pace(model: &Model, live: &Live<'_>) -> f64 {
    let (mut weights, mut sum) = (model.wall * INERTIA, 0.0);
    for (index, stage) in live.record.stages.iter().enumerate() {
        let past = live.keys[index].and_then(|key| model.stages.get(&key));
        if let Some(past) = past.filter(|past| !stage.open && past.children.is_empty() && !past.skipped)
            && stage.outcome == Outcome::Ok
        {
            let now = stage.duration().as_secs_f64();
            let weight = past.duration().min(now);
            weights += weight;
            sum += weight * slower(past.duration(), now, model.wall).clamp(-MOST_SLOWER, MOST_SLOWER);
        }
        // What is open says something too, as far as it has come.
        if let Some(past) = past.filter(|past| stage.open && past.children.is_empty())
            && let Some((now, then)) = past.milestone(&live.said[index])
        {
            let weight = then.min(now);
            weights += weight;
            sum += weight * slower(then, now, model.wall).clamp(-MOST_SLOWER, MOST_SLOWER);
        }
    }
    if weights > 0.0 { (sum / weights).exp() } else { 1.0 }
}

/// How much slower a stage was than an earlier one, as a natural logarithm. Of stages that are short in a run of `wall`
/// little is made.
fn slower(then: f64, now: f64, wall: f64) -> f64 {
    let least = wall * SHORT + 1e-6;
    ((now + least) / (then + least)).ln()
}

/// How much a run counts for the live one: less for every way in which they are already unlike.
pub(super) fn likeness(model: &Model, live: &Live<'_>, pace: f64) -> f64 {
    let mut unlike = 0;
    for (index, stage) in live.record.stages.iter().enumerate() {
        let Some(past) = live.keys[index].and_then(|key| model.stages.get(&key)) else {
            continue;
        };
        let skipped = matches!(stage.outcome, Outcome::Skipped { .. });
        let differs = if stage.open {
            past.skipped || live.age(index) > past.duration() * pace.max(1.0)
        } else {
            let now = stage.duration().as_secs_f64();
            past.skipped != skipped || slower(past.duration(), now, model.wall).abs() > OTHER_WAY
        };
        unlike += i32::from(differs);
    }
    UNLIKE.powi(unlike.min(4))
}
