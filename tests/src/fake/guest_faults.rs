//! What goes wrong with a guest by itself: when it sets in, and whether it is at work.

use super::config::WorldConfig;
use super::fault::Fault;
use super::machine::{Happening, Machine, Time};

impl Machine {
    /// Whether a fault that lasts is at work.
    pub(crate) fn in_window(&self, kind: &str, now: Time) -> bool {
        self.window(kind, now).is_some()
    }

    /// Since when a fault that lasts is at work.
    pub(super) fn window(&self, kind: &str, now: Time) -> Option<Time> {
        let first = self.first_on?;
        let found = self.faults.iter().filter(|(fault, _)| fault.kind == kind);
        let mut windows = found.filter_map(|(fault, _)| fault.window());
        windows.find_map(|(from, to)| (first + from..first + to).contains(&now).then_some(first + from))
    }

    /// How many times longer its bootstrap's steps take.
    pub(super) fn slowness(&self) -> f64 {
        if self.faults.iter().any(|(fault, _)| fault.kind == "slow-disk") {
            3.0
        } else {
            1.0
        }
    }

    /// The fault that sets in next, and when it is due; but for a failing bootstrap, which waits for its step.
    pub(super) fn next_fault(&self) -> Option<(usize, Time)> {
        let first = self.first_on?;
        let waiting = self.faults.iter().enumerate();
        waiting
            .filter(|(_, (fault, done))| !done && fault.kind != "bootstrap-fail")
            .filter_map(|(n, (fault, _))| Some((n, first + fault.window()?.0)))
            .min_by(|a, b| a.1.total_cmp(&b.1))
    }

    /// Lets a fault set in. What its time passed over while the machine was off strikes at the next power-on; but what lasts only for
    /// a while, and was over by then, never does.
    pub(super) fn strike(&mut self, n: usize, at: Time, config: &WorldConfig) -> Option<Happening> {
        self.faults[n].1 = true;
        let fault = self.faults[n].0.clone();
        let happening = match fault.kind.as_str() {
            "reboot" => {
                self.reboot(at, config);
                Happening::Rebooted
            }
            "poweroff" | "silent-poweroff" => {
                self.power_off(at, config.latency.unlock);
                self.silent = fault.kind == "silent-poweroff";
                Happening::PoweredOff
            }
            kind if kind == "slow-disk" || self.in_window(kind, at) => Happening::FaultBegan,
            _ => return None,
        };
        self.struck.push(fault);
        Some(happening)
    }

    /// Whether the bootstrap fails here and now.
    pub(super) fn fails_its_bootstrap(&mut self) -> bool {
        let due = self
            .faults
            .iter_mut()
            .find(|(fault, done)| fault.kind == "bootstrap-fail" && !done);
        let Some((fault, done)) = due else { return false };
        *done = true;
        self.struck.push(fault.clone());
        true
    }

    /// The faults that set in since this was last asked.
    pub(crate) fn take_struck(&mut self) -> Vec<Fault> {
        std::mem::take(&mut self.struck)
    }

    /// From now on nothing goes wrong. What has gone wrong stays as it is.
    pub(crate) fn clear_faults(&mut self) {
        self.faults.clear();
    }
}
