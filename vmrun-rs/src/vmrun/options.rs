//! What a [`Vmrun`](super::Vmrun) can be told: host type, deadlines, retries.

use std::fmt;
use std::time::Duration;

use crate::failure::{Failure, FailureClass};

/// The product that `vmrun` drives (`-T`). Without it recent versions misread every guest operation, so it is always
/// passed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HostType {
    /// VMware Workstation (`ws`).
    Workstation,
    /// VMware Player (`player`).
    Player,
    /// VMware Fusion (`fusion`).
    Fusion,
}

impl HostType {
    /// What this operating system usually has: Fusion on macOS, else Workstation.
    pub fn usual() -> Self {
        if cfg!(target_os = "macos") {
            Self::Fusion
        } else {
            Self::Workstation
        }
    }

    /// The word behind `-T`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Workstation => "ws",
            Self::Player => "player",
            Self::Fusion => "fusion",
        }
    }
}

impl fmt::Display for HostType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How long each kind of command may take before its process tree is killed.
///
/// The defaults are several times what was measured on ordinary desktops (`list` 0.4 s, a start after a revert 3 min, a
/// memory snapshot of 8 GB more than 5 min).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Deadlines {
    /// `list`, `checkToolsState`, `listSnapshots`, variables, networks: 30 s.
    pub query: Duration,
    /// `start`, `unpause`: 5 min.
    pub start: Duration,
    /// `stop soft`, `reset soft`: 2 min. Without VMware Tools in the guest `vmrun` itself would wait for ever.
    pub stop_soft: Duration,
    /// `stop hard`, `reset hard`, `pause`: 1 min.
    pub stop_hard: Duration,
    /// `suspend`: 5 min.
    pub suspend: Duration,
    /// `snapshot`, `revertToSnapshot`: 10 min.
    pub snapshot: Duration,
    /// `deleteSnapshot`: 30 min, because disks are merged.
    pub delete_snapshot: Duration,
    /// `clone linked`, `deleteVM`, `upgradevm`: 2 min.
    pub machine: Duration,
    /// `clone full`: 1 h.
    pub full_clone: Duration,
    /// Changes to devices, adapters, port forwardings and shared folders: 1 min.
    pub device: Duration,
    /// Guest operations that answer at once: 30 s.
    pub guest: Duration,
    /// `runProgramInGuest`, `runScriptInGuest` unless the call says otherwise: 1 min.
    pub guest_program: Duration,
    /// Copies to and from the guest: 10 min plus one second for each MB (guests were seen to take 1.8 MB/s).
    pub copy: Duration,
    /// `getGuestIPAddress -wait`, which has no limit of its own: 1 min.
    pub address_wait: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        let (second, minute) = (Duration::from_secs, |m: u64| Duration::from_secs(60 * m));
        Self {
            query: second(30),
            start: minute(5),
            stop_soft: minute(2),
            stop_hard: minute(1),
            suspend: minute(5),
            snapshot: minute(10),
            delete_snapshot: minute(30),
            machine: minute(2),
            full_clone: minute(60),
            device: minute(1),
            guest: second(30),
            guest_program: minute(1),
            copy: minute(10),
            address_wait: minute(1),
        }
    }
}

impl Deadlines {
    /// All of them longer (or shorter) by a factor: for a host that is slower than most.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        let by = |duration: Duration| duration.mul_f64(factor.max(0.0));
        Self {
            query: by(self.query),
            start: by(self.start),
            stop_soft: by(self.stop_soft),
            stop_hard: by(self.stop_hard),
            suspend: by(self.suspend),
            snapshot: by(self.snapshot),
            delete_snapshot: by(self.delete_snapshot),
            machine: by(self.machine),
            full_clone: by(self.full_clone),
            device: by(self.device),
            guest: by(self.guest),
            guest_program: by(self.guest_program),
            copy: by(self.copy),
            address_wait: by(self.address_wait),
        }
    }
}

/// How often a command is tried again when its failure is one of the host's passing moods.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryPolicy {
    /// Attempts after the first one.
    pub retries: u32,
    /// The pause before the first of them; each further pause is twice as long.
    pub base: Duration,
    /// No pause is longer than this.
    pub longest: Duration,
}

impl Default for RetryPolicy {
    /// Three more attempts after about 0.3, 0.6 and 1.2 s.
    fn default() -> Self {
        Self {
            retries: 3,
            base: Duration::from_millis(300),
            longest: Duration::from_secs(3),
        }
    }
}

impl RetryPolicy {
    /// No retries.
    pub fn never() -> Self {
        Self {
            retries: 0,
            ..Self::default()
        }
    }

    /// Whether this policy tries again after `failure`. What only time and a booting guest can cure (tools not running,
    /// no address, no desktop session) is not tried again here: whoever waits for a guest has a limit and a rhythm of
    /// their own.
    pub fn covers(&self, failure: &Failure) -> bool {
        use FailureClass::{GuestSession, NetworkAddress, ToolsNotRunning};
        failure.retryable && !matches!(failure.class, ToolsNotRunning | NetworkAddress | GuestSession)
    }

    /// The pause before retry number `retry` (from 0): between half and all of the doubled base.
    pub(crate) fn pause(&self, retry: u32) -> Duration {
        let full = self.base.saturating_mul(2u32.saturating_pow(retry)).min(self.longest);
        full.mul_f64(rand::random_range(0.5..=1.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_with_jitter_and_stay_bounded() {
        let policy = RetryPolicy::default();
        for retry in 0..40 {
            let pause = policy.pause(retry);
            assert!(
                pause >= policy.base / 2 && pause <= policy.longest,
                "{retry}: {pause:?}"
            );
        }
        assert!(policy.pause(2) >= policy.base * 2);
    }
}
