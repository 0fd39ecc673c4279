//! Standard error, shared by everything that writes lines to it and the live table that stands below them.

use std::io::{self, Write};
use std::sync::{Arc, Mutex, PoisonError};

use indicatif::ProgressBar;
use tracing_subscriber::fmt::MakeWriter;

/// A handle on standard error. Lines go above the live table while there is one.
#[derive(Debug, Clone, Default)]
pub(crate) struct Screen {
    live: Arc<Mutex<Option<ProgressBar>>>,
}

impl Screen {
    /// Puts a live table at the bottom, or takes it away.
    pub(crate) fn set_live(&self, bar: Option<ProgressBar>) {
        *self.live.lock().unwrap_or_else(PoisonError::into_inner) = bar;
    }

    /// Writes bytes, which should be whole lines. When standard error is gone there is nobody left to tell.
    pub(crate) fn write(&self, bytes: &[u8]) {
        let live = self.live.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let write = || {
            let mut err = anstream::stderr().lock();
            let _ = err.write_all(bytes).and_then(|()| err.flush());
        };
        match live {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Writes one line.
    pub(crate) fn line(&self, line: &str) {
        self.write(format!("{line}\n").as_bytes());
    }
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
            self.screen.write(&self.line);
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
