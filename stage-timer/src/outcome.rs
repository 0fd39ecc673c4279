//! How a stage ended, and whether it worked or waited.

use std::fmt;

use serde::{Deserialize, Serialize};

/// How a stage, or a whole run, ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
#[non_exhaustive]
pub enum Outcome {
    /// It did what it was for.
    Ok,
    /// There was nothing to do.
    Skipped {
        /// Why not, in one line.
        reason: String,
    },
    /// It did not do what it was for.
    Failed {
        /// Why not, in one line.
        reason: String,
    },
    /// It was still not done when its time was up.
    TimedOut {
        /// What it was waiting for, in one line.
        reason: String,
    },
    /// Somebody decided to stop it, for example by dropping the future that did the work.
    Cancelled,
    /// It ended without anybody saying how: the handle was dropped, or the process died.
    Aborted,
}

impl Outcome {
    /// [`Outcome::Skipped`].
    pub fn skipped(reason: impl Into<String>) -> Self {
        Self::Skipped { reason: reason.into() }
    }

    /// [`Outcome::Failed`].
    pub fn failed(reason: impl Into<String>) -> Self {
        Self::Failed { reason: reason.into() }
    }

    /// [`Outcome::TimedOut`].
    pub fn timed_out(reason: impl Into<String>) -> Self {
        Self::TimedOut { reason: reason.into() }
    }

    /// The one-line reason, where this outcome has one.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Skipped { reason } | Self::Failed { reason } | Self::TimedOut { reason } => Some(reason),
            Self::Ok | Self::Cancelled | Self::Aborted => None,
        }
    }

    /// Whether what should be true afterwards is true: [`Outcome::Ok`] or [`Outcome::Skipped`].
    pub fn is_success(&self) -> bool {
        matches!(self, Self::Ok | Self::Skipped { .. })
    }

    /// The stable word for machines: `ok`, `skipped`, `failed`, `timed_out`, `cancelled`, `aborted`.
    pub fn id(&self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::Skipped { .. } => "skipped",
            Self::Failed { .. } => "failed",
            Self::TimedOut { .. } => "timed_out",
            Self::Cancelled => "cancelled",
            Self::Aborted => "aborted",
        }
    }

    /// The same outcome with its reason made fit for one line of a terminal.
    pub(crate) fn on_one_line(self) -> Self {
        match self {
            Self::Skipped { reason } => Self::Skipped {
                reason: one_line(&reason),
            },
            Self::Failed { reason } => Self::Failed {
                reason: one_line(&reason),
            },
            Self::TimedOut { reason } => Self::TimedOut {
                reason: one_line(&reason),
            },
            other => other,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::TimedOut { .. } => "timed out",
            other => other.id(),
        })?;
        match self.reason() {
            Some(reason) => write!(f, ": {reason}"),
            None => Ok(()),
        }
    }
}

/// Whether a stage does something or waits for something else to get done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageKind {
    /// This process (or a child of it) is busy.
    Working,
    /// Somebody else is busy; a better signal could end the stage earlier, a faster machine here could not.
    Waiting,
}

impl StageKind {
    /// The stable word for machines: `working` or `waiting`.
    pub fn id(self) -> &'static str {
        match self {
            Self::Working => "working",
            Self::Waiting => "waiting",
        }
    }
}

/// Longest reason or message that is kept, in characters. One line of a summary is no place for a whole log.
const LONGEST: usize = 400;

/// Makes foreign text (an error message, the output of a program) fit for one line of a terminal: runs of blanks and
/// control characters become one space, escape sequences go, the rest of an overlong text is cut off with an ellipsis.
pub(crate) fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len().min(LONGEST));
    let mut chars = text.chars().peekable();
    let mut kept = 0;
    let mut blank = false;
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            skip_escape(&mut chars);
            continue;
        }
        if c.is_whitespace() || c.is_control() {
            blank = kept > 0;
            continue;
        }
        if kept + usize::from(blank) >= LONGEST {
            line.push('…');
            break;
        }
        if blank {
            line.push(' ');
            kept += 1;
            blank = false;
        }
        line.push(c);
        kept += 1;
    }
    line
}

/// Skips the rest of an ANSI escape sequence: `[` up to its final letter (CSI), or `]` up to BEL or ESC `\` (OSC).
fn skip_escape(chars: &mut std::iter::Peekable<std::str::Chars<'_>>) {
    match chars.peek() {
        Some('[') => {
            chars.next();
            while let Some(c) = chars.next_if(|c| (' '..='~').contains(c)) {
                if ('@'..='~').contains(&c) {
                    break;
                }
            }
        }
        Some(']') => {
            while let Some(c) = chars.next() {
                if c == '\u{7}' || (c == '\u{1b}' && chars.next_if_eq(&'\\').is_some()) {
                    break;
                }
            }
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_becomes_one_clean_line() {
        assert_eq!(one_line("  Error:\r\n\tno such\u{0} VM \n"), "Error: no such VM");
        assert_eq!(
            one_line("\u{1b}[31mred\u{1b}[0m and \u{1b}]0;title\u{7}plain"),
            "red and plain"
        );
        assert_eq!(one_line("한글 이유"), "한글 이유");
        assert_eq!(one_line(""), "");
        assert_eq!(one_line("\u{1b}["), "");
    }

    #[test]
    fn an_overlong_reason_is_cut() {
        let cut = one_line(&"가 ".repeat(5000));
        assert!(cut.chars().count() <= LONGEST + 1, "{}", cut.chars().count());
        assert!(cut.ends_with('…'));
    }
}
