//! One line of a record, which is also one event of the JSON progress stream. The format is versioned; readers ignore
//! events and fields that they do not know, so a new one needs no new version.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::{Labels, Outcome, StageKind, WallTime};

/// The version of the format. It changes only when an older reader would misunderstand a newer record.
pub const FORMAT_VERSION: u32 = 1;

#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Line<'a> {
    Run {
        version: u32,
        #[serde(borrow)]
        id: Cow<'a, str>,
        #[serde(borrow)]
        name: Cow<'a, str>,
        #[serde(borrow)]
        shape: Cow<'a, str>,
        started: WallTime,
        #[serde(default, skip_serializing_if = "Labels::is_empty")]
        labels: Cow<'a, Labels>,
        #[serde(default, skip_serializing_if = "map_is_empty")]
        meta: Cow<'a, BTreeMap<String, String>>,
    },
    Start {
        at_us: u64,
        id: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        parent: Option<u64>,
        #[serde(borrow)]
        name: Cow<'a, str>,
        kind: StageKind,
        #[serde(borrow)]
        lane: Cow<'a, str>,
    },
    Progress {
        at_us: u64,
        id: u64,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        fraction: Option<f64>,
        #[serde(borrow, default, skip_serializing_if = "str::is_empty")]
        message: Cow<'a, str>,
    },
    End {
        at_us: u64,
        id: u64,
        #[serde(flatten)]
        outcome: Cow<'a, Outcome>,
    },
    Finish {
        at_us: u64,
        #[serde(flatten)]
        outcome: Cow<'a, Outcome>,
        ended: WallTime,
    },
    /// Never written to a record (there is nowhere to write it), but part of the progress stream.
    RecordingFailed {
        at_us: u64,
        #[serde(borrow)]
        reason: Cow<'a, str>,
    },
    #[serde(other)]
    Unknown,
}

#[expect(clippy::ptr_arg, reason = "serde passes the field as it is declared")]
fn map_is_empty(map: &Cow<'_, BTreeMap<String, String>>) -> bool {
    map.is_empty()
}

/// Microseconds for the wire. A run of more than 584,542 years stands still there.
pub(crate) fn micros(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_micros()).unwrap_or(u64::MAX)
}
