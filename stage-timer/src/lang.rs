//! Languages, the labels of stages in them, and the fixed words of summaries.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::{Outcome, RunRecord, RunState, StageKind};

/// A language that summaries and progress can be written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Lang {
    /// English.
    #[default]
    En,
    /// Korean.
    Ko,
}

impl Lang {
    /// The language of a POSIX locale name such as `ko_KR.UTF-8`; English for every other one.
    pub fn from_locale(locale: &str) -> Self {
        let language = locale.split(['_', '-', '.', '@']).next().unwrap_or_default();
        if language.eq_ignore_ascii_case("ko") {
            Self::Ko
        } else {
            Self::En
        }
    }

    /// The language that `LC_ALL`, `LC_MESSAGES` or `LANG` (the first of them that is not empty) asks for.
    pub fn from_env() -> Self {
        ["LC_ALL", "LC_MESSAGES", "LANG"]
            .into_iter()
            .find_map(|name| std::env::var(name).ok().filter(|value| !value.is_empty()))
            .map_or(Self::En, |locale| Self::from_locale(&locale))
    }

    /// The code of ISO 639-1.
    pub fn code(self) -> &'static str {
        match self {
            Self::En => "en",
            Self::Ko => "ko",
        }
    }

    pub(crate) fn pick<'a>(self, en: &'a str, ko: &'a str) -> &'a str {
        match self {
            Self::En => en,
            Self::Ko => ko,
        }
    }
}

/// The text names no language that this crate can write.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown language {0:?}: use en or ko")]
pub struct ParseLangError(String);

impl FromStr for Lang {
    type Err = ParseLangError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "en" => Ok(Self::En),
            "ko" => Ok(Self::Ko),
            other => Err(ParseLangError(other.to_owned())),
        }
    }
}

/// What the stages of a tool are called in each language. Ids stay the same for ever (history is keyed by them);
/// labels may change with every release.
///
/// A stage without a label is shown by its id, with `-` and `_` as spaces and a capital first letter.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Labels(BTreeMap<String, Label>);

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Label {
    en: String,
    ko: String,
}

impl Labels {
    /// No labels.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces the label of the stage `id`.
    #[must_use]
    pub fn with(mut self, id: impl Into<String>, en: impl Into<String>, ko: impl Into<String>) -> Self {
        self.0.insert(
            id.into(),
            Label {
                en: en.into(),
                ko: ko.into(),
            },
        );
        self
    }

    /// The label of the stage `id`.
    pub fn get<'a>(&'a self, id: &'a str, lang: Lang) -> Cow<'a, str> {
        match self.0.get(id) {
            Some(label) => Cow::Borrowed(lang.pick(&label.en, &label.ko)),
            None => humanize(id),
        }
    }

    /// Whether there is no label at all.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

fn humanize(id: &str) -> Cow<'_, str> {
    let spaced = id.replace(['-', '_'], " ");
    let mut chars = spaced.chars();
    match chars.next() {
        Some(first) => Cow::Owned(first.to_uppercase().chain(chars).collect()),
        None => Cow::Borrowed(id),
    }
}

/// `started: <label>`, `시작: <label>`.
pub fn started_line(label: &str, lang: Lang) -> String {
    format!("{}: {label}", lang.pick("started", "시작"))
}

/// `done: <label> (took 12.3s)`, `완료: <label> (소요: 12.3s)`; for other outcomes their own word and the reason.
pub fn ended_line(label: &str, outcome: &Outcome, took: std::time::Duration, lang: Lang) -> String {
    let word = match outcome {
        Outcome::Ok => lang.pick("done", "완료"),
        other => outcome_word(other, lang),
    };
    let took = crate::text::seconds(took);
    let mut line = match lang {
        Lang::En => format!("{word}: {label} (took {took})"),
        Lang::Ko => format!("{word}: {label} (소요: {took})"),
    };
    if let Some(reason) = outcome.reason().filter(|reason| !reason.is_empty()) {
        line.push_str(": ");
        line.push_str(reason);
    }
    line
}

/// The outcome in one word for people: `timed out`, `시간 초과`.
pub fn outcome_word(outcome: &Outcome, lang: Lang) -> &'static str {
    match outcome {
        Outcome::Ok => lang.pick("ok", "성공"),
        Outcome::Skipped { .. } => lang.pick("skipped", "건너뜀"),
        Outcome::Failed { .. } => lang.pick("failed", "실패"),
        Outcome::TimedOut { .. } => lang.pick("timed out", "시간 초과"),
        Outcome::Cancelled => lang.pick("cancelled", "취소됨"),
        Outcome::Aborted => lang.pick("aborted", "중단됨"),
    }
}

/// How a run ended, in one word for people: `timed out`; or that it still goes on: `still running`, `진행 중`.
pub fn run_word(run: &RunRecord, lang: Lang) -> &'static str {
    match run.state {
        RunState::Running => lang.pick("still running", "진행 중"),
        RunState::Finished | RunState::Interrupted => outcome_word(&run.outcome, lang),
    }
}

/// The kind in one word for people: `waiting`, `대기`.
pub fn kind_word(kind: StageKind, lang: Lang) -> &'static str {
    match kind {
        StageKind::Working => lang.pick("working", "작업"),
        StageKind::Waiting => lang.pick("waiting", "대기"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn lines_are_worded_as_people_know_them() {
        let took = Duration::from_millis(12_345);
        assert_eq!(started_line("Start VMs", Lang::En), "started: Start VMs");
        assert_eq!(started_line("VM 시작", Lang::Ko), "시작: VM 시작");
        assert_eq!(
            ended_line("Start VMs", &Outcome::Ok, took, Lang::En),
            "done: Start VMs (took 12.3s)"
        );
        assert_eq!(
            ended_line("VM 시작", &Outcome::Ok, took, Lang::Ko),
            "완료: VM 시작 (소요: 12.3s)"
        );
        assert_eq!(
            ended_line("Start VMs", &Outcome::failed("no vmx"), took, Lang::En),
            "failed: Start VMs (took 12.3s): no vmx"
        );
    }

    #[test]
    fn a_stage_without_a_label_is_shown_by_its_id() {
        let labels = Labels::new().with("start-vms", "Start VMs", "VM 시작");
        assert_eq!(labels.get("start-vms", Lang::Ko), "VM 시작");
        assert_eq!(labels.get("verify_cluster-now", Lang::Ko), "Verify cluster now");
        assert_eq!(labels.get("", Lang::En), "");
    }

    #[test]
    fn locales_choose_the_language() {
        assert_eq!(Lang::from_locale("ko_KR.UTF-8"), Lang::Ko);
        assert_eq!(Lang::from_locale("kok_IN"), Lang::En);
        assert_eq!(Lang::from_locale("C.UTF-8"), Lang::En);
    }
}
