//! Everything an air-gapped k3s lab does, without a terminal.

pub mod config;
