//! `pki`: certificates in any directory, judged as a client would.

use crate::support::Place;

fn issued() -> Place {
    let place = Place::new();
    place
        .run(&[
            "pki",
            "init",
            "--dir",
            "pki",
            "--host",
            "192.168.6.1",
            "--host",
            "registry.lab",
        ])
        .code(0);
    place
}

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
fn verify_accepts_what_is_covered_and_gives_the_reason_where_it_is_not() {
    let place = issued();
    let verify = |host: &str| {
        place.run(&[
            "pki",
            "verify",
            "--cert",
            "pki/registry.crt",
            "--key",
            "pki/registry.key",
            "--ca",
            "pki/ca.crt",
            "--host",
            host,
        ])
    };
    assert!(verify("registry.lab").code(0).stdout.contains("would accept it"));
    let refused = verify("192.168.6.2").code(5);
    assert!(
        refused.stdout.contains("would refuse it") && refused.stdout.contains("192.168.6.1"),
        "{refused}"
    );
    let json = place.run(&[
        "pki",
        "verify",
        "--cert",
        "pki/registry.crt",
        "--ca",
        "pki/ca.crt",
        "--host",
        "192.168.6.2",
        "--output",
        "json",
    ]);
    assert_eq!(json.code(5).json()["accepted"], false);
}

#[test]
fn verify_needs_something_to_judge_and_a_ca() {
    let place = issued();
    place.run(&["pki", "verify"]).code(2);
    place.run(&["pki", "verify", "--cert", "pki/registry.crt"]).code(2);
    let ran = place
        .run(&[
            "pki",
            "verify",
            "--cert",
            "missing.crt",
            "--ca",
            "pki/ca.crt",
            "--host",
            "a",
        ])
        .code(2);
    assert!(ran.stderr.contains("could not read missing.crt"), "{ran}");
    let ran = place
        .run(&["pki", "verify", "--cert", "pki/registry.crt", "--host", "a"])
        .code(5);
    assert!(ran.stderr.contains("the lab has no CA yet"), "{ran}");
}

#[test]
fn a_server_that_does_not_answer_is_an_error_with_its_cause() {
    let place = issued();
    // Bound and closed again: nothing listens there.
    let port = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port();
    let server = format!("127.0.0.1:{port}");
    let ran = place
        .run(&["pki", "verify", "--connect", &server, "--ca", "pki/ca.crt"])
        .code(1);
    assert!(
        ran.stderr.starts_with(&format!(
            "error: no certificate could be fetched from {server}\n  caused by: "
        )),
        "{ran}"
    );
    assert!(ran.stderr.contains("help: is the registry running"), "{ran}");
    place
        .run(&["pki", "verify", "--connect", "127.0.0.1", "--ca", "pki/ca.crt"])
        .code(2);
}
