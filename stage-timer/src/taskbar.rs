//! Progress in the terminal's tab or the task bar: the escape sequence `OSC 9 ; 4 ; state ; percent ST`.
//!
//! Source of the sequence: `ConEmu`'s documentation ("ANSI X3.64 and Xterm 256 Colors", "`ConEmu` specific OSC"). Windows
//! Terminal, `WezTerm`, Ghostty and others know it; some of those that do not show it as text, so only those known to
//! do get it.

/// What the task bar shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Taskbar {
    /// Nothing.
    #[default]
    Clear,
    /// So many percent.
    Percent(u8),
    /// So many percent, and something has failed.
    Failed(u8),
    /// Busy, and nobody knows for how long.
    Busy,
}

impl Taskbar {
    /// The sequence that makes a terminal show it.
    pub fn sequence(self) -> String {
        match self {
            Self::Clear => "\x1b]9;4;0;0\x1b\\".to_owned(),
            Self::Percent(percent) => format!("\x1b]9;4;1;{}\x1b\\", percent.min(100)),
            Self::Failed(percent) => format!("\x1b]9;4;2;{}\x1b\\", percent.min(100)),
            Self::Busy => "\x1b]9;4;3;0\x1b\\".to_owned(),
        }
    }
}

/// Whether the terminal that these environment variables describe knows the sequence.
pub fn is_known(variable: impl Fn(&str) -> Option<String>) -> bool {
    let is = |name: &str, wanted: &[&str]| variable(name).is_some_and(|value| wanted.contains(&value.as_str()));
    variable("WT_SESSION").is_some_and(|session| !session.is_empty())
        || is("ConEmuANSI", &["ON"])
        || is("TERM_PROGRAM", &["WezTerm", "ghostty"])
        // iTerm2 lists what it can do; `P` is progress.
        || (is("TERM_PROGRAM", &["iTerm.app"]) && variable("TERM_FEATURES").is_some_and(|list| list.contains('P')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_terminals_that_know_the_sequence_get_it() {
        let with =
            |name: &'static str, value: &'static str| move |asked: &str| (asked == name).then(|| value.to_owned());
        assert!(is_known(with("WT_SESSION", "1f2e")));
        assert!(is_known(with("TERM_PROGRAM", "ghostty")));
        assert!(!is_known(with("TERM_PROGRAM", "Apple_Terminal")));
        assert!(!is_known(with("ConEmuANSI", "OFF")));
        assert!(!is_known(|_| None));
        assert_eq!(Taskbar::Percent(43).sequence(), "\x1b]9;4;1;43\x1b\\");
    }
}
