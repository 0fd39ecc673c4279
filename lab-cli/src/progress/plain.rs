//! Plain lines, for a file, a pipe or a CI job.

use std::time::{Duration, Instant};

use crate::screen::Screen;

/// After this long without a line, one says that the run still goes on: CI systems stop jobs that are silent.
const SILENCE: Duration = Duration::from_secs(30);

/// Writes lines and knows when it wrote the last one.
pub(super) struct Plain {
    screen: Screen,
    last: Instant,
}

impl Plain {
    pub(super) fn new(screen: &Screen) -> Self {
        Self {
            screen: screen.clone(),
            last: Instant::now(),
        }
    }

    pub(super) fn line(&mut self, line: &str, now: Instant) {
        self.screen.line(line);
        self.last = now;
    }

    pub(super) fn is_silent(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.last) >= SILENCE
    }
}
