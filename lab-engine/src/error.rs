//! The one error that leaves this crate: what happened, to what, why, and what to do.

use std::error::Error as StdError;
use std::fmt;

use serde::Serialize;
use vmrun_rs::HypervisorError;

use crate::config::ConfigErrors;

/// What kind of failure it is; a command line turns it into an exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum ErrorKind {
    /// Something went wrong.
    Failed,
    /// The configuration or the request is wrong.
    Configuration,
    /// Something the run needs is missing.
    Prerequisite,
    /// A limit passed.
    TimedOut,
    /// It was looked at and is not ready.
    NotReady,
    /// The user stopped it.
    Interrupted,
}

/// A failed lab operation.
///
/// `Display` is one line without the causes; walk [`source`](StdError::source) for those.
#[derive(Debug)]
pub struct LabError {
    kind: ErrorKind,
    message: String,
    node: Option<String>,
    help: Option<String>,
    details: Vec<String>,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

impl LabError {
    /// An error of this kind.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            node: None,
            help: None,
            details: Vec::new(),
            source: None,
        }
    }

    pub(crate) fn failed(message: impl Into<String>) -> Self {
        Self::new(ErrorKind::Failed, message)
    }

    pub(crate) fn prerequisite(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::new(ErrorKind::Prerequisite, message).help(help)
    }

    pub(crate) fn interrupted(operation: &str) -> Self {
        Self::new(ErrorKind::Interrupted, "interrupted")
            .help(format!("run `lab-cli {operation}` again to continue where it stopped"))
    }

    /// One error of several that happened at once: the first one, with the others in its details.
    ///
    /// # Errors
    ///
    /// If any of the results is one.
    pub(crate) fn first_of<T>(results: impl IntoIterator<Item = Result<T, Self>>) -> Result<Vec<T>, Self> {
        let (mut values, mut errors) = (Vec::new(), Vec::new());
        for result in results {
            match result {
                Ok(value) => values.push(value),
                Err(error) => errors.push(error),
            }
        }
        let mut errors = errors.into_iter();
        match errors.next() {
            None => Ok(values),
            Some(first) => Err(first.details(errors.map(|e| format!("also: {}", e.one_line())))),
        }
    }

    pub(crate) fn io(what: impl fmt::Display, path: &std::path::Path, source: std::io::Error) -> Self {
        Self::failed(format!("could not {what} {}", path.display())).source(source)
    }

    /// Says which node it happened to.
    pub fn node(mut self, node: impl Into<String>) -> Self {
        self.node = Some(node.into());
        self
    }

    /// Says what to do.
    pub fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Lines that help to understand it, for example the end of a console.
    pub fn details(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.details.extend(lines);
        self
    }

    /// The error below. What the hypervisor's classified failure advises is the help, unless there is a better one.
    pub fn source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        let source = source.into();
        let advice = source.downcast_ref::<HypervisorError>().and_then(HypervisorError::hint);
        if self.help.is_none() {
            self.help = advice.map(str::to_owned);
        }
        self.source = Some(source);
        self
    }

    /// What kind of failure it is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// Which node it happened to.
    pub fn node_name(&self) -> Option<&str> {
        self.node.as_deref()
    }

    /// What to do about it.
    pub fn help_text(&self) -> Option<&str> {
        self.help.as_deref()
    }

    /// Lines that help to understand it.
    pub fn detail_lines(&self) -> &[String] {
        &self.details
    }

    /// The causes below this error, outermost first, each one line; a cause that only repeats its parent is left out.
    pub fn causes(&self) -> Vec<String> {
        let mut lines: Vec<String> = Vec::new();
        let mut next = StdError::source(self);
        while let Some(cause) = next {
            let line = cause.to_string();
            if lines.last().unwrap_or(&self.message) != &line {
                lines.push(line);
            }
            next = cause.source();
        }
        lines
    }

    /// The error and its causes in one line, for a stage summary.
    pub fn one_line(&self) -> String {
        let mut line = self.to_string();
        for cause in self.causes() {
            if !line.contains(&cause) {
                line.push_str(": ");
                line.push_str(&cause);
            }
        }
        line.replace(['\n', '\r'], " ")
    }
}

impl fmt::Display for LabError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.node {
            Some(node) => write!(f, "{node}: {}", self.message),
            None => f.write_str(&self.message),
        }
    }
}

impl StdError for LabError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|e| e as &(dyn StdError + 'static))
    }
}

impl From<ConfigErrors> for LabError {
    fn from(errors: ConfigErrors) -> Self {
        let mut mistakes = errors.iter();
        let first = mistakes.next();
        let mut out = Self::new(
            ErrorKind::Configuration,
            first.map(ToString::to_string).unwrap_or_default(),
        );
        out.help = first.and_then(|e| e.help.clone());
        out.details(mistakes.map(|e| format!("also: {e}")))
    }
}

/// Gives a failed call its context in one word at the call site.
pub(crate) trait Context<T> {
    /// Wraps the error as a failure of `what`.
    fn context(self, what: impl Into<String>) -> Result<T, LabError>;
}

impl<T, E: Into<Box<dyn StdError + Send + Sync>>> Context<T> for Result<T, E> {
    fn context(self, what: impl Into<String>) -> Result<T, LabError> {
        self.map_err(|e| LabError::failed(what).source(e))
    }
}

/// An error with its causes, in one line.
pub(crate) fn one_line(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !line.contains(&text) {
            line.push_str(": ");
            line.push_str(&text);
        }
        next = cause.source();
    }
    line.replace(['\n', '\r'], " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_line_joins_the_causes_and_never_breaks_the_line() {
        let inner = std::io::Error::other("disk\nfull");
        let error = LabError::failed("could not write state")
            .node("k3s-master1")
            .source(inner);
        assert_eq!(error.one_line(), "k3s-master1: could not write state: disk full");
    }
}
