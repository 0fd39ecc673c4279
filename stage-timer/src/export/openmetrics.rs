//! The run as `OpenMetrics` text, for Prometheus' textfile collector or a push gateway.
//!
//! Source of the format: the `OpenMetrics` 1.0 specification.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::json::secs;
use crate::{RunRecord, StageRecord};

/// What tells the series of stages apart. Stages of one name in one place and lane are one series.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Series<'a> {
    path: String,
    lane: &'a str,
    kind: &'static str,
}

/// Labels and value.
type Sample = (String, String);

impl RunRecord {
    /// The run as `OpenMetrics` text: durations of stages (`stage` is the ids from the outermost in, with `/` between),
    /// how they ended, and the totals of the run.
    pub fn to_openmetrics(&self) -> String {
        let mut text = String::new();
        let run = format!("run=\"{}\",shape=\"{}\"", Quoted(&self.name), Quoted(&self.shape));
        let totals = self.totals();
        let mut gauge = |name: &str, unit: &str, help: &str, samples: &[Sample]| {
            let _ = writeln!(text, "# TYPE stage_timer_{name} gauge");
            if !unit.is_empty() {
                let _ = writeln!(text, "# UNIT stage_timer_{name} {unit}");
            }
            let _ = writeln!(text, "# HELP stage_timer_{name} {help}");
            for (labels, value) in samples {
                let separator = if labels.is_empty() { "" } else { "," };
                let _ = writeln!(text, "stage_timer_{name}{{{run}{separator}{labels}}} {value}");
            }
        };
        let whole = |value: f64| vec![(String::new(), value.to_string())];
        let (durations, outcomes) = self.series();
        gauge(
            "run_duration_seconds",
            "seconds",
            "Wall-clock time of the run.",
            &whole(secs(totals.wall)),
        );
        gauge(
            "run_started_timestamp_seconds",
            "seconds",
            "Start of the run, in seconds since 1970.",
            &whole(self.started.unix_seconds()),
        );
        let success = if self.outcome.is_success() { 1.0 } else { 0.0 };
        gauge("run_success", "", "1 if the run succeeded, else 0.", &whole(success));
        let parts = [
            ("working", totals.working),
            ("waiting", totals.waiting),
            ("untracked", totals.untracked),
        ];
        let parts: Vec<_> = parts
            .map(|(part, time)| (format!("part=\"{part}\""), secs(time).to_string()))
            .into_iter()
            .collect();
        gauge(
            "run_part_seconds",
            "seconds",
            "Wall-clock time by what was done in it.",
            &parts,
        );
        gauge(
            "run_speed_up",
            "",
            "Sum of the lanes' busy times by wall-clock time.",
            &whole(totals.speed_up),
        );
        gauge(
            "stage_duration_seconds",
            "seconds",
            "Time that a stage took.",
            &durations,
        );
        gauge("stages", "", "Number of stages by how they ended.", &outcomes);
        text.push_str("# EOF\n");
        text
    }

    /// The durations of stages, and how many stages ended in which way.
    fn series(&self) -> (Vec<Sample>, Vec<Sample>) {
        let mut paths: Vec<String> = Vec::with_capacity(self.stages.len());
        let mut durations: BTreeMap<Series<'_>, std::time::Duration> = BTreeMap::new();
        let mut outcomes: BTreeMap<&'static str, u64> = BTreeMap::new();
        for stage in &self.stages {
            let path = path_of(stage, &paths);
            let series = Series {
                path: path.clone(),
                lane: stage.lane.as_str(),
                kind: stage.kind.id(),
            };
            paths.push(path);
            *durations.entry(series).or_default() += stage.duration();
            *outcomes.entry(stage.outcome.id()).or_default() += 1;
        }
        let labels = |series: &Series<'_>| {
            format!(
                "stage=\"{}\",lane=\"{}\",kind=\"{}\"",
                Quoted(&series.path),
                Quoted(series.lane),
                series.kind
            )
        };
        (
            durations
                .iter()
                .map(|(series, time)| (labels(series), secs(*time).to_string()))
                .collect(),
            outcomes
                .into_iter()
                .map(|(outcome, count)| (format!("outcome=\"{outcome}\""), count.to_string()))
                .collect(),
        )
    }
}

/// The ids from the outermost in. Nested a hundred deep, a name says no more than its end.
fn path_of(stage: &StageRecord, known: &[String]) -> String {
    match stage.parent.and_then(|parent| known.get(parent.index())) {
        Some(parent) if parent.len() < 400 => format!("{parent}/{}", stage.name),
        Some(_) => format!("…/{}", stage.name),
        None => stage.name.clone(),
    }
}

/// A label value as the format wants it.
struct Quoted<'a>(&'a str);

impl std::fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '\\' => f.write_str("\\\\")?,
                '"' => f.write_str("\\\"")?,
                '\n' => f.write_str("\\n")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn label_values_are_quoted() {
        assert_eq!(Quoted("a\"b\\c\nd").to_string(), "a\\\"b\\\\c\\nd");
    }
}
