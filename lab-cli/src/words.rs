//! Everything that is shown in both languages, in one table: a word that one of them lacks does not compile.
//!
//! Whole sentences of the libraries are in [`crate::speech`].

use std::time::Duration;

use lab_engine::config::Role;
use lab_engine::{Action, CheckStatus, Signal};
use stage_timer::eta::Eta;
use stage_timer::{Lang, text};
use vmrun_rs::hypervisor::PowerState;

use crate::speech;

/// The fixed words of one language.
pub(crate) struct Words {
    pub(crate) node: &'static str,
    pub(crate) role: &'static str,
    pub(crate) address: &'static str,
    pub(crate) machine: &'static str,
    pub(crate) bootstrap: &'static str,
    pub(crate) cluster: &'static str,
    pub(crate) version: &'static str,
    pub(crate) remark: &'static str,
    pub(crate) ready: &'static str,
    pub(crate) not_ready: &'static str,
    pub(crate) finished: &'static str,
    pub(crate) unfinished: &'static str,
    pub(crate) unknown: &'static str,
    pub(crate) action: &'static str,
    pub(crate) run: &'static str,
    pub(crate) started_at: &'static str,
    pub(crate) shape: &'static str,
    pub(crate) outcome: &'static str,
    pub(crate) took: &'static str,
    pub(crate) timeline: &'static str,
    pub(crate) kubeconfig: &'static str,
    pub(crate) log: &'static str,
    pub(crate) warning: &'static str,
    pub(crate) note: &'static str,
    pub(crate) trouble: &'static str,
    pub(crate) step: &'static str,
    pub(crate) help: &'static str,
    pub(crate) error: &'static str,
    pub(crate) caused_by: &'static str,
    pub(crate) written: &'static str,
    pub(crate) no_runs: &'static str,
    pub(crate) interrupted: &'static str,
    pub(crate) nothing_to_destroy: &'static str,
    pub(crate) will_delete: &'static str,
    pub(crate) go_on: &'static str,
    pub(crate) yes: &'static [&'static str],
    pub(crate) kept: &'static str,
    pub(crate) destroyed: &'static str,
    pub(crate) certificate: &'static str,
    pub(crate) key: &'static str,
    pub(crate) ca: &'static str,
    pub(crate) bundle: &'static str,
    pub(crate) no_signal: &'static str,
    pub(crate) names: &'static str,
    pub(crate) next: &'static str,
    pub(crate) fill_in: &'static str,
    pub(crate) removed: &'static str,
    pub(crate) up_to_date: &'static str,
    pub(crate) trust_write: &'static str,
    pub(crate) ok: &'static str,
    pub(crate) no_forecast: &'static str,
    pub(crate) schema: &'static str,
    pub(crate) reused: &'static str,
    pub(crate) no_payload: &'static str,
}

const EN: Words = Words {
    node: "NODE",
    role: "ROLE",
    address: "ADDRESS",
    machine: "MACHINE",
    bootstrap: "BOOTSTRAP",
    cluster: "CLUSTER",
    version: "VERSION",
    remark: "REMARK",
    ready: "Ready",
    not_ready: "not ready",
    finished: "finished",
    unfinished: "not finished",
    unknown: "unknown",
    action: "ACTION",
    run: "RUN",
    started_at: "STARTED",
    shape: "LAB",
    outcome: "OUTCOME",
    took: "TOOK",
    timeline: "timeline",
    kubeconfig: "kubeconfig",
    log: "log",
    warning: "warning",
    note: "note",
    trouble: "trouble",
    step: "step",
    help: "help",
    error: "error",
    caused_by: "caused by",
    written: "written",
    no_runs: "no run has been recorded yet",
    interrupted: "interrupted: ending cleanly; once more ends at once",
    nothing_to_destroy: "there is no such lab: nothing to delete",
    will_delete: "this will be deleted:",
    go_on: "Delete all of it? [y/N] ",
    yes: &["y", "yes"],
    kept: "nothing was deleted",
    destroyed: "deleted",
    certificate: "certificate",
    key: "key",
    ca: "CA",
    bundle: "for clients",
    no_signal: "no signal yet",
    names: "NAMES",
    next: "next",
    fill_in: "set image.disk, k3s.binary and k3s.images in it; `lab-cli doctor` says what is missing then",
    removed: "removed",
    up_to_date: "every file was as it should be",
    trust_write: "name who is to trust it and add `--write` to write the files; run the commands yourself",
    ok: "ok",
    no_forecast: "no earlier run like this one to tell how long it will take",
    schema: "schema",
    reused: "unchanged",
    no_payload: "k3s.binary and k3s.images are not set: there is no payload, and k3s has to be in the disk image",
};

const KO: Words = Words {
    node: "노드",
    role: "역할",
    address: "주소",
    machine: "VM",
    bootstrap: "초기화",
    cluster: "클러스터",
    version: "버전",
    remark: "비고",
    ready: "준비됨",
    not_ready: "준비 안 됨",
    finished: "완료",
    unfinished: "미완료",
    unknown: "알 수 없음",
    action: "작업",
    run: "실행",
    started_at: "시작 시각",
    shape: "구성",
    outcome: "결과",
    took: "소요",
    timeline: "타임라인",
    kubeconfig: "kubeconfig",
    log: "로그",
    warning: "경고",
    note: "알림",
    trouble: "문제",
    step: "단계",
    help: "도움말",
    error: "오류",
    caused_by: "원인",
    written: "작성됨",
    no_runs: "기록된 실행이 아직 없습니다",
    interrupted: "중단 요청: 정리하고 끝냅니다. 한 번 더 누르면 즉시 끝냅니다",
    nothing_to_destroy: "해당 랩이 없습니다: 삭제할 것이 없습니다",
    will_delete: "다음을 삭제합니다:",
    go_on: "모두 삭제할까요? [y/N] ",
    yes: &["y", "yes", "예", "네"],
    kept: "아무것도 삭제하지 않았습니다",
    destroyed: "삭제했습니다",
    certificate: "인증서",
    key: "키",
    ca: "CA",
    bundle: "클라이언트용",
    no_signal: "아직 신호 없음",
    names: "이름",
    next: "다음",
    fill_in: "파일에서 image.disk, k3s.binary, k3s.images를 설정하십시오. 그 뒤 빠진 것은 `lab-cli doctor`가 알려 줍니다",
    removed: "삭제됨",
    up_to_date: "모든 파일이 이미 올바릅니다",
    trust_write: "대상을 지정하고 `--write`를 추가하면 파일을 작성합니다. 명령은 직접 실행하세요",
    ok: "정상",
    no_forecast: "비슷한 이전 실행 기록이 없어 예상 소요 시간을 알 수 없습니다",
    schema: "스키마",
    reused: "변경 없음",
    no_payload: "k3s.binary와 k3s.images가 설정되지 않음: 페이로드가 없으므로 디스크 이미지에 k3s가 있어야 합니다",
};

/// The words of a language.
pub(crate) fn words(lang: Lang) -> &'static Words {
    match lang {
        Lang::Ko => &KO,
        _ => &EN,
    }
}

fn pick(lang: Lang, en: &'static str, ko: &'static str) -> &'static str {
    match lang {
        Lang::Ko => ko,
        _ => en,
    }
}

/// A sign of life.
pub(crate) fn signal(signal: Signal, lang: Lang) -> String {
    let ko = match signal {
        Signal::Running => "실행 중",
        Signal::Address => "주소 보고됨",
        Signal::SshBanner => "SSH 서버 응답",
        Signal::GuestCommand => "게스트 명령 응답",
        Signal::Marker => "완료 표식 확인",
        Signal::Stopped => "정지됨",
        _ => return signal.to_string(),
    };
    if lang == Lang::Ko {
        ko.to_owned()
    } else {
        signal.to_string()
    }
}

/// Whether a machine runs.
pub(crate) fn power(power: PowerState, lang: Lang) -> &'static str {
    match power {
        PowerState::Off => pick(lang, "off", "꺼짐"),
        PowerState::Running => pick(lang, "running", "실행 중"),
        PowerState::Suspended => pick(lang, "suspended", "일시 중지"),
        PowerState::Missing => pick(lang, "missing", "없음"),
        _ => pick(lang, "unknown", "알 수 없음"),
    }
}

/// What a node does in the cluster.
pub(crate) fn role(role: Role, lang: Lang) -> &'static str {
    match role {
        Role::Master => pick(lang, "master", "마스터"),
        Role::Worker => pick(lang, "worker", "워커"),
    }
}

/// What `up` would do to a node, and why.
pub(crate) fn action(action: &Action, lang: Lang) -> (&'static str, String) {
    match action {
        Action::Create => (pick(lang, "create", "생성"), String::new()),
        Action::Recreate { why } => (pick(lang, "recreate", "재생성"), speech::say(why, lang).into_owned()),
        Action::Start => (pick(lang, "start", "시작"), String::new()),
        Action::Keep => (
            pick(lang, "keep", "유지"),
            pick(lang, "only looked at", "확인만 함").to_owned(),
        ),
        Action::Apply => (
            pick(lang, "apply", "변경 적용"),
            pick(lang, "without a new machine", "VM을 새로 만들지 않음").to_owned(),
        ),
        Action::Refuse => (
            pick(lang, "refuse", "거부"),
            pick(
                lang,
                "lab.toml changed since it was made: --recreate",
                "생성 후 lab.toml이 바뀜: --recreate 필요",
            )
            .to_owned(),
        ),
        Action::Leave => (
            pick(lang, "leave", "남김"),
            pick(lang, "not in lab.toml any more", "lab.toml에 더 이상 없음").to_owned(),
        ),
    }
}

/// After a new certificate.
pub(crate) fn restart_registry(lang: Lang) -> &'static str {
    pick(
        lang,
        "restart the registry: it reads its certificate at its start",
        "레지스트리를 다시 시작하세요: 인증서는 시작할 때만 읽습니다",
    )
}

/// After a new CA; `of` names the directory in a command line, where it is not the lab's own.
pub(crate) fn bundle_changed(bundle: &str, of: &str, lang: Lang) -> String {
    match lang {
        Lang::Ko => {
            format!("클라이언트가 {bundle} 을(를) 신뢰해야 합니다: `lab-cli pki trust{of}` 명령이 방법을 알려 줍니다")
        }
        _ => format!("clients must trust {bundle}: `lab-cli pki trust{of}` says how"),
    }
}

/// After a CA was announced.
pub(crate) fn bundle_announced(bundle: &str, of: &str, lang: Lang) -> String {
    match lang {
        Lang::Ko => format!("클라이언트에 {bundle} 을(를) 배포한 다음 `lab-cli pki rotate{of}` 명령으로 전환하세요"),
        _ => format!("give clients {bundle}, then `lab-cli pki rotate{of}` switches over"),
    }
}

/// After an overlap has ended.
pub(crate) fn bundle_retired(bundle: &str, lang: Lang) -> String {
    match lang {
        Lang::Ko => format!("클라이언트에 {bundle} 을(를) 다시 배포해야 이전 CA를 더는 신뢰하지 않습니다"),
        _ => format!("give clients {bundle} once more, or they go on trusting the old CA"),
    }
}

/// While two CAs overlap.
pub(crate) fn overlap(of: &str, lang: Lang) -> String {
    match lang {
        Lang::Ko => {
            format!("모든 클라이언트에 배포한 뒤 `lab-cli pki rotate{of} --retire` 명령으로 이전 CA의 신뢰를 끝내세요")
        }
        _ => format!("once every client has it, `lab-cli pki rotate{of} --retire` ends the trust in the old CA"),
    }
}

/// How a check went.
pub(crate) fn check(status: CheckStatus, lang: Lang) -> &'static str {
    match status {
        CheckStatus::Ok => pick(lang, "ok", "정상"),
        CheckStatus::Warning => pick(lang, "warning", "경고"),
        CheckStatus::Failed => pick(lang, "missing", "실패"),
    }
}

/// How much was found wrong with a document.
pub(crate) fn findings(errors: usize, warnings: usize, lang: Lang) -> String {
    if errors + warnings == 0 {
        return pick(lang, "no problems", "문제 없음").to_owned();
    }
    let plural = |count| if count == 1 { "" } else { "s" };
    match lang {
        Lang::Ko => format!("오류 {errors}개, 경고 {warnings}개"),
        _ => format!(
            "{errors} error{}, {warnings} warning{}",
            plural(errors),
            plural(warnings)
        ),
    }
}

/// `… 3 more`.
pub(crate) fn more(count: usize, lang: Lang) -> String {
    match lang {
        Lang::Ko => format!("… 그 밖에 {count}개"),
        _ => format!("… {count} more"),
    }
}

/// The line of a wait during which nothing happened for a while.
pub(crate) fn still(stage: &str, elapsed: Duration, lang: Lang) -> String {
    match lang {
        Lang::Ko => format!("진행 중: {stage} ({} 경과)", text::rough(elapsed, lang)),
        _ => format!("still: {stage} ({} so far)", text::rough(elapsed, lang)),
    }
}

/// A forecast of the whole run, from its description.
pub(crate) fn expected(description: &str, lang: Lang) -> String {
    match lang {
        Lang::Ko => format!("예상: {description}"),
        _ => format!("expected: {description}"),
    }
}

/// What a node still needs, in a few columns; that it needs longer than ever, if it does.
pub(crate) fn left(eta: &Eta, lang: Lang) -> String {
    if eta.overrun.is_some() {
        return pick(lang, "overdue", "예상 초과").to_owned();
    }
    // Tenths of a second would only flicker.
    let left = text::rough(Duration::from_secs(eta.median.as_secs().max(1)), lang);
    match lang {
        Lang::Ko => format!("약 {left} 남음"),
        _ => format!("~{left} left"),
    }
}

/// How long the next run will take.
pub(crate) fn next_run(lab: &str, shape: &str, description: &str, runs: usize, lang: Lang) -> String {
    if lang == Lang::Ko {
        return format!("랩 {lab}의 다음 `up` ({shape}): {description}, 이전 실행 {runs}건 기준\n");
    }
    let runs = if runs == 1 {
        "1 earlier run".to_owned()
    } else {
        format!("{runs} earlier runs")
    };
    format!("the next `up` of lab {lab} ({shape}): {description}, from {runs}\n")
}

/// How a run ended, in one line.
pub(crate) fn run_ended(lab: &str, ready: bool, took: Duration, lang: Lang) -> String {
    let took = text::rough(took, lang);
    match (lang, ready) {
        (Lang::Ko, true) => format!("랩 {lab} 준비 완료 (소요: {took})"),
        (Lang::Ko, false) => format!("랩 {lab} 준비되지 않음 (소요: {took})"),
        (_, true) => format!("lab {lab} is ready (took {took})"),
        (_, false) => format!("lab {lab} is not ready (took {took})"),
    }
}

/// The first line of a run.
pub(crate) fn run_started(lab: &str, run: &str, nodes: usize, lang: Lang) -> String {
    match lang {
        Lang::Ko => format!("랩 {lab}: {run}, 노드 {nodes}개"),
        _ => format!("lab {lab}: {run}, {nodes} node{}", if nodes == 1 { "" } else { "s" }),
    }
}

/// A machine that would be deleted.
pub(crate) fn doomed_machine(node: &str, lang: Lang) -> String {
    match lang {
        Lang::Ko => format!("VM {node}"),
        _ => format!("the machine {node}"),
    }
}

/// A directory that would be deleted.
pub(crate) fn doomed_directory(path: &str, lang: Lang) -> String {
    match lang {
        Lang::Ko => format!("디렉터리 {path} (키, 인증서, 실행 기록 포함)"),
        _ => format!("the directory {path}, with its keys, certificates and run records"),
    }
}

/// A context in a kubeconfig of the user's that would be taken out.
pub(crate) fn doomed_context(context: &str, path: &str, lang: Lang) -> String {
    match lang {
        Lang::Ko => format!("{path}의 컨텍스트 {context}"),
        _ => format!("the context {context} in {path}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_signal_is_translated() {
        for s in [
            Signal::Running,
            Signal::Address,
            Signal::SshBanner,
            Signal::GuestCommand,
            Signal::Marker,
            Signal::Stopped,
        ] {
            assert_ne!(signal(s, Lang::Ko), signal(s, Lang::En));
        }
    }
}
