//! The run as Markdown, for the summary page of a CI job.

use std::fmt::Write as _;
use std::time::Duration;

use crate::analysis::Tree;
use crate::lang::kind_word;
use crate::record::wire::micros;
use crate::summary::{outcome_text, run_text};
use crate::text::{percent, rough, seconds, share};
use crate::{CriticalPath, Lane, Lang, Outcome, RunRecord, RunState, StageKind, StageRecord};

/// Rows of the table, and bars of the diagram, at most.
const MOST: usize = 60;

impl RunRecord {
    /// The run as GitHub-flavoured Markdown: a headline, a table of stages with the critical path in bold, the totals,
    /// and a folded Mermaid diagram of the lanes.
    pub fn to_markdown(&self, lang: Lang) -> String {
        let tree = Tree::of(self);
        let path = self.critical_path();
        let mut text = String::new();
        let shape = if self.shape.is_empty() {
            String::new()
        } else {
            format!(" ({})", Plain(&self.shape))
        };
        let _ = writeln!(
            text,
            "### {} {}{shape}: {} · {}\n",
            if self.state == RunState::Running {
                "⏳"
            } else {
                sign(&self.outcome)
            },
            Plain(&self.name),
            Plain(&run_text(self, lang)),
            rough(self.wall, lang)
        );
        self.table(&mut text, lang, &tree, &path);
        self.totals_list(&mut text, lang, &tree, &path);
        self.diagram(&mut text, lang, &tree);
        text
    }

    fn table(&self, text: &mut String, lang: Lang, tree: &Tree, path: &CriticalPath) {
        let order = tree.preorder();
        let head = match lang {
            Lang::En => "| Stage | Lane | Took | Share | | Kind | Outcome |",
            Lang::Ko => "| 단계 | 레인 | 소요 | 비율 | | 종류 | 결과 |",
        };
        let _ = writeln!(text, "{head}\n|---|---|--:|--:|---|---|---|");
        for &index in order.iter().take(MOST) {
            let stage = &self.stages[index];
            let label = Plain(&self.label(stage, lang)).to_string();
            let label = if path.contains(stage.id) {
                format!("**{label}**")
            } else {
                label
            };
            let _ = writeln!(
                text,
                "| {}{label} | {} | {} | {} | {} | {} | {} {} |",
                "&emsp;".repeat(tree.depth[index].min(8)),
                if stage.lane == Lane::MAIN {
                    String::new()
                } else {
                    Plain(stage.lane.as_str()).to_string()
                },
                seconds(stage.duration()),
                percent(stage.duration(), self.wall),
                bar(stage.duration(), self.wall),
                kind_word(stage.kind, lang),
                sign(&stage.outcome),
                Plain(&outcome_text(&stage.outcome, lang)),
            );
        }
        if order.len() > MOST {
            let more = order.len() - MOST;
            let _ = match lang {
                Lang::En => writeln!(text, "| … {more} more | | | | | | |"),
                Lang::Ko => writeln!(text, "| … 그 밖에 {more}개 | | | | | | |"),
            };
        }
        text.push('\n');
    }

    fn totals_list(&self, text: &mut String, lang: Lang, tree: &Tree, path: &CriticalPath) {
        let totals = self.totals();
        let part = |kind, time| {
            format!(
                "{} {} ({})",
                kind_word(kind, lang),
                seconds(time),
                percent(time, self.wall)
            )
        };
        let _ = writeln!(
            text,
            "- **{}: {}**",
            lang.pick("Total", "총 소요 시간"),
            seconds(self.wall)
        );
        let _ = writeln!(
            text,
            "- {}, {}",
            part(StageKind::Waiting, totals.waiting),
            part(StageKind::Working, totals.working)
        );
        if totals.lanes.len() > 1 {
            let name = lang.pick("parallel speed-up", "병렬 효과");
            let _ = writeln!(text, "- {name} {:.2}×", totals.speed_up);
        }
        if let Some(stage) = path.bottleneck_in(self, tree) {
            let time = path.within(stage.id);
            let _ = writeln!(
                text,
                "- {}: {}, {} ({})",
                lang.pick("bottleneck", "병목 구간"),
                Plain(&self.label(stage, lang)),
                seconds(time),
                percent(time, self.wall)
            );
        }
        text.push('\n');
    }

    fn diagram(&self, text: &mut String, lang: Lang, tree: &Tree) {
        if self.stages.is_empty() {
            return;
        }
        let title = lang.pick("Timeline", "타임라인");
        let axis = if self.wall < Duration::from_secs(3600) {
            "%M:%S"
        } else {
            "%H:%M:%S"
        };
        let _ = writeln!(text, "<details><summary>{title}</summary>\n\n```mermaid\ngantt");
        let _ = writeln!(text, "    dateFormat x\n    axisFormat {axis}");
        // The first bars, lane by lane.
        let mut bars: Vec<usize> = (0..self.stages.len().min(MOST)).collect();
        bars.sort_by_key(|&index| (tree.lane_of[index], index));
        let mut section = None;
        for index in bars {
            let stage = &self.stages[index];
            if section != Some(tree.lane_of[index]) {
                section = Some(tree.lane_of[index]);
                let _ = writeln!(text, "    section {}", MermaidName(stage.lane.as_str()));
            }
            let label = self.label(stage, lang);
            let (name, class) = (MermaidName(&label), mermaid_class(stage));
            let (from, to) = (micros(stage.start) / 1000, micros(stage.end) / 1000);
            let _ = writeln!(text, "    {name} :{class}s{index}, {from}, {}", to.max(from + 1));
        }
        text.push_str("```\n\n</details>\n");
    }
}

fn sign(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Ok => "✅",
        Outcome::Skipped { .. } => "⏭️",
        Outcome::Failed { .. } => "❌",
        Outcome::TimedOut { .. } => "⏰",
        Outcome::Cancelled => "🚫",
        Outcome::Aborted => "💥",
    }
}

fn mermaid_class(stage: &StageRecord) -> &'static str {
    match (&stage.outcome, stage.kind) {
        (Outcome::Failed { .. } | Outcome::TimedOut { .. }, _) => "crit, ",
        (Outcome::Ok, StageKind::Working) => "active, ",
        (Outcome::Ok, StageKind::Waiting) => "",
        _ => "done, ",
    }
}

/// Ten blocks for the whole run.
fn bar(time: Duration, whole: Duration) -> String {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 10")]
    let blocks = (share(time, whole).min(1.0) * 10.0).round() as usize;
    "█".repeat(blocks)
}

/// Foreign text as Markdown that means just that text.
pub(crate) fn markdown_text(text: &str) -> String {
    Plain(text).to_string()
}

/// Foreign text that must not become markup.
struct Plain<'a>(&'a str);

impl std::fmt::Display for Plain<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            match c {
                '|' | '*' | '_' | '`' | '[' | ']' | '\\' | '#' | '~' | '!' | '@' => write!(f, "\\{c}")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '&' => f.write_str("&amp;")?,
                c if c.is_control() => f.write_char(' ')?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}

/// A name in a Mermaid diagram, where `:`, `,`, `;` and `#` mean something and nothing can be quoted.
struct MermaidName<'a>(&'a str);

impl std::fmt::Display for MermaidName<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        for c in self.0.chars() {
            f.write_char(if ":,;#`{}<>%\"".contains(c) || c.is_control() {
                ' '
            } else {
                c
            })?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_text_does_not_become_markup() {
        assert_eq!(Plain("a|b <i> `c`\n").to_string(), "a\\|b &lt;i&gt; \\`c\\` ");
        assert_eq!(MermaidName("ssh: 10.0.0.1:22, ok").to_string(), "ssh  10.0.0.1 22  ok");
    }

    #[test]
    fn a_bar_is_as_long_as_the_share() {
        assert_eq!(bar(Duration::from_secs(9), Duration::from_secs(10)), "█████████");
        assert_eq!(bar(Duration::from_secs(0), Duration::from_secs(0)), "");
    }
}
