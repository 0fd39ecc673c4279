//! The one place where an error becomes text, JSON and an exit code.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use lab_engine::config::{ConfigError, ConfigErrors};
use lab_engine::{ErrorKind, LabError};
use serde_json::{Value, json};
use stage_timer::Lang;

use crate::cli::Output;
use crate::snippet;
use crate::speech::say;
use crate::words::{self, words};

/// What the process ends with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Exit(u8);

impl Exit {
    /// Done.
    pub(crate) const OK: Self = Self(0);
    /// It failed.
    pub(crate) const FAILED: Self = Self(1);
    /// The command line or the configuration is wrong.
    pub(crate) const USAGE: Self = Self(2);
    /// Something that is needed is missing.
    pub(crate) const PREREQUISITE: Self = Self(3);
    /// A limit passed.
    pub(crate) const TIMED_OUT: Self = Self(4);
    /// It was looked at, and is not ready or not as it should be.
    pub(crate) const NOT_READY: Self = Self(5);
    /// The user stopped it.
    pub(crate) const INTERRUPTED: Self = Self(130);

    /// The exit code of a program in a guest. One that a process of this host cannot have (Windows knows larger ones)
    /// becomes the largest that it can.
    pub(crate) fn of_guest(code: i32) -> Self {
        Self(u8::try_from(code).unwrap_or(u8::MAX))
    }

    /// The number.
    pub(crate) fn code(self) -> u8 {
        self.0
    }
}

impl From<ErrorKind> for Exit {
    fn from(kind: ErrorKind) -> Self {
        match kind {
            ErrorKind::Configuration => Self::USAGE,
            ErrorKind::Prerequisite => Self::PREREQUISITE,
            ErrorKind::TimedOut => Self::TIMED_OUT,
            ErrorKind::NotReady => Self::NOT_READY,
            ErrorKind::Interrupted => Self::INTERRUPTED,
            _ => Self::FAILED,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.0)
    }
}

/// Why a command did not do what it was for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The engine, or a command, says so.
    Lab(LabError),
    /// The configuration is wrong.
    Config(ConfigErrors),
}

impl Failure {
    /// A wrong request.
    pub(crate) fn usage(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self::Lab(LabError::new(ErrorKind::Configuration, message).help(help))
    }

    /// What the process ends with.
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Lab(error) => error.kind().into(),
            Self::Config(_) => Exit::USAGE,
        }
    }
}

impl From<LabError> for Failure {
    fn from(error: LabError) -> Self {
        Self::Lab(error)
    }
}

impl From<ConfigErrors> for Failure {
    fn from(errors: ConfigErrors) -> Self {
        Self::Config(errors)
    }
}

/// Says at the call site what was tried when somebody else's error came.
pub(crate) trait Context<T> {
    /// The error, as one of this kind and with what was tried.
    fn context(self, kind: ErrorKind, what: impl Into<String>) -> Result<T, LabError>;
}

impl<T, E: std::error::Error + Send + Sync + 'static> Context<T> for Result<T, E> {
    fn context(self, kind: ErrorKind, what: impl Into<String>) -> Result<T, LabError> {
        self.map_err(|e| LabError::new(kind, what).source(e))
    }
}

/// Writes the error to standard error; the exit code that goes with it.
pub(crate) fn report(failure: &Failure, output: Output, lang: Lang) -> Exit {
    let text = match output {
        Output::Text => text(failure, lang),
        Output::Json => format!("{}\n", json!({ "error": value(failure) })),
    };
    // When standard error is gone there is nobody left to tell.
    let _ = anstream::stderr().lock().write_all(text.as_bytes());
    failure.exit()
}

/// Writes a wrong command line as JSON to standard error.
pub(crate) fn report_usage(message: &str) {
    let message = message.strip_prefix("error: ").unwrap_or(message).trim_end();
    let (first, rest) = message.split_once('\n').unwrap_or((message, ""));
    let details: Vec<&str> = rest.lines().map(str::trim).filter(|l| !l.is_empty()).collect();
    let error = json!({ "kind": "usage", "exit_code": Exit::USAGE.code(), "message": first, "details": details });
    let _ = writeln!(std::io::stderr(), "{}", json!({ "error": error }));
}

/// As many mistakes of a configuration are shown to people.
const MISTAKES: usize = 12;

const ERROR: Style = AnsiColor::Red.on_default().bold();
const HELP: Style = AnsiColor::Cyan.on_default().bold();
const FAINT: Style = Style::new().dimmed();

/// What happened and to what; the causes, each once; what helps to understand it; what to do.
fn text(failure: &Failure, lang: Lang) -> String {
    let w = words(lang);
    let mut text = String::new();
    match failure {
        Failure::Lab(error) => {
            let _ = writeln!(text, "{ERROR}{}:{ERROR:#} {}", w.error, say(&error.to_string(), lang));
            for cause in error.causes() {
                let cause = say(cause.trim_end(), lang).replace('\n', "\n    ");
                let _ = writeln!(text, "  {FAINT}{}:{FAINT:#} {cause}", w.caused_by);
            }
            for line in error.detail_lines() {
                let _ = writeln!(text, "  {FAINT}|{FAINT:#} {}", say(line, lang));
            }
            help(&mut text, way_out(error), lang);
        }
        Failure::Config(errors) => {
            // What is no lab.toml at all has a mistake in every line.
            for error in errors.iter().take(MISTAKES) {
                let place = match error.position() {
                    Some((line, column)) => format!("{}:{line}:{column}", error.origin),
                    None => say(&error.origin, lang).into_owned(),
                };
                let _ = writeln!(
                    text,
                    "{ERROR}{}:{ERROR:#} {place}: {}",
                    w.error,
                    say(&error.message, lang)
                );
                text.push_str(&snippet::draw(error));
                help(&mut text, error.help.as_deref(), lang);
            }
            let more = errors.iter().count().saturating_sub(MISTAKES);
            if more > 0 {
                let _ = writeln!(text, "{}", words::more(more, lang));
            }
        }
    }
    text
}

/// What to do about it: what was said where it happened, else what helps against the system's own refusal at its bottom.
fn way_out(error: &LabError) -> Option<&str> {
    error.help_text().or_else(|| {
        let causes = std::iter::successors(std::error::Error::source(error), |cause| cause.source());
        let mut refusals = causes.filter_map(|cause| cause.downcast_ref::<io::Error>());
        match refusals.next()?.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                Some("free some space on that disk, or use another one")
            }
            io::ErrorKind::ReadOnlyFilesystem => Some("that disk cannot be written to: name a place on another one"),
            io::ErrorKind::PermissionDenied => Some("give yourself the right to that place, or name another one"),
            _ => None,
        }
    })
}

fn help(text: &mut String, help: Option<&str>, lang: Lang) {
    if let Some(help) = help {
        let _ = writeln!(text, "{HELP}{}:{HELP:#} {}", words(lang).help, say(help, lang));
    }
}

fn value(failure: &Failure) -> Value {
    let exit = failure.exit().code();
    match failure {
        Failure::Lab(error) => {
            let shown = error.to_string();
            let node = error.node_name();
            let message = node
                .and_then(|n| shown.strip_prefix(n)?.strip_prefix(": "))
                .unwrap_or(&shown);
            json!({
                "kind": error.kind(),
                "exit_code": exit,
                "message": message,
                "node": node,
                "causes": error.causes(),
                "details": error.detail_lines(),
                "help": way_out(error),
            })
        }
        Failure::Config(errors) => {
            let mistakes: Vec<Value> = errors.iter().map(mistake).collect();
            let mut value = json!({ "kind": ErrorKind::Configuration, "exit_code": exit });
            // The first one is the error; all of them are in the list.
            if let (Some(value), Some(Value::Object(first))) = (value.as_object_mut(), mistakes.first()) {
                value.extend(first.clone());
                value.insert("mistakes".to_owned(), mistakes.into());
            }
            value
        }
    }
}

fn mistake(error: &ConfigError) -> Value {
    let position = error.position();
    json!({
        "message": error.message,
        "origin": error.origin,
        "line": position.map(|p| p.0),
        "column": position.map(|p| p.1),
        "help": error.help,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(failure: &Failure) -> String {
        anstream::adapter::strip_str(&text(failure, Lang::En)).to_string()
    }

    #[test]
    fn an_error_says_what_happened_why_and_what_to_do_each_once() {
        let error = LabError::new(ErrorKind::TimedOut, "the guest did not answer within 900 s")
            .node("k3s-worker1")
            .source(std::io::Error::other("connection refused"))
            .details(["the end of /console.log:".to_owned(), "  Kernel panic".to_owned()])
            .help("look at its console");
        assert_eq!(
            plain(&error.into()),
            "error: k3s-worker1: the guest did not answer within 900 s\n  caused by: connection refused\n  \
             | the end of /console.log:\n  |   Kernel panic\nhelp: look at its console\n"
        );
    }

    #[test]
    fn what_the_system_refuses_has_a_way_out_unless_a_better_one_is_known() {
        let refused =
            |kind: io::ErrorKind| LabError::new(ErrorKind::Failed, "could not write").source(io::Error::from(kind));
        let full = refused(io::ErrorKind::StorageFull);
        assert_eq!(way_out(&full), Some("free some space on that disk, or use another one"));
        assert_eq!(
            value(&refused(io::ErrorKind::ReadOnlyFilesystem).into())["help"],
            "that disk cannot be written to: name a place on another one"
        );
        assert_eq!(way_out(&refused(io::ErrorKind::StorageFull).help("mine")), Some("mine"));
        assert_eq!(way_out(&refused(io::ErrorKind::Other)), None);
        let deeper = LabError::new(ErrorKind::Failed, "above").source(full);
        assert!(way_out(&deeper).is_some());
    }

    #[test]
    fn json_keeps_node_and_message_apart() {
        let error = LabError::new(ErrorKind::NotReady, "it sleeps")
            .node("m")
            .help("wake it");
        let value = value(&error.into());
        assert_eq!(value["message"], "it sleeps");
        assert_eq!(value["node"], "m");
        assert_eq!(value["exit_code"], 5);
        assert_eq!(value["kind"], "not_ready");
    }

    #[test]
    fn a_guests_exit_code_is_kept_and_failure_never_becomes_success() {
        assert_eq!(Exit::of_guest(0).code(), 0);
        assert_eq!(Exit::of_guest(137).code(), 137);
        assert_eq!(Exit::of_guest(256).code(), 255);
        assert_eq!(Exit::of_guest(-1).code(), 255);
    }
}
