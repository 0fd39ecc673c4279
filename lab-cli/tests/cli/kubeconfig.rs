//! `kubeconfig`: printed, written, merged into a file of the user's, and taken out of it by `destroy`.

use serde_json::Value;

use crate::support::Place;

const OWN: &str = "apiVersion: v1\nkind: Config\ncurrent-context: default\nclusters:\n- name: default\n  cluster:\n    \
                   server: https://192.168.6.10:6443\nusers:\n- name: default\n  user:\n    client-key-data: c2VjcmV0\n\
                   contexts:\n- name: default\n  context:\n    cluster: default\n    user: default\n";

/// What somebody who has a cluster already has, with a comment, in kubectl's form.
const THEIRS: &str = "# my clusters\napiVersion: v1\nclusters:\n- cluster:\n    server: https://work:6443\n  name: work\n\
                      contexts:\n- context:\n    cluster: work\n    user: me\n  name: work\ncurrent-context: work\nkind: Config\n\
                      preferences: {}\nusers:\n- name: me # by hand\n  user: {token: t}\n";

/// A lab that was ready once.
fn ready() -> Place {
    let place = Place::new();
    let vmrun = place.write("vmrun", "");
    let place = place.env("VMRUN_PATH", vmrun.display().to_string());
    // Makes the lab's directory and state.
    place.run(&["pki", "init"]).code(0);
    place.write("data/labs/lab/kubeconfig", OWN);
    place
}

fn text(place: &Place, name: &str) -> String {
    std::fs::read_to_string(place.file(name)).unwrap()
}

#[cfg(unix)]
fn mode(place: &Place, name: &str) -> u32 {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::metadata(place.file(name)).unwrap().permissions().mode() & 0o777
}

#[test]
fn it_is_a_path_or_its_content() {
    let place = ready();
    let path = "[DIR]/data/labs/lab/kubeconfig\n".to_owned();
    for arguments in [&["kubeconfig"][..], &["kubeconfig", "path"]] {
        assert_eq!(place.run(arguments).code(0).stdout.replace('\\', "/"), path);
    }
    assert_eq!(place.run(&["kubeconfig", "--raw"]).code(0).stdout, OWN);
    let json = place.run(&["kubeconfig", "--raw", "--output", "json"]).code(0).json();
    assert_eq!(json["kubeconfig"], OWN);
    let json = place.run(&["kubeconfig", "--output", "json"]).code(0).json();
    assert_eq!(json["kubeconfig"], Value::Null, "the key is only in what asks for it");
}

#[test]
fn one_that_was_never_fetched_is_not_ready() {
    for arguments in [
        &["kubeconfig"][..],
        &["kubeconfig", "--raw"],
        &["kubeconfig", "--write", "mine"],
        &["kubeconfig", "--merge", "mine"],
    ] {
        let place = Place::new();
        let ran = place.run(arguments).code(5);
        assert!(
            ran.stderr.contains("there is no kubeconfig") && ran.stderr.contains("lab-cli up"),
            "{ran}"
        );
        assert!(!place.file("mine").exists());
    }
}

#[test]
fn it_is_written_for_its_owner_alone_in_place_of_what_is_there() {
    let place = ready();
    place.write("mine", "something else\n");
    let ran = place.run(&["kubeconfig", "--write", "mine"]).code(0);
    assert_eq!(ran.stdout, "written: mine\n");
    assert_eq!(text(&place, "mine"), OWN);
    #[cfg(unix)]
    assert_eq!(mode(&place, "mine"), 0o600);
    let json = place
        .run(&["kubeconfig", "--write", "mine", "--output", "json"])
        .code(0)
        .json();
    assert_eq!(json["path"], "mine");
    #[cfg(unix)]
    {
        // Who may, would otherwise put a file in the place of the device.
        std::os::unix::fs::symlink("/dev/null", place.file("device")).unwrap();
        let ran = place.run(&["kubeconfig", "--write", "device"]).code(1);
        assert!(ran.stderr.contains("it is a device or a pipe"), "{ran}");
        std::os::unix::fs::symlink("/dev/zero", place.file("endless")).unwrap();
        let ran = place.run(&["kubeconfig", "--merge", "endless"]).code(1);
        assert!(ran.stderr.contains("zero is not a kubeconfig"), "{ran}");
    }
    let ran = place.run(&["kubeconfig", "--write", "no/such/place"]).code(1);
    assert!(ran.stderr.starts_with("error: could not write "), "{ran}");
    place.run(&["kubeconfig", "--write", "mine", "--raw"]).code(2);
}

#[test]
fn merged_the_file_of_kubectl_has_one_context_more_and_destroy_leaves_it_as_it_was() {
    let place = ready();
    place.write("home/.kube/config", THEIRS);
    let ran = place.run(&["kubeconfig", "--merge"]).code(0);
    assert!(
        ran.stdout
            .ends_with("/.kube/config has the context lab now; use it with `kubectl --context lab`\n"),
        "{ran}"
    );
    let merged = text(&place, "home/.kube/config");
    for line in THEIRS.lines() {
        assert!(merged.contains(line), "{line}: {merged}");
    }
    assert!(
        merged.contains("https://192.168.6.10:6443") && merged.contains("c2VjcmV0") && merged.contains("name: lab"),
        "{merged}"
    );
    #[cfg(unix)]
    assert_eq!(mode(&place, "home/.kube/config"), 0o600);
    // A second time it is the same.
    let json = place.run(&["kubeconfig", "--merge", "--output", "json"]).code(0).json();
    assert_eq!(
        (&json["context"], &json["current"], &json["replaced"]),
        (&"lab".into(), &false.into(), &true.into())
    );
    assert_eq!(text(&place, "home/.kube/config"), merged);

    let ran = place.run(&["destroy"]).code(2);
    assert!(
        ran.stderr.contains("  the context lab in ") && ran.stderr.contains("/.kube/config\n"),
        "{ran}"
    );
    let ran = place.run(&["destroy", "--yes"]).code(0);
    assert!(
        ran.stderr.contains(" taken out of ") && ran.stderr.contains("/.kube/config: the context lab\n"),
        "{ran}"
    );
    assert_eq!(text(&place, "home/.kube/config"), THEIRS, "byte by byte");
}

#[test]
fn under_a_name_of_its_own_and_as_the_current_one_it_goes_from_every_file() {
    let place = ready();
    place.write("a", THEIRS);
    let merge = |file: &str, more: &[&str]| place.run(&[&["kubeconfig", "--merge", file], more].concat());
    let ran = merge("a", &["--name", "mine", "--switch"]).code(0);
    assert!(
        ran.stdout
            .ends_with("a has the context mine now; it is the current one\n"),
        "{ran}"
    );
    assert!(text(&place, "a").contains("current-context: mine\n"));
    let ran = merge("made/b", &["--lang", "ko"]).code(0);
    assert!(
        ran.stdout
            .contains("에 컨텍스트 lab을(를) 넣었습니다. 현재 컨텍스트입니다"),
        "{ran}"
    );
    let json = place.run(&["destroy", "--yes", "--output", "json"]).code(0).json();
    let contexts: Vec<&str> = json["contexts"]
        .as_array()
        .unwrap()
        .iter()
        .map(|c| c["context"].as_str().unwrap())
        .collect();
    assert_eq!(contexts, ["mine", "lab"]);
    assert_eq!(text(&place, "a"), THEIRS, "what was current is so again");
    assert!(!place.file("made/b").exists(), "the lab had made that file");
}

#[test]
fn what_cannot_be_merged_is_said_and_nothing_is_changed() {
    let place = ready();
    place.write("broken", "token: c2VjcmV0\nclusters: [\n");
    let ran = place.run(&["kubeconfig", "--merge", "broken"]).code(1);
    assert!(
        ran.stderr.contains("broken is not a kubeconfig")
            && !ran.stderr.contains("c2VjcmV0")
            && ran.stderr.contains("help: correct it, or name another"),
        "{ran}"
    );
    let ran = place.run(&["kubeconfig", "--merge", "broken", "--lang", "ko"]).code(1);
    assert!(ran.stderr.contains("broken은(는) kubeconfig가 아닙니다"), "{ran}");
    assert_eq!(text(&place, "broken"), "token: c2VjcmV0\nclusters: [\n");
    place.write("list", "- a\n");
    place.run(&["kubeconfig", "--merge", "list"]).code(1);

    let taken = THEIRS.replace("work", "lab");
    place.write("taken", &taken);
    let ran = place.run(&["kubeconfig", "--merge", "taken"]).code(2);
    assert!(
        ran.stderr.contains("which was not made by this lab") && ran.stderr.contains("--name"),
        "{ran}"
    );
    assert_eq!(text(&place, "taken"), taken);

    place.write("busy", THEIRS);
    place.write("busy.lock", "");
    let ran = place.run(&["kubeconfig", "--merge", "busy"]).code(1);
    assert!(
        ran.stderr.contains("another program is changing") && ran.stderr.contains("help: try again"),
        "{ran}"
    );
    assert_eq!(text(&place, "busy"), THEIRS);
    for arguments in [&["--name", "x"][..], &["--switch"], &["--merge", "a", "--raw"]] {
        place.run(&[&["kubeconfig"], arguments].concat()).code(2);
    }
    // Nothing was noted for what did not happen.
    let ran = place.run(&["destroy", "--yes"]).code(0);
    assert!(!ran.stderr.contains("taken out"), "{ran}");
}

#[test]
fn kubectls_own_variable_names_the_file_and_one_that_is_locked_at_the_end_is_named() {
    let place = ready();
    let first = place.file("first");
    let separator = if cfg!(windows) { ";" } else { ":" };
    let place = place.env("KUBECONFIG", format!("{}{separator}elsewhere", first.display()));
    place.write("first", THEIRS);
    place.run(&["kubeconfig", "--merge"]).code(0);
    let merged = text(&place, "first");
    place.write("first.lock", "");
    let ran = place.run(&["destroy", "--yes", "--output", "json"]).code(0);
    assert!(
        ran.stderr.contains("what the lab put into ") && ran.stderr.contains("`kubectl config delete-context`"),
        "{ran}"
    );
    assert_eq!(ran.json()["contexts"], serde_json::json!([]), "it was not taken out");
    assert_eq!(text(&place, "first"), merged);
    assert!(!place.lab().exists(), "the rest goes all the same");
}

#[test]
fn destroy_takes_the_key_out_although_its_context_is_gone_and_says_so_where_it_cannot() {
    for damaged in [false, true] {
        let place = ready();
        place.write("home/.kube/config", THEIRS);
        place.run(&["kubeconfig", "--merge"]).code(0);
        // As `kubectl config delete-context` leaves it: cluster and user stay.
        let merged = text(&place, "home/.kube/config");
        let start = merged
            .find("- context:\n    cluster: lab\n")
            .or(merged.find("- name: lab\n  context:"));
        let mut without: Vec<&str> = merged.split_inclusive('\n').collect();
        let line = merged[..start.unwrap_or_else(|| panic!("{merged}"))].lines().count();
        let next = without[line + 1..]
            .iter()
            .position(|l| !l.starts_with(' '))
            .unwrap_or(without.len() - line - 1);
        without.drain(line..=line + next);
        let mut left = without.concat();
        assert!(left.contains("c2VjcmV0"), "{left}");
        if damaged {
            left.push_str("\t- [\n");
        }
        place.write("home/.kube/config", &left);
        let ran = place.run(&["destroy", "--yes"]).code(0);
        let after = text(&place, "home/.kube/config");
        assert_eq!(after.contains("c2VjcmV0"), damaged, "{ran}\n{after}");
        assert_eq!(ran.stderr.contains("what the lab put into "), damaged, "{ran}");
        assert!(!ran.stderr.contains("c2VjcmV0"), "{ran}");
    }
}
