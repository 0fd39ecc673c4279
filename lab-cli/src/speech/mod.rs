//! Sentences of the libraries in the user's language.
//!
//! The libraries speak English, as errors and `Display` do. Here their finished sentences are looked up in catalogues of pairs, an
//! English sentence with gaps and its translation: what gettext does, but with the gaps filled in already, so that the
//! libraries stay free of translation, and so that causes from any depth and reasons in records of earlier runs are covered
//! too. What a catalogue does not know is shown in English; a test measures how much of the engine's wording is known.
//! Fixed words and tables are not here but in [`crate::words`]. Log lines (`-v`) and everything in JSON stay English.

mod catalogue;
mod help;

use std::borrow::Cow;
use std::sync::LazyLock;

use lab_engine::StageEnd;
use stage_timer::{Lang, Outcome, RunRecord};

use catalogue::Catalogue;

pub(crate) use help::{lines, localised};

/// The pairs, one catalogue for each part of the program that speaks.
const CATALOGUES: [&str; 8] = [
    include_str!("ko/engine.txt"),
    include_str!("ko/config.txt"),
    include_str!("ko/vmrun.txt"),
    include_str!("ko/cli.txt"),
    include_str!("ko/help.txt"),
    include_str!("ko/seed.txt"),
    include_str!("ko/lifecycle.txt"),
    include_str!("ko/pki.txt"),
];

static KO: LazyLock<Catalogue> = LazyLock::new(|| Catalogue::parse(&CATALOGUES));

/// The sentence in this language; as it is where no translation is known.
pub(crate) fn say(text: &str, lang: Lang) -> Cow<'_, str> {
    match lang {
        Lang::Ko => KO.translate(text),
        _ => Cow::Borrowed(text),
    }
}

/// The end of a stage with its reason in this language.
pub(crate) fn end(end: &StageEnd, lang: Lang) -> StageEnd {
    let said = |reason: &str| say(reason, lang).into_owned();
    match end {
        StageEnd::Ok => StageEnd::Ok,
        StageEnd::Skipped { reason } => StageEnd::Skipped { reason: said(reason) },
        StageEnd::Failed { reason } => StageEnd::Failed { reason: said(reason) },
        StageEnd::TimedOut { reason } => StageEnd::TimedOut { reason: said(reason) },
    }
}

/// The summary of a run, the reasons in it in this language too.
pub(crate) fn summary(record: &RunRecord, lang: Lang) -> String {
    record_in(record, lang).summary(lang)
}

/// A record for people to look at: the reasons in it in this language.
pub(crate) fn record_in(record: &RunRecord, lang: Lang) -> Cow<'_, RunRecord> {
    if lang == Lang::En {
        return Cow::Borrowed(record);
    }
    let mut record = record.clone();
    record.outcome = outcome(&record.outcome, lang);
    for stage in &mut record.stages {
        stage.outcome = outcome(&stage.outcome, lang);
    }
    Cow::Owned(record)
}

fn outcome(outcome: &Outcome, lang: Lang) -> Outcome {
    let said = |reason: &String| say(reason, lang).into_owned();
    match outcome {
        Outcome::Skipped { reason } => Outcome::Skipped { reason: said(reason) },
        Outcome::Failed { reason } => Outcome::Failed { reason: said(reason) },
        Outcome::TimedOut { reason } => Outcome::TimedOut { reason: said(reason) },
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests;
