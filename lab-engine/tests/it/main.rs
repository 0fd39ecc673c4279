//! A whole lab against a hypervisor in memory, in paused time.

mod changes;
mod conflicts;
mod forecast;
mod lifecycle;
mod pipeline;
mod resume;
mod snapshots;
mod support;
mod tools;
