//! Proof: recorded runs predicted from the runs before them, and the predictions held against what came.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Basis, Estimator, Eta};
use crate::text::{columns, seconds};
use crate::{Lang, Outcome, RunRecord, RunState};

/// Where in a run predictions are made, as parts of its length.
const MOMENTS: [f64; 7] = [0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.97];

/// Predictions for recorded runs, each from nothing but the runs before it.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Replay {
    /// Every prediction that was made.
    pub points: Vec<ReplayPoint>,
    /// How many runs had no earlier run to go by: for these nothing was said.
    pub without_history: usize,
}

/// One prediction, and what came.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ReplayPoint {
    /// The run.
    pub run: String,
    /// When it was made, as a part of the run's length.
    pub moment: f64,
    /// What the run still took then.
    pub actual: Duration,
    /// What was predicted.
    pub predicted: Eta,
    /// What somebody would say who only knows how long earlier runs took in all: their median less the elapsed time.
    pub naive: Duration,
    /// How long the run took in all.
    pub wall: Duration,
}

impl Replay {
    /// Replays a history, the oldest run first. Only runs that succeeded are predicted.
    pub fn of(records: &[RunRecord]) -> Self {
        let mut replay = Self {
            points: Vec::new(),
            without_history: 0,
        };
        for (number, record) in records.iter().enumerate() {
            if record.state != RunState::Finished || !record.outcome.is_success() || record.wall.is_zero() {
                continue;
            }
            let earlier = &records[..number];
            let estimator = Estimator::from_history(earlier, &record.shape);
            let mut walls: Vec<Duration> = earlier
                .iter()
                .filter(|r| r.name == record.name && r.outcome.is_success())
                .map(|r| r.wall)
                .collect();
            walls.sort_unstable();
            let mut said = false;
            for moment in MOMENTS {
                let now = record.wall.mul_f64(moment);
                let Some(predicted) = estimator.remaining(&record.as_of(now)) else {
                    continue;
                };
                said = true;
                let naive = walls
                    .get(walls.len() / 2)
                    .copied()
                    .unwrap_or_default()
                    .saturating_sub(now);
                replay.points.push(ReplayPoint {
                    run: record.id.clone(),
                    moment,
                    actual: record.wall.saturating_sub(now),
                    predicted,
                    naive,
                    wall: record.wall,
                });
            }
            replay.without_history += usize::from(!said);
        }
        replay
    }

    /// Where in a run predictions are made, as parts of its length.
    pub fn moments() -> impl Iterator<Item = f64> {
        MOMENTS.into_iter()
    }

    /// How far predictions at a moment were off, as a part of the run's length: the mean of the absolute errors.
    /// `None` when none was made then.
    pub fn mean_error(&self, moment: f64) -> Option<f64> {
        self.mean(moment, |point| {
            point.predicted.median.abs_diff(point.actual).as_secs_f64() / point.wall.as_secs_f64()
        })
    }

    /// The same for predictions that only know how long earlier runs took in all.
    pub fn mean_naive_error(&self, moment: f64) -> Option<f64> {
        self.mean(moment, |point| {
            point.naive.abs_diff(point.actual).as_secs_f64() / point.wall.as_secs_f64()
        })
    }

    /// The share of predictions at a moment whose 90th percentile was kept.
    pub fn coverage(&self, moment: f64) -> Option<f64> {
        self.mean(
            moment,
            |point| if point.actual <= point.predicted.p90 { 1.0 } else { 0.0 },
        )
    }

    fn mean(&self, moment: f64, of: impl Fn(&ReplayPoint) -> f64) -> Option<f64> {
        let values: Vec<f64> = self
            .points
            .iter()
            .filter(|point| (point.moment - moment).abs() < 1e-9)
            .map(of)
            .collect();
        #[expect(clippy::cast_precision_loss, reason = "fewer than 2^52 predictions")]
        (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
    }

    /// The errors as a table: for each moment how far off the predictions were in the mean, and how many kept their 90th
    /// percentile.
    pub fn to_text(&self, lang: Lang) -> String {
        let head = match lang {
            Lang::En => ["at", "mean error", "by total time alone", "within p90", "predictions"],
            Lang::Ko => ["시점", "평균 오차", "총 시간만으로 예측", "p90 이내", "예측 수"],
        };
        let mut rows = vec![head.map(str::to_owned).to_vec()];
        for moment in MOMENTS {
            let count = self
                .points
                .iter()
                .filter(|point| (point.moment - moment).abs() < 1e-9)
                .count();
            if count == 0 {
                continue;
            }
            let share = |value: Option<f64>| value.map_or(String::new(), |value| format!("{:.1}%", value * 100.0));
            rows.push(vec![
                format!("{:.0}%", moment * 100.0),
                share(self.mean_error(moment)),
                share(self.mean_naive_error(moment)),
                share(self.coverage(moment)),
                count.to_string(),
            ]);
        }
        let mut text = columns(&rows, &[true; 5]).join("\n");
        text.push('\n');
        if self.without_history > 0 {
            let _ = match lang {
                Lang::En => writeln!(text, "{} runs had no earlier run to go by", self.without_history),
                Lang::Ko => writeln!(text, "이전 기록이 없어 예측하지 않은 실행: {}건", self.without_history),
            };
        }
        let worst = self
            .points
            .iter()
            .max_by_key(|point| point.predicted.median.abs_diff(point.actual));
        if let Some(worst) = worst {
            let (said, came) = (seconds(worst.predicted.median), seconds(worst.actual));
            let changed = worst.predicted.basis == Basis::OtherShape;
            let other = if changed {
                lang.pick(", from another shape", ", 다른 구성")
            } else {
                ""
            };
            let _ = match lang {
                Lang::En => writeln!(text, "worst: {said} predicted, {came} came, in {}{other}", worst.run),
                Lang::Ko => writeln!(text, "최대 오차: 예측 {said}, 실제 {came}, {}{other}", worst.run),
            };
        }
        text
    }
}

impl RunRecord {
    /// The run as it was at a moment: what had begun by then, and what of that was still open.
    pub fn as_of(&self, now: Duration) -> RunRecord {
        let now = now.min(self.wall);
        let mut record = self.clone();
        record.stages.retain(|stage| stage.start <= now);
        for stage in &mut record.stages {
            if stage.end > now {
                stage.end = now;
                stage.open = true;
                stage.outcome = Outcome::Aborted;
            }
            stage.notes.retain(|note| note.at <= now);
        }
        record.wall = now;
        record.state = RunState::Running;
        record.outcome = Outcome::Aborted;
        record.ended = None;
        record
    }
}
