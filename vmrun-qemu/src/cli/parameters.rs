//! Taking parameters one by one. Whatever does not fit is vmrun's usage text.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::path::PathBuf;

use super::{PowerMode, VariableKind, path, text};
use crate::fault::Fault;

/// Parameters that were not taken yet.
#[derive(Debug)]
pub(crate) struct Parameters(VecDeque<OsString>);

impl Parameters {
    pub(crate) fn new(all: Vec<OsString>) -> Self {
        Self(all.into())
    }

    /// The `.vmx` that nearly every command starts with. An authentication flag in its place, or anywhere before a guest
    /// command's own arguments, is the mistake the help text warns of ("must appear before the command").
    pub(crate) fn vmx(&mut self) -> Result<PathBuf, Fault> {
        self.path()
    }

    pub(crate) fn path(&mut self) -> Result<PathBuf, Fault> {
        self.next().map(path)
    }

    pub(crate) fn word(&mut self) -> Result<String, Fault> {
        self.next().map(text)
    }

    pub(crate) fn number<T: std::str::FromStr>(&mut self) -> Result<T, Fault> {
        let word = self.word()?;
        word.parse()
            .map_err(|_| Fault::invalid(format!("{word} is not a number in range")))
    }

    fn next(&mut self) -> Result<OsString, Fault> {
        match self.0.pop_front() {
            Some(argument) if !is_late_flag(&argument) => Ok(argument),
            _ => Err(Fault::Usage),
        }
    }

    /// Takes the next parameter if it is this word, in any case.
    pub(crate) fn flag(&mut self, word: &str) -> bool {
        let found = self
            .0
            .front()
            .is_some_and(|next| next.to_string_lossy().eq_ignore_ascii_case(word));
        if found {
            self.0.pop_front();
        }
        found
    }

    pub(crate) fn power_mode(&mut self) -> Option<PowerMode> {
        if self.flag("hard") {
            Some(PowerMode::Hard)
        } else if self.flag("soft") {
            Some(PowerMode::Soft)
        } else {
            None
        }
    }

    pub(crate) fn variable_kind(&mut self) -> Result<VariableKind, Fault> {
        if self.flag("runtimeConfig") {
            Ok(VariableKind::RuntimeConfig)
        } else if self.flag("guestEnv") {
            Ok(VariableKind::GuestEnv)
        } else if self.flag("guestVar") {
            Ok(VariableKind::GuestVar)
        } else {
            Err(Fault::Usage)
        }
    }

    /// The value of `-name=value`, if that comes next.
    pub(crate) fn option(&mut self, name: &str) -> Option<String> {
        let next = self.0.front()?.to_string_lossy().into_owned();
        let (key, value) = next.split_once('=')?;
        if !key.eq_ignore_ascii_case(name) {
            return None;
        }
        self.0.pop_front();
        Some(value.to_owned())
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Everything that is left, joined by single spaces. This is what vmrun does to a guest program's arguments: the
    /// split between them is lost, and the guest's shell reads the line anew.
    pub(crate) fn flattened(&mut self) -> String {
        self.0.drain(..).map(text).collect::<Vec<_>>().join(" ")
    }

    /// Too many parameters are as wrong as too few.
    pub(crate) fn end(self) -> Result<(), Fault> {
        if self.0.is_empty() { Ok(()) } else { Err(Fault::Usage) }
    }
}

/// An authentication flag where a parameter should be.
fn is_late_flag(argument: &OsString) -> bool {
    ["-T", "-vp", "-gu", "-gp", "-h", "-P", "-u", "-p"]
        .iter()
        .any(|flag| argument == flag)
}
