//! The JSON schemas (draft 2020-12) of what this crate writes.

/// Of the document that [`RunRecord::to_json`](crate::RunRecord::to_json) writes.
pub const RUN: &str = include_str!("../schema/run.schema.json");

/// Of one line of a record's file, which is also one event of the JSON progress stream.
pub const RECORD_LINE: &str = include_str!("../schema/record-line.schema.json");
