//! What a run looks like while it goes on: a live table, plain lines, JSON lines, or nothing; and its log file.

mod board;
mod json;
mod lines;
mod live;
mod log;
mod outlook;
mod plain;
mod terminal;

use std::path::PathBuf;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use clap::ValueEnum;
use lab_engine::{Event, EventSink};
use stage_timer::{Lang, WallTime};

use crate::screen::Screen;
use board::Board;
use lines::Lines;
use live::Live;
pub(crate) use log::LogFile;
use outlook::News;
use plain::Plain;

pub(crate) use json::{event_schema, json_line};
pub(crate) use terminal::can_paint;

/// How a run is shown on standard error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, ValueEnum)]
pub(crate) enum Mode {
    /// `tty` where standard error is a terminal, else `plain`.
    #[default]
    Auto,
    /// A live table.
    Tty,
    /// A line for everything that happens.
    Plain,
    /// The events as JSON, one per line.
    Json,
    /// Nothing.
    None,
}

/// How often what shows the passing of time is drawn again.
const TICK: Duration = Duration::from_millis(100);

/// Takes a run's events and shows them.
pub(crate) struct Progress {
    inner: Arc<Mutex<Inner>>,
    ticker: Mutex<Option<Ticker>>,
}

/// What all ways of showing share.
struct Inner {
    board: Board,
    lines: Lines,
    news: News,
    view: View,
    log: LogFile,
}

enum View {
    Live(Live),
    Plain(Plain),
    Json(Screen),
    None,
}

impl Progress {
    /// Shows in this mode; [`Mode::Auto`] counts as plain, whoever knows about terminals has decided before.
    pub(crate) fn new(mode: Mode, lang: Lang, screen: &Screen, log: &LogFile) -> Self {
        let view = match mode {
            Mode::Tty => View::Live(Live::new(screen)),
            Mode::Auto | Mode::Plain => View::Plain(Plain::new(screen)),
            Mode::Json => View::Json(screen.clone()),
            Mode::None => View::None,
        };
        let inner = Inner {
            board: Board::new(lang),
            lines: Lines::new(lang),
            news: News::default(),
            view,
            log: log.clone(),
        };
        Self {
            inner: Arc::new(Mutex::new(inner)),
            ticker: Mutex::default(),
        }
    }

    /// Keeps the plain lines of the next run in a file of this directory, beside the run's record.
    pub(crate) fn log_runs_in(&self, directory: PathBuf) {
        self.lock().log.directory(directory);
    }

    /// The log file, if one is being written.
    pub(crate) fn log_path(&self) -> Option<PathBuf> {
        self.lock().log.path()
    }

    /// Notes one more line in the log file alone, for example how the run ended.
    pub(crate) fn log_line(&self, line: &str) {
        let stamped = stamp(line);
        self.lock().log.write(&stamped);
    }

    /// Takes the live table away. Idempotent; also done when the run ends or this value is dropped.
    pub(crate) fn finish(&self) {
        // Outside of the lock of what the ticker draws: it is waited for.
        drop(self.ticker.lock().unwrap_or_else(PoisonError::into_inner).take());
        if let View::Live(live) = &mut self.lock().view {
            live.stop();
        }
    }

    fn start_ticker(&self) {
        let mut ticker = self.ticker.lock().unwrap_or_else(PoisonError::into_inner);
        if ticker.is_none() {
            *ticker = Some(Ticker::start(Arc::clone(&self.inner)));
        }
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl EventSink for Progress {
    fn emit(&self, event: Event) {
        let (starts, ends) = (
            matches!(event, Event::RunStarted { .. }),
            matches!(event, Event::RunFinished { .. }),
        );
        self.lock().event(&event, Instant::now());
        if starts {
            self.start_ticker();
        }
        if ends {
            self.finish();
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Inner {
    fn event(&mut self, event: &Event, now: Instant) {
        self.board.apply(event, now);
        if let Event::RunStarted { run, .. } = event {
            self.log.begin(run);
        }
        let news = self.news.is_news(event);
        let text = self.lines.of(event).filter(|_| news).map(|line| stamp(&line));
        if let Some(text) = &text {
            self.log.write(text);
        }
        match &mut self.view {
            View::Live(live) => {
                if matches!(event, Event::RunStarted { .. }) {
                    live.start();
                }
                // What the table shows anyway is not said twice.
                if let Some(text) = text.filter(|_| lines::stays(event)) {
                    live.line(&text);
                }
                live.draw(&self.board, now);
            }
            View::Plain(plain) => {
                if let Some(text) = text {
                    plain.line(&text, now);
                }
            }
            View::Json(screen) => screen.line(&json::line(event)),
            View::None => {}
        }
    }

    fn tick(&mut self, now: Instant) {
        match &mut self.view {
            View::Live(live) => live.draw(&self.board, now),
            View::Plain(plain) => {
                if plain.is_silent(now)
                    && let Some(line) = self.board.one_line(now)
                {
                    plain.line(&stamp(&line), now);
                }
            }
            View::Json(_) | View::None => {}
        }
    }
}

/// The line with the time in front of it.
fn stamp(line: &str) -> String {
    format!("{} {line}", WallTime::now())
}

/// Calls [`Inner::tick`] again and again, until it is dropped.
struct Ticker {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ticker {
    fn start(inner: Arc<Mutex<Inner>>) -> Self {
        let (stop, stopped) = channel::<()>();
        let tick = move || {
            while stopped.recv_timeout(TICK) == Err(RecvTimeoutError::Timeout) {
                inner
                    .lock()
                    .unwrap_or_else(PoisonError::into_inner)
                    .tick(Instant::now());
            }
        };
        // Without the thread the table still changes with every event.
        let thread = std::thread::Builder::new().name("progress".to_owned()).spawn(tick).ok();
        Self {
            stop: Some(stop),
            thread,
        }
    }
}

impl Drop for Ticker {
    fn drop(&mut self) {
        self.stop = None;
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
