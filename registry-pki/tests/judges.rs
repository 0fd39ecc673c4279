//! Our certificates and our verdicts before outside judges: OpenSSL, `GnuTLS`, NSS, Go, pyca and rustls-webpki.

#[path = "judges/corpus/mod.rs"]
mod corpus;
#[path = "judges/lint.rs"]
mod lint;
#[path = "judges/panel.rs"]
mod panel;
#[path = "support/mod.rs"]
mod support;

use corpus::{Case, Expect};
use panel::Judge;
use std::sync::LazyLock;

use registry_pki::verify::{self, Candidate, Verdict};

/// Made once: RSA keys take their time.
fn cases() -> &'static [Case] {
    static CASES: LazyLock<Vec<Case>> = LazyLock::new(corpus::cases);
    &CASES
}

fn judged(case: &Case) -> Verdict {
    verify::verify(&Candidate {
        chain_pem: &case.chain,
        key_pem: None,
        trust_pem: &case.trust,
        address: case.host.parse().unwrap(),
        at: case.at,
    })
}

/// The machine-readable names of a verdict's reasons.
fn tags(verdict: &Verdict) -> Vec<String> {
    let value = serde_json::to_value(&verdict.reasons).unwrap();
    value
        .as_array()
        .unwrap()
        .iter()
        .map(|reason| reason["reason"].as_str().unwrap().to_owned())
        .collect()
}

#[test]
fn our_verdict_has_exactly_the_expected_reasons() {
    for case in cases() {
        let verdict = judged(case);
        let expected: &[&str] = match case.expect {
            Expect::Accept => &[],
            Expect::Refuse(reasons) => reasons,
        };
        assert_eq!(tags(&verdict), expected, "{}: {verdict}", case.name);
        assert_eq!(verdict.accepted, expected.is_empty(), "{}", case.name);
        assert!(!verdict.to_string().contains('\n'), "{}: {verdict}", case.name);
    }
}

fn agrees(judge: Judge) {
    if !panel::available(judge) {
        return;
    }
    let cases = cases();
    let answers = panel::ask(judge, cases);
    let mut disagreements = Vec::new();
    for (case, answer) in cases.iter().zip(&answers) {
        let verdict = judged(case);
        let ours = if judge == Judge::Nss {
            accepted_but_for_the_name(&verdict)
        } else {
            verdict.accepted
        };
        let excused = case.differs.iter().find(|(who, _)| *who == judge);
        match (answer, excused) {
            (answer, None) if answer.is_ok() != ours => {
                disagreements.push(format!("{}: we say {verdict}; {judge:?} says {answer:?}", case.name));
            }
            // An excuse that is not needed any more hides the next disagreement.
            (answer, Some((_, why))) if answer.is_ok() == ours => {
                disagreements.push(format!(
                    "{}: {judge:?} agrees, though excused ({why}): {answer:?}",
                    case.name
                ));
            }
            _ => {}
        }
    }
    assert!(disagreements.is_empty(), "\n{}", disagreements.join("\n"));
    let excused = cases
        .iter()
        .filter(|case| case.differs.iter().any(|(who, _)| *who == judge))
        .count();
    eprintln!("{judge:?}: {} cases, {excused} known differences", cases.len());
}

/// NSS's certutil looks at no host name.
fn accepted_but_for_the_name(verdict: &Verdict) -> bool {
    tags(verdict).iter().all(|tag| tag == "name_not_covered")
}

#[test]
fn openssl_agrees() {
    agrees(Judge::OpenSsl);
}

#[test]
fn gnutls_agrees() {
    agrees(Judge::GnuTls);
}

#[test]
fn nss_agrees() {
    agrees(Judge::Nss);
}

#[test]
fn go_agrees() {
    agrees(Judge::Go);
}

#[test]
fn pyca_agrees() {
    agrees(Judge::Pyca);
}

#[test]
fn webpki_agrees() {
    agrees(Judge::Webpki);
}
