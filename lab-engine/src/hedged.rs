//! Looks into a guest over two ways: whoever answers first is believed, and the other is given up.
//!
//! The hypervisor's own guest operations can hang, or take long to say that they cannot. Waiting for them first would cost as
//! long at each look, asking both always would double the work. So the second way is asked when the first has not answered
//! for a moment, or has failed. Only for looks: what changes something would be done twice.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tokio::time::timeout;
use vmrun_rs::error::ChannelErrorKind;
use vmrun_rs::guest::{ChannelKind, GuestCommand, GuestOutput};
use vmrun_rs::{ChannelError, GuestChannel};

/// How long the first way has for itself.
pub(crate) const DELAY: Duration = Duration::from_secs(1);

/// A channel for looks, over two others.
pub(crate) struct Hedged {
    first: Arc<dyn GuestChannel>,
    second: Arc<dyn GuestChannel>,
}

impl Hedged {
    pub(crate) fn new(first: Arc<dyn GuestChannel>, second: Arc<dyn GuestChannel>) -> Self {
        Self { first, second }
    }
}

/// The answer of `first`, or of `second` where that comes sooner.
async fn race<T>(
    first: impl Future<Output = Result<T, ChannelError>>,
    second: impl Future<Output = Result<T, ChannelError>>,
) -> Result<T, ChannelError> {
    tokio::pin!(first, second);
    match timeout(DELAY, &mut first).await {
        Ok(Ok(answer)) => Ok(answer),
        Ok(Err(error)) => second.await.map_err(|other| worse(error, other)),
        Err(_) => tokio::select! {
            biased;
            answer = &mut first => match answer {
                Ok(answer) => Ok(answer),
                Err(error) => second.await.map_err(|other| worse(error, other)),
            },
            answer = &mut second => match answer {
                Ok(answer) => Ok(answer),
                // The second way closed is no reason to give up the first; that another machine answers there is.
                Err(other) if other.kind() == ChannelErrorKind::HostKey => Err(other),
                Err(other) => first.await.map_err(|error| worse(error, other)),
            },
        },
    }
}

/// Which of two errors is told: the first way's, unless the second found another machine.
fn worse(first: ChannelError, second: ChannelError) -> ChannelError {
    if second.kind() == ChannelErrorKind::HostKey {
        second
    } else {
        first
    }
}

#[async_trait]
impl GuestChannel for Hedged {
    fn kind(&self) -> ChannelKind {
        self.first.kind()
    }

    async fn run(&self, command: &GuestCommand) -> Result<GuestOutput, ChannelError> {
        race(self.first.run(command), self.second.run(command)).await
    }

    async fn read_file(&self, path: &str) -> Result<Option<Vec<u8>>, ChannelError> {
        race(self.first.read_file(path), self.second.read_file(path)).await
    }

    async fn exists(&self, path: &str) -> Result<bool, ChannelError> {
        race(self.first.exists(path), self.second.exists(path)).await
    }

    async fn copy_to(&self, host: &Path, guest: &str) -> Result<(), ChannelError> {
        // Not a look.
        self.first.copy_to(host, guest).await
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use super::*;
    use tokio::time::{Instant, sleep};

    const NEVER: Duration = Duration::from_secs(100_000);

    /// Answers after a while, with its name or with an error; counts who was asked and who was let finish.
    struct Way {
        name: &'static str,
        after: Duration,
        error: Option<fn() -> ChannelError>,
        asked: AtomicUsize,
        finished: AtomicUsize,
    }

    fn way(name: &'static str, after: Duration, error: Option<fn() -> ChannelError>) -> Arc<Way> {
        let (asked, finished) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Arc::new(Way {
            name,
            after,
            error,
            asked,
            finished,
        })
    }

    fn refused() -> ChannelError {
        ChannelError::Unreachable {
            endpoint: "127.0.0.1:1".parse().unwrap(),
            source: std::io::ErrorKind::ConnectionRefused.into(),
        }
    }

    fn other_machine() -> ChannelError {
        ChannelError::HostKeyMismatch {
            endpoint: "127.0.0.1:1".parse().unwrap(),
            expected: "right".to_owned(),
            offered: "wrong".to_owned(),
        }
    }

    #[async_trait]
    impl GuestChannel for Way {
        fn kind(&self) -> ChannelKind {
            ChannelKind::Mock
        }

        async fn run(&self, _: &GuestCommand) -> Result<GuestOutput, ChannelError> {
            unreachable!("only files are read here")
        }

        async fn read_file(&self, _: &str) -> Result<Option<Vec<u8>>, ChannelError> {
            self.asked.fetch_add(1, Ordering::Relaxed);
            sleep(self.after).await;
            self.finished.fetch_add(1, Ordering::Relaxed);
            match self.error {
                Some(error) => Err(error()),
                None => Ok(Some(self.name.as_bytes().to_vec())),
            }
        }

        async fn exists(&self, _: &str) -> Result<bool, ChannelError> {
            unreachable!("only files are read here")
        }

        async fn copy_to(&self, _: &Path, _: &str) -> Result<(), ChannelError> {
            unreachable!("only files are read here")
        }
    }

    /// Who answered or which error came, and after how long.
    async fn look(first: &Arc<Way>, second: &Arc<Way>) -> (String, Duration) {
        let hedged = Hedged::new(Arc::clone(first) as _, Arc::clone(second) as _);
        let begun = Instant::now();
        let answer = match hedged.read_file("/x").await {
            Ok(answer) => String::from_utf8(answer.unwrap()).unwrap(),
            Err(error) => format!("{:?}", error.kind()),
        };
        (answer, begun.elapsed())
    }

    const MOMENT: Duration = Duration::from_millis(100);

    #[tokio::test(start_paused = true)]
    async fn a_first_way_that_answers_in_time_is_the_only_one_that_is_asked() {
        let (first, second) = (way("first", MOMENT, None), way("second", MOMENT, None));
        assert_eq!(look(&first, &second).await, ("first".to_owned(), MOMENT));
        sleep(NEVER).await;
        assert_eq!(second.asked.load(Ordering::Relaxed), 0);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_first_way_is_joined_by_the_second_after_the_delay_and_the_loser_is_given_up() {
        let (first, second) = (way("first", NEVER, None), way("second", MOMENT, None));
        assert_eq!(look(&first, &second).await, ("second".to_owned(), DELAY + MOMENT));
        sleep(NEVER * 2).await;
        assert_eq!(first.asked.load(Ordering::Relaxed), 1);
        assert_eq!(first.finished.load(Ordering::Relaxed), 0, "it was not let finish");

        let (first, second) = (way("first", DELAY + MOMENT, None), way("second", NEVER, None));
        assert_eq!(look(&first, &second).await, ("first".to_owned(), DELAY + MOMENT));
        sleep(NEVER * 2).await;
        assert_eq!(second.asked.load(Ordering::Relaxed), 1);
        assert_eq!(second.finished.load(Ordering::Relaxed), 0, "it was not let finish");
    }

    #[tokio::test(start_paused = true)]
    async fn a_first_way_that_fails_at_once_does_not_make_the_second_wait() {
        let (first, second) = (way("first", MOMENT, Some(refused)), way("second", MOMENT, None));
        assert_eq!(look(&first, &second).await, ("second".to_owned(), 2 * MOMENT));
    }

    #[tokio::test(start_paused = true)]
    async fn a_second_way_that_is_closed_leaves_the_first_its_time() {
        let first = way("first", DELAY * 5, None);
        let second = way("second", MOMENT, Some(refused));
        assert_eq!(look(&first, &second).await, ("first".to_owned(), DELAY * 5));
        let first = way("first", DELAY * 5, Some(refused));
        assert_eq!(look(&first, &second).await, ("Unreachable".to_owned(), DELAY * 5));
    }

    #[tokio::test(start_paused = true)]
    async fn another_machine_at_the_address_is_told_whatever_the_first_way_says() {
        let second = way("second", MOMENT, Some(other_machine));
        for first in [way("first", NEVER, None), way("first", MOMENT, Some(refused))] {
            assert_eq!(look(&first, &second).await.0, "HostKey");
        }
    }
}
