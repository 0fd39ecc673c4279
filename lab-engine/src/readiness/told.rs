//! What a watch tells: signals, steps and troubles, each once; and at the end what the last of each was.

use std::sync::PoisonError;
use std::time::Duration;

use super::{Signal, Watched};
use crate::error::{ErrorKind, LabError};
use crate::event::Event;
use crate::files;

/// How many lines of a guest's console go with an error.
const CONSOLE_LINES: usize = 20;

/// The last of what was seen.
#[derive(Debug, Default)]
pub(super) struct Seen {
    signal: Option<(Signal, String)>,
    step: Option<String>,
    trouble: Option<String>,
}

impl Watched<'_> {
    pub(super) fn signal_once(&self, signal: Signal, detail: &str) {
        if self.lock().signal.is_none() {
            self.signal(signal, detail);
        }
    }

    pub(super) fn signal(&self, signal: Signal, detail: &str) {
        self.lock().signal = Some((signal, detail.to_owned()));
        self.stage.progress(None, signal.to_string());
        self.sink.emit(Event::NodeSignal {
            node: self.node.to_owned(),
            signal,
            detail: detail.to_owned(),
        });
    }

    /// Notes the bootstrap's step; whether it is a new one.
    pub(super) fn step(&self, step: Option<String>) -> bool {
        let Some(step) = step else { return false };
        if self.lock().step.as_ref() == Some(&step) {
            return false;
        }
        self.stage.progress(None, step.clone());
        self.sink.emit(Event::NodeProgress {
            node: self.node.to_owned(),
            step: step.clone(),
        });
        self.lock().step = Some(step);
        true
    }

    pub(super) fn trouble(&self, message: &str) {
        if self.lock().trouble.as_deref() == Some(message) {
            return;
        }
        self.sink.emit(Event::NodeTrouble {
            node: self.node.to_owned(),
            message: message.to_owned(),
        });
        self.lock().trouble = Some(message.to_owned());
    }

    pub(super) fn timed_out(&self, what: &str, limit: Duration) -> LabError {
        let (signal, step, trouble) = {
            let seen = self.lock();
            (seen.signal.clone(), seen.step.clone(), seen.trouble.clone())
        };
        let mut parts = vec![format!("{what} within {} s", limit.as_secs())];
        parts.push(match signal {
            Some((signal, detail)) if detail.is_empty() => format!("last signal: {signal}"),
            Some((signal, detail)) => format!("last signal: {signal} ({detail})"),
            None => "no signal at all".to_owned(),
        });
        parts.extend(step.map(|step| format!("last step: {step}")));
        parts.extend(trouble.map(|trouble| format!("last error: {trouble}")));
        let error = LabError::new(ErrorKind::TimedOut, parts.join("; ")).node(self.node);
        self.with_console(error)
            .help("the machine still runs: look at its console, then run `lab-cli up` again to go on waiting")
    }

    /// Adds the end of the guest's console.
    pub(super) fn with_console(&self, error: LabError) -> LabError {
        let Some(path) = self.hypervisor.console(self.vm) else {
            return error;
        };
        let lines = files::tail(&path, CONSOLE_LINES);
        if lines.is_empty() {
            return error.details([format!("the console {} is empty", path.display())]);
        }
        error
            .details([format!("the end of {}:", path.display())])
            .details(lines.into_iter().map(|l| format!("  {l}")))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Seen> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
