//! A comparison as a picture: for every stage a bar of the earlier run above a bar of the later one, on one time axis.

use std::fmt::Write as _;
use std::time::Duration;

use super::{Change, ComparedStage, Comparison, Side};
use crate::export::{Escaped, tick_label, ticks};
use crate::lang::kind_word;
use crate::text::{lane_suffix, seconds, share, width};
use crate::{Lang, Outcome};

const WIDTH: f64 = 1200.0;
const LEFT: f64 = 300.0;
const RIGHT: f64 = 130.0;
const TOP: f64 = 112.0;
const ROW: f64 = 30.0;
/// Stages that are drawn at most: the outermost ones, then those inside of them.
const MOST: usize = 120;

const STYLE: &str = include_str!("style.css");

/// Writing to a `String` cannot fail.
macro_rules! put {
    ($out:expr, $($arg:tt)*) => { let _ = writeln!($out, $($arg)*); };
}

impl Comparison<'_> {
    /// The comparison as an SVG picture, in English.
    pub fn to_svg(&self) -> String {
        self.to_svg_in(Lang::En)
    }

    /// The comparison as an SVG picture. Follows the viewer's light or dark colour scheme.
    pub fn to_svg_in(&self, lang: Lang) -> String {
        let shown = self.shown();
        let whole = self.base.wall.max(self.new.wall);
        let x = |at: Duration| share(at, whole).mul_add(WIDTH - LEFT - RIGHT, LEFT);
        let bottom = rows(shown.len()).mul_add(ROW, TOP + 8.0);
        let height = bottom + 30.0;
        let mut out = String::new();
        let headline = self.headline(lang);
        put!(
            out,
            r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" width="{WIDTH}" height="{height}" role="img" lang="{}" aria-label="{}">"#,
            lang.code(),
            Escaped(&headline)
        );
        put!(
            out,
            "<style>\n{STYLE}</style>\n<rect class=\"paper\" width=\"{WIDTH}\" height=\"{height}\"/>"
        );
        self.heading(&mut out, lang);
        legend(&mut out, lang);
        for tick in ticks(whole, 9) {
            put!(out, r#"<path class="grid" d="M{0:.1} {TOP}V{bottom}"/>"#, x(tick));
            put!(
                out,
                r#"<text class="tick" x="{:.1}" y="{:.1}">{}</text>"#,
                x(tick) + 3.0,
                bottom + 16.0,
                tick_label(tick)
            );
        }
        for (row, stage) in shown.into_iter().enumerate() {
            let y = rows(row).mul_add(ROW, TOP + 4.0);
            if row % 2 == 0 {
                put!(out, r#"<rect class="band" y="{y:.1}" width="{WIDTH}" height="{ROW}"/>"#);
            }
            self.bars(&mut out, stage, lang, y, &x);
        }
        out.push_str("</svg>\n");
        out
    }

    /// Both runs, each in a line of its own, and how the whole changed.
    fn heading(&self, out: &mut String, lang: Lang) {
        let runs = [
            (lang.pick("before", "이전"), self.base, 28),
            (lang.pick("after", "이후"), self.new, 50),
        ];
        for (when, run, y) in runs {
            put!(
                out,
                r#"<text x="20" y="{y}"><tspan class="soft">{when}</tspan><tspan class="title" x="72">{}</tspan></text>"#,
                Escaped(&fitting(&super::text::run_line(run, lang), WIDTH - 72.0 - RIGHT - 40.0))
            );
        }
        let (class, text) = delta(self.total, self.total_cut_short(), lang);
        put!(
            out,
            r#"<text class="delta title {class}" x="{:.1}" y="50">{text}</text>"#,
            WIDTH - 24.0
        );
        put!(
            out,
            r#"<text class="soft" x="20" y="72">{}</text>"#,
            Escaped(self.warning(lang).unwrap_or_default())
        );
    }

    /// As many levels of stages as there is room for, in order.
    fn shown(&self) -> Vec<&ComparedStage> {
        let deepest = self.stages.iter().map(|stage| stage.depth).max().unwrap_or(0);
        let fits = |depth: &usize| self.stages.iter().filter(|stage| stage.depth <= *depth).count() <= MOST;
        let depth = (0..=deepest).rev().find(fits).unwrap_or(0);
        self.stages
            .iter()
            .filter(|stage| stage.depth <= depth)
            .take(MOST)
            .collect()
    }

    fn bars(&self, out: &mut String, stage: &ComparedStage, lang: Lang, y: f64, x: &impl Fn(Duration) -> f64) {
        let indent = rows(stage.depth.min(6)) * 14.0;
        let name = named(
            &self.label(stage, lang),
            &lane_suffix(&stage.lane),
            LEFT - 36.0 - indent,
        );
        put!(
            out,
            r#"<text x="{:.1}" y="{:.1}">{}</text>"#,
            20.0 + indent,
            y + 19.0,
            Escaped(&name)
        );
        let mut bar = |side: &Option<Side>, top: f64, when: &str| {
            let Some(side) = side else { return };
            let class = match &side.outcome {
                Outcome::Ok => stage.kind.id(),
                other => other.id(),
            };
            let (from, to) = (x(side.start), x(side.start + side.duration));
            put!(
                out,
                r#"<g class="{when}"><title>{}</title><rect class="{class}" x="{from:.2}" y="{top:.1}" width="{:.2}" height="9" rx="2.5"/></g>"#,
                Escaped(&format!(
                    "{} {} · {}",
                    self.label(stage, lang),
                    seconds(side.duration),
                    side.outcome
                )),
                (to - from).max(1.0)
            );
        };
        bar(&stage.base, y + 5.0, "before");
        bar(&stage.new, y + 16.0, "after");
        let (class, text) = delta(stage.change, stage.cut_short(), lang);
        put!(
            out,
            r#"<text class="delta {class}" x="{:.1}" y="{:.1}">{text}</text>"#,
            WIDTH - 24.0,
            y + 19.0
        );
    }
}

/// A change as the picture shows it, and its class there.
fn delta(change: Change, cut_short: bool, lang: Lang) -> (&'static str, String) {
    match change {
        Change::Faster(_) if cut_short => ("soft", super::text::difference(change)),
        Change::Faster(_) => ("faster", super::text::difference(change)),
        Change::Slower(_) => ("slower", super::text::difference(change)),
        Change::Same => ("tick", "=".to_owned()),
        Change::Added | Change::Removed => ("tick", super::text::word(change, lang).to_owned()),
    }
}

fn legend(out: &mut String, lang: Lang) {
    let entries = [
        (
            "before working",
            kind_word(crate::StageKind::Working, lang),
            lang.pick("before", "이전"),
        ),
        (
            "after working",
            kind_word(crate::StageKind::Working, lang),
            lang.pick("after", "이후"),
        ),
        (
            "before waiting",
            kind_word(crate::StageKind::Waiting, lang),
            lang.pick("before", "이전"),
        ),
        (
            "after waiting",
            kind_word(crate::StageKind::Waiting, lang),
            lang.pick("after", "이후"),
        ),
    ];
    let mut x = LEFT;
    for (class, kind, when) in entries {
        let (when_class, kind_class) = class.split_once(' ').unwrap_or((class, ""));
        put!(
            out,
            r#"<g class="{when_class}"><rect class="{kind_class}" x="{x:.1}" y="90" width="12" height="9" rx="2.5"/></g>"#
        );
        let text = format!("{kind}, {when}");
        put!(out, r#"<text class="tick" x="{:.1}" y="98">{text}</text>"#, x + 17.0);
        x += columns(&text).mul_add(6.2, 44.0);
    }
}

/// A label and its lane. Where there is not room for both, the label is cut: by the lane one row is told from the next.
fn named(label: &str, lane: &str, room: f64) -> String {
    let left = columns(lane).mul_add(-6.5, room);
    if left < room * 0.4 {
        return fitting(&format!("{label}{lane}"), room);
    }
    format!("{}{lane}", fitting(label, left))
}

/// As much of the text as fits into `room` pixels.
fn fitting(text: &str, room: f64) -> String {
    if columns(text) * 6.5 <= room {
        return text.to_owned();
    }
    let mut short = String::new();
    for c in text.chars() {
        short.push(c);
        if columns(&short) * 6.5 > room - 8.0 {
            short.pop();
            break;
        }
    }
    format!("{short}…")
}

#[expect(clippy::cast_precision_loss, reason = "a label is not 2^52 columns wide")]
fn columns(text: &str) -> f64 {
    width(text) as f64
}

#[expect(clippy::cast_precision_loss, reason = "at most as many rows as are drawn")]
fn rows(count: usize) -> f64 {
    count as f64
}
