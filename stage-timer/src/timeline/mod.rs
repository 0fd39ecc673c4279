//! The live side: a timeline, the stages that are open in it, and those who watch.

mod book;
mod builder;
mod inner;
mod stage;

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use book::Book;
pub use book::StageInfo;
pub use builder::TimelineBuilder;
use inner::Inner;
pub use stage::{Stage, StageHandle};

use crate::event::RunInfo;
use crate::lane::Text;
use crate::record::StageId;
use crate::{Lane, Outcome, RunRecord, StageKind};

/// One run of a tool, from its start to [`Timeline::finish`]. Cheap to clone; every clone is the same run.
///
/// A timeline whose last handle (clones and stages included) is dropped unfinished ends as [`Outcome::Aborted`].
#[derive(Clone)]
pub struct Timeline {
    inner: Arc<Inner>,
}

impl Timeline {
    /// Prepares a run of what is called `name`, for example `up`.
    pub fn builder(name: impl Into<String>) -> TimelineBuilder {
        TimelineBuilder::new(name.into())
    }

    /// Starts a run without a record and without observers.
    pub fn start(name: impl Into<String>) -> Self {
        Self::builder(name).start()
    }

    fn from_inner(inner: Inner) -> Self {
        Self { inner: Arc::new(inner) }
    }

    /// Starts a stage in the main lane.
    pub fn stage(&self, name: impl Into<Cow<'static, str>>, kind: StageKind) -> Stage {
        self.stage_in(name, kind, Lane::MAIN)
    }

    /// Starts a stage in a lane.
    ///
    /// After [`Timeline::finish`] there is no run left for the stage to be a part of: it can be used like any other, but
    /// nothing is measured or recorded.
    pub fn stage_in(&self, name: impl Into<Cow<'static, str>>, kind: StageKind, lane: impl Into<Lane>) -> Stage {
        Stage::new(self.start_stage(None, name.into(), kind, lane.into()))
    }

    fn start_stage(
        &self,
        parent: Option<StageId>,
        name: Cow<'static, str>,
        kind: StageKind,
        lane: Lane,
    ) -> StageHandle {
        let info = self.inner.start(parent, Text::new(name), kind, lane.clone());
        StageHandle::new(self.clone(), info, lane)
    }

    /// What is known of the run since it started.
    pub fn run(&self) -> &Arc<RunInfo> {
        self.inner.run()
    }

    /// Time since the start of the run.
    pub fn elapsed(&self) -> Duration {
        self.inner.elapsed()
    }

    /// The run so far. Stages that have not ended are marked [`open`](crate::StageRecord::open) and end now.
    pub fn snapshot(&self) -> RunRecord {
        self.inner.snapshot()
    }

    /// Ends the run: stages that are still open end as aborted (as cancelled, if the run is), the record is written to
    /// the disk. Only the first call counts; later ones answer with the same record.
    ///
    /// This waits for the disk. In async code that must not do so, call it in a blocking task.
    pub fn finish(&self, outcome: Outcome) -> RunRecord {
        self.inner.finish(outcome.on_one_line());
        self.inner.snapshot()
    }
}

/// A timeline that may be gone.
#[cfg(feature = "tracing")]
#[derive(Clone)]
pub(crate) struct WeakTimeline {
    inner: std::sync::Weak<Inner>,
}

#[cfg(feature = "tracing")]
impl WeakTimeline {
    pub(crate) fn upgrade(&self) -> Option<Timeline> {
        self.inner.upgrade().map(|inner| Timeline { inner })
    }
}

#[cfg(feature = "tracing")]
impl fmt::Debug for WeakTimeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("WeakTimeline")
    }
}

#[cfg(feature = "tracing")]
impl Timeline {
    pub(crate) fn downgrade(&self) -> WeakTimeline {
        WeakTimeline {
            inner: Arc::downgrade(&self.inner),
        }
    }
}

impl fmt::Debug for Timeline {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Timeline")
            .field("run", &self.run().id)
            .field("name", &self.run().name)
            .finish_non_exhaustive()
    }
}
