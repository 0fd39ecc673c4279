//! What the end-to-end tests share: the built programs, a lab in a directory of its own, and a real registry.

pub mod lab;
pub mod programs;
pub mod registry;
