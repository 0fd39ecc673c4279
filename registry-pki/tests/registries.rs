//! `registries.yaml`: what is written is what k3s reads, and what k3s would stumble over is found.

use registry_pki::Registries;
use registry_pki::registries::{CheckOptions, DEFAULT_MIRRORS, Problem, RegistriesError, Severity};
use secrecy::{ExposeSecret, SecretString};

const CA: &str = "/etc/rancher/k3s/registry-ca.crt";

fn lab() -> Registries {
    Registries::for_mirrors("192.168.6.1:5000", &DEFAULT_MIRRORS, CA).unwrap()
}

/// Findings as `path: problem` in the words of the machine-readable form.
fn findings(text: &str) -> Vec<(Severity, String, String)> {
    let registries = Registries::from_yaml(text).unwrap_or_else(|error| panic!("{error}\n{text}"));
    let findings = registries.check(CheckOptions::default());
    findings
        .into_iter()
        .map(|finding| {
            let json = serde_json::to_value(&finding).unwrap();
            (
                finding.severity,
                finding.path.clone(),
                json["problem"].as_str().unwrap().to_owned(),
            )
        })
        .collect()
}

#[test]
fn the_lab_s_file_is_as_k3s_wants_it() {
    let expected = "\
mirrors:
  192.168.6.1:5000:
    endpoint:
    - https://192.168.6.1:5000
  docker.io:
    endpoint:
    - https://192.168.6.1:5000
  gcr.io:
    endpoint:
    - https://192.168.6.1:5000
  ghcr.io:
    endpoint:
    - https://192.168.6.1:5000
  quay.io:
    endpoint:
    - https://192.168.6.1:5000
  registry.k8s.io:
    endpoint:
    - https://192.168.6.1:5000
configs:
  192.168.6.1:5000:
    tls:
      ca_file: /etc/rancher/k3s/registry-ca.crt
";
    let yaml = lab().to_yaml().unwrap();
    let plain: String = yaml.chars().filter(|c| *c != '"').collect();
    assert_eq!(plain, expected);
    assert!(lab().check(CheckOptions::default()).is_empty());
    let read = Registries::from_yaml(&yaml).unwrap();
    assert_eq!(read.mirrors, lab().mirrors);
    assert_eq!(
        read.https_endpoints().into_iter().collect::<Vec<_>>(),
        [("192.168.6.1:5000".to_owned(), Some(CA.to_owned()))]
    );
}

#[test]
fn addresses_of_every_kind_make_the_right_keys() {
    for (endpoint, key) in [
        ("[fd00::1]:5000", "[fd00::1]:5000"),
        ("fd00::1", "[fd00::1]"),
        ("Registry.Lab:443", "registry.lab:443"),
        ("реестр.лаб:5000", "xn--e1aa5aceg.xn--80ac2a:5000"),
    ] {
        let registries = Registries::for_mirrors(endpoint, &["docker.io"], CA).unwrap();
        assert_eq!(registries.configs.keys().collect::<Vec<_>>(), [key]);
        assert_eq!(registries.mirrors["docker.io"].endpoints, [format!("https://{key}")]);
        assert_eq!(registries.check(CheckOptions::default()), []);
    }
    assert!(matches!(
        Registries::for_mirrors("https://192.168.6.1:5000", &["docker.io"], CA),
        Err(RegistriesError::Endpoint { .. })
    ));
}

#[test]
fn passwords_are_written_only_where_that_is_asked_for() {
    let registries = lab().with_credentials("lab", &SecretString::from("s3cret: \"#no\""));
    assert!(matches!(registries.to_yaml(), Err(RegistriesError::HasSecrets)));
    assert!(!format!("{registries:?}").contains("s3cret"));
    let yaml = registries.to_secret_yaml().unwrap();
    let read = Registries::from_yaml(yaml.expose_secret()).unwrap();
    let auth = read.configs["192.168.6.1:5000"].auth.clone().unwrap();
    assert_eq!(auth.password.unwrap().expose_secret(), "s3cret: \"#no\"");
    assert_eq!(auth.username.as_deref(), Some("lab"));
    assert!(registries.check(CheckOptions::default()).is_empty());
}

#[test]
fn one_rewrite_is_fine_and_two_are_not() {
    let registries = lab().with_rewrite("docker.io", "^rancher/(.*)", "mirror/rancher/$1");
    assert!(registries.check(CheckOptions::default()).is_empty());
    let yaml = registries.to_yaml().unwrap();
    assert_eq!(Registries::from_yaml(&yaml).unwrap().mirrors, registries.mirrors);
    let mut two = registries;
    two.mirrors
        .get_mut("docker.io")
        .unwrap()
        .rewrite
        .insert("^a".to_owned(), "b".to_owned());
    let found = two.check(CheckOptions::default());
    assert_eq!(found.len(), 1);
    assert!(matches!(found[0].problem, Problem::RewriteOrder { count: 2 }));
}

/// A mirror of docker.io with this endpoint, beside a good entry for 192.168.6.1:5000.
fn with_endpoint(endpoint: &str) -> String {
    let configs = "configs: {'192.168.6.1:5000': {tls: {ca_file: /ca.crt}}}";
    format!("mirrors: {{docker.io: {{endpoint: ['{endpoint}']}}}}\n{configs}")
}

/// A mirror with the endpoint `https://192.168.6.1:5000`, and its settings under this key.
fn with_settings_under(key: &str) -> String {
    let mirrors = "mirrors: {docker.io: {endpoint: ['https://192.168.6.1:5000']}}";
    format!("{mirrors}\nconfigs: {{'{key}': {{tls: {{ca_file: /ca.crt}}}}}}")
}

#[track_caller]
fn assert_found(text: &str, expected: &[(Severity, &str, &str)]) {
    let found = findings(text);
    let found: Vec<_> = found
        .iter()
        .map(|(severity, path, problem)| (*severity, path.as_str(), problem.as_str()))
        .collect();
    assert_eq!(found, expected, "{text}");
}

const ERROR: Severity = Severity::Error;
const WARNING: Severity = Severity::Warning;

#[test]
fn settings_under_another_key_than_the_endpoint_s_are_found() {
    let place = "mirrors.\"docker.io\".endpoint[0]";
    assert_found(&with_settings_under("192.168.6.1:5000"), &[]);
    assert_found(&with_settings_under("192.168.6.1"), &[(ERROR, place, "no_tls")]);
    let unused = (WARNING, "configs.\"docker.io\"", "unused");
    assert_found(&with_settings_under("docker.io"), &[(ERROR, place, "no_tls"), unused]);
    let wildcard = (ERROR, "configs.\"*\".tls", "wildcard_tls");
    assert_found(&with_settings_under("*"), &[(ERROR, place, "no_tls"), wildcard]);
    let key = (ERROR, "configs.\"https://192.168.6.1:5000\"", "key");
    assert_found(
        &with_settings_under("https://192.168.6.1:5000"),
        &[(ERROR, place, "no_tls"), key],
    );
    assert_found(
        "mirrors: {docker.io: {endpoint: ['https://r.lab']}}",
        &[(ERROR, place, "no_tls")],
    );
}

#[test]
fn endpoints_that_k3s_reads_otherwise_are_found() {
    let place = "mirrors.\"docker.io\".endpoint[0]";
    for good in [
        "192.168.6.1:5000",
        "https://192.168.6.1:5000",
        "https://192.168.6.1:5000/v2",
    ] {
        assert_found(&with_endpoint(good), &[]);
    }
    for (endpoint, severity, problem) in [
        ("http://192.168.6.1:5000", WARNING, "plain_http"),
        ("localhost:5000", WARNING, "localhost_is_http"),
        ("ftp://192.168.6.1:5000", ERROR, "endpoint"),
        ("https://192.168.6.1:port", ERROR, "endpoint"),
        ("https://192.168.6.1:5000/mirror", WARNING, "path_override"),
    ] {
        assert_found(&with_endpoint(endpoint), &[(severity, place, problem)]);
    }
    let twice = with_endpoint("https://192.168.6.1:5000', '192.168.6.1:5000");
    assert_found(&twice, &[(WARNING, "mirrors.\"docker.io\".endpoint[1]", "duplicate")]);
    let scheme = with_endpoint("192.168.6.1:5000").replace("docker.io", "'https://docker.io'");
    assert_found(&scheme, &[(ERROR, "mirrors.\"https://docker.io\"", "key")]);
    let rewrite = "mirrors: {docker.io: {rewrite: {a: b}}}";
    assert_found(
        rewrite,
        &[(WARNING, "mirrors.\"docker.io\".rewrite", "rewrite_without_endpoint")],
    );
}

#[test]
fn settings_that_do_not_work_are_found() {
    for (settings, place, problem) in [
        ("tls: {ca_file: ca.crt}", "tls.ca_file", "relative_path"),
        ("tls: {cert_file: /a.crt}", "tls", "half_pair"),
        (
            "tls: {ca_file: /a.crt, cert_file: /a.crt, key_file: /a.key}",
            "tls",
            "ca_as_client",
        ),
        ("tls: {insecure_skip_verify: true}", "tls", "insecure"),
        ("auth: {username: me}", "auth", "credentials"),
        ("auth: {}", "auth", "credentials"),
        (
            "auth: {username: me, password: x, identity_token: y}",
            "auth",
            "credentials",
        ),
    ] {
        let place = format!("configs.\"r.lab:5000\".{place}");
        assert_found(
            &format!("configs: {{'r.lab:5000': {{{settings}}}}}"),
            &[(ERROR, place.as_str(), problem)],
        );
    }
}

#[test]
fn an_entry_that_was_meant_for_the_endpoint_is_named() {
    let text = "mirrors: {docker.io: {endpoint: ['https://192.168.6.1:5000']}}\nconfigs: {192.168.6.1: {tls: {ca_file: /ca.crt}}}";
    let found = Registries::from_yaml(text).unwrap().check(CheckOptions::default());
    assert_eq!(
        found[0].to_string(),
        "mirrors.\"docker.io\".endpoint[0]: k3s looks for the certificate settings under exactly `192.168.6.1:5000` in configs, and finds `192.168.6.1` only"
    );
}

#[test]
fn insecure_settings_pass_where_they_are_asked_for() {
    let text = "mirrors: {docker.io: {endpoint: ['https://r.lab:5000', 'http://s.lab:5000']}}\nconfigs: {'r.lab:5000': {tls: {insecure_skip_verify: true}}}";
    assert_eq!(
        Registries::from_yaml(text)
            .unwrap()
            .check(CheckOptions::allowing_insecure()),
        []
    );
}

#[test]
fn keys_that_k3s_ignores_are_errors_with_their_place() {
    for text in [
        "mirrors: {docker.io: {endpoints: ['https://r.lab']}}",
        "configs: {r.lab: {tls: {ca: /ca.crt}}}",
        "configs: {r.lab: {auth: {token: x}}}",
        "auths: {}",
        "mirrors: [",
        "mirrors: {docker.io: {endpoint: [a]}, docker.io: {endpoint: [b]}}",
    ] {
        let error = Registries::from_yaml(text).unwrap_err();
        assert!(error.to_string().contains("line 1"), "{text}: {error}");
    }
    for empty in [
        "",
        "# nothing\n",
        "mirrors:\nconfigs:\n",
        "mirrors: {}\n",
        "mirrors: {docker.io: }\n",
    ] {
        assert!(Registries::from_yaml(empty).is_ok(), "{empty:?}");
    }
}

#[test]
fn no_error_shows_the_line_with_the_password() {
    let file = |line: &str| format!("configs:\n  r:5000:\n    auth:\n      username: u\n{line}\n");
    for line in [
        "      passwort: canary-7",
        "      password: - canary-7",
        "      password: [canary-7",
        "      password: \"canary-7",
        "      password: {a: canary-7}",
        "     password: canary-7",
    ] {
        let error = Registries::from_yaml(&file(line)).expect_err(line);
        assert!(!format!("{error} {error:?}").contains("canary-7"), "{error}");
        assert!(error.to_string().contains("line"), "{error}");
    }
}
