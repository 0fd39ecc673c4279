#![doc = include_str!("../README.md")]

mod analysis;
mod clock;
mod event;
mod export;
pub mod lang;
mod lane;
mod outcome;
mod record;
mod summary;
pub mod text;
mod timeline;
mod wall;

#[cfg(feature = "tokio")]
pub use clock::TokioClock;
pub use analysis::{CriticalPath, CriticalStep, LaneTotals, Totals};
pub use clock::{Clock, ManualClock, SystemClock};
pub use event::{Event, EventKind, RunInfo};
pub use lane::Lane;
pub use lang::{Labels, Lang};
pub use outcome::{Outcome, StageKind};
pub use export::JSON_VERSION;
pub use record::{
    FORMAT_VERSION, History, HistoryEntry, Note, ReadRecordError, RunRecord, RunState, StageId, StageRecord,
};
pub use summary::SummaryOptions;
pub use timeline::{Stage, StageHandle, StageInfo, Timeline, TimelineBuilder};
pub use wall::WallTime;
