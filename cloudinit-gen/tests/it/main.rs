//! What the crate promises, judged by other people's programs: `PyYAML`, cloud-init, xorriso, shellcheck, a shell.

mod autoinstall;
mod bootstrap;
mod cloud_init;
mod common;
mod guestinfo;
mod hostile;
mod iso;
mod lint;
mod nodes;
mod payload;
mod sandbox;
mod schema;
mod snapshots;
mod yaml;
