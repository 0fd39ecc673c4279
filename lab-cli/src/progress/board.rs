//! What is known of a run at a moment, and how that looks in a few lines. Draws nothing, so that it can be tested.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use lab_engine::{Event, Signal};
use stage_timer::taskbar::Taskbar;
use stage_timer::{Labels, Lang, text};

use super::outlook::Outlook;
use crate::speech;
use crate::table::{fit, pad, width};
use crate::words::{self, words};

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Yellow.on_default();
const FAINT: Style = Style::new().dimmed();
const STRONG: Style = Style::new().bold();
const SPINNER: [&str; 10] = ["⠋", "⠙", "⠹", "⠸", "⠼", "⠴", "⠦", "⠧", "⠇", "⠏"];

/// The state of a run.
pub(super) struct Board {
    lang: Lang,
    labels: Labels,
    /// The open stages. The newest is shown: machines are started while others are still made.
    stages: Vec<(&'static str, Instant)>,
    nodes: Vec<Node>,
    outlook: Outlook,
}

#[derive(Default)]
struct Node {
    name: String,
    /// The last signal or step.
    sign: String,
    /// The last error that may pass, until a look into the guest succeeds: whoever tells of it does so once.
    trouble: String,
    /// How long this stage took for this node, once it is through.
    settled: Option<Duration>,
}

impl Board {
    pub(super) fn new(lang: Lang) -> Self {
        Self {
            lang,
            labels: lab_engine::stage_labels(),
            stages: Vec::new(),
            nodes: Vec::new(),
            outlook: Outlook::default(),
        }
    }

    /// Takes note of an event.
    pub(super) fn apply(&mut self, event: &Event, now: Instant) {
        self.outlook.apply(event, now);
        match event {
            Event::RunStarted { nodes, .. } => {
                self.nodes = nodes
                    .iter()
                    .map(|n| Node {
                        name: n.clone(),
                        ..Node::default()
                    })
                    .collect();
            }
            Event::StageStarted { stage } => {
                self.stages.push((stage, now));
                for node in &mut self.nodes {
                    node.trouble.clear();
                    node.settled = None;
                }
            }
            Event::StageFinished { stage, .. } => self.stages.retain(|(open, _)| open != stage),
            Event::NodeSignal { node, signal, detail } => {
                let settles = self.settles(*signal);
                let took = self.elapsed(now);
                let sign = words::signal(*signal, self.lang);
                let Some(node) = self.node(node) else { return };
                node.sign = if detail.is_empty() {
                    sign
                } else {
                    format!("{sign} ({detail})")
                };
                if matches!(signal, Signal::GuestCommand | Signal::Marker) {
                    node.trouble.clear();
                }
                if settles {
                    node.settled = took;
                }
            }
            Event::NodeProgress { node, step } => {
                let step = speech::say(step, self.lang).into_owned();
                if let Some(node) = self.node(node) {
                    node.sign = step;
                    node.trouble.clear();
                }
            }
            Event::NodeTrouble { node, message } => {
                let trouble = speech::say(message, self.lang).into_owned();
                if let Some(node) = self.node(node) {
                    node.trouble = trouble;
                }
            }
            _ => {}
        }
    }

    fn stage(&self) -> Option<(&'static str, Instant)> {
        self.stages.last().copied()
    }

    /// Whether the signal is what the present stage waits for.
    fn settles(&self, signal: Signal) -> bool {
        match self.stage() {
            Some(("wait-ready" | "restart", _)) => signal == Signal::GuestCommand,
            Some(("monitor", _)) => signal == Signal::Marker,
            Some(("stop", _)) => signal == Signal::Stopped,
            _ => false,
        }
    }

    fn node(&mut self, name: &str) -> Option<&mut Node> {
        self.nodes.iter_mut().find(|n| n.name == name)
    }

    fn elapsed(&self, now: Instant) -> Option<Duration> {
        self.stage().map(|(_, since)| now.saturating_duration_since(since))
    }

    /// The table for a terminal of this size: the stage, and a line per node. Nothing between two stages.
    pub(super) fn table(&self, columns: usize, rows: usize, now: Instant) -> Vec<String> {
        let (Some((stage, _)), Some(elapsed)) = (self.stage(), self.elapsed(now)) else {
            return Vec::new();
        };
        let time = text::rough(elapsed, self.lang);
        let label = fit(
            &self.labels.get(stage, self.lang),
            columns.saturating_sub(width(&time) + 6),
        );
        let spinner = SPINNER[usize::try_from(elapsed.as_millis() / 100).unwrap_or(0) % SPINNER.len()];
        let mut lines = vec![format!(
            "{GOOD}{spinner}{GOOD:#} {STRONG}{label}{STRONG:#}  {FAINT}{time}{FAINT:#}"
        )];
        let whole = self.outlook.line(&self.labels, self.lang, columns, now);
        // One row stays free: a table as high as the terminal scrolls.
        let room = rows.saturating_sub(2 + usize::from(whole.is_some())).max(1);
        let shown = self.choose(room);
        let names = self.nodes.iter().map(|n| width(&n.name)).max().unwrap_or(0);
        for &index in &shown {
            lines.push(self.row(&self.nodes[index], names, columns, elapsed, now));
        }
        let hidden = self.nodes.len() - shown.len();
        if hidden > 0 {
            lines.push(format!(
                "{FAINT}  {}{FAINT:#}",
                fit(&words::more(hidden, self.lang), columns.saturating_sub(2))
            ));
        }
        lines.extend(whole);
        lines
    }

    /// Which nodes to show where there is room for `room` lines: of too many, those that are still waited for.
    fn choose(&self, room: usize) -> Vec<usize> {
        let all: Vec<usize> = (0..self.nodes.len()).collect();
        if all.len() <= room {
            return all;
        }
        let mut chosen = all;
        chosen.sort_by_key(|&i| (self.nodes[i].settled.is_some(), self.nodes[i].trouble.is_empty(), i));
        chosen.truncate(room.saturating_sub(1));
        chosen.sort_unstable();
        chosen
    }

    fn row(&self, node: &Node, names: usize, columns: usize, elapsed: Duration, now: Instant) -> String {
        let (mark, style, time) = match node.settled {
            Some(took) => ("✓", GOOD, took),
            None => ("·", FAINT, elapsed),
        };
        let name = fit(&pad(&node.name, names), columns.saturating_sub(4));
        let mut room = columns.saturating_sub(4 + width(&name) + 2);
        let time_columns = if self.lang == Lang::Ko { 11 } else { 8 };
        let mut time = pad(&text::rough(time, self.lang), time_columns);
        if self.outlook.has_nodes() {
            let left = self.outlook.node(&node.name, now).filter(|_| node.settled.is_none());
            let left = left.map_or(String::new(), |eta| words::left(&eta, self.lang));
            time.push_str(&pad(&left, if self.lang == Lang::Ko { 17 } else { 13 }));
        }
        let time = fit(&time, room);
        room = room.saturating_sub(width(&time));
        let sign = if node.sign.is_empty() {
            words(self.lang).no_signal
        } else {
            &node.sign
        };
        let sign = fit(sign, room);
        room = room.saturating_sub(width(&sign) + 2);
        let trouble = if node.settled.is_some() {
            String::new()
        } else {
            fit(&node.trouble, room)
        };
        let gap = if trouble.is_empty() { "" } else { "  " };
        format!("  {style}{mark}{style:#} {name}  {FAINT}{time}{FAINT:#}{sign}{gap}{BAD}{trouble}{BAD:#}")
    }

    /// How far the run is, where that is known.
    pub(super) fn taskbar(&self, now: Instant) -> Taskbar {
        match self.outlook.run(now) {
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "0 to 100")]
            Some(eta) => Taskbar::Percent((eta.fraction() * 100.0) as u8),
            None => Taskbar::Busy,
        }
    }

    /// The run's state in one line, for where nothing else happened for a while.
    pub(super) fn one_line(&self, now: Instant) -> Option<String> {
        let (stage, _) = self.stage()?;
        let mut line = words::still(&self.labels.get(stage, self.lang), self.elapsed(now)?, self.lang);
        for node in self.nodes.iter().filter(|n| n.settled.is_none()).take(8) {
            let what = [&node.trouble, &node.sign].into_iter().find(|t| !t.is_empty());
            let what = what.map_or(words(self.lang).no_signal, String::as_str);
            let _ = write!(line, "; {}: {what}", node.name);
        }
        if let Some(eta) = self.outlook.run(now) {
            let _ = write!(line, "; {}", eta.describe(&self.labels, self.lang));
        }
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(lines: &[String]) -> Vec<String> {
        lines
            .iter()
            .map(|l| anstream::adapter::strip_str(l).to_string().trim_end().to_owned())
            .collect()
    }

    fn board(nodes: &[&str], start: Instant) -> Board {
        let mut board = Board::new(Lang::En);
        let nodes = nodes.iter().map(|n| (*n).to_owned()).collect();
        board.apply(
            &Event::RunStarted {
                lab: "lab".to_owned(),
                run: "up-1".to_owned(),
                nodes,
            },
            start,
        );
        board.apply(&Event::StageStarted { stage: "wait-ready" }, start);
        board
    }

    fn signal(board: &mut Board, node: &str, signal: Signal, detail: &str, at: Instant) {
        board.apply(
            &Event::NodeSignal {
                node: node.to_owned(),
                signal,
                detail: detail.to_owned(),
            },
            at,
        );
    }

    #[test]
    fn every_node_shows_its_time_its_last_signal_and_its_last_trouble() {
        let start = Instant::now();
        let mut board = board(&["k3s-master1", "w"], start);
        signal(
            &mut board,
            "k3s-master1",
            Signal::GuestCommand,
            "ssh",
            start + Duration::from_secs(48),
        );
        signal(&mut board, "w", Signal::SshBanner, "", start + Duration::from_secs(50));
        let message = "connection reset".to_owned();
        board.apply(
            &Event::NodeTrouble {
                node: "w".to_owned(),
                message,
            },
            start + Duration::from_secs(51),
        );
        let table = plain(&board.table(80, 24, start + Duration::from_secs(62)));
        assert_eq!(table[0][table[0].find(' ').unwrap()..], *" Wait for VMs ready  1m 02s");
        assert_eq!(table[1], "  ✓ k3s-master1  48s     guest command answered (ssh)");
        assert_eq!(
            table[2],
            "  · w            1m 02s  SSH server answers  connection reset"
        );
    }

    #[test]
    fn no_line_is_wider_than_the_terminal_in_either_language() {
        let start = Instant::now();
        for lang in [Lang::En, Lang::Ko] {
            let mut board = board(&["k3s-마스터1", "w"], start);
            board.lang = lang;
            signal(
                &mut board,
                "w",
                Signal::SshBanner,
                "SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u3",
                start,
            );
            let message = "시간이 초과되었습니다 ".repeat(20);
            board.apply(
                &Event::NodeTrouble {
                    node: "w".to_owned(),
                    message,
                },
                start,
            );
            for columns in 24..120 {
                for line in plain(&board.table(columns, 24, start + Duration::from_secs(4000))) {
                    assert!(width(&line) <= columns, "{columns}: {line}");
                }
            }
        }
    }

    #[test]
    fn of_too_many_nodes_those_still_waited_for_are_shown() {
        let start = Instant::now();
        let names: Vec<String> = (0..50).map(|i| format!("n{i}")).collect();
        let mut board = board(&names.iter().map(String::as_str).collect::<Vec<_>>(), start);
        for name in &names[..45] {
            signal(&mut board, name, Signal::GuestCommand, "", start);
        }
        let table = plain(&board.table(80, 10, start));
        assert_eq!(table.len(), 9);
        for name in &names[45..] {
            assert!(table.iter().any(|l| l.contains(name)), "{name}: {table:?}");
        }
        assert_eq!(table[8], "  … 43 more");
    }

    #[test]
    fn a_new_stage_forgets_the_old_ones_trouble_and_time() {
        let start = Instant::now();
        let mut board = board(&["w"], start);
        signal(&mut board, "w", Signal::GuestCommand, "", start);
        board.apply(
            &Event::StageFinished {
                stage: "wait-ready",
                end: lab_engine::StageEnd::Ok,
                took: Duration::ZERO,
            },
            start,
        );
        assert!(board.table(80, 24, start).is_empty());
        board.apply(&Event::StageStarted { stage: "monitor" }, start);
        board.apply(
            &Event::NodeProgress {
                node: "w".to_owned(),
                step: "payload-copy".to_owned(),
            },
            start,
        );
        assert_eq!(plain(&board.table(80, 24, start))[1], "  · w  0s      payload-copy");
    }

    #[test]
    fn one_line_tells_what_is_waited_for() {
        let start = Instant::now();
        let mut board = board(&["m", "w"], start);
        signal(&mut board, "m", Signal::GuestCommand, "", start);
        let line = board.one_line(start + Duration::from_secs(45)).unwrap();
        assert_eq!(line, "still: Wait for VMs ready (45s so far); w: no signal yet");
    }
}
