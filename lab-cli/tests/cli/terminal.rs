//! On a terminal: a pseudo-terminal stands for it.

use std::fs::File;
use std::io::{Read as _, Write as _};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::{Duration, Instant};

use rustix::fs::OFlags;
use rustix::process::{Pid, Signal, kill_process};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::fake;
use crate::support::Place;

/// A program on a terminal.
pub(crate) struct OnTerminal {
    child: Child,
    keys: File,
    output: Receiver<Vec<u8>>,
    seen: String,
    screen: vt100::Parser,
}

impl OnTerminal {
    /// On one of 80 columns and 24 rows.
    pub(crate) fn start(place: &Place, arguments: &[&str]) -> Self {
        Self::start_on(place, arguments, 80, 24)
    }

    pub(crate) fn start_on(place: &Place, arguments: &[&str], columns: u16, rows: u16) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        tcsetwinsize(&ours, size(columns, rows)).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let open = || rustix::fs::open(&name, OFlags::RDWR | OFlags::NOCTTY, rustix::fs::Mode::empty()).unwrap();
        let theirs = [Stdio::from(open()), Stdio::from(open()), Stdio::from(open())];
        let [stdin, stdout, stderr] = theirs;
        let mut command = place.command(arguments);
        let child = command
            .env("TERM", "xterm-256color")
            .stdin(stdin)
            .stdout(stdout)
            .stderr(stderr)
            .spawn()
            .unwrap();
        // Our copies of their end must go, or the end of the output would never be seen.
        drop(command);
        let keys = File::from(ours);
        let mut from = keys.try_clone().unwrap();
        let (sender, output) = channel();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            // The end of a pseudo-terminal is an error on Linux.
            while let Ok(n @ 1..) = from.read(&mut chunk) {
                if sender.send(chunk[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            keys,
            output,
            seen: String::new(),
            screen: vt100::Parser::new(rows, columns, 0),
        }
    }

    /// How much was written to the terminal so far.
    pub(crate) fn seen_bytes(&self) -> usize {
        self.seen.len()
    }

    /// Waits until this was written to the terminal.
    pub(crate) fn until(&mut self, what: &str) {
        self.until_seen(|t| t.seen.contains(what));
    }

    /// Waits for a line on the screen as a person sees it.
    pub(crate) fn until_line(&mut self, is: impl Fn(&str) -> bool) {
        self.until_seen(|t| t.lines().iter().any(|l| is(l)));
    }

    pub(crate) fn until_seen(&mut self, is: impl Fn(&Self) -> bool) {
        let end = Instant::now() + Duration::from_secs(20);
        while !is(self) {
            let left = end.saturating_duration_since(Instant::now());
            match self.output.recv_timeout(left) {
                Ok(chunk) => self.take(&chunk),
                Err(e) => panic!("{e}: it did not come: {}", self.screen.screen().contents()),
            }
        }
    }

    fn take(&mut self, chunk: &[u8]) {
        self.seen.push_str(&String::from_utf8_lossy(chunk));
        self.screen.process(chunk);
    }

    /// The screen's lines.
    pub(crate) fn lines(&self) -> Vec<String> {
        self.screen
            .screen()
            .contents()
            .lines()
            .map(|l| l.trim_end().to_owned())
            .collect()
    }

    /// Types this.
    pub(crate) fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// The window has another size from now on.
    pub(crate) fn resize(&mut self, columns: u16, rows: u16) {
        tcsetwinsize(&self.keys, size(columns, rows)).unwrap();
        self.screen.screen_mut().set_size(rows, columns);
    }

    /// What the terminal does at Ctrl-C, were it the program's controlling one.
    pub(crate) fn interrupt(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
    }

    /// Its exit code, and all that it wrote.
    pub(crate) fn end(mut self) -> (i32, String) {
        (self.exit(), self.seen)
    }

    /// Its exit code; the screen is then as it left it.
    pub(crate) fn exit(&mut self) -> i32 {
        let code = self.child.wait().unwrap().code().expect("it ends by itself");
        while let Ok(chunk) = self.output.recv_timeout(Duration::from_secs(2)) {
            self.take(&chunk);
        }
        code
    }
}

fn size(columns: u16, rows: u16) -> Winsize {
    Winsize {
        ws_row: rows,
        ws_col: columns,
        ws_xpixel: 0,
        ws_ypixel: 0,
    }
}

#[test]
fn destroy_asks_and_only_a_yes_deletes() {
    let place = fake::dead_guests();
    place.run(&["pki", "init"]).code(0);
    for (keys, lang) in [("\n", "en"), ("no\n", "en"), ("\u{4}", "en"), ("아니요\n", "ko")] {
        let mut terminal = OnTerminal::start(&place, &["destroy", "--lang", lang]);
        terminal.until("[y/N]");
        terminal.press(keys);
        let (code, seen) = terminal.end();
        assert_eq!(code, 1, "{seen}");
        assert!(
            seen.contains(if lang == "ko" {
                "아무것도 삭제하지 않았습니다"
            } else {
                "nothing was deleted"
            }),
            "{seen}"
        );
        assert!(place.lab().join("pki/ca.key").is_file());
    }
    let mut terminal = OnTerminal::start(&place, &["destroy", "--lang", "ko"]);
    terminal.until("[y/N]");
    terminal.press("예\n");
    let (code, seen) = terminal.end();
    assert_eq!(code, 0, "{seen}");
    assert!(!place.lab().exists());
}

#[test]
fn up_draws_a_live_table_that_goes_away_and_leaves_the_lines() {
    let place = fake::vmrun_that_hangs();
    let mut terminal = OnTerminal::start(&place, &["up"]);
    // The name is in the table alone: nothing has been said about the node yet.
    terminal.until("k3s-worker2");
    terminal.interrupt();
    let (code, seen) = terminal.end();
    assert_eq!(code, 130, "{seen}");
    assert!(seen.contains("\u{1b}["), "it has colours: {seen}");
    assert!(seen.contains("no signal yet"), "{seen}");
    let end = seen.rfind("interrupted: ending cleanly").unwrap();
    assert!(seen[end..].contains("Stage durations:"), "{seen}");
}

#[test]
fn the_table_shows_every_node_and_then_makes_room_for_the_summary() {
    // It waits for longer than the test, which ends it: how long a busy machine takes to show something is not bounded.
    let place = crate::machines::waiting(600);
    let mut terminal = OnTerminal::start(&place, &["up"]);
    terminal.until_line(|l| l.starts_with("  · w  ") && l.contains("running") && l.contains("refused"));
    let lines = terminal.lines();
    let stage = lines.iter().position(|l| l.contains(" Wait for VMs ready  ")).unwrap();
    assert!(lines[stage - 1].contains(" done: Start VMs (took "), "{lines:?}");
    assert!(
        lines[stage + 1].starts_with("  · m  ") && lines[stage + 2].starts_with("  · w  "),
        "{lines:?}"
    );
    assert_eq!(lines.len(), stage + 3, "the table is the last on the screen: {lines:?}");
    assert_eq!(
        lines.iter().filter(|l| l.contains("Wait for VMs ready")).count(),
        1,
        "it is drawn in place: {lines:?}"
    );
    terminal.interrupt();
    assert_eq!(terminal.exit(), 130);
    let lines = terminal.lines();
    assert!(!lines.iter().any(|l| l.starts_with("  · ")), "it is gone: {lines:?}");
    assert!(lines.iter().any(|l| l.starts_with("timeline: ")), "{lines:?}");
    assert!(lines.iter().any(|l| l.starts_with("error: ")), "{lines:?}");
}

#[test]
fn the_table_says_how_long_each_node_and_the_whole_will_still_take() {
    let place = crate::machines::waiting(600);
    crate::forecasts::record(&place, "up-1", 4000);
    let mut terminal = OnTerminal::start(&place, &["up"]);
    let whole = |l: &str| l.contains("%  about 1h 0") && l.contains(" left (9 in 10: ");
    terminal.until_seen(|t| {
        let lines = t.lines();
        let of_node = |l: &String| l.starts_with("  · w  ") && l.contains("~1h 06m left");
        lines.iter().any(of_node) && lines.iter().any(|l| whole(l))
    });
    let lines = terminal.lines();
    assert!(
        whole(lines.last().unwrap()),
        "the whole stands below the nodes: {lines:?}"
    );
    terminal.interrupt();
    assert_eq!(terminal.exit(), 130);
    assert!(!terminal.lines().iter().any(|l| whole(l)), "{:?}", terminal.lines());
}

#[test]
fn on_a_terminal_no_color_means_none() {
    let place = fake::vmrun_that_hangs().env("NO_COLOR", "1");
    let mut terminal = OnTerminal::start(&place, &["up"]);
    terminal.until("k3s-worker2");
    terminal.interrupt();
    let (_, seen) = terminal.end();
    // What moves the cursor stays; `m` ends a sequence that colours.
    let colours = seen.split("\u{1b}[").skip(1).filter(|s| {
        s.trim_start_matches(|c: char| c.is_ascii_digit() || c == ';')
            .starts_with('m')
    });
    assert_eq!(colours.count(), 0, "{seen:?}");
}

#[test]
fn a_question_is_not_asked_when_the_answer_was_given() {
    let place = fake::dead_guests();
    place.run(&["pki", "init"]).code(0);
    let (code, seen) = OnTerminal::start(&place, &["destroy", "--yes"]).end();
    assert_eq!(code, 0, "{seen}");
    assert!(!seen.contains("[y/N]"));
}

/// What a run shows in the task bar, in order.
fn taskbar(seen: &str) -> Vec<&str> {
    let sequences = seen.split("\u{1b}]9;4;").skip(1);
    sequences.map(|rest| rest.split("\u{1b}\\").next().unwrap()).collect()
}

#[test]
fn the_task_bar_shows_that_a_run_goes_on_until_it_ends() {
    let place = fake::vmrun_that_hangs().env("TERM_PROGRAM", "ghostty");
    let mut terminal = OnTerminal::start(&place, &["up"]);
    terminal.until("\u{1b}]9;4;3;0\u{1b}\\");
    terminal.interrupt();
    let (code, seen) = terminal.end();
    assert_eq!(code, 130, "{seen}");
    assert_eq!(taskbar(&seen), ["3;0", "0;0"], "{seen:?}");
}

#[test]
fn the_task_bar_shows_how_far_the_run_is_and_is_cleared_by_a_second_interrupt_too() {
    let place = crate::machines::waiting(600).env("WT_SESSION", "1f2e");
    crate::forecasts::record(&place, "up-1", 4000);
    let mut terminal = OnTerminal::start(&place, &["up"]);
    terminal.until("\u{1b}]9;4;1;0\u{1b}\\");
    terminal.interrupt();
    terminal.interrupt();
    let (code, seen) = terminal.end();
    assert_eq!(code, 130, "{seen}");
    assert_eq!(taskbar(&seen).last(), Some(&"0;0"), "{seen:?}");
}

#[test]
fn other_terminals_get_nothing_for_the_task_bar() {
    let place = fake::vmrun_that_hangs();
    let mut terminal = OnTerminal::start(&place, &["up"]);
    terminal.until("k3s-worker2");
    terminal.interrupt();
    let (_, seen) = terminal.end();
    assert_eq!(taskbar(&seen), [""; 0], "{seen:?}");
}

#[test]
fn a_restore_asks_and_a_no_changes_nothing_and_says_so() {
    let place = crate::machines::waiting(1);
    place.run(&["up", "--progress", "none"]).code(4);
    place.run(&["snapshot", "create", "a", "--leave-off"]).code(0);
    for (lang, said) in [("en", "nothing was changed"), ("ko", "아무것도 바꾸지 않았습니다")] {
        let mut terminal = OnTerminal::start(&place, &["snapshot", "restore", "a", "--lang", lang]);
        terminal.until("[y/N]");
        terminal.press("n\n");
        let (code, seen) = terminal.end();
        assert_eq!((code, seen.contains(said)), (1, true), "{seen}");
    }
}
