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

/// A program on a terminal of 80 columns and 24 rows.
struct OnTerminal {
    child: Child,
    keys: File,
    screen: Receiver<Vec<u8>>,
    seen: String,
}

impl OnTerminal {
    fn start(place: &Place, arguments: &[&str]) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        tcsetwinsize(
            &ours,
            Winsize {
                ws_row: 24,
                ws_col: 80,
                ws_xpixel: 0,
                ws_ypixel: 0,
            },
        )
        .unwrap();
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
        let mut output = keys.try_clone().unwrap();
        let (sender, screen) = channel();
        std::thread::spawn(move || {
            let mut chunk = [0; 4096];
            // The end of a pseudo-terminal is an error on Linux.
            while let Ok(n @ 1..) = output.read(&mut chunk) {
                if sender.send(chunk[..n].to_vec()).is_err() {
                    break;
                }
            }
        });
        Self {
            child,
            keys,
            screen,
            seen: String::new(),
        }
    }

    /// Waits until this was written to the terminal.
    fn until(&mut self, what: &str) {
        let end = Instant::now() + Duration::from_secs(20);
        while !self.seen.contains(what) {
            let left = end.saturating_duration_since(Instant::now());
            match self.screen.recv_timeout(left) {
                Ok(chunk) => self.seen.push_str(&String::from_utf8_lossy(&chunk)),
                Err(e) => panic!("{e}: no `{what}` in: {}", self.seen),
            }
        }
    }

    fn press(&mut self, keys: &str) {
        self.keys.write_all(keys.as_bytes()).unwrap();
    }

    /// What the terminal does at Ctrl-C, were it the program's controlling one.
    fn interrupt(&self) {
        kill_process(Pid::from_child(&self.child), Signal::INT).unwrap();
    }

    /// Its exit code, and all that it wrote.
    fn end(mut self) -> (i32, String) {
        let code = self.child.wait().unwrap().code().expect("it ends by itself");
        while let Ok(chunk) = self.screen.recv_timeout(Duration::from_secs(2)) {
            self.seen.push_str(&String::from_utf8_lossy(&chunk));
        }
        (code, self.seen)
    }
}

#[test]
fn destroy_asks_and_only_a_yes_deletes() {
    let place = fake::idle();
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
    let place = fake::idle();
    place.run(&["pki", "init"]).code(0);
    let (code, seen) = OnTerminal::start(&place, &["destroy", "--yes"]).end();
    assert_eq!(code, 0, "{seen}");
    assert!(!seen.contains("[y/N]"));
}
