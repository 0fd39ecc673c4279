//! `seed`: documents and images without a hypervisor, and the check of anyone's documents.

use std::fs;

use crate::support::{Place, Ran};

/// A place with a k3s to put into the payload.
fn with_k3s() -> Place {
    let place = Place::new();
    place.write("k3s", "#!/bin/sh\n");
    let mut tar = vec![0; 1024];
    tar[257..262].copy_from_slice(b"ustar");
    fs::write(place.file("images.tar"), tar).unwrap();
    place.toml("[k3s]\nbinary = \"k3s\"\nimages = \"images.tar\"\n")
}

fn render(place: &Place, more: &[&str]) -> Ran {
    let base = ["seed", "render", "--node", "k3s-master1", "--dir", "out"];
    place.run(&[&base[..], more].concat())
}

#[test]
fn render_writes_the_three_files_of_a_node_for_its_owner_alone() {
    let place = with_k3s();
    let ran = render(&place, &[]).code(0);
    for name in ["user-data", "meta-data", "network-config"] {
        let path = place.file("out").join(name);
        assert!(ran.stdout.contains(&format!("written: out/{name}\n")), "{ran}");
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            assert_eq!(
                fs::metadata(&path).unwrap().permissions().mode() & 0o777,
                0o600,
                "{name}"
            );
        }
        let text = fs::read_to_string(&path).unwrap();
        assert!(
            text.contains("k3s-master1") || text.contains("192.168.6.10"),
            "{name}: {text}"
        );
    }
    assert!(
        fs::read_to_string(place.file("out/user-data"))
            .unwrap()
            .starts_with("#cloud-config\n")
    );
    place
        .run(&[
            "seed",
            "lint",
            "--strict",
            "--no-schema",
            "out/user-data",
            "out/meta-data",
            "out/network-config",
        ])
        .code(0);
}

#[test]
fn the_same_lab_renders_the_same_seed_and_json_says_what_it_is_for() {
    let place = with_k3s();
    let first = render(&place, &["--output", "json"]).code(0).json();
    let text = fs::read(place.file("out/user-data")).unwrap();
    let second = render(&place, &["--output", "json"]).code(0).json();
    assert_eq!(first, second);
    assert_eq!(fs::read(place.file("out/user-data")).unwrap(), text);
    assert_eq!(first["form"], "cloud");
    assert!(first["mac"].as_str().unwrap().starts_with("00:50:56:"), "{first}");
    assert_eq!(first["payload"]["label"], "LABPAYLOAD");
    let id = first["instance_id"].as_str().unwrap();
    assert!(fs::read_to_string(place.file("out/meta-data")).unwrap().contains(id));
    let other = render(
        &place,
        &["--output", "json", "--instance-id", "i-2", "--mac", "52:54:00:00:00:01"],
    )
    .code(0)
    .json();
    assert_eq!(
        (other["instance_id"].as_str(), other["mac"].as_str()),
        (Some("i-2"), Some("52:54:00:00:00:01"))
    );
    assert!(
        fs::read_to_string(place.file("out/network-config"))
            .unwrap()
            .contains("52:54:00:00:00:01")
    );
}

#[test]
fn a_lab_without_a_k3s_is_told_that_the_image_must_have_it() {
    let place = Place::new();
    let ran = render(&place, &[]).code(0);
    assert!(
        ran.stdout.contains("note: k3s.binary and k3s.images are not set"),
        "{ran}"
    );
    let ran = render(&place, &["--lang", "ko"]).code(0);
    assert!(
        ran.stdout.contains("작성됨: ") && ran.stdout.contains("페이로드가 없으므로"),
        "{ran}"
    );
}

#[test]
fn the_installers_form_answers_everything_offline() {
    let place = with_k3s();
    render(&place, &["--form", "autoinstall"]).code(0);
    let text = fs::read_to_string(place.file("out/user-data")).unwrap();
    for line in [
        "autoinstall:",
        "  version: 1",
        "    geoip: false",
        "    fallback: offline-install",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}: {text}");
    }
    place
        .run(&[
            "seed",
            "lint",
            "--strict",
            "--no-schema",
            "--form",
            "autoinstall",
            "out/user-data",
        ])
        .code(0);
}

#[test]
fn guest_variables_are_lines_for_a_vmx_file() {
    let place = with_k3s();
    for encoding in ["base64", "gzip+base64"] {
        let ran = render(
            &place,
            &["--form", "guestinfo", "--encoding", encoding, "--output", "json"],
        )
        .code(0);
        assert_eq!(ran.json()["files"].as_array().unwrap().len(), 1);
        let text = fs::read_to_string(place.file("out/guestinfo.vmx")).unwrap();
        let names: Vec<&str> = text.lines().map(|line| line.split_once(" = \"").unwrap().0).collect();
        assert_eq!(
            names,
            [
                "guestinfo.metadata",
                "guestinfo.metadata.encoding",
                "guestinfo.userdata",
                "guestinfo.userdata.encoding"
            ]
        );
        assert!(
            text.contains(&format!("guestinfo.userdata.encoding = \"{encoding}\"\n")),
            "{text}"
        );
    }
    let ran = place
        .run(&["seed", "iso", "--dir", "out", "--form", "guestinfo"])
        .code(2);
    assert!(
        ran.stderr.contains("guest variables need no seed image") && ran.stderr.contains("seed render"),
        "{ran}"
    );
}

#[test]
fn iso_writes_every_nodes_image_and_the_payload_once() {
    let place = with_k3s();
    let json = place
        .run(&["seed", "iso", "--dir", "out", "--output", "json"])
        .code(0)
        .json();
    let digest = json["payload"]["digest"].as_str().unwrap();
    assert_eq!(json["payload"]["reused"], false);
    assert_eq!(json["seeds"].as_array().unwrap().len(), 3);
    for seed in json["seeds"].as_array().unwrap() {
        assert_eq!(
            seed["payload"]["digest"], digest,
            "a seed insists on the payload beside it"
        );
    }
    let first = fs::read(place.file("out/k3s-worker2.iso")).unwrap();
    assert_eq!(&first[0x8001..0x8006], b"CD001");
    let ran = place
        .run(&["seed", "iso", "--dir", "out", "--node", "k3s-worker2"])
        .code(0);
    assert!(
        ran.stdout.contains("unchanged: ") && !ran.stdout.contains("k3s-worker1"),
        "{ran}"
    );
    assert_eq!(
        fs::read(place.file("out/k3s-worker2.iso")).unwrap(),
        first,
        "equal input, equal bytes"
    );
    let alone = ["seed", "iso", "--dir", "alone", "--node", "k3s-worker1", "--no-payload"];
    place.run(&alone).code(0);
    assert_eq!(fs::read_dir(place.file("alone")).unwrap().count(), 1);
}

#[test]
fn a_node_that_there_is_not_is_answered_with_those_there_are() {
    let ran = Place::new()
        .run(&["seed", "render", "--node", "k3s-nobody", "--dir", "out"])
        .code(2);
    assert!(
        ran.stderr.contains("there is no node `k3s-nobody`") && ran.stderr.contains("k3s-worker2"),
        "{ran}"
    );
    let ran = render(&Place::new(), &["--mac", "nonsense"]).code(1);
    assert!(
        ran.stderr.contains("MAC address") && ran.stderr.contains("nonsense"),
        "{ran}"
    );
}

#[test]
fn lint_names_file_line_and_column_and_ends_with_5() {
    let place = Place::new();
    place.write("user-data", "#cloud-config\nhostname: no\nrunmcd: []\nhostname: b\n");
    let ran = place.run(&["seed", "lint", "--no-schema", "user-data"]).code(5);
    for line in [
        "user-data:2:11: error: hostname is read as a boolean, not as text [type]",
        "user-data:3:1: error: cloud-init knows no key \"runmcd\" and ignores it [key]",
        "  help: did you mean runcmd?",
        "user-data:4:1: error: the key \"hostname\" was set in line 2 already; only this one counts [duplicate-key]",
        "user-data (user-data): 3 errors, 0 warnings",
    ] {
        assert!(ran.stdout.lines().any(|found| found == line), "{line}: {ran}");
    }
    let json = place
        .run(&["seed", "lint", "--no-schema", "user-data", "--output", "json"])
        .code(5)
        .json();
    assert_eq!(json["ok"], false);
    let first = &json["files"][0]["findings"][0];
    assert_eq!(
        (first["line"].as_u64(), first["column"].as_u64(), first["rule"].as_str()),
        (Some(2), Some(11), Some("type"))
    );
    let ran = place
        .run(&["seed", "lint", "--no-schema", "user-data", "--lang", "ko"])
        .code(5);
    assert!(ran.stdout.contains("오류 3개, 경고 0개"), "{ran}");
    assert!(
        ran.stdout
            .lines()
            .any(|line| line == "user-data:2:11: 오류: hostname이(가) 텍스트가 아니라 불리언(으)로 읽힙니다 [type]"),
        "{ran}"
    );
}

#[test]
fn lint_lets_warnings_pass_unless_it_is_strict() {
    let place = Place::new();
    place.write("user-data", "#cloud-config\r\nhostname: a\r\n");
    let ran = place.run(&["seed", "lint", "--no-schema", "user-data"]).code(0);
    assert!(ran.stdout.contains("0 errors, 1 warning"), "{ran}");
    place
        .run(&["seed", "lint", "--no-schema", "--strict", "user-data"])
        .code(5);
}

#[test]
fn lint_takes_a_schema_and_says_which() {
    let place = Place::new();
    place.write("user-data", "#cloud-config\nntp:\n  enabled: maybe\n  servers: [a]\n");
    place.write(
        "schema.json",
        r#"{"type": "object", "properties": {"ntp": {"type": "object", "properties": {"enabled": {"type": "boolean"}}, "additionalProperties": false}}}"#,
    );
    let ran = place
        .run(&["seed", "lint", "--schema", "schema.json", "user-data"])
        .code(5);
    for line in [
        "user-data:3:12: error: `enabled` is string, not boolean [schema]",
        "user-data:4:3: error: the schema knows no key \"servers\" here [schema]",
        "  help: see schema.json",
        "user-data (user-data): 2 errors, 0 warnings; schema: schema.json",
    ] {
        assert!(ran.stdout.lines().any(|found| found == line), "{line}: {ran}");
    }
    place.write("broken.json", "{");
    let ran = place
        .run(&["seed", "lint", "--schema", "broken.json", "user-data"])
        .code(2);
    assert!(ran.stderr.contains("broken.json is not JSON"), "{ran}");
    place.write("no-schema.json", r#"{"type": 5}"#);
    let ran = place
        .run(&["seed", "lint", "--schema", "no-schema.json", "user-data"])
        .code(2);
    assert!(ran.stderr.contains("is not a JSON Schema"), "{ran}");
    let ran = place
        .run(&["seed", "lint", "--schema", "nowhere.json", "user-data"])
        .code(2);
    assert!(ran.stderr.contains("nowhere.json"), "{ran}");
}

#[test]
fn lint_tells_documents_apart_and_reads_standard_input() {
    use std::io::Write as _;
    use std::process::Stdio;
    let place = Place::new();
    place.write(
        "network-config",
        "version: 2\nethernets:\n  a:\n    match: {macaddress: 52:54:00:12:34:56}\n",
    );
    place.write("meta-data", "instance-id: 0123\n");
    place.write(
        "autoinstall.yaml",
        "version: 1\nidentity: {username: a, hostname: b, password: secret}\n",
    );
    let ran = place
        .run(&[
            "seed",
            "lint",
            "--no-schema",
            "network-config",
            "meta-data",
            "autoinstall.yaml",
        ])
        .code(5);
    for line in [
        "network-config:4:25: error: macaddress is read as a whole number, not as text [type]",
        "meta-data:1:14: error: instance-id is read as a whole number, not as text [type]",
        "autoinstall.yaml:2:48: error: the password is taken for a crypt(3) hash, and this is none: nobody could log in with it [plain-password]",
    ] {
        assert!(ran.stdout.lines().any(|found| found == line), "{line}: {ran}");
    }
    assert!(!ran.stdout.contains("secret"), "{ran}");
    let mut child = place
        .command(&["seed", "lint", "--kind", "meta-data", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    child.stdin.take().unwrap().write_all(b"instance-id: yes\n").unwrap();
    let ran = Ran::new(&child.wait_with_output().unwrap(), place.path()).code(5);
    assert!(ran.stdout.starts_with("-:1:14: error: "), "{ran}");
    let ran = place.run(&["seed", "lint", "nowhere"]).code(2);
    assert!(ran.stderr.contains("could not read nowhere"), "{ran}");
}

#[test]
fn lint_knows_how_much_a_guest_variable_holds() {
    let place = Place::new();
    let repetitive = format!("#cloud-config\nfinal_message: \"{}\"\n", "a".repeat(60_000));
    place.write("user-data", &repetitive);
    let ran = place
        .run(&["seed", "lint", "--no-schema", "--form", "guestinfo", "user-data"])
        .code(0);
    assert!(
        ran.stdout.contains("1:1: warning: ") && ran.stdout.contains("encode it as gzip+base64"),
        "{ran}"
    );
}

#[test]
fn a_payload_that_its_publisher_lists_otherwise_is_refused() {
    let place = with_k3s();
    place.write("sha256sum-amd64.txt", &format!("{}  k3s\n", "0".repeat(64)));
    let ran = place.run(&["seed", "iso", "--dir", "out"]).code(3);
    assert!(
        ran.stderr
            .contains("is not the file that sha256sum-amd64.txt beside it lists")
            && ran.stderr.contains("expected SHA-256 0000")
            && ran.stderr.contains("download the file again"),
        "{ran}"
    );
}
