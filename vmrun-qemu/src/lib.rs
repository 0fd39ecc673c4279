#![doc = include_str!("../README.md")]

#[cfg(unix)]
mod cli;
#[cfg(unix)]
mod command;
#[cfg(unix)]
mod dict;
#[cfg(unix)]
mod fault;
#[cfg(unix)]
mod files;
#[cfg(unix)]
mod guest;
#[cfg(unix)]
mod home;
#[cfg(unix)]
mod image;
#[cfg(unix)]
mod log;
#[cfg(unix)]
mod machine;
#[cfg(unix)]
mod net;
#[cfg(unix)]
mod process;
#[cfg(unix)]
mod qemu;
#[cfg(unix)]
mod running;
#[cfg(unix)]
mod snapshot;
#[cfg(unix)]
mod vdiskmanager;

#[cfg(not(unix))]
#[path = "other.rs"]
mod entry;
#[cfg(unix)]
#[path = "unix.rs"]
mod entry;

pub use entry::{vdiskmanager_main, vmrun_main};

#[cfg(unix)]
use entry::report;
