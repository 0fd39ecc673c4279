//! A line for every change.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::io::Write;
use std::time::Duration;

use super::View;
use super::board::Board;
use crate::lang::{ended_line, outcome_word, started_line};
use crate::record::StageId;
use crate::text::seconds;
use crate::{Event, EventKind, Lang, WallTime};

/// A stage that has much to say says it this often.
const LEAST: Duration = Duration::from_secs(1);
/// Open stages that a sign of life names at most.
const NAMED: usize = 3;

pub(super) struct Plain {
    out: Box<dyn Write + Send>,
    lang: Lang,
    silence: Duration,
    started: Option<WallTime>,
    /// The time of the run at the last line.
    last: Duration,
    stages: HashMap<StageId, Said>,
}

/// What was last said of a stage.
struct Said {
    /// When; `None` while nothing was said but that it started.
    at: Option<Duration>,
    message: String,
    tenths: Option<u8>,
    /// Said too soon after the last: to be said when it is time, unless something newer comes.
    due: Option<String>,
}

impl Plain {
    pub(super) fn new(out: Box<dyn Write + Send>, lang: Lang, silence: Duration) -> Self {
        Self {
            out,
            lang,
            silence,
            started: None,
            last: Duration::ZERO,
            stages: HashMap::new(),
        }
    }

    fn line(&mut self, at: Duration, text: &str) {
        let time = self.started.unwrap_or_else(WallTime::now).after(at);
        self.last = at;
        // A reader that has gone does not stop the run.
        let _ = writeln!(self.out, "{time} {text}").and_then(|()| self.out.flush());
    }

    fn progress(&mut self, event: &Event, board: &Board) {
        let EventKind::Progress {
            stage,
            fraction,
            message,
        } = &event.kind
        else {
            return;
        };
        let Some(said) = self.stages.get_mut(&stage.id()) else {
            return;
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 10")]
        let tenths = fraction.map(|fraction| (fraction * 10.0) as u8);
        if said.message == **message && said.tenths == tenths {
            return;
        }
        said.message = message.to_string();
        said.tenths = tenths;
        let percent = fraction.map(|fraction| format!("{:.0}%", fraction * 100.0));
        let parts: Vec<&str> = [&**message, percent.as_deref().unwrap_or("")]
            .into_iter()
            .filter(|p| !p.is_empty())
            .collect();
        let text = format!("{}: {}", board.name(stage), parts.join(", "));
        if said.at.is_some_and(|at| event.at.saturating_sub(at) < LEAST) {
            said.due = Some(text);
        } else {
            said.at = Some(event.at);
            said.due = None;
            self.line(event.at, &text);
        }
    }
}

impl View for Plain {
    fn event(&mut self, event: &Event, board: &Board) {
        self.started.get_or_insert(event.run.started);
        match &event.kind {
            EventKind::StageStarted { stage } => {
                let said = Said {
                    at: None,
                    message: String::new(),
                    tenths: None,
                    due: None,
                };
                self.stages.insert(stage.id(), said);
                self.line(event.at, &started_line(&board.name(stage), self.lang));
            }
            EventKind::Progress { .. } => self.progress(event, board),
            EventKind::StageEnded { stage, outcome } => {
                self.stages.remove(&stage.id());
                let took = event.at.saturating_sub(stage.start());
                self.line(event.at, &ended_line(&board.name(stage), outcome, took, self.lang));
            }
            EventKind::RunFinished { outcome, .. } => {
                let total = self.lang.pick("Total", "총 소요 시간");
                let text = format!("{total}: {} ({})", seconds(event.at), outcome_word(outcome, self.lang));
                self.line(event.at, &text);
            }
            EventKind::RecordingFailed { reason } => {
                let text = self.lang.pick(
                    "the run is not recorded any further",
                    "실행 기록을 더 이상 남길 수 없음",
                );
                self.line(event.at, &format!("{text}: {reason}"));
            }
            EventKind::RunStarted => {}
        }
    }

    fn tick(&mut self, board: &mut Board, now: Duration) {
        let due = |said: &mut Said| {
            let text = said
                .at
                .is_none_or(|at| now.saturating_sub(at) >= LEAST)
                .then(|| said.due.take())
                .flatten()?;
            said.at = Some(now);
            Some(text)
        };
        let mut lines: Vec<(StageId, String)> = self
            .stages
            .iter_mut()
            .filter_map(|(id, said)| Some((*id, due(said)?)))
            .collect();
        lines.sort();
        for (_, text) in lines {
            self.line(now, &text);
        }
        if now.saturating_sub(self.last) < self.silence || board.open().is_empty() {
            return;
        }
        let open: Vec<String> = board
            .innermost()
            .take(NAMED)
            .map(|stage| format!("{} ({})", board.name(&stage.info), board.state(stage, now)))
            .collect();
        let more = board.innermost().count().saturating_sub(NAMED);
        let mut text = format!("{}: {}", self.lang.pick("still at", "계속 진행 중"), open.join("; "));
        if more > 0 {
            let _ = match self.lang {
                Lang::En => write!(text, "; {more} more"),
                Lang::Ko => write!(text, "; 그 밖에 {more}개"),
            };
        }
        if let Some(eta) = board.eta_text(now) {
            text.push_str(" · ");
            text.push_str(&eta);
        }
        self.line(now, &text);
    }
}
