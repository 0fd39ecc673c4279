//! The live table: the board, painted again and again at the bottom of the terminal, with what stays above it.

use std::time::{Duration, Instant};

use stage_timer::taskbar::Taskbar;

use super::board::Board;
use super::terminal::knows_taskbar;
use crate::screen::Screen;

/// The shortest time between two drawings: a hundred nodes have a hundred things to say.
const PAUSE: Duration = Duration::from_millis(50);

/// Shows the board on the terminal that standard error is.
pub(super) struct Live {
    screen: Screen,
    running: bool,
    /// Whether the terminal shows progress in its tab or the task bar.
    taskbar: bool,
    drawn: Option<Instant>,
}

impl Live {
    pub(super) fn new(screen: &Screen) -> Self {
        Self {
            screen: screen.clone(),
            running: false,
            taskbar: knows_taskbar(),
            drawn: None,
        }
    }

    /// Puts the table up.
    pub(super) fn start(&mut self) {
        self.running = true;
    }

    /// A line that stays, above the table.
    pub(super) fn line(&self, line: &str) {
        self.screen.line(line);
    }

    /// Draws the board as it is now, unless it was drawn just before: what is missed then comes with the next tick.
    pub(super) fn draw(&mut self, board: &Board, now: Instant) {
        if !self.running
            || self
                .drawn
                .is_some_and(|last| now.saturating_duration_since(last) < PAUSE)
        {
            return;
        }
        self.drawn = Some(now);
        let (columns, rows) = crossterm::terminal::size().unwrap_or((80, 24));
        self.screen.set_table(board.table(columns.into(), rows.into(), now));
        if self.taskbar {
            self.screen.set_taskbar(board.taskbar(now));
        }
    }

    /// Takes the table away.
    pub(super) fn stop(&mut self) {
        self.running = false;
        self.screen.set_table(Vec::new());
        self.screen.set_taskbar(Taskbar::Clear);
    }
}
