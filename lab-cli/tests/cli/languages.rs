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
