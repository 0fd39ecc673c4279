//! `Workstation` against a stateful stand-in for `vmrun`, with the moods that real ones have.
#![cfg(target_os = "linux")]

mod making;
mod media;
mod neighbours;
mod network;
mod power;
#[path = "../support/mod.rs"]
mod support;
mod world;
