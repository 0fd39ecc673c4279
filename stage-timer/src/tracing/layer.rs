//! Spans that are stages.

use std::borrow::Cow;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use ::tracing::field::{Field, Visit};
use ::tracing::span::{Attributes, Id, Record};
use ::tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::{LookupSpan, SpanRef};

use crate::timeline::WeakTimeline;
use crate::{Lane, Outcome, Stage, StageHandle, StageKind, Timeline};

/// A [`Layer`] that turns marked spans into stages of a timeline.
///
/// A span is marked by a field `stage`, which names the stage (`stage = "wait-ready"`; with `stage = true` the span's own
/// name does). More fields say more:
///
/// - `stage.kind`: `"working"` (the default) or `"waiting"`;
/// - `stage.lane`: the lane, by default that of the stage around it;
/// - `stage.outcome`, `stage.reason`: how it ended, recorded before the span closes (`"ok"`, `"skipped"`, `"failed"`,
///   `"timed_out"`, `"cancelled"`, `"aborted"`). A span that declares `stage.outcome` as [`Empty`](tracing::field::Empty)
///   and closes without it (an early return, a dropped future) ends as aborted; one without that field ends as ok.
///
/// An event inside of such a span with a field `stage.progress` (0 to 1) or `stage.message` is progress of the stage.
///
/// Without a timeline attached, and for spans that are not marked, it does next to nothing.
#[derive(Debug)]
pub struct StageLayer {
    shared: Arc<Shared>,
}

/// Attaches timelines to a [`StageLayer`], which is usually given away before the first run begins. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Attachment {
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    attached: AtomicBool,
    /// Weak, so that a layer that lives as long as the process does not keep a dropped run open.
    timeline: RwLock<Option<WeakTimeline>>,
}

/// What a marked span carries.
struct StageSpan {
    stage: Option<Stage>,
    handle: StageHandle,
    outcome: Option<String>,
    reason: String,
    /// The span says how it ends; silence is no success.
    declares_outcome: bool,
}

impl StageLayer {
    /// A layer without a timeline, and what attaches one.
    pub fn new() -> (Self, Attachment) {
        let shared = Arc::new(Shared::default());
        (
            Self {
                shared: Arc::clone(&shared),
            },
            Attachment { shared },
        )
    }

    /// A layer for one timeline.
    pub fn of(timeline: &Timeline) -> Self {
        let (layer, attachment) = Self::new();
        attachment.attach(timeline);
        layer
    }
}

impl Attachment {
    /// From now on marked spans are stages of this timeline. Spans that are open already stay what they are.
    pub fn attach(&self, timeline: &Timeline) {
        *self.shared.timeline.write().unwrap_or_else(PoisonError::into_inner) = Some(timeline.downgrade());
        self.shared.attached.store(true, Ordering::Release);
    }

    /// From now on marked spans are just spans.
    pub fn detach(&self) {
        self.shared.attached.store(false, Ordering::Release);
        *self.shared.timeline.write().unwrap_or_else(PoisonError::into_inner) = None;
    }
}

impl Shared {
    fn timeline(&self) -> Option<Timeline> {
        self.timeline
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .as_ref()?
            .upgrade()
    }
}

impl<S> Layer<S> for StageLayer
where
    S: Subscriber + for<'a> LookupSpan<'a>,
{
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        if !self.shared.attached.load(Ordering::Acquire) || attributes.metadata().fields().field("stage").is_none() {
            return;
        }
        let mut fields = Fields::default();
        attributes.record(&mut fields);
        let name: Cow<'static, str> = match fields.stage {
            Some(StageName::Named(name)) => name.into(),
            Some(StageName::AsSpan) => attributes.metadata().name().into(),
            None => return,
        };
        let (Some(span), Some(timeline)) = (context.span(id), self.shared.timeline()) else {
            return;
        };
        let around = span.parent().and_then(|parent| stage_around(&parent));
        let lane = fields.lane.map(Lane::new);
        let stage = match (around, lane) {
            (Some(around), Some(lane)) => around.child(name, fields.kind, lane),
            (Some(around), None) => around.child_here(name, fields.kind),
            (None, lane) => timeline.stage_in(name, fields.kind, lane.unwrap_or_default()),
        };
        let span_data = StageSpan {
            handle: stage.handle(),
            stage: Some(stage),
            outcome: fields.outcome,
            reason: fields.reason,
            declares_outcome: attributes.metadata().fields().field("stage.outcome").is_some(),
        };
        span.extensions_mut().insert(span_data);
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        let Some(span) = context.span(id) else { return };
        let mut fields = Fields::default();
        let handle = {
            let mut extensions = span.extensions_mut();
            let Some(data) = extensions.get_mut::<StageSpan>() else {
                return;
            };
            values.record(&mut fields);
            data.outcome = fields.outcome.take().or(data.outcome.take());
            if !fields.reason.is_empty() {
                data.reason = std::mem::take(&mut fields.reason);
            }
            data.handle.clone()
        };
        // Outside of the span's lock: observers of the timeline may write events of their own.
        fields.report(&handle);
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let fields = event.metadata().fields();
        if fields.field("stage.progress").is_none() && fields.field("stage.message").is_none() {
            return;
        }
        let Some(handle) = context.event_span(event).and_then(|span| stage_around(&span)) else {
            return;
        };
        let mut fields = Fields::default();
        event.record(&mut fields);
        fields.report(&handle);
    }

    fn on_close(&self, id: Id, context: Context<'_, S>) {
        let Some(span) = context.span(&id) else { return };
        let Some(data) = span.extensions_mut().remove::<StageSpan>() else {
            return;
        };
        let Some(stage) = data.stage else { return };
        let reason = data.reason;
        let outcome = match data.outcome.as_deref() {
            Some("ok") => Outcome::Ok,
            Some("skipped") => Outcome::Skipped { reason },
            Some("timed_out") => Outcome::TimedOut { reason },
            Some("cancelled") => Outcome::Cancelled,
            Some("aborted") => Outcome::Aborted,
            Some("failed") => Outcome::Failed { reason },
            Some(unknown) => Outcome::failed(format!("unknown outcome {unknown:?}: {reason}")),
            // Dropping it tells a panic from silence.
            None if data.declares_outcome || std::thread::panicking() => return drop(stage),
            None => Outcome::Ok,
        };
        stage.finish(outcome);
    }
}

/// The stage of the span or of the nearest one around it.
pub(super) fn stage_around<'a, S: LookupSpan<'a>>(span: &SpanRef<'a, S>) -> Option<StageHandle> {
    span.scope()
        .find_map(|span| span.extensions().get::<StageSpan>().map(|data| data.handle.clone()))
}

enum StageName {
    AsSpan,
    Named(String),
}

struct Fields {
    stage: Option<StageName>,
    kind: StageKind,
    lane: Option<String>,
    outcome: Option<String>,
    reason: String,
    progress: Option<f64>,
    message: Option<String>,
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            stage: None,
            kind: StageKind::Working,
            lane: None,
            outcome: None,
            reason: String::new(),
            progress: None,
            message: None,
        }
    }
}

impl Fields {
    fn report(self, handle: &StageHandle) {
        if self.progress.is_some() || self.message.is_some() {
            handle.progress(self.progress, self.message.unwrap_or_default());
        }
    }

    fn text(&mut self, field: &Field, value: String) {
        match field.name() {
            "stage" => self.stage = Some(StageName::Named(value)),
            "stage.kind" if value == "waiting" => self.kind = StageKind::Waiting,
            "stage.lane" => self.lane = Some(value),
            "stage.outcome" => self.outcome = Some(value),
            "stage.reason" => self.reason = value,
            "stage.message" => self.message = Some(value),
            _ => {}
        }
    }
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.text(field, value.to_owned());
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        if field.name() == "stage" {
            self.stage = value.then_some(StageName::AsSpan);
        }
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        if field.name() == "stage.progress" {
            self.progress = Some(value);
        }
    }

    #[expect(clippy::cast_precision_loss, reason = "a fraction: 0 or 1")]
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.record_f64(field, value as f64);
    }

    #[expect(clippy::cast_precision_loss, reason = "a fraction: 0 or 1")]
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.record_f64(field, value as f64);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name().starts_with("stage") {
            self.text(field, format!("{value:?}"));
        }
    }
}
