//! Log lines that carry the time.

use std::fmt::{self, Write as _};
use std::sync::Arc;

use ::tracing::field::{Field, Visit};
use ::tracing::{Event, Level, Subscriber};
use serde::Serialize;
use serde_json::{Map, Value};
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::time::FormatTime;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::registry::LookupSpan;

use super::layer::stage_around;
use crate::clock::{Clock, SystemClock};
use crate::{Lane, WallTime};

/// The local time as `yyyy-MM-dd HH:mm:ss`, for a formatter of `tracing-subscriber`'s own.
#[derive(Debug, Clone, Copy, Default)]
pub struct LocalTime;

impl FormatTime for LocalTime {
    fn format_time(&self, writer: &mut Writer<'_>) -> fmt::Result {
        write!(writer, "{}", WallTime::now())
    }
}

/// Where the formatters get the time from.
#[derive(Debug, Clone)]
struct Time {
    clock: Arc<dyn Clock>,
    utc_offset: Option<i32>,
}

impl Default for Time {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock::new()),
            utc_offset: None,
        }
    }
}

impl Time {
    fn now(&self) -> WallTime {
        match self.utc_offset {
            Some(seconds) => WallTime::with_offset(self.clock.wall(), seconds),
            None => WallTime::local(self.clock.wall()),
        }
    }
}

/// Text for people, `yyyy-MM-dd HH:mm:ss` in front of every line, also of the second and later lines of a message. The
/// lane of the stage that it comes from, if there is one, is part of it.
///
/// For [`tracing_subscriber::fmt::Layer::event_format`]: `2026-08-01 12:34:56  INFO [k3s-master1] started pid=4711`.
#[derive(Debug, Clone, Default)]
pub struct TextLines {
    time: Time,
    target: bool,
}

impl TextLines {
    /// Lines with the machine's local time.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the time from another clock, for a place `utc_offset` seconds east of Greenwich.
    pub fn with_clock(mut self, clock: Arc<dyn Clock>, utc_offset: i32) -> Self {
        self.time = Time {
            clock,
            utc_offset: Some(utc_offset),
        };
        self
    }

    /// Whether a line says which module it comes from. By default it does not.
    pub fn with_target(mut self, target: bool) -> Self {
        self.target = target;
        self
    }
}

impl<S, N> FormatEvent<S, N> for TextLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let colour = writer.has_ansi_escapes();
        let metadata = event.metadata();
        let mut body = String::new();
        let stage = context
            .event_scope()
            .and_then(|mut scope| scope.find_map(|span| stage_around(&span)));
        if let Some(stage) = stage.filter(|stage| *stage.lane() != Lane::MAIN) {
            write!(body, "[{}] ", stage.lane())?;
        }
        if self.target {
            write!(body, "{}: ", metadata.target())?;
        }
        let mut fields = TextFields::default();
        event.record(&mut fields);
        body.push_str(&fields.message);
        body.push_str(&fields.others);
        let now = self.time.now();
        for (number, line) in body.trim_end().split('\n').enumerate() {
            if colour {
                write!(writer, "\x1b[2m{now}\x1b[0m ")?;
            } else {
                write!(writer, "{now} ")?;
            }
            if number == 0 {
                write_level(&mut writer, *metadata.level(), colour)?;
            } else {
                writer.write_str("     ")?;
            }
            writeln!(writer, " {}", line.trim_end_matches('\r'))?;
        }
        Ok(())
    }
}

fn write_level(writer: &mut Writer<'_>, level: Level, colour: bool) -> fmt::Result {
    let code = match level {
        Level::ERROR => "31",
        Level::WARN => "33",
        Level::INFO => "32",
        Level::DEBUG => "34",
        _ => "35",
    };
    if colour {
        write!(writer, "\x1b[{code}m{level:>5}\x1b[0m")
    } else {
        write!(writer, "{level:>5}")
    }
}

/// The message, and ` key=value` for every other field.
#[derive(Default)]
struct TextFields {
    message: String,
    others: String,
}

impl Visit for TextFields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            self.message.push_str(value);
        } else {
            let _ = write!(self.others, " {}={value:?}", field.name());
        }
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        let _ = if field.name() == "message" {
            write!(self.message, "{value:?}")
        } else {
            write!(self.others, " {}={value:?}", field.name())
        };
    }
}

/// One JSON object per line, for machines: `time` as in [`TextLines`], `timestamp` as RFC 3339 to the microsecond,
/// `level`, `target`, `message`, the other `fields`, and the `stage` and `lane` that it comes from, if any.
#[derive(Debug, Clone, Default)]
pub struct JsonLines {
    time: Time,
}

#[derive(Serialize)]
struct JsonLine<'a> {
    time: String,
    timestamp: WallTime,
    level: &'a str,
    target: &'a str,
    message: String,
    #[serde(skip_serializing_if = "Map::is_empty")]
    fields: Map<String, Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stage: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    lane: Option<String>,
}

impl JsonLines {
    /// Lines with the machine's local time.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes the time from another clock, for a place `utc_offset` seconds east of Greenwich.
    pub fn with_clock(mut self, clock: Arc<dyn Clock>, utc_offset: i32) -> Self {
        self.time = Time {
            clock,
            utc_offset: Some(utc_offset),
        };
        self
    }
}

impl<S, N> FormatEvent<S, N> for JsonLines
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, context: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let metadata = event.metadata();
        let stage = context
            .event_scope()
            .and_then(|mut scope| scope.find_map(|span| stage_around(&span)));
        let mut fields = JsonFields::default();
        event.record(&mut fields);
        let now = self.time.now();
        let line = JsonLine {
            time: now.to_string(),
            timestamp: now,
            level: metadata.level().as_str(),
            target: metadata.target(),
            message: fields.message,
            fields: fields.others,
            lane: stage.as_ref().map(|stage| stage.lane().to_string()),
            stage: stage.and_then(|stage| Some(stage.info()?.name().to_owned())),
        };
        writeln!(writer, "{}", serde_json::to_string(&line).map_err(|_| fmt::Error)?)
    }
}

#[derive(Default)]
struct JsonFields {
    message: String,
    others: Map<String, Value>,
}

impl JsonFields {
    fn put(&mut self, field: &Field, value: impl Into<Value>) {
        match (field.name(), value.into()) {
            ("message", Value::String(message)) => self.message = message,
            (name, value) => drop(self.others.insert(name.to_owned(), value)),
        }
    }
}

impl Visit for JsonFields {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.put(field, value);
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.put(field, value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.put(field, value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.put(field, value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.put(field, value);
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.put(field, format!("{value:?}"));
    }
}
