//! The handles of a stage.

use std::borrow::Cow;
use std::fmt::{self, Display};
use std::ops::Deref;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use super::{StageInfo, Timeline};
use crate::{Lane, Outcome, StageKind};

/// An open stage, and the right to end it. There is one `Stage` per stage; whoever else wants to add children or report
/// progress gets a [`StageHandle`], which this derefs to.
///
/// Dropped without [`finish`](Stage::finish), a stage ends as [`Outcome::Aborted`]; while a panic unwinds, as failed.
#[must_use = "a stage that is dropped ends as aborted"]
pub struct Stage {
    handle: StageHandle,
}

/// Adds children to a stage and reports its progress. Cheap to clone, and of no influence on when the stage ends: on an
/// ended stage progress is ignored, and children become children of what surrounds it.
#[derive(Clone)]
pub struct StageHandle {
    timeline: Timeline,
    /// `None` when the run was over before the stage began.
    info: Option<Arc<StageInfo>>,
    lane: Lane,
}

impl Stage {
    pub(super) fn new(handle: StageHandle) -> Self {
        Self { handle }
    }

    /// A handle that does not end the stage, to be given away.
    pub fn handle(&self) -> StageHandle {
        self.handle.clone()
    }

    /// Ends the stage. Children that are still open end as aborted (as cancelled, if the stage is).
    pub fn finish(self, outcome: Outcome) {
        self.end(outcome);
    }

    /// Runs a future as this stage: `Ok` ends it as ok, `Err` as failed with the error's text for a reason. When the
    /// returned future is dropped before it is done, the stage and all that is open inside of it end as cancelled; when
    /// it panics, as failed.
    pub fn run<F, T, E>(self, future: F) -> impl Future<Output = Result<T, E>>
    where
        F: Future<Output = Result<T, E>>,
        E: Display,
    {
        self.run_with_outcome(future, |result| match result {
            Ok(_) => Outcome::Ok,
            Err(error) => Outcome::failed(error.to_string()),
        })
    }

    /// Like [`run`](Stage::run), for results that know more: `outcome` decides how the stage ended.
    pub fn run_with_outcome<F, T, O>(self, future: F, outcome: O) -> impl Future<Output = T>
    where
        F: Future<Output = T>,
        O: FnOnce(&T) -> Outcome,
    {
        Run {
            guard: CancelGuard { stage: Some(self) },
            outcome: Some(outcome),
            future: Box::pin(future),
        }
    }

    /// Runs a function as this stage: `Ok` ends it as ok, `Err` as failed with the error's text for a reason. The
    /// function gets a handle, for children and progress.
    pub fn in_scope<T, E: Display>(self, work: impl FnOnce(&StageHandle) -> Result<T, E>) -> Result<T, E> {
        let result = work(&self.handle);
        self.finish(match &result {
            Ok(_) => Outcome::Ok,
            Err(error) => Outcome::failed(error.to_string()),
        });
        result
    }

    fn end(&self, outcome: Outcome) {
        if let Some(info) = &self.handle.info {
            self.handle.timeline.inner.end(info.id, &outcome.on_one_line());
        }
    }
}

impl Deref for Stage {
    type Target = StageHandle;

    fn deref(&self) -> &StageHandle {
        &self.handle
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Ending a stage that has ended changes nothing.
        if std::thread::panicking() {
            self.end(Outcome::failed("panicked"));
        } else {
            self.end(Outcome::Aborted);
        }
    }
}

impl StageHandle {
    pub(super) fn new(timeline: Timeline, info: Option<Arc<StageInfo>>, lane: Lane) -> Self {
        Self { timeline, info, lane }
    }

    /// Starts a stage inside of this one.
    pub fn child(&self, name: impl Into<Cow<'static, str>>, kind: StageKind, lane: impl Into<Lane>) -> Stage {
        let parent = self.info.as_ref().map(|info| info.id);
        Stage::new(self.timeline.start_stage(parent, name.into(), kind, lane.into()))
    }

    /// Starts a stage inside of this one, in the same lane.
    pub fn child_here(&self, name: impl Into<Cow<'static, str>>, kind: StageKind) -> Stage {
        self.child(name, kind, self.lane.clone())
    }

    /// Says how much of the stage is done (0 to 1, where that is known) and what it is doing. What is no news (the same
    /// message, the fraction changed by less than half a percent) is dropped.
    pub fn progress(&self, fraction: Option<f64>, message: impl AsRef<str>) {
        if let Some(info) = &self.info {
            self.timeline.inner.progress(info, fraction, message.as_ref());
        }
    }

    /// Says what the stage is doing.
    pub fn message(&self, message: impl AsRef<str>) {
        self.progress(None, message);
    }

    /// What is known of the stage; `None` when the run was over before it began.
    pub fn info(&self) -> Option<&Arc<StageInfo>> {
        self.info.as_ref()
    }

    /// The lane of the stage.
    pub fn lane(&self) -> &Lane {
        &self.lane
    }

    /// The run that the stage is a part of.
    pub fn timeline(&self) -> &Timeline {
        &self.timeline
    }

    /// Whether the stage has not ended yet.
    pub fn is_open(&self) -> bool {
        self.info
            .as_ref()
            .is_some_and(|info| self.timeline.inner.is_open(info.id))
    }
}

impl fmt::Debug for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Stage").field(&self.handle.info).finish()
    }
}

impl fmt::Debug for StageHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("StageHandle").field(&self.info).finish()
    }
}

/// A future that is a stage. Fields are dropped in this order: the guard first, so that what the future holds open ends
/// as cancelled with it, not as aborted a moment earlier.
struct Run<F, O> {
    guard: CancelGuard,
    outcome: Option<O>,
    future: Pin<Box<F>>,
}

// Nothing but the future needs to be pinned, and that is boxed.
impl<F, O> Unpin for Run<F, O> {}

impl<F, T, O> Future for Run<F, O>
where
    F: Future<Output = T>,
    O: FnOnce(&T) -> Outcome,
{
    type Output = T;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<T> {
        let this = &mut *self;
        // An executor may catch a panic and drop the future later, when nothing tells any more that it panicked.
        let panicked = PanicGuard { guard: &mut this.guard };
        let poll = this.future.as_mut().poll(cx);
        std::mem::forget(panicked);
        if let Poll::Ready(result) = &poll
            && let (Some(stage), Some(outcome)) = (this.guard.stage.take(), this.outcome.take())
        {
            stage.finish(outcome(result));
        }
        poll
    }
}

/// Ends the stage as cancelled when the future that owns it is dropped.
struct CancelGuard {
    stage: Option<Stage>,
}

impl Drop for CancelGuard {
    fn drop(&mut self) {
        if let Some(stage) = self.stage.take()
            && !std::thread::panicking()
        {
            stage.finish(Outcome::Cancelled);
        }
    }
}

/// Ends the stage while a panic passes.
struct PanicGuard<'a> {
    guard: &'a mut CancelGuard,
}

impl Drop for PanicGuard<'_> {
    fn drop(&mut self) {
        drop(self.guard.stage.take());
    }
}
