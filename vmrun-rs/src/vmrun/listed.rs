//! Who runs, asked once for everybody who wants to know at the same time.

use std::collections::HashSet;
use std::path::Path;

use crate::error::VmrunError;

use super::Vmrun;
use super::shared::Shared;

/// The running machines as [`comparable`](crate::path::comparable) names them.
pub(super) type Running = Shared<HashSet<String>>;

impl Vmrun {
    /// Whether the machine is in [`list`](Self::list). Callers at the same time share one `list`, which began after each of
    /// them asked.
    pub async fn is_running(&self, vmx: &Path) -> Result<bool, VmrunError> {
        let running = self.inner.listed.ask(|| self.comparable_list()).await?;
        Ok(running.contains(&crate::path::comparable(vmx)))
    }

    async fn comparable_list(&self) -> Result<HashSet<String>, VmrunError> {
        let running = self.list().await?;
        Ok(running.iter().map(|path| crate::path::comparable(path)).collect())
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt as _;
    use std::time::{Duration, Instant};

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
