//! One plain line for everything that happens.

use lab_engine::{Event, Level, StageEnd};
use stage_timer::{Labels, Lang, Outcome, lang};

use crate::speech;
use crate::words::{self, words};

/// Puts events into words.
pub(super) struct Lines {
    lang: Lang,
    labels: Labels,
}

impl Lines {
    pub(super) fn new(lang: Lang) -> Self {
        Self {
            lang,
            labels: lab_engine::stage_labels(),
        }
    }

    /// The line, without the time. Nothing for the end of a run, after which a summary comes, nor for an event of a kind
    /// that this version does not know.
    pub(super) fn of(&self, event: &Event) -> Option<String> {
        let words = words(self.lang);
        Some(match event {
            Event::RunStarted { lab, run, nodes } => words::run_started(lab, run, nodes.len(), self.lang),
            Event::Notice { level, node, message } => {
                let level = match level {
                    Level::Info => words.note,
                    Level::Warning => words.warning,
                };
                let message = speech::say(message, self.lang);
                match node {
                    Some(node) => format!("{level}: {node}: {message}"),
                    None => format!("{level}: {message}"),
                }
            }
            Event::StageStarted { stage } => lang::started_line(&self.labels.get(stage, self.lang), self.lang),
            Event::StageFinished { stage, end, took } => lang::ended_line(
                &self.labels.get(stage, self.lang),
                &outcome(&speech::end(end, self.lang)),
                *took,
                self.lang,
            ),
            Event::NodeSignal { node, signal, detail } => {
                let signal = words::signal(*signal, self.lang);
                if detail.is_empty() {
                    format!("{node}: {signal}")
                } else {
                    format!("{node}: {signal} ({detail})")
                }
            }
            Event::NodeProgress { node, step } => {
                format!("{node}: {}: {}", words.step, speech::say(step, self.lang))
            }
            Event::NodeTrouble { node, message } => {
                format!("{node}: {}: {}", words.trouble, speech::say(message, self.lang))
            }
            Event::Forecast { run: Some(eta), .. } => {
                words::expected(&eta.describe(&self.labels, self.lang), self.lang)
            }
            Event::Forecast { run: None, .. } => words.no_forecast.to_owned(),
            _ => return None,
        })
    }
}

/// Whether an event's line is worth keeping above a table that shows every node's state.
pub(super) fn stays(event: &Event) -> bool {
    matches!(
        event,
        Event::Notice { .. }
            | Event::RunStarted { .. }
            | Event::StageFinished { .. }
            | Event::Forecast { run: None, .. }
    )
}

fn outcome(end: &StageEnd) -> Outcome {
    match end {
        StageEnd::Ok => Outcome::Ok,
        StageEnd::Skipped { reason } => Outcome::skipped(reason),
        StageEnd::Failed { reason } => Outcome::failed(reason),
        StageEnd::TimedOut { reason } => Outcome::timed_out(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use lab_engine::Signal;
    use std::time::Duration;

    fn both(event: &Event) -> (String, String) {
        (
            Lines::new(Lang::En).of(event).unwrap(),
            Lines::new(Lang::Ko).of(event).unwrap(),
        )
    }

    #[test]
    fn stages_are_worded_as_people_know_them() {
        let (en, ko) = both(&Event::StageStarted { stage: "wait-ready" });
        assert_eq!(
            (en.as_str(), ko.as_str()),
            ("started: Wait for VMs ready", "시작: VM 준비 대기")
        );
        let took = Duration::from_millis(12_345);
        let (en, ko) = both(&Event::StageFinished {
            stage: "start",
            end: StageEnd::Ok,
            took,
        });
        assert_eq!(
            (en.as_str(), ko.as_str()),
            ("done: Start VMs (took 12.3s)", "완료: VM 시작 (소요: 12.3s)")
        );
        let end = StageEnd::Failed {
            reason: "Tools are not running".to_owned(),
        };
        let (en, ko) = both(&Event::StageFinished {
            stage: "monitor",
            end,
            took,
        });
        assert_eq!(
            en,
            "failed: Monitor initialization completion (took 12.3s): Tools are not running"
        );
        assert_eq!(ko, "실패: 초기화 완료 확인 (소요: 12.3s): Tools are not running");
    }

    #[test]
    fn nodes_say_what_was_seen_of_them() {
        let node = "k3s-worker1".to_owned();
        let event = Event::NodeSignal {
            node: node.clone(),
            signal: Signal::SshBanner,
            detail: "SSH-2.0-x".to_owned(),
        };
        let (en, ko) = both(&event);
        assert_eq!(en, "k3s-worker1: SSH server answers (SSH-2.0-x)");
        assert_eq!(ko, "k3s-worker1: SSH 서버 응답 (SSH-2.0-x)");
        let (en, _) = both(&Event::NodeTrouble {
            node,
            message: "connection refused".to_owned(),
        });
        assert_eq!(en, "k3s-worker1: trouble: connection refused");
    }
}
