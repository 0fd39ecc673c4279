//! Starting and stopping, judged by the list of running machines and not by exit codes.

use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::{Instant, sleep};

use crate::error::HypervisorError;
use crate::failure::FailureClass;
use crate::hypervisor::{PowerState, StopMode, VmId};
use crate::vmx::VmxStore;

use super::{Workstation, doing};

/// Between two looks at the locks beside a machine's files, which cost no call.
const LOCK_PAUSE: Duration = Duration::from_millis(50);

/// Pauses between looks at the list: short at first.
fn pauses() -> impl Iterator<Item = Duration> {
    let mut pause = Duration::from_millis(100);
    std::iter::from_fn(move || {
        let now = pause;
        pause = (pause * 2).min(Duration::from_secs(1));
        Some(now)
    })
}

impl Workstation {
    pub(super) async fn power_state(&self, vm: &VmId) -> Result<PowerState, HypervisorError> {
        if self.listed(vm).await? {
            return Ok(PowerState::Running);
        }
        if !Self::vmx_path(vm).is_file() {
            return Ok(PowerState::Missing);
        }
        let file = Self::open(vm, "read the configuration of")?.file;
        // VMware names the saved state here while there is one.
        let suspended = file.get("checkpoint.vmState").is_some_and(|state| {
            !state.is_empty()
                && Self::vmx_path(vm)
                    .parent()
                    .is_some_and(|directory| directory.join(&state).is_file())
        });
        Ok(if suspended {
            PowerState::Suspended
        } else {
            PowerState::Off
        })
    }

    pub(super) async fn start_machine(&self, vm: &VmId) -> Result<(), HypervisorError> {
        let vmx = Self::vmx_path(vm);
        if !vmx.is_file() {
            return Err(HypervisorError::Missing { vm: vm.clone() });
        }
        // Whether it runs already is not asked first, which would cost a call: "already running" and other errors do not prove
        // that it does not run, success does not prove that it does, and the list is asked afterwards in any case.
        let started = self.vmrun.start(&vmx, self.options.gui).await;
        if let Err(source) = started {
            if self.listed(vm).await.unwrap_or(false) {
                tracing::debug!(error = %source, "start failed, but the machine runs");
                return Ok(());
            }
            return Err(HypervisorError::Vmrun {
                what: format!("start {vm}"),
                source,
            });
        }
        let limit = self.options.appear_timeout;
        if self.wait_listed(vm, true, limit).await? {
            return Ok(());
        }
        Err(HypervisorError::DidNotStart {
            vm: vm.clone(),
            after: limit,
        })
    }

    pub(super) async fn stop_machine(&self, vm: &VmId, mode: StopMode) -> Result<(), HypervisorError> {
        // A soft stop is tried without asking first whether the machine runs, which would cost a call: one that does not is
        // answered at once. The list is asked afterwards in any case.
        if mode == StopMode::Soft || self.listed(vm).await? {
            let (word, limit) = match mode {
                StopMode::Soft => ("soft", self.options.stop_timeout),
                StopMode::Hard => ("hard", self.options.stop_timeout / 4),
            };
            let begun = Instant::now();
            let stopped = self.vmrun.stop(&Self::vmx_path(vm), mode).await;
            // Without tools in the guest a soft stop never ends; that it was killed does not mean that it had no effect.
            let patience = match &stopped {
                Err(error) if error.class() != FailureClass::Timeout => Duration::ZERO,
                _ => limit.saturating_sub(begun.elapsed()),
            };
            if !self.wait_listed(vm, false, patience).await? {
                return Err(match stopped {
                    Err(source) if source.class() != FailureClass::Timeout => {
                        doing(format!("stop {vm} ({word})"))(source)
                    }
                    _ => HypervisorError::DidNotStop {
                        vm: vm.clone(),
                        mode: word,
                        after: begun.elapsed(),
                    },
                });
            }
        }
        self.wait_unlocked(vm).await
    }

    /// Waits until the machine is, or is no longer, in the list; whether that happened in time.
    async fn wait_listed(&self, vm: &VmId, wanted: bool, limit: Duration) -> Result<bool, HypervisorError> {
        let deadline = Instant::now() + limit;
        for pause in pauses() {
            if self.listed(vm).await? == wanted {
                return Ok(true);
            }
            if Instant::now() + pause > deadline {
                break;
            }
            sleep(pause).await;
        }
        Ok(false)
    }

    /// Waits until no process holds the machine's files. A lock on the `.vmx` alone is a window that shows the machine:
    /// it stays as long as the window does, and is left to those who want to edit the file.
    pub(super) async fn wait_unlocked(&self, vm: &VmId) -> Result<(), HypervisorError> {
        let vmx = Self::vmx_path(vm);
        let Some(directory) = vmx.parent() else { return Ok(()) };
        let deadline = Instant::now() + self.options.unlock_timeout;
        while let Some(lock) = held_lock(directory, &vmx) {
            if Instant::now() + LOCK_PAUSE > deadline {
                return Err(HypervisorError::FilesBusy { vm: vm.clone(), lock });
            }
            sleep(LOCK_PAUSE).await;
        }
        Ok(())
    }
}

impl Workstation {
    /// Waits for the lock of the `.vmx` file itself, which outlives a power-off for a moment, before an edit. Whether it
    /// was there; [`VmxStore::save`] tells if it still is.
    pub(super) async fn wait_closed(&self, store: &VmxStore) -> bool {
        let deadline = Instant::now() + self.options.unlock_timeout / 6;
        let mut was_there = false;
        while store.lock().is_some() && Instant::now() + LOCK_PAUSE <= deadline {
            was_there = true;
            sleep(LOCK_PAUSE).await;
        }
        was_there
    }
}

/// A lock in the machine's directory that somebody holds, other than the one of the `.vmx` itself.
fn held_lock(directory: &Path, vmx: &Path) -> Option<PathBuf> {
    let own = vmx.file_name().map(|name| format!("{}.lck", name.to_string_lossy()))?;
    std::fs::read_dir(directory)
        .ok()?
        .flatten()
        .map(|entry| entry.path())
        .find(|path| {
            let name = path
                .file_name()
                .map(|n| n.to_string_lossy().into_owned())
                .unwrap_or_default();
            let held = || !path.is_dir() || std::fs::read_dir(path).is_ok_and(|mut entries| entries.next().is_some());
            Path::new(&name)
                .extension()
                .is_some_and(|ext| ext.eq_ignore_ascii_case("lck"))
                && name != own
                && held()
        })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_window_on_the_machine_is_no_reason_to_wait_but_a_held_disk_is() {
        let dir = tempfile::tempdir().unwrap();
        let vmx = dir.path().join("a.vmx");
        let lock = |name: &str, held: bool| {
            let path = dir.path().join(name);
            std::fs::create_dir(&path).unwrap();
            if held {
                std::fs::write(path.join("M1.lck"), "").unwrap();
            }
            path
        };
        lock("a.vmx.lck", true);
        lock("empty.vmdk.lck", false);
        assert_eq!(held_lock(dir.path(), &vmx), None);
        let disk = lock("a.vmdk.lck", true);
        assert_eq!(held_lock(dir.path(), &vmx), Some(disk));
    }
}
