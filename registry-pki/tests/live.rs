//! A real registry over TLS: Debian's docker-registry, curl, skopeo, and the judgement of what is served.
#![cfg(all(feature = "connect", unix))]

#[path = "live/registry.rs"]
mod registry;
#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

use registry::{Registry, oci_image};
use registry_pki::store::Rotation;
use registry_pki::trust::{Consumer, TrustRequest, plan};
use registry_pki::verify::{ConnectError, ConnectOptions, connect, connect_with};
use registry_pki::{PkiRequest, PkiStore, RegistryHost};
use support::{have, run, said, succeed};

/// What curl ends with when it does not accept the server's certificate.
const CURL_REFUSED: i32 = 60;

fn request() -> PkiRequest {
    PkiRequest::new(["192.168.6.1".parse().unwrap()])
}

fn host(text: &str) -> RegistryHost {
    text.parse().unwrap()
}

/// Asks the registry as a client that reaches it by `name`, wherever it really is.
fn curl(registry: &Registry, name: &str, ca: &Path) -> (i32, String) {
    let port = registry.port;
    let output = run(
        "curl",
        [
            "--silent",
            "--show-error",
            "--fail",
            "--noproxy",
            "*",
            "--max-time",
            "20",
            "--cacert",
            ca.to_str().unwrap(),
            "--connect-to",
            &format!("{name}:{port}:127.0.0.1:{port}"),
            &format!("https://{name}:{port}/v2/"),
        ],
    );
    (output.status.code().unwrap_or(-1), said(&output))
}

/// Our judgement of the same.
fn judged(registry: &Registry, name: &str, trust: &str) -> registry_pki::Verdict {
    let options = ConnectOptions {
        dial: Some(registry.address()),
        ..ConnectOptions::default()
    };
    connect_with(&host(name), registry.port, trust, &options)
        .unwrap()
        .verdict
}

fn tools() -> bool {
    ["docker-registry", "curl", "openssl"]
        .iter()
        .all(|tool| have(tool, "live registry"))
}

#[test]
fn curl_accepts_every_name_and_refuses_the_neighbour() {
    if !tools() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let store = PkiStore::open(dir.path().join("pki")).unwrap();
    let pki = store.ensure(&request()).unwrap();
    let registry = Registry::start(dir.path(), &pki.cert_path, &pki.key_path);
    for name in ["192.168.6.1", "127.0.0.1", "localhost"] {
        let (code, text) = curl(&registry, name, &pki.bundle_path);
        assert_eq!((code, text.as_str()), (0, "{}"), "{name}");
        let verdict = judged(&registry, name, &pki.bundle_pem);
        assert!(verdict.accepted, "{verdict}");
    }
    let (code, text) = curl(&registry, "192.168.6.2", &pki.bundle_path);
    assert_eq!(code, CURL_REFUSED, "{text}");
    assert_eq!(
        judged(&registry, "192.168.6.2", &pki.bundle_pem).to_string(),
        "a client reaching 192.168.6.2 would refuse it: the certificate names 192.168.6.1, 127.0.0.1 and localhost only, not 192.168.6.2"
    );

    // Directly, without `dial`: from here the registry is at 127.0.0.1.
    let connected = connect(&host("127.0.0.1"), registry.port, &pki.ca_pem).unwrap();
    assert!(connected.verdict.accepted, "{connected}");
    assert_eq!(connected.served.key_proved, Some(true));
    assert_eq!(connected.served.protocol.as_deref(), Some("TLSv1_3"));
    let json = serde_json::to_value(&connected).unwrap();
    assert_eq!(json["accepted"], true);
    assert_eq!(json["leaf"]["common_name"], "192.168.6.1");

    if have("faketime", "an expired certificate") {
        let url = format!("https://127.0.0.1:{}/v2/", registry.port);
        let args = [
            "-f",
            "+400d",
            "curl",
            "--silent",
            "--show-error",
            "--noproxy",
            "*",
            "--cacert",
        ];
        let output = run(
            "faketime",
            args.iter().copied().chain([pki.bundle_path.to_str().unwrap(), &url]),
        );
        assert_eq!(output.status.code(), Some(CURL_REFUSED), "{}", said(&output));
        assert!(said(&output).contains("expired"), "{}", said(&output));
    }
}

#[test]
fn skopeo_pushes_and_pulls_through_the_ca_and_through_a_rotation() {
    if !tools() || !have("skopeo", "live push and pull") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let store = PkiStore::open(dir.path().join("pki")).unwrap();
    let pki = store.ensure(&request()).unwrap();
    let mut registry = Registry::start(dir.path(), &pki.cert_path, &pki.key_path);
    let endpoint = format!("127.0.0.1:{}", registry.port);
    let trust = |bundle_pem: &str, root: &str| {
        let request = TrustRequest {
            bundle_pem: bundle_pem.to_owned(),
            endpoint: endpoint.clone(),
            root: dir.path().join(root),
            scratch: dir.path().join(root),
        };
        let plan = plan(Consumer::Podman, &request).unwrap();
        plan.write().unwrap();
        plan.files[0].path.parent().unwrap().to_str().unwrap().to_owned()
    };
    let image = oci_image(&dir.path().join("image"));
    let remote = format!("docker://{endpoint}/lab/test:1");
    let old = trust(&pki.bundle_pem, "old");
    succeed(&run(
        "skopeo",
        ["--insecure-policy", "copy", "--dest-cert-dir", &old, &image, &remote],
    ));

    let pull = |certificates: &str, to: &str| {
        let to = format!("dir:{}", dir.path().join(to).display());
        run(
            "skopeo",
            [
                "--insecure-policy",
                "copy",
                "--src-cert-dir",
                certificates,
                &remote,
                &to,
            ],
        )
    };
    succeed(&pull(&old, "pulled"));
    let manifest = fs::read_to_string(dir.path().join("pulled/manifest.json")).unwrap();
    assert!(manifest.contains("application/vnd.oci.image"), "{manifest}");

    // The next CA is announced: who has its bundle does not notice when it takes over.
    let announced = store.rotate(&request(), Rotation::Announce).unwrap();
    let overlap = trust(&announced.bundle_pem, "overlap");
    succeed(&pull(&overlap, "before"));
    let rotated = store.rotate(&request(), Rotation::AtOnce).unwrap();
    registry.restart();
    succeed(&pull(&overlap, "after"));
    let (code, text) = curl(&registry, "192.168.6.1", &rotated.bundle_path);
    assert_eq!(code, 0, "{text}");
    // Who has the old CA alone refuses, and Go's words and ours agree.
    let refused = pull(&old, "refused");
    assert!(
        said(&refused).contains("certificate signed by unknown authority"),
        "{}",
        said(&refused)
    );
    let verdict = judged(&registry, "192.168.6.1", &pki.bundle_pem);
    assert!(
        verdict.to_string().contains("which is not among the trusted CAs"),
        "{verdict}"
    );
}

#[test]
fn the_localhost_certificate_is_refused_and_explained_in_one_line() {
    if !tools() {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let (cert, key) = (dir.path().join("localhost.crt"), dir.path().join("localhost.key"));
    let files = ["-keyout", key.to_str().unwrap(), "-out", cert.to_str().unwrap()];
    let make = [
        "req",
        "-x509",
        "-nodes",
        "-newkey",
        "rsa:2048",
        "-days",
        "3650",
        "-subj",
        "/CN=localhost",
    ];
    succeed(&run("openssl", make.iter().copied().chain(files)));
    let registry = Registry::start(dir.path(), &cert, &key);
    let (code, text) = curl(&registry, "192.168.6.1", &cert);
    assert_eq!(code, CURL_REFUSED, "{text}");
    let verdict = judged(&registry, "192.168.6.1", &fs::read_to_string(&cert).unwrap());
    let line = verdict.to_string();
    assert!(
        line.starts_with("a client reaching 192.168.6.1 would refuse it: the certificate names localhost only"),
        "{line}"
    );
    assert!(!line.contains('\n'));
    assert_eq!(verdict.reasons.len(), 1, "{line}");
}

/// A server that answers everyone with these bytes, or with silence.
fn answering(bytes: &'static [u8], then_close: bool) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    std::thread::spawn(move || {
        while let Ok((mut stream, _)) = listener.accept() {
            let mut hello = [0_u8; 4096];
            let _ = stream.read(&mut hello);
            let _ = stream.write_all(bytes);
            if !then_close {
                std::thread::sleep(Duration::from_secs(5));
            }
        }
    });
    address
}

#[test]
fn a_server_without_tls_says_what_it_is() {
    let trust = PkiStore::open(tempfile::tempdir().unwrap().path().join("pki"))
        .unwrap()
        .ensure(&request())
        .unwrap()
        .ca_pem;
    let ask = |address: SocketAddr, milliseconds| {
        let timeout = Duration::from_millis(milliseconds);
        let options = ConnectOptions {
            timeout,
            dial: Some(address),
            ..ConnectOptions::default()
        };
        connect_with(&host("192.168.6.1"), address.port(), &trust, &options).unwrap_err()
    };
    let http = ask(answering(b"HTTP/1.1 400 Bad Request\r\n\r\n", true), 5_000);
    assert!(matches!(http, ConnectError::NotTls { http: true, .. }), "{http}");
    let ssh = ask(answering(b"SSH-2.0-OpenSSH_9.2p1\r\n", true), 5_000);
    assert!(matches!(ssh, ConnectError::NotTls { http: false, .. }), "{ssh}");
    let mute = ask(answering(b"", false), 200);
    assert!(matches!(mute, ConnectError::Timeout { .. }), "{mute}");
    let gone = ask(answering(b"", true), 5_000);
    assert!(matches!(gone, ConnectError::Broken { .. }), "{gone}");
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    assert!(matches!(ask(closed, 5_000), ConnectError::Tcp { .. }));
}
