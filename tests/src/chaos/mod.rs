//! Faults on purpose: seeded schedules of `lab-cli` commands on a world in which things go wrong, each checked against the
//! world's truth.

mod check;
mod kill;
mod place;
mod play;
mod program;
mod schedule;

pub use program::main;

/// What can be wrong with a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// `lab-cli` said "ready" (or "stopped"), and a node was not.
    FalseReady,
    /// With the faults gone, the lab does not come up again, or has lost what it had.
    Lost,
    /// Something is left that should not be, or something of others was touched.
    Leaked,
    /// A failure without a kind, a cause or a remedy, or no end at all.
    Unexplained,
}

/// Something wrong, and what was seen.
#[derive(Debug, Clone)]
pub struct Finding {
    /// What kind.
    pub verdict: Verdict,
    /// What was seen.
    pub what: String,
}

impl Finding {
    fn new(verdict: Verdict, what: impl Into<String>) -> Self {
        Self {
            verdict,
            what: what.into(),
        }
    }
}
