//! The steps of a node's bootstrap, and how one that failed says so.

use std::fmt;
use std::str::FromStr;

/// One step of the bootstrap, in the order in which they run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Step {
    /// Waits for cloud-init to finish.
    CloudInit,
    /// Sets the clock to the payload's build time if it is earlier; silences time clients that have no server.
    Clock,
    /// Waits for the payload's medium.
    PayloadWait,
    /// Copies the payload and compares its checksums.
    PayloadCopy,
    /// Kernel modules, kernel parameters, swap.
    System,
    /// Puts image archives where k3s imports them from.
    Images,
    /// Installs the payload's packages.
    Packages,
    /// Installs the k3s binary and its unit.
    K3sInstall,
    /// An agent waits until its server accepts connections.
    ServerWait,
    /// Starts k3s and waits until it is active.
    K3sStart,
    /// A server waits until its own node is Ready.
    NodeReady,
    /// Nothing is left to do.
    Done,
}

impl Step {
    /// All steps in their order.
    pub const ALL: [Self; 12] = [
        Self::CloudInit,
        Self::Clock,
        Self::PayloadWait,
        Self::PayloadCopy,
        Self::System,
        Self::Images,
        Self::Packages,
        Self::K3sInstall,
        Self::ServerWait,
        Self::K3sStart,
        Self::NodeReady,
        Self::Done,
    ];

    /// The name as the guest writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::CloudInit => "cloud-init",
            Self::Clock => "clock",
            Self::PayloadWait => "payload-wait",
            Self::PayloadCopy => "payload-copy",
            Self::System => "system",
            Self::Images => "images",
            Self::Packages => "packages",
            Self::K3sInstall => "k3s-install",
            Self::ServerWait => "server-wait",
            Self::K3sStart => "k3s-start",
            Self::NodeReady => "node-ready",
            Self::Done => "done",
        }
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A text that names no [`Step`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a step of a node's bootstrap")]
pub struct UnknownStep(String);

impl FromStr for Step {
    type Err = UnknownStep;

    /// Reads a line of [`PROGRESS_FILE`](super::PROGRESS_FILE), with or without its line break.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let text = text.trim_end();
        Self::ALL
            .into_iter()
            .find(|step| step.as_str() == text)
            .ok_or_else(|| UnknownStep(text.to_owned()))
    }
}

/// Why a bootstrap stopped, as the guest wrote it to [`FAILED_FILE`](super::FAILED_FILE).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Failure {
    /// Which life of the disk it belongs to.
    pub instance_id: String,
    /// The step, by its name: a newer guest may have steps that this version does not know.
    pub step: String,
    /// One line, without secrets.
    pub reason: String,
}

impl Failure {
    /// Reads the file. `None` when it has no step or no reason, as when it was cut short.
    pub fn parse(text: &str) -> Option<Self> {
        let value = |key: &str| {
            text.lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix('='))
                .map(str::to_owned)
        };
        Some(Self {
            instance_id: value("instance-id").unwrap_or_default(),
            step: value("step").filter(|step| !step.is_empty())?,
            reason: value("reason").filter(|reason| !reason.is_empty())?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_step_is_read_back_from_its_name() {
        for step in Step::ALL {
            assert_eq!(format!("{step}\n").parse(), Ok(step));
        }
        assert!("reboot".parse::<Step>().is_err());
    }

    #[test]
    fn the_steps_are_listed_in_their_order() {
        assert!(Step::ALL.is_sorted());
    }

    #[test]
    fn a_failure_keeps_everything_behind_the_first_equals_sign() {
        let failure = Failure::parse("instance-id=i-1\nstep=k3s-start\nreason=flag a=b is unknown\n").unwrap();
        assert_eq!(
            (failure.step.as_str(), failure.reason.as_str()),
            ("k3s-start", "flag a=b is unknown")
        );
        assert_eq!(failure.instance_id, "i-1");
        assert_eq!(Failure::parse("instance-id=i-1\nst"), None);
        assert_eq!(Failure::parse(""), None);
    }
}
