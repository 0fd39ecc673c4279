//! Finds out that a bootstrap will never begin.
//!
//! cloud-init installs and starts the bootstrap. Where it fails before that, as on a full disk, no progress and no failure
//! is ever written, and a host that only looks for those would wait until its limit.

use std::time::Duration;

use tokio::time::Instant;
use vmrun_rs::guest::GuestCommand;
use vmrun_rs::{ChannelError, GuestChannel};

/// How long one question may take.
const LIMIT: Duration = Duration::from_secs(20);
/// Nothing is lost by asking seldom: a bootstrap that begins is noticed by its progress.
const PAUSE: Duration = Duration::from_secs(5);
/// As much of an explanation as goes into one line.
const LONGEST: usize = 300;

/// The last unit of cloud-init and the bootstrap's, in this order.
const UNITS: [&str; 2] = ["cloud-final.service", "lab-bootstrap.service"];

/// In POSIX sh: what a person would look at first. Nothing in it can wait.
const EXPLAIN: &str = "df -Pk / | { read -r _; read -r _ _ _ free _; [ \"$free\" -gt 0 ] || echo 'the disk is full'; }
cloud-init status --long 2>&1 | sed -n '/^errors:/,/^[a-z_]*:/{/^[a-z_]*:/d;p;}'";

/// Watches one node for a bootstrap that never begins.
#[derive(Debug, Default)]
pub(crate) struct NeverStarted {
    asked: Option<Instant>,
    suspected: bool,
}

impl NeverStarted {
    /// Why the bootstrap will not begin, once that is certain. Cheap to call in every look: it asks the guest every few
    /// seconds, and believes what it saw twice.
    pub(crate) async fn why(&mut self, channel: &dyn GuestChannel) -> Result<Option<String>, ChannelError> {
        if self.asked.is_some_and(|asked| asked.elapsed() < PAUSE) {
            return Ok(None);
        }
        self.asked = Some(Instant::now());
        let show = ["systemctl", "show", "--property=ActiveState,SubState,Job"];
        let answer = channel
            .run(&GuestCommand::new(show.into_iter().chain(UNITS)).timeout(LIMIT))
            .await?;
        let seen = answer.success() && is_over(&String::from_utf8_lossy(&answer.stdout));
        if !std::mem::replace(&mut self.suspected, seen) || !seen {
            return Ok(None);
        }
        let explanation = channel
            .run(&GuestCommand::new(["sh", "-c", EXPLAIN]).timeout(LIMIT))
            .await?;
        let text = String::from_utf8_lossy(&explanation.stdout);
        let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
        let line: String = lines.join("; ").chars().take(LONGEST).collect();
        Ok(Some(if line.is_empty() {
            "it left no explanation".to_owned()
        } else {
            line
        }))
    }
}

/// Whether `systemctl show` says that cloud-init has ended, and that the bootstrap neither runs nor is about to.
fn is_over(answer: &str) -> bool {
    let blocks: Vec<&str> = answer.trim().split("\n\n").collect();
    let [cloud_init, bootstrap] = blocks[..] else {
        return false;
    };
    let value = |block: &str, key: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
        line.unwrap_or_default().trim().to_owned()
    };
    let ended = match value(cloud_init, "ActiveState").as_str() {
        "failed" => true,
        "active" => value(cloud_init, "SubState") == "exited",
        _ => false,
    };
    let job = value(bootstrap, "Job");
    ended && value(bootstrap, "ActiveState") == "inactive" && (job.is_empty() || job == "0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(cloud_init: (&str, &str), bootstrap: (&str, &str), job: &str) -> String {
        format!(
            "ActiveState={}\nSubState={}\nJob=\n\nActiveState={}\nSubState={}\nJob={job}\n",
            cloud_init.0, cloud_init.1, bootstrap.0, bootstrap.1
        )
    }

    #[test]
    fn only_an_ended_cloud_init_and_an_idle_bootstrap_mean_that_it_never_begins() {
        let (dead, running) = (("inactive", "dead"), ("activating", "start"));
        assert!(is_over(&shown(("failed", "failed"), dead, "")));
        assert!(is_over(&shown(("active", "exited"), dead, "0")));
        for (cloud_init, bootstrap, job) in [
            (("inactive", "dead"), dead, ""),
            (running, dead, ""),
            (("active", "exited"), running, ""),
            (("active", "exited"), ("active", "exited"), ""),
            (("active", "exited"), ("failed", "failed"), ""),
            // Waiting for its turn.
            (("active", "exited"), dead, "412"),
        ] {
            assert!(
                !is_over(&shown(cloud_init, bootstrap, job)),
                "{cloud_init:?} {bootstrap:?} {job}"
            );
        }
    }

    #[test]
    fn an_answer_that_is_not_understood_proves_nothing() {
        for answer in ["", "Failed to connect to bus", "ActiveState=failed", "\n\n\n"] {
            assert!(!is_over(answer), "{answer:?}");
        }
    }
}
