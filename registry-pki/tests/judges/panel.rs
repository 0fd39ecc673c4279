//! The outside judges: each answers for all cases, `Ok` or the reason in its own words.

use std::fs;
use std::path::Path;
use std::time::UNIX_EPOCH;

use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use serde_json::json;

use super::corpus::Case;
use super::support::{cache, have, run, run_with_input, said};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Judge {
    OpenSsl,
    GnuTls,
    Nss,
    Go,
    Pyca,
    Webpki,
}

pub(crate) type Answer = Result<(), String>;

pub(crate) fn available(judge: Judge) -> bool {
    let what = format!("judged by {judge:?}");
    match judge {
        Judge::OpenSsl => have("openssl", &what),
        Judge::GnuTls => have("certtool", &what) && have("faketime", &what),
        Judge::Nss => have("certutil", &what),
        Judge::Go => have(cache().join("go-judge"), &what),
        Judge::Pyca => have(cache().join("venv/bin/python"), &what),
        Judge::Webpki => true,
    }
}

pub(crate) fn ask(judge: Judge, cases: &[Case]) -> Vec<Answer> {
    match judge {
        Judge::OpenSsl => each(cases, openssl),
        Judge::GnuTls => each(cases, gnutls),
        Judge::Nss => each(cases, nss),
        Judge::Go => at_once(cases, &cache().join("go-judge"), &[]),
        Judge::Pyca => {
            let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/judges/python/judge.py");
            at_once(cases, &cache().join("venv/bin/python"), &[script.to_str().unwrap()])
        }
        Judge::Webpki => cases.iter().map(webpki).collect(),
    }
}

/// In memory where that is to be had: NSS flushes its databases to the disk at every step.
fn scratch() -> tempfile::TempDir {
    tempfile::tempdir_in("/dev/shm")
        .or_else(|_| tempfile::tempdir())
        .unwrap()
}

/// Answers of a program that is run once per case, with the case's files in a directory of its own.
fn each(cases: &[Case], judge: fn(&Case, &Path) -> Answer) -> Vec<Answer> {
    cases
        .iter()
        .map(|case| {
            let dir = scratch();
            let blocks = pem::parse_many(&case.chain).unwrap();
            for (index, block) in blocks.iter().enumerate() {
                fs::write(dir.path().join(format!("{index}.pem")), pem::encode(block)).unwrap();
            }
            let between: String = blocks.iter().skip(1).map(pem::encode).collect();
            fs::write(dir.path().join("between.pem"), between).unwrap();
            fs::write(dir.path().join("chain.pem"), &case.chain).unwrap();
            fs::write(dir.path().join("trust.pem"), &case.trust).unwrap();
            judge(case, dir.path())
        })
        .collect()
}

fn seconds(case: &Case) -> u64 {
    case.at.duration_since(UNIX_EPOCH).unwrap().as_secs()
}

fn ascii(case: &Case) -> String {
    case.host.parse::<registry_pki::RegistryHost>().unwrap().to_string()
}

fn is_address(case: &Case) -> bool {
    ascii(case).parse::<std::net::IpAddr>().is_ok()
}

fn verdict(output: &std::process::Output) -> Answer {
    if output.status.success() {
        Ok(())
    } else {
        Err(said(output))
    }
}

fn openssl(case: &Case, dir: &Path) -> Answer {
    let (at, host) = (seconds(case).to_string(), ascii(case));
    let path = |name: &str| dir.join(name).to_str().unwrap().to_owned();
    let (trust, between, leaf) = (path("trust.pem"), path("between.pem"), path("0.pem"));
    let kind = if is_address(case) {
        "-verify_ip"
    } else {
        "-verify_hostname"
    };
    let mut args = vec![
        "verify",
        "-no-CApath",
        "-no-CAstore",
        "-CAfile",
        &trust,
        "-purpose",
        "sslserver",
    ];
    // Level 2 is what Debian and others run TLS at.
    args.extend(["-auth_level", "2", "-attime", &at, kind, &host]);
    if case.strict {
        args.push("-x509_strict");
    }
    if fs::metadata(&between).unwrap().len() > 0 {
        args.extend(["-untrusted", &between]);
    }
    args.push(&leaf);
    verdict(&run("openssl", args))
}

fn gnutls(case: &Case, dir: &Path) -> Answer {
    // Without a leading `@` the clock stands still.
    let at = time::OffsetDateTime::from(case.at);
    let at = format!("{} {:02}:{:02}:{:02}", at.date(), at.hour(), at.minute(), at.second());
    let trust = dir.join("trust.pem");
    let (trust, host) = (trust.to_str().unwrap(), ascii(case));
    let purpose = "1.3.6.1.5.5.7.3.1";
    let args = [
        "TZ=UTC0",
        "faketime",
        "-f",
        &at,
        "certtool",
        "--verify",
        "--load-ca-certificate",
        trust,
    ];
    let more = [
        "--verify-hostname",
        &host,
        "--verify-purpose",
        purpose,
        "--verify-profile",
        "medium",
    ];
    verdict(&run_with_input(
        "env",
        args.into_iter().chain(more),
        case.chain.as_bytes(),
    ))
}

fn nss(case: &Case, dir: &Path) -> Answer {
    let database = format!("sql:{}", dir.join("nss").display());
    fs::create_dir(dir.join("nss")).unwrap();
    let must = |output: std::process::Output| {
        if output.status.success() {
            Ok(())
        } else {
            Err(said(&output))
        }
    };
    must(run("certutil", ["-N", "-d", &database, "--empty-password"]))?;
    let add = |name: &str, trust: &str, text: &str| {
        let file = dir.join(format!("{name}.nss.pem"));
        fs::write(&file, text).unwrap();
        must(run(
            "certutil",
            [
                "-A",
                "-n",
                name,
                "-t",
                trust,
                "-i",
                file.to_str().unwrap(),
                "-d",
                &database,
            ],
        ))
    };
    for (index, block) in pem::parse_many(&case.trust).unwrap().iter().enumerate() {
        add(&format!("ca{index}"), "CT,C,C", &pem::encode(block))?;
    }
    for (index, block) in pem::parse_many(&case.chain).unwrap().iter().enumerate() {
        let name = if index == 0 {
            "leaf".to_owned()
        } else {
            format!("between{index}")
        };
        // What is trusted already stays so.
        let known = pem::parse_many(&case.trust)
            .unwrap()
            .iter()
            .position(|ca| ca.contents() == block.contents());
        match known {
            Some(position) if index == 0 => {
                return must(run(
                    "certutil",
                    [
                        "-V",
                        "-u",
                        "V",
                        "-e",
                        "-n",
                        &format!("ca{position}"),
                        "-b",
                        &stamp(case),
                        "-d",
                        &database,
                    ],
                ));
            }
            Some(_) => {}
            None => add(&name, ",,", &pem::encode(block))?,
        }
    }
    must(run(
        "certutil",
        ["-V", "-u", "V", "-e", "-n", "leaf", "-b", &stamp(case), "-d", &database],
    ))
}

/// `YYMMDDHHMMSSZ`.
fn stamp(case: &Case) -> String {
    let at = time::OffsetDateTime::from(case.at);
    let date = format!("{:02}{:02}{:02}", at.year() % 100, u8::from(at.month()), at.day());
    format!("{date}{:02}{:02}{:02}Z", at.hour(), at.minute(), at.second())
}

fn at_once(cases: &[Case], program: &Path, args: &[&str]) -> Vec<Answer> {
    let question: Vec<_> = cases
        .iter()
        .map(|case| {
            json!({"name": case.name, "chain": case.chain, "trust": case.trust, "host": ascii(case), "at": seconds(case)})
        })
        .collect();
    let output = run_with_input(program, args, json!(question).to_string().as_bytes());
    assert!(output.status.success(), "{}", said(&output));
    let answers: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    cases
        .iter()
        .map(|case| match answers.get(&case.name) {
            Some(serde_json::Value::Null) => Ok(()),
            Some(serde_json::Value::String(reason)) => Err(reason.clone()),
            other => panic!("{}: {other:?}", case.name),
        })
        .collect()
}

fn webpki(case: &Case) -> Answer {
    let text = |error: webpki::Error| error.to_string();
    let ders = |pem: &str| -> Vec<CertificateDer<'static>> {
        pem::parse_many(pem)
            .unwrap()
            .into_iter()
            .map(|block| CertificateDer::from(block.into_contents()))
            .collect()
    };
    let (chain, trust) = (ders(&case.chain), ders(&case.trust));
    let anchors: Vec<_> = trust
        .iter()
        .filter_map(|ca| webpki::anchor_from_trusted_cert(ca).ok())
        .collect();
    let leaf = webpki::EndEntityCert::try_from(&chain[0]).map_err(text)?;
    let now = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds(case)));
    let usage = webpki::KeyUsage::server_auth();
    leaf.verify_for_usage(
        webpki::ALL_VERIFICATION_ALGS,
        &anchors,
        &chain[1..],
        now,
        usage,
        None,
        None,
    )
    .map_err(text)?;
    leaf.verify_is_valid_for_subject_name(&ServerName::try_from(ascii(case)).unwrap())
        .map_err(text)
}
