//! The live picture on a terminal: what has ended scrolls away above, below it what is open, and how far the whole is.

use std::io::Write as _;
use std::time::Duration;

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::View;
use super::board::{Board, OpenStage};
use crate::lang::ended_line;
use crate::taskbar::{Taskbar, is_known};
use crate::text::rough;
use crate::{Event, EventKind, Lang, Outcome, StageKind};

/// Open stages that are shown at most.
const MOST: usize = 16;
const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];
/// Columns of the bar.
const BAR: usize = 24;

pub(super) struct Tty {
    lang: Lang,
    colour: bool,
    bars: MultiProgress,
    lines: Vec<ProgressBar>,
    frame: usize,
    taskbar: Option<Taskbar>,
    over: bool,
}

impl Tty {
    pub(super) fn on_stderr(lang: Lang, colour: bool) -> Self {
        let known = is_known(|name| std::env::var(name).ok());
        Self::on(
            ProgressDrawTarget::stderr_with_hz(20),
            lang,
            colour,
            known.then_some(Taskbar::Clear),
        )
    }

    pub(super) fn on(target: ProgressDrawTarget, lang: Lang, colour: bool, taskbar: Option<Taskbar>) -> Self {
        let bars = MultiProgress::with_draw_target(target);
        Self {
            lang,
            colour,
            bars,
            lines: Vec::new(),
            frame: 0,
            taskbar,
            over: false,
        }
    }

    /// Makes the lines at the bottom be these. Cutting them to the width of the terminal, whatever it is at the moment,
    /// is indicatif's part.
    fn show(&mut self, texts: Vec<String>) {
        while self.lines.len() > texts.len() {
            if let Some(line) = self.lines.pop() {
                line.finish_and_clear();
                self.bars.remove(&line);
            }
        }
        while self.lines.len() < texts.len() {
            let line = self.bars.add(ProgressBar::new_spinner());
            // The template is a constant that is known to be right; without it the line would only look different.
            if let Ok(style) = ProgressStyle::with_template("{wide_msg}") {
                line.set_style(style);
            }
            self.lines.push(line);
        }
        for (line, text) in self.lines.iter().zip(texts) {
            line.set_message(text);
            line.tick();
        }
    }

    fn stage_line(&self, board: &Board, stage: &OpenStage, now: Duration) -> String {
        let spinner = SPINNER[self.frame % SPINNER.len()];
        let (mark, code) = match stage.info.kind() {
            StageKind::Working => (spinner, "36"),
            StageKind::Waiting => (spinner, "33"),
        };
        let indent = "  ".repeat(stage.depth.min(6));
        let name = self.paint("1", &board.name(&stage.info));
        format!(
            "{indent}{} {name}  {}",
            self.paint(code, mark),
            self.paint("2", &board.state(stage, now))
        )
    }

    fn whole_line(&self, board: &mut Board, now: Duration) -> String {
        let elapsed = rough(now, self.lang);
        let Some(fraction) = board.eta(now).map(crate::eta::Eta::fraction) else {
            return match self.lang {
                Lang::En => format!("{elapsed} elapsed"),
                Lang::Ko => format!("{elapsed} 경과"),
            };
        };
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss,
            reason = "0 to 24"
        )]
        let done = (fraction.clamp(0.0, 1.0) * BAR as f64).round() as usize;
        let bar = format!("{}{}", "━".repeat(done), self.paint("2", &"─".repeat(BAR - done)));
        let text = board.eta_text(now).unwrap_or_default();
        format!(
            "{} {:>3.0}%  {elapsed} · {text}",
            self.paint("32", &bar),
            fraction * 100.0
        )
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colour {
            format!("\x1b[{code}m{text}\x1b[0m")
        } else {
            text.to_owned()
        }
    }

    fn set_taskbar(&mut self, state: Taskbar) {
        if self.taskbar.is_some_and(|shown| shown != state) {
            self.taskbar = Some(state);
            // One small write; a terminal that has gone does not stop the run.
            let _ = std::io::stderr().write_all(state.sequence().as_bytes());
        }
    }
}

impl View for Tty {
    fn event(&mut self, event: &Event, board: &Board) {
        match &event.kind {
            EventKind::StageEnded { stage, outcome } => {
                let took = event.at.saturating_sub(stage.start());
                let (mark, code) = match outcome {
                    Outcome::Ok => ("✓", "32"),
                    Outcome::Skipped { .. } => ("·", "2"),
                    Outcome::Failed { .. } | Outcome::TimedOut { .. } => ("✗", "31"),
                    Outcome::Cancelled | Outcome::Aborted => ("✗", "33"),
                };
                let line = ended_line(&board.name(stage), outcome, took, self.lang);
                // A part that went well is no news once the whole of it is done; it scrolls away only where it is.
                if stage.parent().is_none() || !outcome.is_success() || board.open().len() <= MOST {
                    let indent = if stage.parent().is_some() { "  " } else { "" };
                    let _ = self.bars.println(format!("{indent}{} {line}", self.paint(code, mark)));
                }
            }
            EventKind::RecordingFailed { reason } => {
                let text = self.lang.pick(
                    "the run is not recorded any further",
                    "실행 기록을 더 이상 남길 수 없음",
                );
                let _ = self.bars.println(format!("{} {text}: {reason}", self.paint("33", "!")));
            }
            EventKind::RunFinished { .. } => self.over = true,
            EventKind::RunStarted | EventKind::StageStarted { .. } | EventKind::Progress { .. } => {}
        }
    }

    fn tick(&mut self, board: &mut Board, now: Duration) {
        if self.over {
            return;
        }
        self.frame += 1;
        let mut texts: Vec<String> = board
            .open()
            .iter()
            .take(MOST)
            .map(|stage| self.stage_line(board, stage, now))
            .collect();
        let more = board.open().len().saturating_sub(MOST);
        if more > 0 {
            texts.push(match self.lang {
                Lang::En => format!("… {more} more"),
                Lang::Ko => format!("… 그 밖에 {more}개"),
            });
        }
        texts.push(self.whole_line(board, now));
        self.show(texts);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
        let percent = board.eta(now).map(|eta| (eta.fraction() * 100.0) as u8);
        self.set_taskbar(match (percent, board.has_failed()) {
            (percent, true) => Taskbar::Failed(percent.unwrap_or(100)),
            (Some(percent), false) => Taskbar::Percent(percent),
            (None, false) => Taskbar::Busy,
        });
    }

    fn end(&mut self) {
        self.show(Vec::new());
        let _ = self.bars.clear();
        self.set_taskbar(Taskbar::Clear);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use indicatif::InMemoryTerm;

    use super::*;
    use crate::eta::Estimator;
    use crate::{RunRecord, Timeline};

    /// A run whose events are kept.
    fn events(work: impl FnOnce(&Timeline, &crate::ManualClock)) -> (Vec<Event>, RunRecord) {
        let clock = Arc::new(crate::ManualClock::starting_at(std::time::UNIX_EPOCH));
        let kept = Arc::new(std::sync::Mutex::new(Vec::new()));
        let theirs = Arc::clone(&kept);
        let timeline = Timeline::builder("up")
            .shape("x")
            .clock(clock.clone())
            .observer(move |event| theirs.lock().unwrap().push(event.clone()))
            .start();
        work(&timeline, &clock);
        let record = timeline.finish(Outcome::Ok);
        let events = kept.lock().unwrap().clone();
        (events, record)
    }

    fn lab(timeline: &Timeline, clock: &crate::ManualClock) {
        timeline.stage("check", StageKind::Working).finish(Outcome::Ok);
        let wait = timeline.stage("wait", StageKind::Waiting);
        let boot = wait.child("boot", StageKind::Waiting, "vm1");
        boot.progress(Some(0.5), "TCP 22 open");
        clock.advance(Duration::from_secs(10));
        boot.finish(Outcome::Ok);
        wait.finish(Outcome::failed("no cluster"));
    }

    #[test]
    fn what_is_open_is_below_what_has_ended_and_the_whole_is_last() {
        let (all, record) = events(lab);
        let terminal = InMemoryTerm::new(12, 70);
        let target = ProgressDrawTarget::term_like(Box::new(terminal.clone()));
        let mut tty = Tty::on(target, Lang::En, false, None);
        let mut board = Board::new(
            Lang::En,
            Some(Arc::new(Estimator::from_history(&[succeeded(record)], "x"))),
        );
        let middle = all
            .iter()
            .position(|event| matches!(event.kind, EventKind::Progress { .. }))
            .unwrap()
            + 1;
        for event in &all[..middle] {
            board.apply(event);
            tty.event(event, &board);
        }
        tty.tick(&mut board, Duration::from_secs(4));
        let shown = terminal.contents();
        let lines: Vec<&str> = shown.lines().map(str::trim_end).collect();
        assert_eq!(lines[0], "✓ done: Check (took 0.0s)", "{shown}");
        assert!(lines[1].ends_with("Wait  waiting 4s"), "{shown}");
        assert!(
            lines[2].ends_with("Boot [vm1]  waiting 4s, 50%, TCP 22 open"),
            "{shown}"
        );
        assert!(lines[3].contains(" 40%  4s · about 6s left"), "{shown}");
        for event in &all[middle..] {
            board.apply(event);
            tty.event(event, &board);
        }
        tty.tick(&mut board, Duration::from_secs(10));
        tty.end();
        let shown = terminal.contents();
        assert!(
            shown.contains("  ✓ done: Boot [vm1] (took 10.0s)\n✗ failed: Wait (took 10.0s): no cluster"),
            "{shown}"
        );
        assert!(
            !shown.contains('━') && !shown.contains(SPINNER[2]),
            "nothing is left over: {shown}"
        );
    }

    fn succeeded(mut record: RunRecord) -> RunRecord {
        record.outcome = Outcome::Ok;
        record
    }

    #[test]
    fn a_narrow_terminal_gets_what_fits_and_many_stages_are_counted() {
        let (all, _) = events(|timeline, clock| {
            let stages: Vec<_> = (0..40)
                .map(|i| timeline.stage_in("작업", StageKind::Working, format!("lane{i}")))
                .collect();
            clock.advance(Duration::from_secs(1));
            drop(stages);
        });
        let terminal = InMemoryTerm::new(30, 24);
        let mut tty = Tty::on(
            ProgressDrawTarget::term_like(Box::new(terminal.clone())),
            Lang::Ko,
            true,
            None,
        );
        let mut board = Board::new(Lang::Ko, None);
        for event in &all[..41] {
            board.apply(event);
            tty.event(event, &board);
        }
        tty.tick(&mut board, Duration::from_secs(1));
        let shown = terminal.contents();
        assert!(shown.lines().all(|line| crate::text::width(line) <= 24), "{shown}");
        assert!(
            shown.contains("… 그 밖에 24개") && shown.contains("1초 경과"),
            "{shown}"
        );
    }
}
