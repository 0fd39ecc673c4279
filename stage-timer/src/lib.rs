#![doc = include_str!("../README.md")]
#![expect(
    clippy::similar_names,
    reason = "`lane` and `lang`, `state` and `stage` are the words for what they name"
)]

mod analysis;
mod clock;
pub mod compare;
pub mod eta;
mod event;
mod export;
mod lane;
pub mod lang;
mod outcome;
#[cfg(feature = "progress")]
pub mod progress;
mod record;
pub mod schema;
mod summary;
pub mod taskbar;
pub mod text;
mod timeline;
#[cfg(feature = "tracing")]
pub mod tracing;
mod wall;

pub use analysis::{CriticalPath, CriticalStep, LaneTotals, Totals};
#[cfg(feature = "tokio")]
pub use clock::TokioClock;
pub use clock::{Clock, ManualClock, SystemClock};
pub use event::{Event, EventKind, RunInfo};
pub use export::JSON_VERSION;
pub use lane::Lane;
pub use lang::{Labels, Lang};
pub use outcome::{Outcome, StageKind};
pub use record::{
    FORMAT_VERSION, FindRunError, History, HistoryEntry, Note, ReadRecordError, RunRecord, RunState, StageId,
    StageRecord,
};
pub use summary::SummaryOptions;
pub use timeline::{Stage, StageHandle, StageInfo, Timeline, TimelineBuilder};
pub use wall::WallTime;
