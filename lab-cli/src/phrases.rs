//! What the commands around a finished lab say, in both languages.

use std::fmt::Write as _;
use std::time::Duration;

use lab_engine::{Change, Merged, SnapshotSet, SnapshotStatus, SupportBundle};
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

/// What changed in lab.toml since a machine was made, as a line of its own.
pub(crate) fn change(node: &str, change: &Change, lang: Lang) -> String {
    let how = if change.restart {
        pick(
            lang,
            "applied by `up`, which restarts the machine for it",
            "`up`이 VM을 재시작하여 적용함",
        )
    } else if change.applicable {
        pick(lang, "applied by `up`", "`up`이 적용함")
    } else {
        pick(lang, "needs a new machine", "VM을 새로 만들어야 함")
    };
    format!("{node}: {change} ({how})\n")
}

/// A set that was taken.
pub(crate) fn snapshot_taken(set: &SnapshotSet, lang: Lang) -> String {
    match lang {
        Lang::Ko => format!("스냅샷 {} 생성됨 (VM {}개)", set.name, set.nodes.len()),
        _ if set.nodes.len() == 1 => format!("snapshot {} taken of 1 machine", set.name),
        _ => format!("snapshot {} taken of {} machines", set.name, set.nodes.len()),
    }
}

/// A set that the lab was taken back to.
pub(crate) fn snapshot_restored(set: &SnapshotSet, lang: Lang) -> String {
    match lang {
        Lang::Ko => format!("스냅샷 {}으(로) 복원됨", set.name),
        _ => format!("restored to the snapshot {}", set.name),
    }
}

/// A set that is gone.
pub(crate) fn snapshot_deleted(set: &SnapshotSet, lang: Lang) -> String {
    match lang {
        Lang::Ko => format!("스냅샷 {} 삭제됨", set.name),
        _ => format!("snapshot {} deleted", set.name),
    }
}

/// There is no set.
pub(crate) fn no_snapshots(lang: Lang) -> &'static str {
    pick(
        lang,
        "there is no snapshot yet; `lab-cli snapshot create` takes one",
        "아직 스냅샷이 없습니다. `lab-cli snapshot create`로 만들 수 있습니다",
    )
}

/// The heading of a list of snapshots.
pub(crate) fn snapshot_heading(lang: Lang) -> [&'static str; 4] {
    match lang {
        Lang::Ko => ["이름", "ID", "생성 시각", "VM"],
        _ => ["NAME", "ID", "TAKEN", "MACHINES"],
    }
}

/// A set that cannot be restored, and why.
pub(crate) fn snapshot_broken(status: &SnapshotStatus, lang: Lang) -> String {
    let (name, problems) = (&status.set.name, status.problems.join("; "));
    match lang {
        Lang::Ko => {
            format!("{name}: 복원할 수 없음: {problems}. `lab-cli snapshot delete {name}`로 정리할 수 있습니다")
        }
        _ => format!("{name} cannot be restored: {problems}; `lab-cli snapshot delete {name}` removes it"),
    }
}

/// What a restore throws away.
pub(crate) fn restore_loses(name: &str, lang: Lang) -> String {
    match lang {
        Lang::Ko => format!("모든 VM이 스냅샷 {name}의 상태로 돌아갑니다. 그 뒤의 변경은 사라집니다"),
        _ => format!("every machine goes back to the snapshot {name}; what has happened in them since is lost"),
    }
}

/// The answer was no.
pub(crate) fn nothing_changed(lang: Lang) -> &'static str {
    pick(lang, "nothing was changed", "아무것도 바꾸지 않았습니다")
}

/// Goes on?
pub(crate) fn go_on(lang: Lang) -> &'static str {
    pick(lang, "Go on? [y/N] ", "계속할까요? [y/N] ")
}

/// What is asked at a terminal when the CA's key is needed.
pub(crate) fn ca_passphrase(lang: Lang) -> &'static str {
    pick(lang, "Passphrase of the CA's key: ", "CA 키의 암호: ")
}

/// What is asked at a terminal for the key of a CA that is to be made.
pub(crate) fn new_ca_passphrase(lang: Lang) -> &'static str {
    pick(lang, "Passphrase for the new CA's key: ", "새 CA 키의 암호: ")
}

/// What is asked then.
pub(crate) fn passphrase_again(lang: Lang) -> &'static str {
    pick(lang, "Again: ", "한 번 더: ")
}

/// A kubeconfig that the lab is in now.
pub(crate) fn merged(merged: &Merged, lang: Lang) -> String {
    let (path, context) = (merged.path.display(), &merged.context);
    let how = if merged.current {
        match lang {
            Lang::Ko => "현재 컨텍스트입니다".to_owned(),
            _ => "it is the current one".to_owned(),
        }
    } else {
        match lang {
            Lang::Ko => format!("`kubectl --context {context}`로 사용합니다"),
            _ => format!("use it with `kubectl --context {context}`"),
        }
    };
    match lang {
        Lang::Ko => format!("{path}에 컨텍스트 {context}을(를) 넣었습니다. {how}"),
        _ => format!("{path} has the context {context} now; {how}"),
    }
}

/// An image that nodes can be cloned from.
pub(crate) fn imported(name: &str, lang: Lang) -> String {
    match lang {
        Lang::Ko => format!("이미지 {name}을(를) 가져왔습니다. lab.toml에 다음과 같이 쓰십시오:"),
        _ => format!("image {name} is imported; to use it, in lab.toml:"),
    }
}

/// There is no image.
pub(crate) fn no_images(lang: Lang) -> &'static str {
    pick(
        lang,
        "no image has been imported; `lab-cli image import FILE` imports one",
        "가져온 이미지가 없습니다. `lab-cli image import FILE`로 가져올 수 있습니다",
    )
}

/// The heading of a list of images.
pub(crate) fn image_heading(lang: Lang) -> [&'static str; 3] {
    match lang {
        Lang::Ko => ["이름", "원본", "템플릿"],
        _ => ["NAME", "SOURCE", "TEMPLATE"],
    }
}

/// A support bundle.
pub(crate) fn bundled(bundle: &SupportBundle, lang: Lang) -> String {
    let (path, files) = (bundle.path.display(), bundle.files.len());
    let mut text = match lang {
        Lang::Ko => format!("{path}: 파일 {files}개. 알려진 비밀은 가렸습니다. 보내기 전에 확인하십시오\n"),
        _ => format!("{path}: {files} files; known secrets are masked, but look through it before you send it\n"),
    };
    for missing in &bundle.missing {
        let _ = writeln!(text, "  {}: {missing}", pick(lang, "not had", "얻지 못함"));
    }
    text
}
