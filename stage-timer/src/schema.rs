//! The JSON schemas (draft 2020-12) of what this crate writes.

/// Of the document that [`RunRecord::to_json`](crate::RunRecord::to_json) writes.
pub const RUN: &str = include_str!("../schema/run.schema.json");

/// Of one line of a record's file, which is also one event of the JSON progress stream.
pub const RECORD_LINE: &str = include_str!("../schema/record-line.schema.json");

/// Of a prediction, [`Eta`](crate::eta::Eta), as it is serialised.
pub const PREDICTION: &str = include_str!("../schema/prediction.schema.json");

/// Of what runs usually take, [`Typical`](crate::eta::Typical), as it is serialised.
pub const TYPICAL: &str = include_str!("../schema/typical.schema.json");
