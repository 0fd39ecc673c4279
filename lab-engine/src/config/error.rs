//! A configuration mistake, with its place.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};

/// A mistake in `lab.toml`, an environment variable or a command-line setting.
///
/// `Display` is one line with file, line and column where there is a file; a terminal may draw the snippet from
/// [`source_text`](Self::source_text) and [`span`](Self::span).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigError {
    /// Where the setting came from: the file's path, or for example `environment variable LAB_VM_CPUS`.
    pub origin: String,
    /// The whole text of the file, when it came from one.
    pub source_text: Option<String>,
    /// The bytes of the file that are wrong.
    pub span: Option<Range<usize>>,
    /// What is wrong.
    pub message: String,
    /// What to do.
    pub help: Option<String>,
}

impl ConfigError {
    pub(super) fn in_file(path: &Path, text: &str, span: Option<Range<usize>>, message: impl Into<String>) -> Self {
        Self {
            origin: path.display().to_string(),
            source_text: Some(text.to_owned()),
            span,
            message: message.into(),
            help: None,
        }
    }

    pub(super) fn in_setting(origin: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            origin: origin.into(),
            source_text: None,
            span: None,
            message: message.into(),
            help: None,
        }
    }

    pub(super) fn unreadable(path: &Path, error: &std::io::Error) -> Self {
        let help = match error.kind() {
            std::io::ErrorKind::FileTooLarge => "name a lab.toml; `lab-cli init` writes a first one",
            std::io::ErrorKind::PermissionDenied => "give yourself the right to read it, or name another file",
            _ => "check the path, or write a first one with `lab-cli init`",
        };
        Self::in_setting(path.display().to_string(), format!("cannot be read: {error}")).help(help)
    }

    pub(super) fn help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Line and column of the mistake, counted from 1; columns count characters.
    pub fn position(&self) -> Option<(usize, usize)> {
        let text = self.source_text.as_deref()?;
        let before = text.get(..self.span.as_ref()?.start)?;
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
        Some((line, column))
    }

    /// The file that is wrong, when it is a file.
    pub fn file(&self) -> Option<PathBuf> {
        self.source_text.as_ref().map(|_| PathBuf::from(&self.origin))
    }
}

/// All mistakes that were found, at least one: those of the file from its top, then the others.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConfigErrors(pub(super) Vec<ConfigError>);

impl ConfigErrors {
    /// The mistakes.
    pub fn iter(&self) -> std::slice::Iter<'_, ConfigError> {
        self.0.iter()
    }

    /// How many there are.
    pub fn count(&self) -> usize {
        self.0.len()
    }
}

impl<'a> IntoIterator for &'a ConfigErrors {
    type Item = &'a ConfigError;
    type IntoIter = std::slice::Iter<'a, ConfigError>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

/// One line per mistake.
impl fmt::Display for ConfigErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for ConfigErrors {}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position() {
            Some((line, column)) => write!(f, "{}:{line}:{column}: {}", self.origin, self.message),
            None => write!(f, "{}: {}", self.origin, self.message),
        }
    }
}

impl std::error::Error for ConfigError {}
