//! The bridge to the `tracing` crate: spans that are stages, and log lines that carry the time.

mod format;
mod layer;

pub use format::{JsonLines, LocalTime, TextLines};
pub use layer::{Attachment, StageLayer};
