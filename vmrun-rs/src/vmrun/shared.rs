//! One answer for everybody who asks at the same time.
//!
//! A hundred nodes that wait, each looking whether its machine still runs, would start a hundred processes where one tells
//! all. Nobody gets an answer that is older than the question: only a call that began after it counts.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::time::{sleep, timeout};

/// A call of somebody else's that takes longer than this is not waited for: it may hang.
const PATIENCE: Duration = Duration::from_secs(2);

/// How long a call waits for others who ask at about the same time, as those do whose machines went off together: without it
/// all but the first would wait for a second call. Next to the 0.3 s of a call it does not show.
const GATHERING: Duration = Duration::from_millis(5);

/// The last answer to a question.
#[derive(Debug)]
pub(super) struct Shared<T>(Mutex<Option<Last<T>>>);

#[derive(Debug)]
struct Last<T> {
    began: Instant,
    /// `None` if the call failed.
    answer: Option<Arc<T>>,
}

impl<T> Default for Shared<T> {
    fn default() -> Self {
        Self(Mutex::new(None))
    }
}

impl<T> Shared<T> {
    /// The answer of a call that began after this was called: somebody else's where there is one.
    pub(super) async fn ask<E, F>(&self, call: impl Fn() -> F) -> Result<Arc<T>, E>
    where
        F: Future<Output = Result<T, E>>,
    {
        let asked = Instant::now();
        let Ok(mut last) = timeout(PATIENCE, self.0.lock()).await else {
            return call().await.map(Arc::new);
        };
        if let Some(last) = last.as_ref().filter(|last| last.began >= asked) {
            if let Some(answer) = &last.answer {
                return Ok(Arc::clone(answer));
            }
        } else {
            sleep(GATHERING).await;
            let began = Instant::now();
            let result = call().await.map(Arc::new);
            *last = Some(Last {
                began,
                answer: result.as_ref().ok().map(Arc::clone),
            });
            return result;
        }
        drop(last);
        // The shared one failed: the others find out for themselves why, and not one after the other.
        call().await.map(Arc::new)
    }
}
