//! Certificates judged as a client would, from files and from a server.

use super::issued;
#[cfg(unix)]
use crate::support::Place;

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
    // The lab itself has issued nothing here.
    let ran = place.run(&["pki", "verify"]).code(5);
    assert!(ran.stderr.contains("the lab has no CA yet"), "{ran}");
    place.run(&["pki", "verify", "--cert", "pki/registry.crt"]).code(2);
    let arguments = [
        "pki",
        "verify",
        "--cert",
        "missing.crt",
        "--ca",
        "pki/ca.crt",
        "--host",
        "a",
    ];
    let ran = place.run(&arguments).code(2);
    assert!(ran.stderr.contains("could not read missing.crt"), "{ran}");
    let ran = place
        .run(&["pki", "verify", "--cert", "pki/registry.crt", "--host", "a"])
        .code(5);
    assert!(ran.stderr.contains("the lab has no CA yet"), "{ran}");
    let ran = place.run(&["pki", "verify", "--dir", "nowhere"]).code(5);
    assert!(ran.stderr.contains("there is no CA in nowhere"), "{ran}");
}

#[test]
fn verify_judges_the_directory_s_own_pair_for_all_that_it_covers() {
    let place = issued();
    let ran = place.run(&["pki", "verify", "--dir", "pki"]).code(0);
    assert_eq!(ran.stdout.matches("would accept it").count(), 4, "{ran}");
    let both = [
        "pki",
        "verify",
        "--dir",
        "pki",
        "--host",
        "registry.lab",
        "--host",
        "10.0.0.1",
    ];
    let json = place.run(&[&both[..], &["--output", "json"]].concat()).code(5).json();
    assert_eq!(json["accepted"], false);
    assert_eq!(json["verdicts"][0]["accepted"], true);
    assert_eq!(json["verdicts"][1]["reasons"][0]["reason"], "name_not_covered");
    // The key is judged along with the certificate.
    place
        .run(&["pki", "init", "--dir", "other", "--host", "registry.lab"])
        .code(0);
    std::fs::copy(place.file("other/registry.key"), place.file("pki/registry.key")).unwrap();
    let ran = place.run(&["pki", "verify", "--dir", "pki"]).code(5);
    assert!(
        ran.stdout
            .contains("the private key does not belong to the certificate"),
        "{ran}"
    );
}

#[test]
fn one_reason_stands_on_the_line_of_the_verdict() {
    let place = issued();
    let ran = place
        .run(&["pki", "verify", "--dir", "pki", "--host", "192.168.6.2"])
        .code(5);
    assert_eq!(
        ran.stdout,
        "a client reaching 192.168.6.2 would refuse it: the certificate names 192.168.6.1, registry.lab, 127.0.0.1 and \
         localhost only, not 192.168.6.2\n"
    );
}

#[test]
fn a_verdict_and_its_reasons_are_in_korean_too() {
    let place = issued();
    let verify = |host: &str| place.run(&["pki", "verify", "--dir", "pki", "--host", host, "--lang", "ko"]);
    let ran = verify("registry.lab").code(0);
    assert!(
        ran.stdout
            .starts_with("registry.lab에 접속하는 클라이언트는 받아들입니다: "),
        "{ran}"
    );
    let ran = verify("192.168.6.2").code(5);
    assert!(
        ran.stdout
            .starts_with("192.168.6.2에 접속하는 클라이언트는 거부합니다: 인증서에 192.168.6.1, ")
            && ran.stdout.contains("192.168.6.2은(는) 없습니다"),
        "{ran}"
    );
}

#[test]
fn wrong_files_are_called_what_they_are() {
    let place = issued();
    let pem = std::fs::read_to_string(place.file("pki/registry.crt")).unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    std::fs::write(place.file("registry.der"), decoded(&body)).unwrap();
    let verify = |cert: &str, ca: &str| {
        let arguments = ["pki", "verify", "--cert", cert, "--ca", ca, "--host", "registry.lab"];
        place.run(&arguments)
    };
    let ran = verify("registry.der", "pki/ca.crt").code(2);
    assert!(
        ran.stderr
            .contains("registry.der is a certificate in binary form (DER), not PEM")
            && ran
                .stderr
                .contains("help: `openssl x509 -inform DER -in registry.der -out registry.der.pem`"),
        "{ran}"
    );
    let ran = verify("pki/registry.key", "pki/ca.crt").code(5);
    assert!(
        ran.stdout.contains("there is no certificate in it, only `PRIVATE KEY`"),
        "{ran}"
    );
    let ran = verify("pki/registry.crt", "pki/registry.key").code(5);
    assert!(ran.stdout.contains("the trusted CAs cannot be used"), "{ran}");
    let ran = verify("pki", "pki/ca.crt").code(2);
    assert!(ran.stderr.contains("could not read pki"), "{ran}");
}

/// A TLS server that shows a certificate; it ends with the value.
#[cfg(unix)]
struct Server(std::process::Child);

#[cfg(unix)]
impl Server {
    fn start(place: &Place, cert: &str, key: &str) -> (Self, u16) {
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let child = std::process::Command::new("openssl")
            .args([
                "s_server",
                "-quiet",
                "-accept",
                &format!("127.0.0.1:{port}"),
                "-cert",
                cert,
                "-key",
                key,
            ])
            .current_dir(place.path())
            .stdin(std::process::Stdio::null())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        let server = Self(child);
        let start = std::time::Instant::now();
        while std::net::TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(
                start.elapsed() < std::time::Duration::from_secs(30),
                "openssl s_server does not listen"
            );
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        (server, port)
    }
}

#[cfg(unix)]
impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The failure that started it all: CN=localhost, no address among the names, and a reset connection for an answer.
#[cfg(unix)]
#[test]
fn a_live_server_is_judged_and_a_certificate_for_localhost_is_explained_in_one_line() {
    if std::process::Command::new("openssl").arg("version").output().is_err() {
        assert!(
            std::env::var_os("LAB_TESTS_REQUIRE").is_none_or(|v| v != "1"),
            "openssl is not installed"
        );
        eprintln!("skipped: openssl is not installed");
        return;
    }
    let place = issued();
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-nodes",
            "-newkey",
            "rsa:2048",
            "-days",
            "30",
            "-subj",
            "/CN=localhost",
        ])
        .args(["-keyout", "localhost.key", "-out", "localhost.crt"])
        .current_dir(place.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let (_old, port) = Server::start(&place, "localhost.crt", "localhost.key");
    let server = format!("127.0.0.1:{port}");
    let verify = ["pki", "verify", "--connect", &server, "--ca", "localhost.crt"];
    let ran = place.run(&[&verify[..], &["--host", "192.168.6.1"]].concat()).code(5);
    assert!(
        ran.stdout.starts_with(
            "a client reaching 192.168.6.1 would refuse it: the certificate names localhost only, and that in its common name"
        ),
        "{ran}"
    );

    let (_new, port) = Server::start(&place, "pki/registry.crt", "pki/registry.key");
    let server = format!("127.0.0.1:{port}");
    let verify = ["pki", "verify", "--dir", "pki", "--connect", &server];
    assert_eq!(place.run(&verify).code(0).stdout.lines().count(), 1);
    let hosts = ["--host", "192.168.6.1", "--host", "registry.lab"];
    place.run(&[&verify[..], &hosts].concat()).code(0);
    let json = place
        .run(&[&verify[..], &["--host", "10.0.0.1", "--output", "json"]].concat())
        .code(5)
        .json();
    assert_eq!(json["verdicts"][0]["address"], "10.0.0.1");
}

/// Base64, as a test needs it.
fn decoded(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bits = 0_u32;
    let mut count = 0;
    let mut bytes = Vec::new();
    for c in text.bytes().filter(|c| *c != b'=') {
        let value = ALPHABET.iter().position(|a| *a == c).expect("base64");
        bits = bits << 6 | u32::try_from(value).unwrap();
        count += 6;
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).unwrap());
        }
    }
    bytes
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
