//! Where a timeline gets its time from.

use std::fmt;
use std::sync::Mutex;
use std::time::{Duration, Instant, SystemTime};

/// A source of time. Stages are measured with [`Clock::now`] alone; [`Clock::wall`] only says when the run began and
/// ended in a calendar, so that a clock that is set during the run cannot bend a duration.
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Time since an origin of the clock's own choice. Must not go back (a timeline keeps its own time from going back
    /// if it does).
    fn now(&self) -> Duration;

    /// The calendar time.
    fn wall(&self) -> SystemTime;
}

/// The machine's clocks: [`Instant`] and [`SystemTime`].
#[derive(Debug, Clone, Copy)]
pub struct SystemClock {
    origin: Instant,
}

impl SystemClock {
    /// A clock whose origin is now.
    pub fn new() -> Self {
        Self { origin: Instant::now() }
    }
}

impl Default for SystemClock {
    fn default() -> Self {
        Self::new()
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    fn wall(&self) -> SystemTime {
        SystemTime::now()
    }
}

/// A clock that moves only when it is told to: for tests and for replaying a run.
#[derive(Debug)]
pub struct ManualClock {
    elapsed: Mutex<Duration>,
    started: SystemTime,
}

impl ManualClock {
    /// A clock that stands still at `started`.
    pub fn starting_at(started: SystemTime) -> Self {
        Self {
            elapsed: Mutex::new(Duration::ZERO),
            started,
        }
    }

    /// Moves the clock forward.
    pub fn advance(&self, by: Duration) {
        let mut elapsed = self.elapsed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *elapsed = elapsed.saturating_add(by);
    }

    /// Moves the clock forward to `elapsed` after its start. A time that has passed already is ignored.
    pub fn advance_to(&self, elapsed: Duration) {
        let mut now = self.elapsed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *now = elapsed.max(*now);
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Duration {
        *self.elapsed.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn wall(&self) -> SystemTime {
        self.started.checked_add(self.now()).unwrap_or(self.started)
    }
}

/// Tokio's clock, which a test can pause (`#[tokio::test(start_paused = true)]`).
#[cfg(feature = "tokio")]
#[derive(Debug, Clone, Copy)]
pub struct TokioClock {
    origin: tokio::time::Instant,
    started: SystemTime,
}

#[cfg(feature = "tokio")]
impl TokioClock {
    /// A clock whose origin is now.
    pub fn new() -> Self {
        Self {
            origin: tokio::time::Instant::now(),
            started: SystemTime::now(),
        }
    }
}

#[cfg(feature = "tokio")]
impl Default for TokioClock {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(feature = "tokio")]
impl Clock for TokioClock {
    fn now(&self) -> Duration {
        self.origin.elapsed()
    }

    fn wall(&self) -> SystemTime {
        self.started.checked_add(self.origin.elapsed()).unwrap_or(self.started)
    }
}
