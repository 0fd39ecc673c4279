//! What issues, renews and replaces certificates, and what shows them.

use super::issued;
use crate::support::Place;

#[test]
fn init_issues_once_and_then_reuses() {
    let place = Place::new();
    let init = ["pki", "init", "--dir", "pki", "--host", "192.168.6.1"];
    let first = place.run(&init).code(0);
    assert!(
        first.stdout.contains("created") && first.stdout.contains("pki/registry.crt"),
        "{first}"
    );
    let key = std::fs::read(place.file("pki/registry.key")).unwrap();
    let second = place.run(&[&init[..], &["--output", "json"]].concat()).code(0).json();
    assert_eq!(second["action"], "reused");
    assert_eq!(std::fs::read(place.file("pki/registry.key")).unwrap(), key);
    assert!(!second.to_string().contains("PRIVATE KEY"));
}

#[test]
fn a_host_that_is_none_is_refused_with_the_reason() {
    let ran = Place::new()
        .run(&["pki", "init", "--dir", "pki", "--host", "https://registry.lab"])
        .code(2);
    assert!(ran.stderr.contains("https://registry.lab"), "{ran}");
}

#[test]
fn show_says_what_the_certificate_covers() {
    let ran = issued().run(&["pki", "show", "--dir", "pki"]).code(0);
    for word in ["192.168.6.1", "registry.lab", "localhost", "127.0.0.1"] {
        assert!(ran.stdout.contains(word), "{ran}");
    }
    let ran = Place::new().run(&["pki", "show"]).code(5);
    assert!(
        ran.stderr.contains("no certificate has been issued") && ran.stderr.contains("lab-cli pki init"),
        "{ran}"
    );
}

#[test]
fn the_lab_s_own_certificates_need_no_hypervisor() {
    let place = Place::new()
        .env("VMRUN_PATH", "/nowhere/vmrun")
        .env("REGISTRY_HOST_IP", "10.1.2.3");
    let ran = place.run(&["pki", "init"]).code(0);
    assert!(ran.stdout.contains("covers 10.1.2.3, 127.0.0.1, localhost"), "{ran}");
    assert!(place.lab().join("pki/registry.crt").is_file());
    // The directory is the lab's: `destroy` may take it away.
    assert!(place.lab().join(".airgap-lab-owner.json").is_file());
    for arguments in [
        &["pki", "show"][..],
        &["pki", "verify"],
        &["pki", "renew"],
        &["pki", "rotate", "--announce"],
        &["pki", "rotate"],
        &["pki", "rotate", "--retire"],
        &["pki", "export", "bundle"],
        &["pki", "trust"],
        &["pki", "registries"],
    ] {
        place.run(arguments).code(0);
        let json = place.run(&[arguments, &["--output", "json"]].concat());
        // A second retirement has nothing to retire.
        if !arguments.contains(&"--retire") {
            json.code(0).json();
        }
    }
}

#[test]
fn a_lab_with_a_ca_of_its_own_issues_nothing() {
    let place = Place::new().toml("[registry]\nca = \"ca.pem\"\n");
    for command in ["init", "renew", "rotate"] {
        let ran = place.run(&["pki", command]);
        assert!(ran.code == 2 || ran.code == 5, "{ran}");
    }
    let ran = place.run(&["pki", "init"]).code(2);
    assert!(ran.stderr.contains("a CA of your own"), "{ran}");
}

#[test]
fn what_is_not_there_is_not_made_by_looking_renewing_or_exporting() {
    let place = Place::new();
    for command in [
        &["show"][..],
        &["renew"],
        &["rotate"],
        &["export", "bundle"],
        &["passphrase", "--remove"],
    ] {
        let ran = place.run(&[&["pki"], command, &["--dir", "nowhere"]].concat()).code(5);
        assert!(
            ran.stderr.contains("no certificate has been issued in nowhere")
                && ran
                    .stderr
                    .contains("help: `lab-cli pki init --dir nowhere --host HOST` issues one"),
            "{ran}"
        );
        assert!(!place.file("nowhere").exists(), "{command:?}");
    }
}

#[test]
fn renew_keeps_hosts_and_kind_of_key_and_changes_what_is_asked() {
    let place = Place::new();
    let init = [
        "pki",
        "init",
        "--dir",
        "pki",
        "--host",
        "registry.lab",
        "--algorithm",
        "ecdsa-p384",
        "--lifetime",
        "10y",
    ];
    place.run(&[&init[..], &["--ca-lifetime", "20y"]].concat()).code(0);
    let renew = |more: &[&str]| {
        let arguments = [&["pki", "renew", "--dir", "pki", "--output", "json"], more].concat();
        place.run(&arguments).code(0).json()
    };
    let shown = place
        .run(&["pki", "show", "--dir", "pki", "--output", "json"])
        .code(0)
        .json();
    let renewed = renew(&[]);
    assert_eq!(renewed["action"], "renewed");
    assert_eq!(renewed["ca_changed"], false);
    assert_ne!(renewed["leaf"]["serial"], shown["leaf"]["serial"]);
    assert_eq!(renewed["leaf"]["names"], shown["leaf"]["names"]);
    assert_eq!(renewed["leaf"]["key"]["kind"], "ECDSA P-384");
    let year = |json: &serde_json::Value| json["leaf_not_after"].as_str().unwrap()[..4].parse::<u32>().unwrap();
    let now: u32 = renewed["leaf"]["not_before"].as_str().unwrap()[..4].parse().unwrap();
    assert!(year(&renewed) >= now + 9, "{renewed}");
    let other = renew(&[
        "--host",
        "registry.lab",
        "--host",
        "a.registry.lab",
        "--lifetime",
        "90d",
    ]);
    assert_eq!(other["leaf"]["names"].to_string().matches("a.registry.lab").count(), 1);
    assert!(year(&other) <= now + 1, "{other}");
    let text = place.run(&["pki", "renew", "--dir", "pki"]).code(0);
    assert!(text.stdout.contains("next: restart the registry"), "{text}");
    let korean = place.run(&["pki", "renew", "--dir", "pki", "--lang", "ko"]).code(0);
    assert!(korean.stdout.contains("다음: 레지스트리를 다시 시작하세요"), "{korean}");
    let history = place.run(&["pki", "show", "--dir", "pki", "--history"]).code(0);
    assert!(
        history.stdout.contains("0005") && history.stdout.contains("renewed (as asked)"),
        "{history}"
    );
}

#[test]
fn rotate_overlaps_and_says_what_to_do_next() {
    let place = issued();
    let rotate = |more: &[&str]| place.run(&[&["pki", "rotate", "--dir", "pki"], more].concat());
    let cas = || {
        std::fs::read_to_string(place.file("pki/bundle.crt"))
            .unwrap()
            .matches("BEGIN")
            .count()
    };
    let old = std::fs::read(place.file("pki/ca.crt")).unwrap();
    let ran = rotate(&["--retire"]).code(2);
    assert!(ran.stderr.contains("there is no other CA in pki to retire"), "{ran}");
    let ran = rotate(&["--announce"]).code(0);
    assert!(
        ran.stdout
            .contains("next: give clients pki/bundle.crt, then `lab-cli pki rotate --dir pki` switches over"),
        "{ran}"
    );
    assert_eq!(
        (cas(), std::fs::read(place.file("pki/ca.crt")).unwrap()),
        (2, old.clone())
    );
    let ran = rotate(&[]).code(0);
    assert!(ran.stdout.contains("--retire"), "{ran}");
    assert_eq!(cas(), 2);
    assert_ne!(std::fs::read(place.file("pki/ca.crt")).unwrap(), old);
    place.run(&["pki", "verify", "--dir", "pki"]).code(0);
    rotate(&["--retire"]).code(0);
    assert_eq!(cas(), 1);
    rotate(&["--announce", "--retire"]).code(2);
}

#[test]
fn requests_that_cannot_be_met_are_refused_with_the_way_out() {
    let place = Place::new();
    let init = |more: &[&str]| place.run(&[&["pki", "init", "--dir", "pki"], more].concat());
    for (arguments, said) in [
        (&["--host", "registry:5000"][..], "has a port (5000)"),
        (&["--host", "https://registry.lab/v2"], "has a scheme (https://)"),
        (&["--host", "my_registry.lab"], "has an underscore"),
        (&["--host", "*.registry.lab"], "--allow-wildcards"),
        (
            &["--host", "a.lab", "--lifetime", "3 days"],
            "write a whole number and h, d, w or y",
        ),
        (&["--host", "a.lab", "--lifetime", "20y"], "would outlive its CA"),
        (&["--host", "a.lab", "--algorithm", "dsa"], "is not a key algorithm"),
        (&["--host", "a.lab", "--algorithm", "rsa2048"], "feature `rsa`"),
    ] {
        let ran = init(arguments).code(2);
        assert!(ran.stderr.contains(said), "{arguments:?}: {ran}");
        assert!(!place.file("pki/ca.crt").exists(), "{arguments:?}");
    }
    let ran = init(&["--host", "*.registry.lab", "--allow-wildcards", "--no-loopback"]).code(0);
    assert!(ran.stdout.contains("covers *.registry.lab, valid"), "{ran}");
    let shown = place.run(&["pki", "show", "--dir", "pki"]).code(0);
    assert!(!shown.stdout.contains("localhost"), "{shown}");
    let free = place
        .run(&["pki", "init", "--dir", "free", "--host", "a.lab", "--unconstrained"])
        .code(0);
    let shown = place.run(&["pki", "show", "--dir", "free"]).code(0);
    assert!(shown.stdout.contains("signs for  any host"), "{free}{shown}");
}
