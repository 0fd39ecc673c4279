//! What is known of a run at a moment, and how that looks in words. Draws nothing.

use std::fmt::Write as _;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::eta::{Estimator, Eta};
use crate::event::RunInfo;
use crate::lang::kind_word;
use crate::record::StageId;
use crate::text::{lane_suffix, rough};
use crate::timeline::{Book, StageInfo};
use crate::{Event, EventKind, Lang, RunRecord};

/// The state of a run, put together from its events.
#[derive(Default)]
pub(super) struct Board {
    lang: Lang,
    run: Option<Arc<RunInfo>>,
    book: Book,
    open: Vec<OpenStage>,
    estimator: Option<Arc<Estimator>>,
    eta: Option<Eta>,
    predicted: Option<Instant>,
    failed: bool,
}

/// A stage that has not ended.
pub(super) struct OpenStage {
    pub(super) info: Arc<StageInfo>,
    pub(super) depth: usize,
    pub(super) fraction: Option<f64>,
    pub(super) message: Arc<str>,
}

/// How often a prediction is made anew.
const PREDICT: Duration = Duration::from_millis(500);

impl Board {
    pub(super) fn new(lang: Lang, estimator: Option<Arc<Estimator>>) -> Self {
        Self {
            lang,
            estimator,
            ..Self::default()
        }
    }

    pub(super) fn apply(&mut self, event: &Event) {
        self.run.get_or_insert_with(|| Arc::clone(&event.run));
        self.book.advance(event.at);
        match &event.kind {
            EventKind::StageStarted { stage } => {
                self.book
                    .start(stage.parent, stage.name.clone(), stage.kind, stage.lane.clone());
                self.insert(stage);
            }
            EventKind::Progress {
                stage,
                fraction,
                message,
            } => {
                self.book.progress(stage.id, *fraction, message);
                if let Some(open) = self.open.iter_mut().find(|open| open.info.id == stage.id) {
                    open.fraction = *fraction;
                    if !message.is_empty() {
                        open.message = Arc::clone(message);
                    }
                }
            }
            EventKind::StageEnded { stage, outcome } => {
                self.book.end(stage.id, outcome, &mut |_, _| {});
                self.open.retain(|open| open.info.id != stage.id);
                self.failed |= stage.parent.is_none() && !outcome.is_success();
            }
            EventKind::RunFinished { outcome, .. } => {
                self.book.finish(outcome, &mut |_, _| {});
                self.open.clear();
            }
            EventKind::RunStarted | EventKind::RecordingFailed { .. } => {}
        }
    }

    /// Open stages stay in the order of a tree: each behind what surrounds it, and behind what is inside of its elder
    /// siblings.
    fn insert(&mut self, stage: &Arc<StageInfo>) {
        let parent = stage
            .parent
            .and_then(|parent| self.open.iter().position(|open| open.info.id == parent));
        let depth = parent.map_or(0, |parent| self.open[parent].depth + 1);
        let after = parent.map_or(0, |parent| parent + 1);
        let place = self.open[after..]
            .iter()
            .position(|open| open.depth < depth)
            .map_or(self.open.len(), |p| after + p);
        let open = OpenStage {
            info: Arc::clone(stage),
            depth,
            fraction: None,
            message: "".into(),
        };
        self.open.insert(place, open);
    }

    pub(super) fn open(&self) -> &[OpenStage] {
        &self.open
    }

    /// Whether an outermost stage did not succeed.
    pub(super) fn has_failed(&self) -> bool {
        self.failed
    }

    /// The open stages that have no open stage inside of them.
    pub(super) fn innermost(&self) -> impl Iterator<Item = &OpenStage> {
        let has_inside = |id: StageId| self.open.iter().any(|open| open.info.parent == Some(id));
        self.open.iter().filter(move |open| !has_inside(open.info.id))
    }

    /// `SSH [k3s-master1]`.
    pub(super) fn name(&self, stage: &StageInfo) -> String {
        let label = self
            .run
            .as_ref()
            .map_or_else(|| stage.name().into(), |run| run.label(stage, self.lang));
        format!("{label}{}", lane_suffix(stage.lane()))
    }

    /// How long the run still takes, if that can be said; made anew now and then.
    pub(super) fn eta(&mut self, now: Duration) -> Option<&Eta> {
        let due = self.predicted.is_none_or(|at| at.elapsed() >= PREDICT);
        if let (Some(estimator), Some(run), true) = (&self.estimator, &self.run, due) {
            let mut record = RunRecord::from_book(run, &self.book);
            record.move_now(now);
            self.eta = estimator.remaining(&record);
            self.predicted = Some(Instant::now());
        }
        self.eta.as_ref()
    }

    /// The last prediction in words.
    pub(super) fn eta_text(&mut self, now: Duration) -> Option<String> {
        let (run, lang) = (self.run.clone()?, self.lang);
        Some(self.eta(now)?.describe(&run.labels, lang))
    }

    /// `waiting 45s, TCP 22 open, 40%`: what an open stage is at.
    pub(super) fn state(&self, stage: &OpenStage, now: Duration) -> String {
        let age = rough(now.saturating_sub(stage.info.start()), self.lang);
        let mut text = format!("{} {age}", kind_word(stage.info.kind(), self.lang));
        if let Some(fraction) = stage.fraction {
            let _ = write!(text, ", {:.0}%", fraction * 100.0);
        }
        if !stage.message.is_empty() {
            text.push_str(", ");
            text.push_str(&stage.message);
        }
        text
    }
}
