//! The run as a picture: a band per lane, a bar per stage, and the critical path as a line through them.

mod layout;

use std::fmt::Write as _;
use std::time::Duration;

use layout::{Bar, Layout};

use super::axis::{tick_label, ticks};
use super::escape::Escaped;
use crate::analysis::Tree;
use crate::lang::{kind_word, outcome_word};
use crate::summary::outcome_text;
use crate::text::{cut, percent, rough, seconds, width};
use crate::{Lang, Outcome, RunRecord, StageKind, StageRecord};

const STYLE: &str = include_str!("style.css");

/// Average advance of one column of bar text, in pixels.
const COLUMN: f64 = 6.4;

impl RunRecord {
    /// The run as an SVG picture, in English. Follows the viewer's light or dark colour scheme; hovering a bar shows
    /// what there is to know of the stage.
    pub fn to_svg(&self) -> String {
        self.to_svg_in(Lang::En)
    }

    /// The run as an SVG picture.
    pub fn to_svg_in(&self, lang: Lang) -> String {
        let tree = Tree::of(self);
        let layout = Layout::of(self, &tree);
        let mut svg = Picture {
            record: self,
            lang,
            layout,
            out: String::new(),
        };
        svg.draw();
        svg.out
    }
}

struct Picture<'a> {
    record: &'a RunRecord,
    lang: Lang,
    layout: Layout,
    out: String,
}

/// Writing to a `String` cannot fail.
macro_rules! put {
    ($self:ident, $($arg:tt)*) => { let _ = writeln!($self.out, $($arg)*); };
}

impl Picture<'_> {
    fn draw(&mut self) {
        let (w, h) = (layout::WIDTH, self.layout.height);
        let title = self.title();
        put!(
            self,
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {w} {h}" width="{w}" height="{h}" role="img" lang="{}" aria-label="{}">"#,
            self.lang.code(),
            Escaped(&title)
        );
        put!(self, "<style>\n{STYLE}</style>");
        put!(self, r#"<rect class="paper" width="{w}" height="{h}"/>"#);
        put!(self, r#"<text class="title" x="20" y="30">{}</text>"#, Escaped(&title));
        let subtitle = self.subtitle();
        put!(
            self,
            r#"<text class="soft" x="20" y="50">{}</text>"#,
            Escaped(&subtitle)
        );
        self.legend();
        self.bands();
        self.axis();
        let bars = std::mem::take(&mut self.layout.bars);
        for bar in &bars {
            self.bar(bar);
        }
        self.critical_path();
        for bar in &bars {
            self.bar_text(&self.record.stages[bar.stage], bar);
        }
        put!(self, "</svg>");
    }

    fn title(&self) -> String {
        let (record, shape) = (self.record, &self.record.shape);
        let shape = if shape.is_empty() {
            String::new()
        } else {
            format!(" ({shape})")
        };
        format!(
            "{}{shape} · {} · {}",
            record.name,
            rough(record.wall, self.lang),
            outcome_word(&record.outcome, self.lang)
        )
    }

    fn subtitle(&self) -> String {
        let totals = self.record.totals();
        let waiting = format!(
            "{} {}",
            self.lang.pick("waiting", "대기"),
            percent(totals.waiting, totals.wall)
        );
        let path = self.record.critical_path();
        let bottleneck = path.bottleneck(self.record).map_or(String::new(), |stage| {
            let share = percent(path.within(stage.id), totals.wall);
            format!(
                " · {}: {} {share}",
                self.lang.pick("bottleneck", "병목 구간"),
                self.record.label(stage, self.lang)
            )
        });
        format!("{} · {waiting}{bottleneck}", self.record.started)
    }

    fn legend(&mut self) {
        let entries = [
            ("working", kind_word(StageKind::Working, self.lang)),
            ("waiting", kind_word(StageKind::Waiting, self.lang)),
            ("failed", outcome_word(&Outcome::failed(""), self.lang)),
            ("skipped", self.lang.pick("skipped, cancelled", "건너뜀, 취소됨")),
        ];
        let mut x = layout::WIDTH - 20.0;
        let path = self.lang.pick("critical path", "임계 경로");
        x -= COLUMN.mul_add(columns(path), 26.0);
        put!(
            self,
            r#"<path class="critical" d="M{x:.1} 26h18"/><text x="{:.1}" y="30">{path}</text>"#,
            x + 24.0
        );
        for (class, word) in entries.into_iter().rev() {
            x -= COLUMN.mul_add(columns(word), 34.0);
            put!(
                self,
                r#"<rect class="{class}" x="{x:.1}" y="19" width="12" height="12" rx="3"/><text x="{:.1}" y="30">{word}</text>"#,
                x + 18.0
            );
        }
    }

    fn bands(&mut self) {
        let lanes = std::mem::take(&mut self.layout.lanes);
        for (number, lane) in lanes.iter().enumerate() {
            if number % 2 == 0 {
                put!(
                    self,
                    r#"<rect class="band" y="{:.1}" width="{}" height="{:.1}"/>"#,
                    lane.y,
                    layout::WIDTH,
                    lane.height
                );
            }
            put!(
                self,
                r#"<text class="lane" x="20" y="{:.1}">{}</text>"#,
                lane.y + 22.0,
                Escaped(&cut(&lane.name, 21))
            );
            if lane.hidden > 0 {
                let more = self.lang.pick("rows not drawn", "행 생략");
                put!(
                    self,
                    r#"<text class="tick" x="20" y="{:.1}">+{} {more}</text>"#,
                    lane.y + 38.0,
                    lane.hidden
                );
            }
        }
        self.layout.lanes = lanes;
    }

    fn axis(&mut self) {
        let (top, bottom) = (layout::TOP, self.layout.height - layout::BOTTOM);
        for tick in ticks(self.record.wall, 10) {
            let x = self.layout.x(tick);
            put!(self, r#"<path class="grid" d="M{x:.1} {top}V{bottom}"/>"#);
            put!(
                self,
                r#"<text class="tick" x="{:.1}" y="{:.1}">{}</text>"#,
                x + 3.0,
                bottom + 16.0,
                tick_label(tick)
            );
        }
    }

    fn bar(&mut self, bar: &Bar) {
        let stage = &self.record.stages[bar.stage];
        let class = match &stage.outcome {
            Outcome::Ok => stage.kind.id(),
            other => other.id(),
        };
        let details = self.details(stage);
        let round = if bar.width > 8.0 { 4 } else { 1 };
        put!(
            self,
            r#"<g class="b"><title>{}</title><rect class="{class}" x="{:.2}" y="{:.1}" width="{:.2}" height="{}" rx="{round}"/></g>"#,
            Escaped(&details),
            bar.x,
            bar.y,
            bar.width,
            layout::BAR,
        );
    }

    /// The label on the bar where it fits, beside it where there is room, else nowhere: the bar shows it when hovered.
    fn bar_text(&mut self, stage: &StageRecord, bar: &Bar) {
        let label = self.record.label(stage, self.lang);
        let full = format!("{label}  {}", seconds(stage.duration()));
        let fits = |text: &str, room: f64| COLUMN.mul_add(columns(text), 12.0) <= room;
        let y = bar.y + 14.5;
        if let Some(text) = [full.as_str(), &*label].into_iter().find(|text| fits(text, bar.width)) {
            put!(
                self,
                r#"<text class="on" x="{:.1}" y="{y:.1}">{}</text>"#,
                bar.x + 6.0,
                Escaped(text)
            );
        } else if let Some(text) = [full.as_str(), &*label].into_iter().find(|text| fits(text, bar.room)) {
            put!(
                self,
                r#"<text class="by" x="{:.1}" y="{y:.1}">{}</text>"#,
                bar.x + bar.width + 5.0,
                Escaped(text)
            );
        }
    }

    fn details(&self, stage: &StageRecord) -> String {
        let mut text = format!(
            "{} [{}] {} ({}), {}",
            self.record.label(stage, self.lang),
            stage.lane,
            seconds(stage.duration()),
            percent(stage.duration(), self.record.wall),
            outcome_text(&stage.outcome, self.lang)
        );
        if let Some(message) = stage.last_message() {
            text.push_str(" · ");
            text.push_str(message);
        }
        text
    }

    fn critical_path(&mut self) {
        let path = self.record.critical_path();
        // Along the bars in one path, from bar to bar in a thinner one.
        let (mut along, mut between) = (String::new(), String::new());
        let mut pen: Option<(f64, f64)> = None;
        for step in &path.steps {
            let Some((id, y)) = step.stage.and_then(|id| Some((id, self.layout.y_of(id.index())?))) else {
                pen = None;
                continue;
            };
            let (from, to) = (self.layout.x(step.start), self.layout.x(step.end));
            // A moment that a stage spends between two stages inside of it would only be a spike in the line; and
            // thousands of steps within a pixel are one point of it.
            let smallest = if self.layout.has_children(id.index()) { 4.0 } else { 0.3 };
            if to - from < smallest && pen.is_some() {
                continue;
            }
            let y = y + layout::BAR - 1.0;
            let start = match pen {
                Some((x, before)) if (before - y).abs() > 0.1 => {
                    let _ = write!(between, "M{x:.2} {before:.1}V{y:.1}");
                    x
                }
                Some((x, _)) => x,
                None => from,
            };
            let _ = write!(along, "M{start:.2} {y:.1}H{to:.2}");
            pen = Some((to, y));
        }
        if !along.is_empty() {
            put!(self, r#"<path class="critical link" d="{between}"/>"#);
            put!(self, r#"<path class="critical" d="{along}"/>"#);
        }
    }
}

/// Width in columns as a number to calculate pixels with.
#[expect(clippy::cast_precision_loss, reason = "a label is not 2^52 columns wide")]
fn columns(text: &str) -> f64 {
    width(text) as f64
}

/// A duration as a share of another, for positions.
pub(super) fn ratio(part: Duration, whole: Duration) -> f64 {
    crate::text::share(part, whole)
}
