//! One `list` for everybody who asks at the same time.
//!
//! A hundred nodes that wait, each looking whether its machine still runs, would start a hundred processes where one tells
//! all. Nobody gets an answer that is older than the question: only a `list` that began after it counts.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::Mutex;
use tokio::time::timeout;

use crate::error::VmrunError;

use super::Vmrun;

/// A `list` of somebody else's that takes longer than this is not waited for: it may hang.
const PATIENCE: Duration = Duration::from_secs(2);

/// The last `list`.
#[derive(Debug, Default)]
pub(super) struct Shared(Mutex<Option<Last>>);

#[derive(Debug)]
struct Last {
    began: Instant,
    /// The machines as [`comparable`](crate::path::comparable) names them; `None` if it failed.
    running: Option<Arc<HashSet<String>>>,
}

impl Vmrun {
    /// Whether the machine is in [`list`](Self::list). Callers at the same time share one `list`, which began after each of
    /// them asked.
    pub async fn is_running(&self, vmx: &Path) -> Result<bool, VmrunError> {
        let running = self.running_now(Instant::now()).await?;
        Ok(running.contains(&crate::path::comparable(vmx)))
    }

    async fn running_now(&self, asked: Instant) -> Result<Arc<HashSet<String>>, VmrunError> {
        let Ok(mut last) = timeout(PATIENCE, self.inner.listed.0.lock()).await else {
            return self.comparable_list().await;
        };
        if let Some(last) = last.as_ref().filter(|last| last.began >= asked) {
            if let Some(running) = &last.running {
                return Ok(Arc::clone(running));
            }
        } else {
            let began = Instant::now();
            let result = self.comparable_list().await;
            *last = Some(Last {
                began,
                running: result.as_ref().ok().map(Arc::clone),
            });
            return result;
        }
        drop(last);
        // The shared one failed: the others find out for themselves why, and not one after the other.
        self.comparable_list().await
    }

    async fn comparable_list(&self) -> Result<Arc<HashSet<String>>, VmrunError> {
        let running = self.list().await?;
        Ok(Arc::new(
            running.iter().map(|path| crate::path::comparable(path)).collect(),
        ))
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;

    /// A `vmrun` whose `list` takes a moment, notes that it was asked, and says what the file `said` says.
    fn fake(dir: &Path, said: &str) -> Vmrun {
        let program = dir.join("vmrun");
        std::fs::write(
            &program,
            "#!/bin/sh\necho x >>\"$0.asked\"\nsleep 0.2\ncat \"$0.said\"\n",
        )
        .unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
        std::fs::write(dir.join("vmrun.said"), said).unwrap();
        Vmrun::builder(&program)
            .retry(super::super::RetryPolicy::never())
            .build()
    }

    fn asked(dir: &Path) -> usize {
        std::fs::read_to_string(dir.join("vmrun.asked"))
            .unwrap()
            .lines()
            .count()
    }

    #[tokio::test]
    async fn a_hundred_who_ask_at_once_share_two_lists_and_a_later_question_gets_a_new_one() {
        let dir = tempfile::tempdir().unwrap();
        let vmrun = fake(dir.path(), "Total running VMs: 1\n/v/a.vmx\n");
        let asks = (0..100).map(|_| vmrun.is_running(Path::new("/v/a.vmx")));
        let answers = futures_join(asks).await;
        assert!(answers.into_iter().all(|answer| answer.unwrap()));
        // The first asks for itself; those who asked before that began share it, or the one after it.
        assert!(asked(dir.path()) <= 2, "{}", asked(dir.path()));
        let before = asked(dir.path());
        std::fs::write(dir.path().join("vmrun.said"), "Total running VMs: 0\n").unwrap();
        assert!(!vmrun.is_running(Path::new("/v/a.vmx")).await.unwrap());
        assert_eq!(asked(dir.path()), before + 1);
    }

    #[tokio::test]
    async fn when_the_shared_list_fails_each_finds_out_why() {
        let dir = tempfile::tempdir().unwrap();
        let vmrun = fake(dir.path(), "Error: Unknown error\n");
        let begun = Instant::now();
        let answers = futures_join((0..10).map(|_| vmrun.is_running(Path::new("/v/a.vmx")))).await;
        assert!(answers.iter().all(Result::is_err));
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }

    async fn futures_join<F: Future<Output = Result<bool, VmrunError>>>(
        all: impl IntoIterator<Item = F>,
    ) -> Vec<Result<bool, VmrunError>> {
        let mut waiting: Vec<_> = all.into_iter().map(Box::pin).collect();
        let mut done = Vec::new();
        std::future::poll_fn(|context| {
            waiting.retain_mut(|future| match future.as_mut().poll(context) {
                std::task::Poll::Ready(answer) => {
                    done.push(answer);
                    false
                }
                std::task::Poll::Pending => true,
            });
            if waiting.is_empty() {
                std::task::Poll::Ready(())
            } else {
                std::task::Poll::Pending
            }
        })
        .await;
        done
    }
}
