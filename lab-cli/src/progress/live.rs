//! The live table: the board, drawn again and again at the bottom of the terminal, with what stays above it.

use std::time::Instant;

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::board::Board;
use crate::screen::Screen;

/// How often the terminal is written to at most, per second.
const RATE: u8 = 20;

/// Draws on the terminal that standard error is.
pub(super) struct Live {
    screen: Screen,
    bar: Option<ProgressBar>,
    colours: bool,
}

impl Live {
    pub(super) fn new(screen: &Screen) -> Self {
        let colours = anstream::AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never;
        Self {
            screen: screen.clone(),
            bar: None,
            colours,
        }
    }

    /// Puts the table up.
    pub(super) fn start(&mut self) {
        self.start_on(ProgressDrawTarget::stderr_with_hz(RATE));
    }

    fn start_on(&mut self, target: ProgressDrawTarget) {
        let bar = ProgressBar::with_draw_target(None, target);
        // The table is one message of several lines: it is laid out by the board, which knows what may be left out.
        if let Ok(style) = ProgressStyle::with_template("{msg}") {
            bar.set_style(style);
        }
        self.screen.set_live(Some(bar.clone()));
        self.bar = Some(bar);
    }

    /// A line that stays, above the table.
    pub(super) fn line(&self, line: &str) {
        self.screen.line(line);
    }

    /// Draws the board as it is now.
    pub(super) fn draw(&self, board: &Board, now: Instant) {
        let Some(bar) = &self.bar else { return };
        let (columns, rows) = crossterm::terminal::size().unwrap_or((80, 24));
        let table = board.table(columns.into(), rows.into(), now).join("\n");
        bar.set_message(if self.colours {
            table
        } else {
            anstream::adapter::strip_str(&table).to_string()
        });
    }

    /// Takes the table away.
    pub(super) fn stop(&mut self) {
        if let Some(bar) = self.bar.take() {
            self.screen.set_live(None);
            bar.finish_and_clear();
        }
    }
}
