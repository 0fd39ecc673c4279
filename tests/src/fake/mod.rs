//! `vmrun-fake`: a `vmrun` whose machines are a model.
//!
//! Each call of vmrun is a process of its own, so the world lives in a server process, one per world directory. It holds
//! machines with power, Tools, addresses, snapshots, locks and guests; the guests boot, apply the seed image that they find
//! in their drive, bootstrap, and answer over SSH and VMware Tools. Time is virtual, faults come by schedule.
//!
//! The texts are from logs, issue threads and the VIX reference, not from the wrapper that is tested with it.

mod bootstrap;
mod client;
mod cluster;
mod command;
mod config;
mod disk;
pub mod fault;
mod guest_faults;
mod handle;
mod iso;
pub mod lab;
mod log;
mod machine;
mod program;
pub mod rng;
pub mod sample;
mod seed;
mod server;
mod shell;
mod ssh;
mod texts;
mod vdisk;
mod vmx;
mod world;

#[cfg(test)]
mod tests;

pub(crate) use bootstrap::shares as bootstrap_shares;
pub use client::WORLD_VARIABLE;
pub use config::{GuestTimes, Latency, Network, WORLD_FILE, WorldConfig};
pub use handle::FakeWorld;
pub use log::LOG_FILE;
pub use program::main;
