//! The record in other forms.

mod axis;
mod chrome;
mod escape;
mod html;
mod json;
mod markdown;
mod openmetrics;
mod svg;

pub use json::JSON_VERSION;

pub(crate) use axis::{tick_label, ticks};
pub(crate) use escape::Escaped;
pub(crate) use html::fill;
pub(crate) use json::secs;
pub(crate) use markdown::markdown_text;
