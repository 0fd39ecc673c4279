//! How often to look: 200 ms at first, up to 2 s, with jitter so that a hundred nodes do not look at once.

use std::time::Duration;

use rand::RngExt as _;

/// The shortest pause.
pub(crate) const SHORTEST: Duration = Duration::from_millis(200);
/// The longest pause.
pub(crate) const LONGEST: Duration = Duration::from_secs(2);

/// The longest pause between two looks into each of so many guests over connections that are kept: few guests can be looked at
/// more often for the same work.
pub(crate) fn longest_of(guests: usize) -> Duration {
    const ONE: Duration = Duration::from_millis(50);
    let all = ONE * u32::try_from(guests).unwrap_or(u32::MAX).min(1000);
    all.clamp(Duration::from_millis(500), LONGEST)
}

/// The pauses between polls.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
    longest: Duration,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self::up_to(LONGEST)
    }

    /// For looks that cost next to nothing.
    pub(crate) fn up_to(longest: Duration) -> Self {
        Self {
            next: SHORTEST,
            longest,
        }
    }

    /// Sleeps for the next pause.
    pub(crate) async fn pause(&mut self) {
        let jitter = rand::rng().random_range(0.8..=1.0);
        tokio::time::sleep(self.next.mul_f64(jitter)).await;
        self.next = self.next.mul_f64(1.5).min(self.longest);
    }

    /// Something happened: look often again.
    pub(crate) fn reset(&mut self) {
        self.next = SHORTEST;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn pauses_grow_from_200_ms_and_never_pass_2_s() {
        let mut backoff = Backoff::new();
        let mut pauses = Vec::new();
        for _ in 0..12 {
            let start = tokio::time::Instant::now();
            backoff.pause().await;
            pauses.push(start.elapsed());
        }
        assert!(pauses[0] <= SHORTEST + Duration::from_millis(1));
        assert!(
            pauses.iter().all(|p| *p <= LONGEST + Duration::from_millis(1)),
            "{pauses:?}"
        );
        assert!(pauses[11] >= LONGEST.mul_f64(0.79), "{pauses:?}");
    }
}
