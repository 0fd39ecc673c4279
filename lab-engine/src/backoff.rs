//! How often to look: 200 ms at first, up to 2 s, with jitter so that a hundred nodes do not look at once.

use std::time::Duration;

use rand::RngExt as _;

/// The shortest pause.
pub(crate) const SHORTEST: Duration = Duration::from_millis(200);
/// The longest pause.
pub(crate) const LONGEST: Duration = Duration::from_secs(2);

/// The pauses between polls.
#[derive(Debug)]
pub(crate) struct Backoff {
    next: Duration,
}

impl Backoff {
    pub(crate) fn new() -> Self {
        Self { next: SHORTEST }
    }

    /// Sleeps for the next pause, which is at most [`LONGEST`].
    pub(crate) async fn pause(&mut self) {
        let jitter = rand::rng().random_range(0.8..=1.0);
        tokio::time::sleep(self.next.mul_f64(jitter)).await;
        self.next = self.next.mul_f64(1.5).min(LONGEST);
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
