//! The summary at the end of a run, for people at a terminal.

use std::fmt::Write as _;
use std::time::Duration;

use crate::analysis::Tree;
use crate::lang::{kind_word, outcome_word, run_word};
use crate::text::{columns, cut, lane_suffix, percent, rough, seconds, share, width};
use crate::{CriticalPath, Lang, Outcome, RunRecord, RunState, StageRecord, Totals};

/// How much of a run a summary shows.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SummaryOptions {
    /// How many levels of stages, 1 for the outermost ones alone.
    pub depth: usize,
    /// How many stages of one level inside of one stage; of more, the longest ones and those that did not succeed.
    pub breadth: usize,
    /// Cuts or wraps lines that are wider than so many columns. By default they are as long as they are.
    pub width: Option<usize>,
}

impl Default for SummaryOptions {
    fn default() -> Self {
        Self {
            depth: 4,
            breadth: 20,
            width: None,
        }
    }
}

/// Parts of the critical path below this share of the run are only counted.
const SMALL: f64 = 0.01;

/// Parts of a stage on the critical path are named from this share of the run on.
const LARGE: f64 = 0.1;

/// What is still to be shown: a stage, or what was left out of a level.
enum Item {
    Stage(usize),
    Rest { depth: usize, count: usize, time: Duration },
}

impl RunRecord {
    /// The summary of the run: every stage with how long it took, its share of the run, what it did and how it ended;
    /// then what matters of the whole. Columns line up by the width of the characters, Hangul included.
    pub fn summary(&self, lang: Lang) -> String {
        self.summary_with(lang, &SummaryOptions::default())
    }

    /// The summary, with a choice of how much of it.
    pub fn summary_with(&self, lang: Lang, options: &SummaryOptions) -> String {
        let tree = Tree::of(self);
        let path = self.critical_path();
        let mut lines = vec![lang.pick("Stage durations:", "단계별 소요 시간 요약:").to_owned()];
        let rows = self.stage_rows(lang, options, &tree, &path);
        let right = [false, true, true];
        lines.extend(columns(&rows, &right).into_iter().map(|line| format!("  {line}")));
        lines.push(format!(
            "{}: {}",
            lang.pick("Total", "총 소요 시간"),
            seconds(self.wall)
        ));
        lines.push(self.outcome_line(lang));
        lines.extend(self.totals_lines(lang, &self.totals()));
        lines.extend(self.path_lines(lang, &tree, &path));
        lines.extend(self.record_lines(lang));
        match options.width {
            Some(columns) => lines.iter().map(|line| fit(line, columns) + "\n").collect(),
            None => lines.join("\n") + "\n",
        }
    }

    /// The bare list of the outermost stages and their times, as a plain list: `- Start VMs: 32.5s`, and the total with
    /// its everyday form: `- Total: 1062.8s (~17m 43s)`.
    pub fn brief(&self, lang: Lang) -> String {
        let short = |duration: Duration| seconds(duration).replace(".0s", "s");
        let mut text = String::new();
        for stage in self.stages.iter().filter(|stage| stage.parent.is_none()) {
            let _ = writeln!(text, "- {}: {}", self.label(stage, lang), short(stage.duration()));
        }
        let total = lang.pick("Total", "총 소요 시간");
        let (wall, rough) = (short(self.wall), rough(self.wall, lang));
        let _ = writeln!(text, "- {total}: {wall} (~{rough})");
        text
    }

    fn stage_rows(&self, lang: Lang, options: &SummaryOptions, tree: &Tree, path: &CriticalPath) -> Vec<Vec<String>> {
        let mut rows = Vec::new();
        let items = |among: &[usize], depth: usize| -> Vec<Item> {
            let (shown, rest) = self.choose(among, options.breadth);
            let mut items: Vec<Item> = shown.into_iter().map(Item::Stage).collect();
            if !rest.is_empty() {
                let time = rest.iter().map(|&index| self.stages[index].duration()).sum();
                items.push(Item::Rest {
                    depth,
                    count: rest.len(),
                    time,
                });
            }
            items.reverse();
            items
        };
        let mut stack = items(&tree.roots, 0);
        while let Some(item) = stack.pop() {
            match item {
                Item::Stage(index) => {
                    let depth = tree.depth[index];
                    rows.push(self.stage_row(&self.stages[index], depth, lang, path));
                    if depth + 1 < options.depth {
                        stack.extend(items(&tree.children[index], depth + 1));
                    }
                }
                Item::Rest { depth, count, time } => {
                    let text = match lang {
                        Lang::En => format!("… {count} more"),
                        Lang::Ko => format!("… 그 밖에 {count}개"),
                    };
                    rows.push(vec![format!("  {}{text}", "  ".repeat(depth)), seconds(time)]);
                }
            }
        }
        rows
    }

    /// Of too many stages on one level, those to show (in order) and those to leave out.
    fn choose(&self, among: &[usize], breadth: usize) -> (Vec<usize>, Vec<usize>) {
        if among.len() <= breadth {
            return (among.to_vec(), Vec::new());
        }
        let mut by_weight = among.to_vec();
        by_weight.sort_by_key(|&index| {
            let stage = &self.stages[index];
            (stage.outcome.is_success(), std::cmp::Reverse(stage.duration()), index)
        });
        let mut rest = by_weight.split_off(breadth);
        by_weight.sort_unstable();
        rest.sort_unstable();
        (by_weight, rest)
    }

    fn stage_row(&self, stage: &StageRecord, depth: usize, lang: Lang, path: &CriticalPath) -> Vec<String> {
        let mark = if path.contains(stage.id) { "*" } else { " " };
        let lane = lane_suffix(&stage.lane);
        let outcome = if stage.open && self.state == RunState::Running {
            lang.pick("running", "진행 중").to_owned()
        } else {
            outcome_text(&stage.outcome, lang)
        };
        vec![
            format!("{mark} {}{}{lane}", "  ".repeat(depth), self.label(stage, lang)),
            seconds(stage.duration()),
            percent(stage.duration(), self.wall),
            kind_word(stage.kind, lang).to_owned(),
            outcome,
        ]
    }

    fn outcome_line(&self, lang: Lang) -> String {
        format!("{}: {}", lang.pick("Outcome", "결과"), run_text(self, lang))
    }

    fn totals_lines(&self, lang: Lang, totals: &Totals) -> Vec<String> {
        let part = |name: &str, time: Duration| format!("{name} {} ({})", seconds(time), percent(time, self.wall));
        let mut parts = vec![
            part(lang.pick("Waiting", "대기"), totals.waiting),
            part(lang.pick("working", "작업"), totals.working),
        ];
        if share(totals.untracked, self.wall) >= SMALL {
            parts.push(part(lang.pick("outside of any stage", "단계 밖"), totals.untracked));
        }
        let mut lines = vec![parts.join(", ")];
        if totals.lanes.len() > 1 {
            let (lanes, sum) = (totals.lanes.len(), seconds(totals.lane_time));
            lines.push(match lang {
                Lang::En => format!(
                    "Parallel speed-up: {:.2}x ({lanes} lanes, {sum} in sum)",
                    totals.speed_up
                ),
                Lang::Ko => format!("병렬 효과: {:.2}배 (레인 {lanes}개, 합계 {sum})", totals.speed_up),
            });
        }
        lines
    }

    fn path_lines(&self, lang: Lang, tree: &Tree, path: &CriticalPath) -> Vec<String> {
        let on_path = |index: &&usize| path.contains(self.stages[**index].id);
        let mut names = Vec::new();
        let mut small = 0;
        for &index in tree.roots.iter().filter(on_path) {
            let stage = &self.stages[index];
            if share(path.within(stage.id), self.wall) < SMALL {
                small += 1;
                continue;
            }
            let inside = self.inside_path(index, lang, tree, path);
            names.push(format!(
                "{} {}{inside}",
                self.label(stage, lang),
                seconds(path.within(stage.id))
            ));
        }
        let Some(bottleneck) = path.bottleneck_in(self, tree) else {
            return Vec::new();
        };
        if small > 0 && !names.is_empty() {
            names.push(match lang {
                Lang::En => format!("{small} below 1%"),
                Lang::Ko => format!("1% 미만 {small}개"),
            });
        }
        let time = path.within(bottleneck.id);
        let (label, kind) = (self.place(bottleneck, lang), kind_word(bottleneck.kind, lang));
        let (time, share) = (seconds(time), percent(time, self.wall));
        vec![
            format!("{} (*): {}", lang.pick("Critical path", "임계 경로"), names.join(ARROW)),
            match lang {
                Lang::En => format!("Bottleneck: {label}, {time}, {share} of the run ({kind})"),
                Lang::Ko => format!("병목 구간: {label}, {time}, 전체의 {share} ({kind})"),
            },
        ]
    }

    /// What inside of a stage is a large part of the path, if anything: ` (Boot [k3s-worker2] 38.8s, …)`.
    fn inside_path(&self, index: usize, lang: Lang, tree: &Tree, path: &CriticalPath) -> String {
        let large: Vec<&StageRecord> = tree.children[index]
            .iter()
            .map(|&child| &self.stages[child])
            .filter(|child| share(path.within(child.id), self.wall) >= LARGE)
            .collect();
        let named = |stage: &&StageRecord| {
            let lane = lane_suffix(&stage.lane);
            format!("{}{lane} {}", self.label(stage, lang), seconds(path.within(stage.id)))
        };
        match large.len() {
            0 => String::new(),
            1..=4 => format!(" ({})", large.iter().map(named).collect::<Vec<_>>().join(", ")),
            _ => format!(
                " ({}, …)",
                large.iter().take(4).map(named).collect::<Vec<_>>().join(", ")
            ),
        }
    }

    /// The stage with what surrounds it and its lane: `Wait for VMs ready › Wait ready [k3s-worker2]`.
    fn place(&self, stage: &StageRecord, lang: Lang) -> String {
        let mut names = vec![self.label(stage, lang)];
        let mut next = stage.parent;
        while let Some(parent) = next.and_then(|id| self.stage(id)) {
            names.push(self.label(parent, lang));
            next = parent.parent.filter(|&id| id < parent.id);
        }
        names.reverse();
        let lane = lane_suffix(&stage.lane);
        format!("{}{lane}", names.join(" › "))
    }

    fn record_lines(&self, lang: Lang) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(more) = self.asleep() {
            let more = rough(more, lang);
            lines.push(match lang {
                Lang::En => format!("By the calendar it took {more} more: the machine slept, or its clock was set"),
                Lang::Ko => format!("달력 시간으로는 {more} 더 걸림: 절전 상태였거나 시계가 변경됨"),
            });
        }
        if let Some(error) = &self.recording_error {
            lines.push(format!(
                "{}: {error}",
                lang.pick("The run was not recorded in full", "실행 기록이 완전하지 않음")
            ));
        }
        if let Some(damage) = &self.damage {
            lines.push(format!(
                "{}: {damage}",
                lang.pick("The record is damaged", "실행 기록이 손상됨")
            ));
        }
        lines
    }
}

/// The line in so many columns: rows of the table are cut, sentences go on below.
fn fit(line: &str, columns: usize) -> String {
    if line.starts_with(' ') {
        return cut(line, columns);
    }
    let mut lines: Vec<String> = Vec::new();
    for word in line.split_inclusive(' ') {
        match lines.last_mut() {
            Some(last) if width(last) + width(word.trim_end()) <= columns => last.push_str(word),
            Some(_) => lines.push(format!("    {word}")),
            None => lines.push(word.to_owned()),
        }
    }
    lines
        .iter()
        .map(|line| cut(line.trim_end(), columns))
        .collect::<Vec<_>>()
        .join("\n")
}

/// Between the links of a chain.
const ARROW: &str = " → ";

/// How the run ended and why; or that it still goes on.
pub(crate) fn run_text(run: &RunRecord, lang: Lang) -> String {
    match run.state {
        RunState::Running => run_word(run, lang).to_owned(),
        RunState::Finished | RunState::Interrupted => outcome_text(&run.outcome, lang),
    }
}

/// `failed: no such file`, `실패: no such file`.
pub(crate) fn outcome_text(outcome: &Outcome, lang: Lang) -> String {
    let word = outcome_word(outcome, lang);
    match outcome.reason().filter(|reason| !reason.is_empty()) {
        Some(reason) => format!("{word}: {reason}"),
        None => word.to_owned(),
    }
}
