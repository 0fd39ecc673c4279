//! What the crate promises, judged by other people's programs: `PyYAML`, cloud-init, xorriso, shellcheck, a shell.

mod autoinstall;
// The guest's scripts, run by a shell in a directory that stands for the guest's file system.
#[cfg(unix)]
mod bootstrap;
mod cloud_init;
mod common;
mod guestinfo;
mod hostile;
mod iso;
mod iso_sources;
mod lint;
mod nodes;
mod payload;
#[cfg(unix)]
mod sandbox;
mod schema;
mod snapshots;
mod yaml;
