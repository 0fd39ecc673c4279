//! English and Korean.

use crate::support::Place;

#[test]
fn the_language_is_the_arguments_then_lab_langs_then_the_locales() {
    let runs = |place: Place, arguments: &[&str]| place.run(arguments).code(0).stdout;
    let english = "no run has been recorded yet\n";
    let korean = "기록된 실행이 아직 없습니다\n";
    let list = ["timings", "list"];
    assert_eq!(runs(Place::new(), &list), english);
    assert_eq!(runs(Place::new().env("LANG", "ko_KR.UTF-8"), &list), korean);
    assert_eq!(
        runs(Place::new().env("LANG", "ko_KR.UTF-8").env("LC_ALL", "C"), &list),
        english
    );
    assert_eq!(runs(Place::new().env("LAB_LANG", "ko"), &list), korean);
    assert_eq!(
        runs(Place::new().env("LAB_LANG", "ko"), &["--lang", "en", "timings", "list"]),
        english
    );
    assert_eq!(runs(Place::new(), &["timings", "list", "--lang", "ko"]), korean);
}

#[test]
fn an_unknown_language_is_a_mistake() {
    let ran = Place::new().env("LAB_LANG", "fr").run(&["timings", "list"]).code(2);
    assert!(
        ran.stderr.contains("LAB_LANG") && ran.stderr.contains("use auto, en or ko"),
        "{ran}"
    );
    Place::new().run(&["--lang", "fr", "timings", "list"]).code(2);
}

#[test]
fn help_and_wrong_command_lines_are_in_korean_too() {
    let place = Place::new();
    let help = place.run(&["--lang", "ko", "-h"]).code(0).stdout;
    assert!(
        help.contains(
            "
사용법: lab-cli [OPTIONS] <COMMAND>

명령:
  init         모든 키를"
        ),
        "{help}"
    );
    let help = place.run(&["exec", "--help", "--lang=ko"]).code(0).stdout;
    for heading in ["인수:", "옵션:", "공통 옵션:"] {
        assert!(
            help.contains(&format!(
                "
{heading}
"
            )),
            "{heading}: {help}"
        );
    }
    insta::assert_snapshot!("typo_ko", place.run(&["--lang", "ko", "upp"]).code(2).stderr);
    let ran = Place::new().env("LANG", "ko_KR.UTF-8").run(&["help", "up"]).code(0);
    assert!(
        ran.stdout.contains("사용법: lab-cli up") && ran.stdout.contains("공통 옵션:"),
        "{ran}"
    );
    // A word behind `--` is the guest's.
    let ran = place.run(&["exec", "nobody", "--", "--lang", "ko"]);
    assert!(ran.stderr.contains("error: "), "{ran}");
}

#[test]
fn errors_of_the_engine_and_what_to_do_are_in_korean_too() {
    let ran = Place::new()
        .toml("")
        .env("VMRUN_PATH", "/nowhere/vmrun")
        .run(&["up", "--lang", "ko"])
        .code(3);
    // On Windows such a path is on some drive.
    let stderr = ["C:", "Z:"]
        .iter()
        .fold(ran.stderr, |text, drive| text.replace(drive, ""));
    assert_eq!(
        stderr,
        "오류: VM을 제어하는 vmrun이 /nowhere/vmrun에 없습니다\n\
         도움말: hypervisor.vmrun 또는 VMRUN_PATH를 고치거나, 비워 두면 일반적인 위치에서 찾습니다\n"
    );
    // For programs the wording stays the same whatever the language.
    let place = Place::new().env("VMRUN_PATH", "/nowhere/vmrun");
    let error = place.run(&["up", "--lang", "ko", "--output", "json"]).code(3).error();
    assert!(
        error["message"].as_str().unwrap().starts_with("vmrun, which drives"),
        "{error}"
    );
}

#[test]
fn the_commented_file_is_in_korean_too_and_means_the_same() {
    let place = Place::new();
    place.run(&["init", "--lang", "ko"]).code(0);
    let text = std::fs::read_to_string(place.file("lab.toml")).unwrap();
    assert!(
        text.contains("# 메모리(MiB), 4의 배수. (512 … 4194304)\n#memory_mib = 4096\n"),
        "{text}"
    );
    let comments: Vec<_> = text.lines().filter(|l| l.starts_with("# ")).collect();
    let english = comments.iter().filter(|l| l.is_ascii()).count();
    assert_eq!(english, 0, "{comments:#?}");
    place.run(&["config", "show"]).code(0);
}
