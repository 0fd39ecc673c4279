//! The record in other forms.

mod axis;
mod escape;
mod html;
mod json;
mod svg;

pub use json::JSON_VERSION;
