//! A comparison as a table, for a terminal and as Markdown.

use std::fmt::Write as _;

use super::{Change, ComparedStage, Comparison};
use crate::lang::outcome_word;
use crate::summary::outcome_text;
use crate::text::{columns, lane_suffix, seconds};
use crate::{Lang, Outcome};

impl Comparison<'_> {
    /// The comparison as a table whose columns line up.
    pub fn to_text(&self, lang: Lang) -> String {
        let mut rows = vec![head(lang)];
        rows.extend(self.stages.iter().map(|stage| self.row(stage, lang)));
        rows.push(self.total_row(lang));
        let mut text = self.headline(lang);
        for line in columns(&rows, &[false, true, true, true, true]) {
            let _ = writeln!(text, "  {line}");
        }
        text
    }

    /// The comparison as GitHub-flavoured Markdown.
    pub fn to_markdown(&self, lang: Lang) -> String {
        let mut text = format!(
            "### {}\n\n",
            self.headline(lang).lines().collect::<Vec<_>>().join("  \n")
        );
        let cells = |row: &[String]| row.iter().map(|cell| escape(cell)).collect::<Vec<_>>().join(" | ");
        let _ = writeln!(text, "| {} |\n|---|--:|--:|--:|--:|---|", cells(&head(lang)));
        for stage in &self.stages {
            let row = self.row(stage, lang);
            let _ = writeln!(
                text,
                "| {}{} |",
                "&emsp;".repeat(stage.depth.min(8)),
                cells(&row).trim_start()
            );
        }
        let _ = writeln!(text, "| {} |", cells(&self.total_row(lang)));
        text
    }

    pub(super) fn headline(&self, lang: Lang) -> String {
        let mut text = format!("{} → {}\n", run_line(self.base, lang), run_line(self.new, lang));
        if let Some(warning) = self.warning(lang) {
            let _ = writeln!(text, "{warning}");
        }
        text
    }

    /// Why a difference may mean nothing, if so.
    pub(super) fn warning(&self, lang: Lang) -> Option<&'static str> {
        (!self.is_fair()).then(|| {
            lang.pick(
                "These are runs of different kinds or shapes: differences may mean nothing.",
                "서로 다른 종류 또는 구성의 실행입니다. 차이가 의미 없을 수 있습니다.",
            )
        })
    }

    fn row(&self, stage: &ComparedStage, lang: Lang) -> Vec<String> {
        let lane = lane_suffix(&stage.lane);
        let took = |side: &Option<super::Side>| side.as_ref().map_or("-".to_owned(), |side| seconds(side.duration));
        let relative = match (&stage.base, &stage.new) {
            (Some(base), Some(new)) if stage.change != Change::Same => relative(base.duration, new.duration),
            _ => String::new(),
        };
        vec![
            format!("{}{}{lane}", "  ".repeat(stage.depth), self.label(stage, lang)),
            took(&stage.base),
            took(&stage.new),
            difference(stage.change),
            relative,
            note(stage, lang),
        ]
    }

    fn total_row(&self, lang: Lang) -> Vec<String> {
        let relative = if self.total == Change::Same {
            String::new()
        } else {
            relative(self.base.wall, self.new.wall)
        };
        vec![
            lang.pick("Total", "총 소요 시간").to_owned(),
            seconds(self.base.wall),
            seconds(self.new.wall),
            difference(self.total),
            relative,
            self.total_note(lang),
        ]
    }

    /// How the whole changed in words, as [`note`] says it of a stage.
    pub(super) fn total_note(&self, lang: Lang) -> String {
        let word = if self.total_cut_short() {
            ""
        } else {
            word(self.total, lang)
        };
        joined(word, &changed_outcome(&self.base.outcome, &self.new.outcome, lang))
    }

    pub(super) fn label<'b>(&'b self, stage: &'b ComparedStage, lang: Lang) -> std::borrow::Cow<'b, str> {
        let run = if stage.new.is_some() { self.new } else { self.base };
        run.labels.get(&stage.name, lang)
    }
}

/// A run in one line: what, when, how long, how it ended.
pub(super) fn run_line(run: &crate::RunRecord, lang: Lang) -> String {
    let shape = if run.shape.is_empty() {
        String::new()
    } else {
        format!(" ({})", run.shape)
    };
    format!(
        "{}{shape} {}, {} {}",
        run.name,
        run.started,
        seconds(run.wall),
        outcome_word(&run.outcome, lang)
    )
}

pub(super) fn head(lang: Lang) -> Vec<String> {
    let words = match lang {
        Lang::En => ["Stage", "Before", "After", "Change", "", ""],
        Lang::Ko => ["단계", "이전", "이후", "변화", "", ""],
    };
    words.map(str::to_owned).to_vec()
}

pub(super) fn difference(change: Change) -> String {
    match change {
        Change::Faster(by) => format!("-{}", seconds(by)),
        Change::Slower(by) => format!("+{}", seconds(by)),
        Change::Same | Change::Added | Change::Removed => String::new(),
    }
}

fn relative(base: std::time::Duration, new: std::time::Duration) -> String {
    // Of next to nothing, everything is a thousand times as much.
    if base < std::time::Duration::from_millis(100) {
        return String::new();
    }
    format!("{:+.1}%", (crate::text::share(new, base) - 1.0) * 100.0)
}

pub(super) fn word(change: Change, lang: Lang) -> &'static str {
    match change {
        Change::Same => "",
        Change::Faster(_) => lang.pick("faster", "빨라짐"),
        Change::Slower(_) => lang.pick("slower", "느려짐"),
        Change::Added => lang.pick("new", "추가됨"),
        Change::Removed => lang.pick("gone", "없어짐"),
    }
}

/// How it changed in a word, and what else changed: `slower, ok → failed: no answer`.
pub(super) fn note(stage: &ComparedStage, lang: Lang) -> String {
    let word = if stage.cut_short() {
        ""
    } else {
        word(stage.change, lang)
    };
    let outcome = match (&stage.base, &stage.new) {
        (Some(base), Some(new)) => changed_outcome(&base.outcome, &new.outcome, lang),
        (None, Some(new)) if new.outcome != Outcome::Ok => outcome_text(&new.outcome, lang),
        _ => String::new(),
    };
    joined(word, &outcome)
}

fn changed_outcome(base: &Outcome, new: &Outcome, lang: Lang) -> String {
    if base.id() == new.id() {
        return String::new();
    }
    format!("{} → {}", outcome_word(base, lang), outcome_text(new, lang))
}

fn joined(word: &str, outcome: &str) -> String {
    [word, outcome]
        .into_iter()
        .filter(|part| !part.is_empty())
        .collect::<Vec<_>>()
        .join(", ")
}

fn escape(cell: &str) -> String {
    crate::export::markdown_text(cell)
}
