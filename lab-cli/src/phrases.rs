//! What the commands around a finished lab say, in both languages.

use std::time::Duration;

use stage_timer::{Lang, text};

pub(crate) fn pick(lang: Lang, en: &'static str, ko: &'static str) -> &'static str {
    match lang {
        Lang::Ko => ko,
        _ => en,
    }
}

/// How long it took.
pub(crate) fn took(took: Duration, lang: Lang) -> String {
    let took = text::rough(took, lang);
    match lang {
        Lang::Ko => format!("소요: {took}"),
        _ => format!("took {took}"),
    }
}

/// Machines that were stopped.
pub(crate) fn stopped(nodes: &[String], lang: Lang) -> String {
    format!("{}: {}", pick(lang, "stopped", "정지됨"), nodes.join(", "))
}

/// Machines that were started.
pub(crate) fn started(nodes: &[String], lang: Lang) -> String {
    format!("{}: {}", pick(lang, "started", "시작됨"), nodes.join(", "))
}

/// All of them were already as they were wanted.
pub(crate) fn nothing_to_do(lang: Lang) -> &'static str {
    pick(
        lang,
        "nothing to do: all machines were so already",
        "할 일 없음: 모든 VM이 이미 그 상태입니다",
    )
}

/// The whole cluster was looked at.
pub(crate) fn cluster_ready(lang: Lang) -> &'static str {
    pick(lang, "every node is Ready", "모든 노드가 준비되었습니다")
}
