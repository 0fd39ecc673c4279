//! What other programs make of our keys, exports and trust plans, and we of their keys.

#[path = "support/mod.rs"]
mod support;

use std::fs;
use std::path::Path;

use registry_pki::key::KeyError;
use registry_pki::trust::{Consumer, TrustRequest, plan};
use registry_pki::{Authority, AuthorityParams, KeyAlgorithm, PkiRequest, PkiStore, PrivateKey};
use secrecy::{ExposeSecret, SecretString};
use support::{have, run, said, succeed};

const PASSWORD: &str = "correct horse battery staple";

fn request() -> PkiRequest {
    PkiRequest::new(["192.168.6.1".parse().unwrap()])
}

fn path<'a>(dir: &'a Path, name: &str, scratch: &'a mut String) -> &'a str {
    dir.join(name).to_str().unwrap().clone_into(scratch);
    scratch
}

/// What can be made without a second thought; RSA where the feature is on.
fn algorithms() -> impl Iterator<Item = KeyAlgorithm> {
    let rsa = cfg!(feature = "rsa");
    KeyAlgorithm::ALL.into_iter().filter(move |algorithm| match algorithm {
        KeyAlgorithm::Rsa2048 => rsa,
        // Made in the same way, and slow in an unoptimised build.
        KeyAlgorithm::Rsa3072 | KeyAlgorithm::Rsa4096 => false,
        _ => true,
    })
}

#[test]
fn openssl_reads_every_key_and_finds_our_public_half() {
    if !have("openssl", "keys") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    for algorithm in algorithms() {
        let key = PrivateKey::generate(algorithm).unwrap();
        let (mut a, mut b) = (String::new(), String::new());
        let file = path(dir.path(), "key.pem", &mut a);
        fs::write(file, key.to_pem().expose_secret()).unwrap();
        let out = path(dir.path(), "public.der", &mut b);
        succeed(&run(
            "openssl",
            ["pkey", "-in", file, "-pubout", "-outform", "DER", "-out", out],
        ));
        assert_eq!(fs::read(out).unwrap(), key.public_key_der(), "{algorithm}");
        assert_eq!(
            PrivateKey::from_pem(key.to_pem().expose_secret()).unwrap().algorithm(),
            algorithm
        );
    }
}

#[cfg(not(feature = "rsa"))]
#[test]
fn rsa_without_the_feature_is_a_clear_error() {
    let error = PrivateKey::generate(KeyAlgorithm::Rsa2048).unwrap_err();
    assert!(matches!(error, KeyError::RsaUnavailable(KeyAlgorithm::Rsa2048)));
    assert!(error.to_string().contains("feature `rsa`"), "{error}");
}

#[cfg(feature = "encrypted-key")]
#[test]
fn encrypted_keys_are_opened_by_openssl_and_openssl_s_by_us() {
    if !have("openssl", "encrypted keys") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let password = SecretString::from(PASSWORD);
    for algorithm in algorithms() {
        let key = PrivateKey::generate(algorithm).unwrap();
        let text = key.to_encrypted_pem(&password).unwrap();
        assert!(
            text.expose_secret()
                .starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----\n")
        );
        let (mut a, mut b) = (String::new(), String::new());
        let file = path(dir.path(), "key.pem", &mut a);
        fs::write(file, text.expose_secret()).unwrap();
        let pass = format!("pass:{PASSWORD}");
        let out = path(dir.path(), "public.der", &mut b);
        succeed(&run(
            "openssl",
            [
                "pkey", "-in", file, "-passin", &pass, "-pubout", "-outform", "DER", "-out", out,
            ],
        ));
        assert_eq!(fs::read(out).unwrap(), key.public_key_der(), "{algorithm}");
        assert!(
            !run("openssl", ["pkey", "-in", file, "-passin", "pass:wrong", "-noout"])
                .status
                .success()
        );

        assert!(matches!(
            PrivateKey::from_pem(text.expose_secret()),
            Err(KeyError::PassphraseNeeded)
        ));
        let wrong = SecretString::from("wrong");
        let opened = PrivateKey::from_pem_with_passphrase(text.expose_secret(), Some(&wrong));
        assert!(matches!(opened, Err(KeyError::WrongPassphrase)));
        let opened = PrivateKey::from_pem_with_passphrase(text.expose_secret(), Some(&password)).unwrap();
        assert_eq!(opened.public_key_der(), key.public_key_der());
    }
    assert!(
        PrivateKey::generate(KeyAlgorithm::EcdsaP256)
            .unwrap()
            .to_encrypted_pem(&SecretString::from(""))
            .is_err()
    );

    // The two ways in which OpenSSL 3 encrypts.
    let mut a = String::new();
    let file = path(dir.path(), "theirs.pem", &mut a);
    for extra in [&["-aes-256-cbc"][..], &["-aes-128-cbc"]] {
        let pass = format!("pass:{PASSWORD}");
        let args = [
            "genpkey",
            "-algorithm",
            "EC",
            "-pkeyopt",
            "ec_paramgen_curve:P-256",
            "-pass",
            &pass,
            "-out",
            file,
        ];
        succeed(&run("openssl", args.iter().chain(extra)));
        let text = fs::read_to_string(file).unwrap();
        PrivateKey::from_pem_with_passphrase(&text, Some(&password)).unwrap();
    }
}

#[test]
fn keys_in_openssl_s_older_forms_are_read() {
    if !have("openssl", "older key forms") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let mut a = String::new();
    let file = path(dir.path(), "key.pem", &mut a);
    for (args, label, algorithm) in [
        (
            &["ecparam", "-genkey", "-name", "prime256v1"][..],
            "BEGIN EC PARAMETERS",
            KeyAlgorithm::EcdsaP256,
        ),
        (
            &["ecparam", "-genkey", "-noout", "-name", "secp384r1"],
            "BEGIN EC PRIVATE KEY",
            KeyAlgorithm::EcdsaP384,
        ),
        (
            &["genrsa", "-traditional"],
            "BEGIN RSA PRIVATE KEY",
            KeyAlgorithm::Rsa2048,
        ),
    ] {
        succeed(&run("openssl", args.iter().copied().chain(["-out", file])));
        let text = fs::read_to_string(file).unwrap();
        assert!(text.contains(label), "{text}");
        assert_eq!(PrivateKey::from_pem(&text).unwrap().algorithm(), algorithm);
    }
    succeed(&run(
        "openssl",
        [
            "genrsa",
            "-traditional",
            "-aes128",
            "-passout",
            "pass:secret",
            "-out",
            file,
        ],
    ));
    let text = fs::read_to_string(file).unwrap();
    assert!(matches!(PrivateKey::from_pem(&text), Err(KeyError::PassphraseNeeded)));
    succeed(&run(
        "openssl",
        ["ecparam", "-genkey", "-noout", "-name", "secp521r1", "-out", file],
    ));
    let text = fs::read_to_string(file).unwrap();
    assert!(matches!(PrivateKey::from_pem(&text), Err(KeyError::Unusable(_))));
    assert!(matches!(PrivateKey::from_pem("nothing"), Err(KeyError::NoKey)));
}

#[test]
fn no_key_shows_in_debug_output() {
    let key = PrivateKey::generate(KeyAlgorithm::EcdsaP256).unwrap();
    assert_eq!(format!("{key:?}"), "PrivateKey { algorithm: EcdsaP256, .. }");
    let authority = Authority::create(&AuthorityParams::new(["192.168.6.1".parse().unwrap()])).unwrap();
    let shown = format!("{authority:?}");
    let pem = authority.key().to_pem();
    let body: String = pem
        .expose_secret()
        .lines()
        .filter(|line| !line.starts_with('-'))
        .collect();
    assert!(!shown.contains(&body[40..60]));
    assert!(!format!("{pem:?}").contains("PRIVATE"));
    let candidate = registry_pki::Candidate {
        chain_pem: &authority.certificate_pem(),
        key_pem: Some(pem.expose_secret()),
        trust_pem: "",
        address: "192.168.6.1".parse().unwrap(),
        at: std::time::SystemTime::now(),
    };
    let shown = format!("{candidate:?}");
    assert!(!shown.contains("PRIVATE") && !shown.contains(&body[40..60]), "{shown}");
    let dir = tempfile::tempdir().unwrap();
    let store = PkiStore::open(dir.path())
        .unwrap()
        .with_ca_passphrase(SecretString::from(PASSWORD));
    assert!(!format!("{store:?}").contains(PASSWORD));
}

#[cfg(feature = "pkcs12")]
mod pkcs12 {
    use super::*;

    fn exported(dir: &Path) -> (PkiStore, String) {
        let store = PkiStore::open(dir.join("pki")).unwrap();
        store.ensure(&request()).unwrap();
        let file = dir.join("registry.p12");
        store
            .export_identity(&SecretString::from(PASSWORD))
            .unwrap()
            .write(&file)
            .unwrap();
        (store, file.to_str().unwrap().to_owned())
    }

    #[test]
    fn openssl_takes_the_same_key_and_certificates_out() {
        if !have("openssl", "PKCS#12") {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let (store, file) = exported(dir.path());
        let pass = format!("pass:{PASSWORD}");
        let text = succeed(&run("openssl", ["pkcs12", "-in", &file, "-passin", &pass, "-nodes"]));
        let paths = store.paths();
        let blocks = |text: &str, label: &str| -> Vec<Vec<u8>> {
            let blocks = pem::parse_many(text).unwrap().into_iter();
            blocks
                .filter(|block| block.tag() == label)
                .map(pem::Pem::into_contents)
                .collect()
        };
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        assert_eq!(blocks(&text, "PRIVATE KEY"), blocks(&read(&paths.key), "PRIVATE KEY"));
        let expected = [
            blocks(&read(&paths.cert), "CERTIFICATE"),
            blocks(&read(&paths.ca), "CERTIFICATE"),
        ]
        .concat();
        assert_eq!(blocks(&text, "CERTIFICATE"), expected);
        assert!(
            text.contains("friendlyName: 192.168.6.1") && text.contains("localKeyID: "),
            "{text}"
        );
        assert!(
            !run("openssl", ["pkcs12", "-in", &file, "-passin", "pass:wrong", "-nodes"])
                .status
                .success()
        );
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt;
            assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600);
        }
    }

    #[test]
    fn gnutls_reads_it() {
        if !have("certtool", "PKCS#12") {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let (_, file) = exported(dir.path());
        let args = ["--p12-info", "--inder", "--password", PASSWORD, "--infile", &file];
        let text = succeed(&run("certtool", args));
        assert!(
            text.contains("BEGIN CERTIFICATE") && text.contains("BEGIN ENCRYPTED PRIVATE KEY"),
            "{text}"
        );
        assert!(
            !said(&run(
                "certtool",
                ["--p12-info", "--inder", "--password", "wrong", "--infile", &file]
            ))
            .contains("MAC is OK")
        );
    }

    #[test]
    fn nss_imports_it() {
        if !have("pk12util", "PKCS#12") || !have("certutil", "PKCS#12") {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let (_, file) = exported(dir.path());
        let database = format!("sql:{}", dir.path().display());
        succeed(&run("certutil", ["-N", "-d", &database, "--empty-password"]));
        succeed(&run("pk12util", ["-i", &file, "-d", &database, "-W", PASSWORD]));
        let keys = succeed(&run("certutil", ["-K", "-d", &database]));
        assert!(keys.contains("192.168.6.1"), "{keys}");
    }

    #[test]
    fn a_trust_store_has_the_cas_and_no_key() {
        if !have("openssl", "PKCS#12") {
            return;
        }
        let dir = tempfile::tempdir().unwrap();
        let (store, file) = exported(dir.path());
        let password = SecretString::from(PASSWORD);
        fs::write(&file, store.export_trust(&password).unwrap()).unwrap();
        let pass = format!("pass:{PASSWORD}");
        let text = succeed(&run("openssl", ["pkcs12", "-in", &file, "-passin", &pass, "-nodes"]));
        assert!(text.contains("2.16.840.1.113894.746875.1.1"), "{text}");
        assert!(!text.contains("PRIVATE KEY") && text.contains("registry CA"), "{text}");
        assert!(store.export_trust(&SecretString::from("пароль")).is_err());
        assert!(store.export_identity(&SecretString::from("")).is_err());
    }
}

fn trust_request(dir: &Path, bundle_pem: String) -> TrustRequest {
    TrustRequest {
        bundle_pem,
        endpoint: "192.168.6.1:5000".to_owned(),
        root: dir.to_owned(),
        scratch: dir.join("scratch"),
    }
}

#[test]
fn debian_s_store_takes_the_planned_files_and_drops_retired_ones() {
    if !have("update-ca-certificates", "Debian trust") || !have("openssl", "Debian trust") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let store = PkiStore::open(dir.path().join("pki")).unwrap();
    let pki = store.ensure(&request()).unwrap();
    let etc = dir.path().join("etc/ssl/certs");
    fs::create_dir_all(&etc).unwrap();
    fs::write(dir.path().join("ca-certificates.conf"), "").unwrap();
    let update = || {
        let dirs = [
            ("--certsconf", dir.path().join("ca-certificates.conf")),
            ("--certsdir", dir.path().to_owned()),
            ("--localcertsdir", dir.path().join("usr/local/share/ca-certificates")),
            ("--etccertsdir", etc.clone()),
            ("--hooksdir", dir.path().join("none")),
        ];
        let args = dirs
            .into_iter()
            .flat_map(|(flag, dir)| [flag.to_owned(), dir.to_str().unwrap().to_owned()]);
        succeed(&run("update-ca-certificates", args.chain(["--fresh".to_owned()])))
    };
    let accepted = |certificate: &Path| {
        let store = etc.join("ca-certificates.crt");
        let args = [
            "verify",
            "-no-CApath",
            "-CAfile",
            store.to_str().unwrap(),
            certificate.to_str().unwrap(),
        ];
        run("openssl", args).status.success()
    };
    plan(Consumer::Debian, &trust_request(dir.path(), pki.bundle_pem.clone()))
        .unwrap()
        .write()
        .unwrap();
    update();
    assert!(accepted(&pki.cert_path));
    let old = dir.path().join("old.crt");
    fs::copy(&pki.cert_path, &old).unwrap();

    store.rotate(&request(), registry_pki::store::Rotation::AtOnce).unwrap();
    let retired = store.rotate(&request(), registry_pki::store::Rotation::Retire).unwrap();
    plan(Consumer::Debian, &trust_request(dir.path(), retired.bundle_pem))
        .unwrap()
        .write()
        .unwrap();
    update();
    assert!(accepted(&retired.cert_path) && !accepted(&old));
}

#[test]
fn nss_trusts_what_the_planned_command_adds() {
    if !have("certutil", "NSS trust") {
        return;
    }
    let dir = tempfile::tempdir().unwrap();
    let pki = PkiStore::open(dir.path().join("pki"))
        .unwrap()
        .ensure(&request())
        .unwrap();
    let plan = plan(Consumer::Nss, &trust_request(dir.path(), pki.bundle_pem.clone())).unwrap();
    plan.write().unwrap();
    let database = format!("sql:{}", dir.path().display());
    succeed(&run("certutil", ["-N", "-d", &database, "--empty-password"]));
    for command in &plan.commands {
        assert_eq!(command.argv[0], "certutil");
        let args = command.argv[1..]
            .iter()
            .map(|word| if word.starts_with("sql:") { &database } else { word });
        succeed(&run("certutil", args));
    }
    succeed(&run(
        "certutil",
        [
            "-A",
            "-n",
            "leaf",
            "-t",
            ",,",
            "-i",
            pki.cert_path.to_str().unwrap(),
            "-d",
            &database,
        ],
    ));
    succeed(&run("certutil", ["-V", "-u", "V", "-e", "-n", "leaf", "-d", &database]));
}
