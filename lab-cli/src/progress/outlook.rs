//! How long the run will still take, as the engine said last.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use lab_engine::Event;
use stage_timer::eta::Eta;
use stage_timer::{Labels, Lang};

use crate::table::{fit, width};

const GOOD: Style = AnsiColor::Green.on_default();
const FAINT: Style = Style::new().dimmed();
/// Columns of the bar.
const BAR: usize = 20;

/// The last forecast, and when it came.
#[derive(Debug, Default)]
pub(super) struct Outlook {
    known: Option<Known>,
}

#[derive(Debug)]
struct Known {
    run: Eta,
    nodes: BTreeMap<String, Eta>,
    at: Instant,
}

impl Outlook {
    /// Takes note of an event.
    pub(super) fn apply(&mut self, event: &Event, now: Instant) {
        match event {
            Event::RunStarted { .. } | Event::RunFinished { .. } => self.known = None,
            Event::Forecast { run: Some(run), nodes } => {
                let (run, nodes) = (run.clone(), nodes.clone());
                self.known = Some(Known { run, nodes, at: now });
            }
            _ => {}
        }
    }

    /// Of the whole run, as of now.
    pub(super) fn run(&self, now: Instant) -> Option<Eta> {
        let known = self.known.as_ref()?;
        Some(known.run.after(now.saturating_duration_since(known.at)))
    }

    /// Of a node's part of the present stage, as of now.
    pub(super) fn node(&self, node: &str, now: Instant) -> Option<Eta> {
        let known = self.known.as_ref()?;
        Some(known.nodes.get(node)?.after(now.saturating_duration_since(known.at)))
    }

    /// Whether anything is known of any node.
    pub(super) fn has_nodes(&self) -> bool {
        self.known.as_ref().is_some_and(|known| !known.nodes.is_empty())
    }

    /// The whole run as a bar and in words, in so many columns.
    pub(super) fn line(&self, labels: &Labels, lang: Lang, columns: usize, now: Instant) -> Option<String> {
        let eta = self.run(now)?;
        let percent = format!("{:>3.0}%", eta.fraction() * 100.0);
        let text = eta.describe(labels, lang);
        let room = columns.saturating_sub(2 + width(&percent) + 2);
        if room < BAR + 2 + width(&text) {
            // The words matter more.
            return Some(format!("  {percent}  {}", fit(&text, room)));
        }
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "0 to 20"
        )]
        let done = ((eta.fraction().clamp(0.0, 1.0) * BAR as f64).round() as usize).min(BAR);
        let (full, rest) = ("━".repeat(done), "─".repeat(BAR - done));
        Some(format!(
            "  {GOOD}{full}{GOOD:#}{FAINT}{rest}{FAINT:#}  {percent}  {text}"
        ))
    }
}

/// Which forecasts are worth a line where every line stays: the first one, and those that say something else.
#[derive(Debug, Default)]
pub(super) struct News {
    /// How long the run was last said to take in all, and which stage was said to be over its time.
    said: Option<(Duration, Option<String>)>,
}

impl News {
    /// Changes of the whole below this are none.
    const LEAST: Duration = Duration::from_secs(10);
    /// Nor are those below this part of it.
    const PART: f64 = 0.15;

    pub(super) fn is_news(&mut self, event: &Event) -> bool {
        match event {
            Event::RunStarted { .. } => {
                self.said = None;
                true
            }
            Event::Forecast { run: Some(eta), .. } => {
                let total = eta.total();
                let overrun = eta.overrun.as_ref().map(|o| format!("{} {}", o.name, o.lane));
                let same = self.said.as_ref().is_some_and(|(before, over)| {
                    let by = before.abs_diff(total);
                    // A run that is over its time is predicted anew all the time; once is enough.
                    let small = by < Self::LEAST || by.as_secs_f64() < before.as_secs_f64() * Self::PART;
                    *over == overrun && (small || overrun.is_some())
                });
                if !same {
                    self.said = Some((total, overrun));
                }
                !same
            }
            _ => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stage_timer::eta::Estimator;
    use stage_timer::{ManualClock, Outcome, StageKind, Timeline};

    /// The forecast at the beginning of a run, from one of so many seconds.
    fn forecast(seconds: u64) -> Event {
        let clock = std::sync::Arc::new(ManualClock::starting_at(std::time::UNIX_EPOCH));
        let timeline = Timeline::builder("up").shape("1+2").clock(clock.clone()).start();
        let stage = timeline.stage("wait-ready", StageKind::Waiting);
        let node = stage.child("wait-ready", StageKind::Waiting, "w");
        clock.advance(Duration::from_secs(seconds));
        node.finish(Outcome::Ok);
        stage.finish(Outcome::Ok);
        let estimator = Estimator::from_history(&[timeline.finish(Outcome::Ok)], "1+2");
        let run = estimator.whole("up");
        let nodes = BTreeMap::from([("w".to_owned(), run.clone().unwrap())]);
        Event::Forecast { run, nodes }
    }

    #[test]
    fn a_forecast_counts_down_until_the_next_one() {
        let (mut outlook, start) = (Outlook::default(), Instant::now());
        assert_eq!(outlook.run(start), None);
        outlook.apply(&forecast(100), start);
        let later = start + Duration::from_secs(40);
        assert_eq!(outlook.run(later).unwrap().median, Duration::from_secs(60));
        assert_eq!(outlook.node("w", later).unwrap().median, Duration::from_secs(60));
        assert_eq!(outlook.node("m", later), None);
        let line = outlook.line(&Labels::new(), Lang::En, 120, later).unwrap();
        let line = anstream::adapter::strip_str(&line).to_string();
        assert!(
            line.starts_with("  ━━━━━━━━────────────   40%  about 1m 00s left (9 in 10: "),
            "{line}"
        );
    }

    #[test]
    fn the_whole_is_never_wider_than_the_terminal() {
        let (mut outlook, start) = (Outlook::default(), Instant::now());
        outlook.apply(&forecast(4000), start);
        for lang in [Lang::En, Lang::Ko] {
            for columns in 10..140 {
                let line = outlook.line(&Labels::new(), lang, columns, start).unwrap();
                let line = anstream::adapter::strip_str(&line).to_string();
                assert!(width(&line) <= columns.max(10), "{columns}: {line}");
            }
        }
    }

    #[test]
    fn only_a_forecast_that_says_something_else_is_news() {
        let mut news = News::default();
        assert!(news.is_news(&forecast(100)));
        assert!(!news.is_news(&forecast(105)));
        assert!(!news.is_news(&forecast(113)), "less than a sixth more");
        assert!(news.is_news(&forecast(140)));
        assert!(!news.is_news(&forecast(140)));
        assert!(news.is_news(&Event::Forecast {
            run: None,
            nodes: BTreeMap::new()
        }));
    }
}
