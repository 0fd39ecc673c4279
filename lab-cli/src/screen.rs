//! Standard error, shared by everything that writes lines to it and the live table that stands below them.
//!
//! The table is painted over, never cleared and drawn again, and every change is one write: it does not flicker.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use stage_timer::taskbar::Taskbar;
use tracing_subscriber::fmt::MakeWriter;

use crate::table::width;

/// Erases from the cursor to the end of the line.
const REST_OF_LINE: &str = "\x1b[K";
/// Erases from the cursor to the end of the screen.
const REST_OF_SCREEN: &str = "\x1b[J";

/// A handle on standard error. Lines go above the live table while there is one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Screen {
    table: Arc<Mutex<Vec<String>>>,
    /// What the terminal's tab or the task bar shows.
    taskbar: Arc<Mutex<Shown>>,
}

#[derive(Debug, Default)]
struct Shown {
    state: Taskbar,
    /// Nothing may be shown any more.
    closed: bool,
}

impl Screen {
    /// Writes whole lines.
    pub(crate) fn write(&self, lines: &str) {
        let table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if table.is_empty() {
            put(lines);
        } else {
            put(&painted(&table, lines, &table, columns()));
        }
    }

    /// Writes one line.
    pub(crate) fn line(&self, line: &str) {
        self.write(&format!("{line}\n"));
    }

    /// Shows these lines at the bottom from now on, instead of those before; none takes the table away. They must not
    /// be wider than the terminal.
    pub(crate) fn set_table(&self, lines: Vec<String>) {
        let mut table = self.table.lock().unwrap_or_else(PoisonError::into_inner);
        if *table != lines {
            put(&painted(&table, "", &lines, columns()));
            *table = lines;
        }
    }

    /// Shows this in the terminal's tab or the task bar. Only for terminals that know how.
    pub(crate) fn set_taskbar(&self, state: Taskbar) {
        let mut shown = self.taskbar.lock().unwrap_or_else(PoisonError::into_inner);
        if shown.state != state && !shown.closed {
            shown.state = state;
            put_sequence(&state.sequence());
        }
    }

    /// Takes away for good what stays on a terminal after the program has ended.
    pub(crate) fn close(&self) {
        self.set_taskbar(Taskbar::Clear);
        self.taskbar.lock().unwrap_or_else(PoisonError::into_inner).closed = true;
    }
}

/// What has to be written so that `lines` stand where the table `old` begins now, and the table `new` below them.
fn painted(old: &[String], lines: &str, new: &[String], columns: usize) -> String {
    let mut text = String::from("\r");
    // The cursor stands at the end of the last line. A terminal that has become narrower has folded the lines.
    let rows: usize = old.iter().map(|l| visible(l).div_ceil(columns).max(1)).sum();
    if rows > 1 {
        text = format!("\r\x1b[{}A", rows - 1);
    }
    for line in lines.lines() {
        text.push_str(line);
        text.push_str(REST_OF_LINE);
        text.push_str("\r\n");
    }
    for (i, line) in new.iter().enumerate() {
        if i > 0 {
            text.push_str("\r\n");
        }
        text.push_str(line);
        text.push_str(REST_OF_LINE);
    }
    text.push_str(REST_OF_SCREEN);
    text
}

/// Columns that a line with colours in it takes.
fn visible(line: &str) -> usize {
    width(&anstream::adapter::strip_str(line).to_string())
}

fn columns() -> usize {
    crossterm::terminal::size().map_or(80, |(columns, _)| usize::from(columns).max(1))
}

fn put(text: &str) {
    let mut err = anstream::stderr().lock();
    // When standard error is gone there is nobody left to tell.
    let _ = err.write_all(text.as_bytes()).and_then(|()| err.flush());
}

/// Past what takes colours out of text: this is none.
fn put_sequence(sequence: &str) {
    let mut err = io::stderr().lock();
    let _ = err.write_all(sequence.as_bytes()).and_then(|()| err.flush());
}

/// One log line at a time, for `tracing_subscriber`.
pub(crate) struct LineWriter {
    screen: Screen,
    line: Vec<u8>,
}

impl Write for LineWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for LineWriter {
    fn drop(&mut self) {
        if !self.line.is_empty() {
            self.screen.write(&String::from_utf8_lossy(&self.line));
        }
    }
}

impl<'a> MakeWriter<'a> for Screen {
    type Writer = LineWriter;

    fn make_writer(&'a self) -> LineWriter {
        LineWriter {
            screen: self.clone(),
            line: Vec::new(),
        }
    }
}

#[cfg(all(test, unix))]
mod tests {
    use super::*;

    /// A terminal of 20 columns and 8 rows, as it looks after all of this.
    fn screen(writes: &[String]) -> Vec<String> {
        let mut terminal = vt100::Parser::new(8, 20, 0);
        for write in writes {
            terminal.process(write.as_bytes());
        }
        let contents = terminal.screen().contents();
        contents.lines().map(|l| l.trim_end().to_owned()).collect()
    }

    fn table(lines: &[&str]) -> Vec<String> {
        lines.iter().map(|l| (*l).to_owned()).collect()
    }

    #[test]
    fn lines_go_above_the_table_and_it_grows_and_shrinks_in_place() {
        let (one, two) = (
            table(&["stage", "  node a", "  node b"]),
            table(&["\x1b[1mother\x1b[0m"]),
        );
        let writes = [
            painted(&[], "", &one, 20),
            painted(&one, "first\nsecond\n", &one, 20),
            painted(&one, "", &two, 20),
            painted(&two, "third\n", &two, 20),
        ];
        assert_eq!(
            screen(&writes[..2]),
            ["first", "second", "stage", "  node a", "  node b"]
        );
        assert_eq!(screen(&writes), ["first", "second", "third", "other"]);
    }

    #[test]
    fn a_table_that_goes_leaves_nothing_behind() {
        let one = table(&["stage", "  node"]);
        let writes = [
            painted(&[], "line\n", &one, 20),
            painted(&one, "", &[], 20),
            "after\n".to_owned(),
        ];
        assert_eq!(screen(&writes), ["line", "after"]);
    }

    #[test]
    fn a_table_that_scrolls_the_screen_stays_whole() {
        let one = table(&["stage", "  a", "  b", "  c"]);
        let writes: Vec<String> = (0..9)
            .map(|i| painted(if i == 0 { &[] } else { &one }, &format!("{i}\n"), &one, 20))
            .collect();
        assert_eq!(screen(&writes), ["5", "6", "7", "8", "stage", "  a", "  b", "  c"]);
    }

    #[test]
    fn a_table_that_a_narrower_terminal_folded_is_painted_over_whole() {
        // Two lines of 20 columns each, now on a terminal of 10: four rows.
        let wide = table(&["12345678901234567890", "abcdefghijklmnopqrst"]);
        let mut terminal = vt100::Parser::new(8, 10, 0);
        terminal.process(b"line\r\n1234567890\r\n1234567890\r\nabcdefghij\r\nklmnopqrst");
        terminal.process(painted(&wide, "", &table(&["new"]), 10).as_bytes());
        assert_eq!(terminal.screen().contents(), "line\nnew");
    }

    #[test]
    fn nothing_is_erased_before_it_is_painted_over() {
        let one = table(&["stage", "  node"]);
        let text = painted(&one, "", &one, 20);
        assert!(text.find("\x1b[K").unwrap() > text.find("stage").unwrap());
        assert!(!text.contains("\x1b[2K") && text.ends_with("\x1b[J"));
    }
}
