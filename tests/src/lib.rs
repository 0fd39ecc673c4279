//! What the end-to-end tests share: the built programs, a lab in a directory of its own, a real registry, and a `vmrun` whose
//! machines are a model.

pub mod canary;
pub mod chaos;
pub mod fake;
pub mod lab;
pub mod programs;
pub mod registry;
pub mod speed;
