//! Certificates as people make them with OpenSSL, the one for localhost that started all this among them.

use std::time::SystemTime;

use super::{Case, DAY, HOST};
use crate::panel::Judge;
use crate::support::{run, succeed};

pub(super) fn cases() -> Vec<Case> {
    let dir = tempfile::tempdir().unwrap();
    let self_signed = |name: &str, extra: &[&str]| {
        let file = |suffix: &str| dir.path().join(format!("{name}.{suffix}")).to_str().unwrap().to_owned();
        let (key, out) = (file("key"), file("crt"));
        let args = ["req", "-x509", "-nodes", "-days", "3650", "-keyout", &key, "-out", &out];
        succeed(&run("openssl", args.iter().chain(extra)));
        std::fs::read_to_string(out).unwrap()
    };
    let san = "subjectAltName=IP:192.168.6.1,IP:127.0.0.1,DNS:localhost";
    let localhost = self_signed("localhost", &["-newkey", "rsa:2048", "-subj", "/CN=localhost"]);
    let host = ["-subj", "/CN=192.168.6.1", "-addext", san];
    let with = |name: &str, extra: &[&str]| self_signed(name, &[extra, &host].concat());
    let repaired = with("repaired", &["-newkey", "rsa:2048"]);
    let short = with("short", &["-newkey", "rsa:1024"]);
    let curve = with("curve", &["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"]);
    let cases = vec![
        Case::bad(
            "localhost in the common name only",
            &localhost,
            &localhost,
            HOST,
            &["name_not_covered"],
        ),
        Case::good("the same with the address", &repaired, &repaired, HOST)
            .except(&[Judge::Webpki, Judge::Pyca], "a CA's certificate is none for a server"),
        Case::bad("a short RSA key", &short, &short, HOST, &["weak_key"])
            .except(&[Judge::Go, Judge::Nss], "1024 bits are enough for them"),
        Case::bad("a curve of Bitcoin's", &curve, &curve, HOST, &["unsupported_key"]).except(
            &[Judge::OpenSsl],
            "OpenSSL knows the curve, and TLS clients do not offer it",
        ),
    ];
    // OpenSSL makes certificates for the real present.
    cases.into_iter().map(|case| case.at(SystemTime::now() + DAY)).collect()
}
