//! What the handles share: the book, the record, and the delivery of events.

use std::borrow::Cow;
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use super::book::{Book, StageInfo};
use crate::clock::Clock;
use crate::event::{Event, EventKind, RunInfo, run_line, start_line};
use crate::lane::Text;
use crate::outcome::one_line;
use crate::record::StageId;
use crate::record::wire::{Line, micros};
use crate::record::write::Recorder;
use crate::{Lane, Outcome, RunRecord, StageKind, WallTime};

pub(super) type Observer = Box<dyn FnMut(&Event) + Send>;

pub(super) struct Inner {
    clock: Arc<dyn Clock>,
    /// The clock's time when the run started.
    origin: Duration,
    utc_offset: Option<i32>,
    run: Arc<RunInfo>,
    observed: bool,
    state: Mutex<State>,
    /// Locked only by the one thread that delivers (`State::delivering`).
    observers: Mutex<Vec<Observer>>,
}

struct State {
    book: Book,
    recorder: Option<Recorder>,
    recording_error: Option<String>,
    ended: Option<WallTime>,
    queue: VecDeque<Event>,
    /// Some thread is delivering and will deliver whatever is queued before it stops.
    delivering: bool,
    /// A recording failure that nobody has been warned of yet.
    #[cfg(feature = "tracing")]
    warning: Option<String>,
}

impl Inner {
    pub(super) fn new(
        clock: Arc<dyn Clock>,
        utc_offset: Option<i32>,
        run: RunInfo,
        observers: Vec<Observer>,
        book: Book,
    ) -> Self {
        Self {
            origin: clock.now(),
            clock,
            utc_offset,
            run: Arc::new(run),
            observed: !observers.is_empty(),
            state: Mutex::new(State {
                book,
                recorder: None,
                recording_error: None,
                ended: None,
                queue: VecDeque::new(),
                delivering: false,
                #[cfg(feature = "tracing")]
                warning: None,
            }),
            observers: Mutex::new(observers),
        }
    }

    pub(super) fn run(&self) -> &Arc<RunInfo> {
        &self.run
    }

    pub(super) fn elapsed(&self) -> Duration {
        self.clock.now().saturating_sub(self.origin)
    }

    /// The first event, and the record's first line.
    pub(super) fn begin(&self, path: Option<PathBuf>) {
        let mut state = self.lock();
        let at = state.book.now();
        self.queue(&mut state, at, EventKind::RunStarted);
        if let Some(path) = path {
            match Recorder::create(&path) {
                Ok(recorder) => {
                    state.recorder = Some(recorder);
                    self.write(&mut state, at, &run_line(&self.run));
                }
                Err(error) => {
                    self.recording_failed(&mut state, at, &format!("cannot create {}: {error}", path.display()));
                }
            }
        }
        self.deliver(state);
    }

    pub(super) fn start(
        &self,
        parent: Option<StageId>,
        name: Text,
        kind: StageKind,
        lane: Lane,
    ) -> Option<Arc<StageInfo>> {
        let mut state = self.lock();
        let info = state.book.start(parent, name, kind, lane)?;
        let at = info.start;
        self.write(&mut state, at, &start_line(&info));
        if self.observed {
            self.queue(
                &mut state,
                at,
                EventKind::StageStarted {
                    stage: Arc::clone(&info),
                },
            );
        }
        self.deliver(state);
        Some(info)
    }

    pub(super) fn progress(&self, stage: &Arc<StageInfo>, fraction: Option<f64>, message: &str) {
        // Four decimals: more is noise, and few enough to be read back exactly.
        let fraction = fraction.filter(|fraction| fraction.is_finite());
        let fraction = fraction.map(|fraction| (fraction.clamp(0.0, 1.0) * 10_000.0).round() / 10_000.0);
        let message = one_line(message);
        let mut state = self.lock();
        if !state.book.progress(stage.id, fraction, &message) {
            return;
        }
        let at = state.book.now();
        let line = Line::Progress {
            at_us: micros(at),
            id: stage.id.get(),
            fraction,
            message: Cow::Borrowed(&message),
        };
        self.write(&mut state, at, &line);
        if self.observed {
            let stage = Arc::clone(stage);
            self.queue(
                &mut state,
                at,
                EventKind::Progress {
                    stage,
                    fraction,
                    message: message.into(),
                },
            );
        }
        self.deliver(state);
    }

    pub(super) fn end(&self, id: StageId, outcome: &Outcome) {
        let mut state = self.lock();
        self.end_with(&mut state, |book, on_end| book.end(id, outcome, on_end));
        self.deliver(state);
    }

    pub(super) fn finish(&self, outcome: Outcome) {
        let mut state = self.lock();
        if state.book.is_finished() {
            return;
        }
        self.end_with(&mut state, |book, on_end| book.finish(&outcome, on_end));
        let wall = self.clock.wall();
        let ended = match self.utc_offset {
            Some(seconds) => WallTime::with_offset(wall, seconds),
            None => WallTime::local(wall),
        };
        state.ended = Some(ended);
        let at = state.book.now();
        let line = Line::Finish {
            at_us: micros(at),
            outcome: Cow::Borrowed(&outcome),
            ended,
        };
        self.write(&mut state, at, &line);
        if let Some(Err(error)) = state.recorder.take().map(Recorder::close) {
            self.recording_failed(&mut state, at, &format!("cannot write the record to the disk: {error}"));
        }
        self.queue(&mut state, at, EventKind::RunFinished { outcome, ended });
        self.deliver(state);
    }

    pub(super) fn is_open(&self, id: StageId) -> bool {
        self.state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .book
            .is_open(id)
    }

    pub(super) fn snapshot(&self) -> RunRecord {
        let state = self.lock();
        RunRecord {
            ended: state.ended,
            recording_error: state.recording_error.clone(),
            ..RunRecord::from_book(&self.run, &state.book)
        }
    }

    /// Locks the state and moves its time on. The clock is read under the lock, so that the order of events is the
    /// order of their times.
    fn lock(&self) -> MutexGuard<'_, State> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.book.is_finished() {
            state.book.advance(self.elapsed());
        }
        state
    }

    fn end_with(&self, state: &mut State, end: impl FnOnce(&mut Book, super::book::OnEnd<'_>)) {
        let mut book = std::mem::take(&mut state.book);
        let at = book.now();
        let mut any = false;
        end(&mut book, &mut |info, outcome| {
            any = true;
            let line = Line::End {
                at_us: micros(at),
                id: info.id.get(),
                outcome: Cow::Borrowed(outcome),
            };
            self.write(state, at, &line);
            if self.observed {
                self.queue(
                    state,
                    at,
                    EventKind::StageEnded {
                        stage: Arc::clone(info),
                        outcome: outcome.clone(),
                    },
                );
            }
        });
        state.book = book;
        if let Some(Err(error)) = state.recorder.as_mut().filter(|_| any).map(Recorder::sync_soon) {
            self.recording_failed(state, at, &format!("cannot write the record to the disk: {error}"));
        }
    }

    fn write(&self, state: &mut State, at: Duration, line: &Line<'_>) {
        if let Some(Err(error)) = state.recorder.as_mut().map(|recorder| recorder.write(line)) {
            self.recording_failed(state, at, &format!("cannot write to the record: {error}"));
        }
    }

    /// Gives up recording, and says so once.
    fn recording_failed(&self, state: &mut State, at: Duration, reason: &str) {
        state.recorder = None;
        let reason = one_line(reason);
        self.queue(
            state,
            at,
            EventKind::RecordingFailed {
                reason: reason.as_str().into(),
            },
        );
        #[cfg(feature = "tracing")]
        {
            state.warning = Some(reason.clone());
        }
        state.recording_error = Some(reason);
    }

    fn queue(&self, state: &mut State, at: Duration, kind: EventKind) {
        if self.observed {
            state.queue.push_back(Event {
                run: Arc::clone(&self.run),
                at,
                kind,
            });
        }
    }

    /// Delivers what is queued, outside of the state's lock, so that an observer may use the timeline. Whoever finds
    /// somebody else delivering leaves the work to them: the flag and the queue are under one lock, nothing is lost.
    fn deliver<'a>(&'a self, mut state: MutexGuard<'a, State>) {
        #[cfg(feature = "tracing")]
        if let Some(reason) = state.warning.take() {
            drop(state);
            // Outside of the lock: whoever collects warnings may be writing to this timeline.
            ::tracing::warn!(run = %self.run.id, "the run is not recorded any further: {reason}");
            state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        }
        if state.delivering || state.queue.is_empty() {
            return;
        }
        state.delivering = true;
        while let Some(event) = state.queue.pop_front() {
            drop(state);
            let mut observers = self.observers.lock().unwrap_or_else(PoisonError::into_inner);
            // The panic hook has told about the panic; the run must not suffer from somebody who only watches it.
            observers.retain_mut(|observer| catch_unwind(AssertUnwindSafe(|| observer(&event))).is_ok());
            if matches!(event.kind, EventKind::RunFinished { .. }) {
                // There is nothing more to tell; an observer that holds the timeline must not keep it alive for ever.
                observers.clear();
            }
            drop(observers);
            state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        }
        state.delivering = false;
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.finish(Outcome::Aborted);
    }
}
