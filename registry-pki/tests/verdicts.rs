//! What `verify` says of what people really give it: wrong files, wrong keys, wrong times, several faults at once.

use std::time::{Duration, SystemTime};

use registry_pki::certificate::{CertificateError, pem_text};
use registry_pki::verify::{self, Candidate, Verdict};
use registry_pki::{Authority, AuthorityParams, KeyAlgorithm, PrivateKey, RegistryHost, ServerParams};
use secrecy::{ExposeSecret as _, SecretString};

const DAY: Duration = Duration::from_secs(86_400);

/// A CA, a certificate by it, and the certificate's key.
struct Pki {
    ca: String,
    cert: String,
    key: String,
}

fn host(text: &str) -> RegistryHost {
    text.parse().unwrap()
}

fn pki_of(hosts: &[&str], change: impl FnOnce(&mut ServerParams)) -> Pki {
    let hosts: Vec<_> = hosts.iter().map(|text| host(text)).collect();
    let ca = Authority::create(&AuthorityParams::new(hosts.clone())).unwrap();
    let mut params = ServerParams::new(hosts);
    change(&mut params);
    let leaf = ca.issue(&params).unwrap();
    Pki {
        ca: ca.certificate_pem(),
        cert: leaf.certificate_pem(),
        key: leaf.key().to_pem().expose_secret().to_owned(),
    }
}

fn pki() -> Pki {
    pki_of(&["192.168.6.1", "registry.lab"], |_| {})
}

fn judge(chain: &str, key: Option<&str>, trust: &str, address: &str, at: SystemTime) -> Verdict {
    let verdict = verify::verify(&Candidate {
        chain_pem: chain,
        key_pem: key,
        trust_pem: trust,
        address: host(address),
        at,
    });
    assert_eq!(verdict.accepted, verdict.reasons.is_empty());
    assert!(!verdict.to_string().contains('\n'), "{verdict}");
    verdict
}

/// The one line, without its beginning.
fn why(verdict: &Verdict) -> String {
    let line = verdict.to_string();
    let (_, reasons) = line.split_once("would refuse it: ").unwrap_or_else(|| panic!("{line}"));
    reasons.to_owned()
}

#[test]
fn the_pair_is_accepted_with_what_it_covers_and_until_when() {
    let pki = pki();
    let verdict = judge(&pki.cert, Some(&pki.key), &pki.ca, "registry.lab", SystemTime::now());
    let line = verdict.to_string();
    assert!(
        line.starts_with(
            "a client reaching registry.lab would accept it: it covers 192.168.6.1 and registry.lab, until 20"
        ),
        "{line}"
    );
    assert_eq!(verdict.path.len(), 2);
    let json = serde_json::to_value(&verdict).unwrap();
    assert_eq!(json["accepted"], true);
    assert_eq!(json["address"], "registry.lab");
    assert_eq!(json["leaf"]["common_name"], "192.168.6.1");
    assert_eq!(json["reasons"], serde_json::json!([]));
}

#[test]
fn a_key_that_is_another_s_none_or_locked_is_the_reason() {
    let (one, other) = (pki(), pki());
    let now = SystemTime::now();
    let said = |key: &str| why(&judge(&one.cert, Some(key), &one.ca, "registry.lab", now));
    assert_eq!(said(&other.key), "the private key does not belong to the certificate");
    assert!(said(&one.cert).starts_with("the private key cannot be used: there is no private key in it"));
    assert!(said("").starts_with("the private key cannot be used: there is no private key in it"));
    let locked = PrivateKey::from_pem(&one.key).unwrap();
    if let Ok(locked) = locked.to_encrypted_pem(&SecretString::from("secret")) {
        let said = said(locked.expose_secret());
        assert!(said.contains("encrypted") && said.contains("passphrase"), "{said}");
    }
    let broken = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    assert!(said(broken).starts_with("the private key cannot be used: it is no ECDSA P-256"));
}

#[test]
fn a_file_that_holds_something_else_is_named_for_what_it_holds() {
    let pki = pki();
    let now = SystemTime::now();
    let cert = |text: &str| why(&judge(text, None, &pki.ca, "registry.lab", now));
    let trust = |text: &str| why(&judge(&pki.cert, None, text, "registry.lab", now));
    assert!(
        cert(&pki.key).starts_with("the certificate cannot be used: there is no certificate in it, only `PRIVATE KEY`")
    );
    assert!(
        trust(&pki.key)
            .starts_with("the trusted CAs cannot be used: there is no certificate in it, only `PRIVATE KEY`")
    );
    assert!(trust("").starts_with("the trusted CAs cannot be used: there is no certificate in it (expected"));
    assert!(trust("not PEM").contains("expected a PEM block"));
    let cut = &pki.ca[..pki.ca.len() / 2];
    assert!(
        trust(cut).starts_with("the trusted CAs cannot be used"),
        "{}",
        trust(cut)
    );
    let garbage = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
    assert!(
        cert(garbage).contains("certificate 1 in it cannot be read"),
        "{}",
        cert(garbage)
    );
    let second = format!("{}{garbage}", pki.ca);
    assert!(
        trust(&second).contains("certificate 2 in it cannot be read"),
        "{}",
        trust(&second)
    );
    // The certificate itself in place of its CA.
    assert!(
        trust(&pki.cert).contains("which is not among the trusted CAs (CN=192.168.6.1)"),
        "{}",
        trust(&pki.cert)
    );
    // The CA in place of the certificate.
    assert!(
        cert(&pki.ca).contains("in its common name, which clients ignore"),
        "{}",
        cert(&pki.ca)
    );
}

#[test]
fn text_around_the_blocks_and_windows_line_ends_do_no_harm() {
    let pki = pki();
    let now = SystemTime::now();
    let dressed = format!("\u{feff}subject=CN = 레지스트리\r\n{}", pki.cert.replace('\n', "\r\n"));
    assert!(judge(&dressed, None, &pki.ca, "registry.lab", now).accepted);
    let both = format!("{}{}", pki.key, pki.cert);
    assert!(judge(&both, Some(&both), &pki.ca, "registry.lab", now).accepted);
}

#[test]
fn files_that_are_no_text_say_what_they_are_and_how_to_convert_them() {
    let pki = pki();
    let der = pem::parse(&pki.cert).unwrap().into_contents();
    let said = |bytes: &[u8]| pem_text(bytes).unwrap_err().to_string();
    assert_eq!(
        said(&der),
        "it is a certificate in binary form (DER), not PEM: `openssl x509 -inform DER -in FILE -out FILE.pem` converts it"
    );
    let key = pem::parse(&pki.key).unwrap().into_contents();
    assert!(said(&key).contains("no certificate: perhaps PKCS#12, or a key"));
    let utf16: Vec<u8> = [0xff, 0xfe]
        .into_iter()
        .chain(pki.cert.encode_utf16().flat_map(u16::to_le_bytes))
        .collect();
    assert!(said(&utf16).contains("UTF-16, as PowerShell's `>` writes it"));
    assert!(matches!(
        pem_text(&[0, 1, 2, 0xff]),
        Err(CertificateError::NotText { .. })
    ));
    // Latin-1 around the blocks.
    let latin = [b"subject: caf\xe9\n".as_slice(), pki.cert.as_bytes()].concat();
    assert!(pem_text(&latin).unwrap().contains("BEGIN CERTIFICATE"));
    assert_eq!(pem_text(b"").unwrap(), "");
}

#[test]
fn every_fault_is_given_not_the_first_alone() {
    let pki = pki_of(&["192.168.6.1"], |params| params.lifetime = DAY * 30);
    let other = self::pki();
    let later = SystemTime::now() + DAY * 40;
    let verdict = judge(&pki.cert, Some(&other.key), &other.ca, "10.0.0.1", later);
    let tags: Vec<String> = verdict
        .reasons
        .iter()
        .map(|reason| {
            serde_json::to_value(reason).unwrap()["reason"]
                .as_str()
                .unwrap()
                .to_owned()
        })
        .collect();
    assert_eq!(tags, ["name_not_covered", "expired", "unknown_issuer", "key_mismatch"]);
    // One line, and one for each with `{:#}`.
    assert_eq!(
        format!("{verdict:#}").lines().count(),
        1 + tags.len() + verdict.remarks.len()
    );
}

#[test]
fn times_outside_the_validity_say_how_far_and_think_of_the_clock() {
    let pki = pki_of(&["registry.lab"], |params| params.lifetime = DAY * 30);
    let now = SystemTime::now();
    let early = why(&judge(&pki.cert, None, &pki.ca, "registry.lab", now - DAY * 3));
    assert!(
        early.contains("is valid from 20") && early.contains("is the client's clock right?"),
        "{early}"
    );
    let late = why(&judge(&pki.cert, None, &pki.ca, "registry.lab", now + DAY * 40));
    assert!(
        late.contains("expired on 20") && late.contains("10 days ago") || late.contains("9 days ago"),
        "{late}"
    );
    for at in [SystemTime::UNIX_EPOCH, now + DAY * 365 * 200] {
        assert!(!judge(&pki.cert, None, &pki.ca, "registry.lab", at).accepted);
    }
}

#[test]
fn what_most_clients_take_is_remarked_on_and_not_refused() {
    let now = SystemTime::now();
    let remarks = |change: &dyn Fn(&mut ServerParams), at: SystemTime| {
        let pki = pki_of(&["registry.lab"], change);
        let verdict = judge(&pki.cert, None, &pki.ca, "registry.lab", at);
        assert!(verdict.accepted, "{verdict}");
        verdict
            .remarks
            .iter()
            .map(ToString::to_string)
            .collect::<Vec<_>>()
            .join("; ")
    };
    assert_eq!(remarks(&|_| {}, now), "");
    assert!(remarks(&|params| params.lifetime = DAY * 900, now).contains("Apple's clients refuse more than 825"));
    assert!(remarks(&|params| params.lifetime = DAY * 500, now).contains("398"));
    assert!(remarks(&|params| params.algorithm = KeyAlgorithm::Ed25519, now).contains("Ed25519"));
    let soon = remarks(&|params| params.lifetime = DAY * 90, now + DAY * 80);
    assert!(soon.contains("less than a third of its life is left"), "{soon}");
}

#[test]
fn an_address_is_the_same_however_it_is_written() {
    let pki = pki_of(&["192.168.6.1", "fd00::1", "реестр.лаб"], |_| {});
    let now = SystemTime::now();
    for address in [
        "::ffff:192.168.6.1",
        "[fd00:0:0::1]",
        "РЕЕСТР.лаб",
        "xn--e1aa5aceg.xn--80ac2a",
    ] {
        let verdict = judge(&pki.cert, None, &pki.ca, address, now);
        assert!(verdict.accepted, "{verdict}");
    }
}
