//! Showing a run while it goes on.
//!
//! [`Progress`] turns the events of a timeline into a live picture on a terminal, into plain lines elsewhere, or into
//! JSON lines for another program. It goes to the standard error stream unless told otherwise; standard output stays
//! free for data.

mod board;
mod plain;
mod tty;

use std::io::{self, IsTerminal as _, Write};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use board::Board;
use plain::Plain;
use tty::Tty;

use crate::eta::Estimator;
use crate::{Event, Lang};

/// How a run is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Mode {
    /// [`Mode::Tty`] where standard error is a terminal that can do it, else [`Mode::Plain`].
    #[default]
    Auto,
    /// A live picture: what is open now, and how far the whole is.
    Tty,
    /// A line for every change, and one now and then while nothing changes.
    Plain,
    /// Every event as a line of JSON, as in the record's file.
    Json,
    /// Nothing.
    None,
}

/// The text names no way of showing a run.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown progress mode {0:?}: use auto, tty, plain, json or none")]
pub struct ParseModeError(String);

impl FromStr for Mode {
    type Err = ParseModeError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "auto" => Ok(Self::Auto),
            "tty" => Ok(Self::Tty),
            "plain" => Ok(Self::Plain),
            "json" => Ok(Self::Json),
            "none" => Ok(Self::None),
            other => Err(ParseModeError(other.to_owned())),
        }
    }
}

/// How a run is to be shown. `Progress::new().observer()` goes into
/// [`TimelineBuilder::observer`](crate::TimelineBuilder::observer).
#[derive(Debug)]
pub struct Progress {
    mode: Mode,
    lang: Lang,
    colour: Option<bool>,
    estimator: Option<Arc<Estimator>>,
    silence: Duration,
    out: Option<Output>,
}

struct Output(Box<dyn Write + Send>);

impl std::fmt::Debug for Output {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Output")
    }
}

impl Default for Progress {
    fn default() -> Self {
        Self::new()
    }
}

impl Progress {
    /// In English, in colour where that is wanted, without a prediction.
    pub fn new() -> Self {
        Self {
            mode: Mode::Auto,
            lang: Lang::En,
            colour: None,
            estimator: None,
            silence: Duration::from_secs(20),
            out: None,
        }
    }

    /// How it is shown.
    pub fn mode(mut self, mode: Mode) -> Self {
        self.mode = mode;
        self
    }

    /// In which language.
    pub fn lang(mut self, lang: Lang) -> Self {
        self.lang = lang;
        self
    }

    /// Whether in colour. By default `NO_COLOR` turns it off, `CLICOLOR_FORCE` on, and else it is on where the output is
    /// a terminal.
    pub fn colour(mut self, colour: bool) -> Self {
        self.colour = Some(colour);
        self
    }

    /// Says how long the run will still take, from earlier runs.
    pub fn estimator(mut self, estimator: Arc<Estimator>) -> Self {
        self.estimator = Some(estimator);
        self
    }

    /// After how long without a change [`Mode::Plain`] says that it is still there: 20 s by default.
    pub fn silence(mut self, silence: Duration) -> Self {
        self.silence = silence;
        self
    }

    /// Where plain and JSON lines go instead of standard error.
    pub fn output(mut self, out: impl Write + Send + 'static) -> Self {
        self.out = Some(Output(Box::new(out)));
        self
    }

    /// The observer that shows the run. It draws on a thread of its own, which ends with the run (or when the observer
    /// is dropped): when [`Timeline::finish`](crate::Timeline::finish) returns, everything has been shown (unless
    /// another thread was ending a stage at that very moment, and shows it).
    pub fn observer(self) -> impl FnMut(&Event) + Send + 'static {
        let mut board = Board::new(self.lang, self.estimator.clone());
        let mut drawer = self
            .into_view()
            .and_then(|view| Drawer::spawn(view, std::mem::take(&mut board)));
        move |event: &Event| {
            if drawer.as_ref().is_some_and(|drawer| !drawer.show(event)) {
                drawer = None;
            }
        }
    }

    fn into_view(self) -> Option<Box<dyn View>> {
        let terminal = io::stderr().is_terminal();
        let dumb = std::env::var_os("TERM").is_some_and(|term| term == "dumb");
        let out = self
            .out
            .map_or_else(|| Box::new(io::stderr()) as Box<dyn Write + Send>, |out| out.0);
        match self.mode {
            Mode::None => None,
            Mode::Json => Some(Box::new(Json { out })),
            Mode::Auto if !terminal || dumb => Some(Box::new(Plain::new(out, self.lang, self.silence))),
            Mode::Plain => Some(Box::new(Plain::new(out, self.lang, self.silence))),
            Mode::Auto | Mode::Tty => {
                let colour = self
                    .colour
                    .unwrap_or_else(|| colour_wanted(terminal, |name| std::env::var(name).ok()));
                Some(Box::new(Tty::on_stderr(self.lang, colour)))
            }
        }
    }
}

/// Whether to use colours: `NO_COLOR` (<https://no-color.org>) wins over `CLICOLOR_FORCE`, that over the terminal.
fn colour_wanted(terminal: bool, variable: impl Fn(&str) -> Option<String>) -> bool {
    let set = |name: &str| variable(name).is_some_and(|value| !value.is_empty());
    if set("NO_COLOR") {
        return false;
    }
    if variable("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0") {
        return true;
    }
    terminal && variable("CLICOLOR").is_none_or(|value| value != "0")
}

/// A way of showing a run. Lives on the drawing thread.
trait View: Send {
    /// Something happened; the board knows of it already.
    fn event(&mut self, event: &Event, board: &Board);

    /// Time has passed: `now` is the time of the run.
    fn tick(&mut self, board: &mut Board, now: Duration);

    /// Nothing more comes.
    fn end(&mut self) {}
}

/// How often what shows the passing of time is drawn again.
const TICK: Duration = Duration::from_millis(100);

/// The drawing thread, seen from the observer.
struct Drawer {
    sender: Option<Sender<Event>>,
    thread: Option<JoinHandle<()>>,
}

impl Drawer {
    fn spawn(view: Box<dyn View>, board: Board) -> Option<Self> {
        let (sender, receiver) = channel();
        let work = move || draw(view, board, &receiver);
        let thread = std::thread::Builder::new()
            .name("stage-timer-progress".to_owned())
            .spawn(work)
            .ok()?;
        Some(Self {
            sender: Some(sender),
            thread: Some(thread),
        })
    }

    /// Passes the event on; false when nobody is there to show it.
    fn show(&self, event: &Event) -> bool {
        self.sender
            .as_ref()
            .is_some_and(|sender| sender.send(event.clone()).is_ok())
    }
}

impl Drop for Drawer {
    fn drop(&mut self) {
        self.sender = None;
        if let Some(thread) = self.thread.take() {
            // A drawing thread that panicked has said so; the run goes on without a picture.
            let _ = thread.join();
        }
    }
}

fn draw(mut view: Box<dyn View>, mut board: Board, events: &Receiver<Event>) {
    // The run's time at an event, and when that was here: between events the run's time is reckoned from these.
    let mut known = (Duration::ZERO, Instant::now());
    loop {
        let mut next = match events.recv_timeout(TICK) {
            Ok(event) => Some(event),
            Err(RecvTimeoutError::Timeout) => None,
            Err(RecvTimeoutError::Disconnected) => break,
        };
        while let Some(event) = next {
            known = (event.at, Instant::now());
            board.apply(&event);
            view.event(&event, &board);
            next = events.try_recv().ok();
        }
        view.tick(&mut board, known.0 + known.1.elapsed());
    }
    view.end();
}

/// Every event as a line of JSON.
struct Json {
    out: Box<dyn Write + Send>,
}

impl View for Json {
    fn event(&mut self, event: &Event, _board: &Board) {
        let mut line = event.to_json_line();
        line.push('\n');
        // A reader that has gone does not stop the run.
        let _ = self.out.write_all(line.as_bytes()).and_then(|()| self.out.flush());
    }

    fn tick(&mut self, _board: &mut Board, _now: Duration) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn colours_follow_the_conventions() {
        let with = |pairs: &'static [(&str, &str)]| {
            move |name: &str| {
                pairs
                    .iter()
                    .find(|(known, _)| *known == name)
                    .map(|(_, value)| (*value).to_owned())
            }
        };
        assert!(colour_wanted(true, with(&[])));
        assert!(!colour_wanted(false, with(&[])));
        assert!(!colour_wanted(
            true,
            with(&[("NO_COLOR", "1"), ("CLICOLOR_FORCE", "1")])
        ));
        assert!(colour_wanted(true, with(&[("NO_COLOR", "")])));
        assert!(colour_wanted(false, with(&[("CLICOLOR_FORCE", "1")])));
        assert!(!colour_wanted(true, with(&[("CLICOLOR", "0")])));
    }

    #[test]
    fn modes_are_read_from_their_names() {
        assert_eq!("plain".parse(), Ok(Mode::Plain));
        assert_eq!(
            "fancy".parse::<Mode>().unwrap_err().to_string(),
            "unknown progress mode \"fancy\": use auto, tty, plain, json or none"
        );
    }
}
