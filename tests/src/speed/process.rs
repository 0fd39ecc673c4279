//! What a running process costs, from `/proc`.

use std::time::Instant;

/// Clock ticks in a second: `USER_HZ`, which is 100 on every architecture that Linux runs on today.
const TICKS: f64 = 100.0;

/// One look.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look {
    pub(super) at: Instant,
    /// Seconds of processor time: of the process itself.
    pub(super) own: f64,
    /// Of its children that have ended.
    pub(super) children: f64,
    /// Resident now, MiB.
    pub(super) resident: f64,
}

/// Looks; `None` once it is gone.
pub(super) fn look(pid: u32) -> Option<Look> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in parentheses may hold anything, also blanks.
    let fields: Vec<&str> = stat.rsplit_once(')')?.1.split_whitespace().collect();
    let ticks = |n: usize| fields.get(n)?.parse::<f64>().ok();
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: f64 = resident.split_whitespace().next()?.parse().ok()?;
    Some(Look {
        at: Instant::now(),
        own: (ticks(11)? + ticks(12)?) / TICKS,
        children: (ticks(13)? + ticks(14)?) / TICKS,
        resident: kib / 1024.0,
    })
}
