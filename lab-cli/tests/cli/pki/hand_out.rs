//! What others get of it: exports, trust, registries.yaml.

use super::issued;
use crate::support::Place;

#[test]
fn export_writes_pem_to_standard_output_and_secrets_to_private_files_only() {
    let place = issued();
    place.write("password", "swordfish\n");
    let export = |what: &str, more: &[&str]| place.run(&[&["pki", "export", what, "--dir", "pki"], more].concat());
    for (what, file) in [
        ("bundle", "pki/bundle.crt"),
        ("ca", "pki/ca.crt"),
        ("cert", "pki/registry.crt"),
    ] {
        let ran = export(what, &[]).code(0);
        assert_eq!(ran.stdout, std::fs::read_to_string(place.file(file)).unwrap());
    }
    let json = export("bundle", &["--output", "json"]).code(0).json();
    assert!(json["pem"].as_str().unwrap().starts_with("-----BEGIN CERTIFICATE"));
    for what in ["key", "identity"] {
        let ran = export(what, &["--password-file", "password"]).code(2);
        assert!(
            ran.stderr.contains("a private key is not written to standard output"),
            "{ran}"
        );
    }
    let ran = export("identity", &["--to", "registry.p12"]).code(2);
    assert!(
        ran.stderr.contains("needs a password") && ran.stderr.contains("LAB_PKI_PASSWORD"),
        "{ran}"
    );
    for what in ["identity", "trust-store", "key"] {
        let to = format!("{what}.out");
        let arguments = ["--password-file", "password", "--to", &to];
        let ran = export(what, &arguments).code(0);
        assert_eq!(ran.stdout, format!("written: {to}\n"));
        let ran = export(what, &arguments).code(2);
        assert!(
            ran.stderr.contains("exists already") && ran.stderr.contains("--force"),
            "{ran}"
        );
        export(what, &[&arguments[..], &["--force"]].concat()).code(0);
        #[cfg(unix)]
        if what != "trust-store" {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = std::fs::metadata(place.file(&to)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{what}");
        }
    }
}

#[test]
fn trust_shows_every_way_and_writes_only_what_was_named() {
    let place = issued();
    let trust = |more: &[&str]| place.run(&[&["pki", "trust", "--dir", "pki", "--port", "5443"], more].concat());
    let ran = trust(&[]).code(0);
    for consumer in [
        "debian:",
        "red-hat:",
        "docker:",
        "podman:",
        "containerd:",
        "k3s:",
        "windows:",
        "mac-os:",
        "nss:",
    ] {
        assert!(ran.stdout.contains(consumer), "{consumer} {ran}");
    }
    assert!(
        ran.stdout.contains("/etc/docker/certs.d/192.168.6.1:5443/ca.crt"),
        "{ran}"
    );
    assert!(
        ran.stdout
            .contains("update-ca-certificates --fresh    (as root or administrator)"),
        "{ran}"
    );
    trust(&["--write"]).code(2);
    let ran = trust(&["solaris"]).code(2);
    assert!(ran.stderr.contains("`solaris` is no known consumer"), "{ran}");

    let write = [
        "docker",
        "k3s",
        "--host",
        "192.168.6.1",
        "--host",
        "registry.lab",
        "--write",
        "--root",
        "image",
    ];
    let ran = trust(&write).code(0);
    let bundle = std::fs::read(place.file("pki/bundle.crt")).unwrap();
    for host in ["192.168.6.1", "registry.lab"] {
        let file = format!("image/etc/docker/certs.d/{host}:5443/ca.crt");
        assert_eq!(std::fs::read(place.file(&file)).unwrap(), bundle, "{ran}");
    }
    let yaml = std::fs::read_to_string(place.file("image/etc/rancher/k3s/registries.yaml")).unwrap();
    assert!(yaml.contains("https://192.168.6.1:5443"), "{yaml}");
    assert!(trust(&write).code(0).stdout.contains("every file was as it should be"));
    place.write("image/etc/rancher/k3s/registries.yaml", "mirrors: {}\n");
    let ran = trust(&write).code(1);
    assert!(ran.stderr.contains("is there already and says something else"), "{ran}");
    let ran = place
        .run(&["pki", "trust", "debian", "--ca", "pki/registry.key"])
        .code(2);
    assert!(
        ran.stderr.contains("there is nothing to trust in pki/registry.key"),
        "{ran}"
    );
}

#[test]
fn registries_are_written_as_k3s_wants_them_and_checked() {
    let place = Place::new();
    let yaml = place.run(&["pki", "registries"]).code(0).stdout;
    assert!(
        yaml.contains("https://192.168.6.1:5000") && yaml.contains("docker.io"),
        "{yaml}"
    );
    place.write("good.yaml", &yaml);
    let check = |file: &str| place.run(&["pki", "registries", "--check", file]);
    assert_eq!(check("good.yaml").code(0).stdout, "good.yaml: ok\n");
    place.write(
        "wrong.yaml",
        &yaml.replace("configs:\n", "configs:\n  \"*\":\n    tls:\n      ca_file: ca.crt\n"),
    );
    let ran = check("wrong.yaml").code(5);
    assert!(
        ran.stdout.contains("error: ") && ran.stdout.contains("containerd ignores TLS settings under `*`"),
        "{ran}"
    );
    let json = place
        .run(&["pki", "registries", "--check", "wrong.yaml", "--output", "json"])
        .code(5)
        .json();
    assert_eq!(json["ok"], false);
    let mirrored = place
        .run(&["pki", "registries", "--mirror", "ghcr.io", "--mirror", "quay.io"])
        .code(0)
        .stdout;
    assert!(
        mirrored.contains("ghcr.io") && mirrored.contains("quay.io") && !mirrored.contains("docker.io"),
        "{mirrored}"
    );
    place.write(
        "insecure.yaml",
        &yaml.replace("ca_file:", "insecure_skip_verify: true\n      ca_file:"),
    );
    let ran = check("insecure.yaml").code(5);
    assert!(ran.stdout.contains("insecure_skip_verify"), "{ran}");
    place
        .run(&["pki", "registries", "--check", "insecure.yaml", "--allow-insecure"])
        .code(0);
    place.write("broken.yaml", "mirrors:\n  docker.io:\n    endpoints: [a]\n");
    let ran = check("broken.yaml").code(5);
    assert!(
        ran.stderr.contains("k3s would not do what broken.yaml says") && ran.stderr.contains("endpoints"),
        "{ran}"
    );
    check("nowhere.yaml").code(2);

    place.write("password", "hunter2\n");
    let user = [
        "pki",
        "registries",
        "--username",
        "puller",
        "--password-file",
        "password",
    ];
    place.run(&user).code(2);
    let ran = place.run(&[&user[..], &["--to", "registries.yaml"]].concat()).code(0);
    assert!(!format!("{ran}").contains("hunter2"), "{ran}");
    assert!(
        std::fs::read_to_string(place.file("registries.yaml"))
            .unwrap()
            .contains("hunter2")
    );
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        let mode = std::fs::metadata(place.file("registries.yaml"))
            .unwrap()
            .permissions()
            .mode();
        assert_eq!(mode & 0o777, 0o600);
    }
    let ran = place.run(&["pki", "registries", "--host", "registry.lab:5000"]).code(2);
    assert!(ran.stderr.contains("has a port (5000)"), "{ran}");
    let ran = place.run(&["pki", "registries", "--ca-file", "ca.crt"]).code(2);
    assert!(ran.stderr.contains("is not an absolute path"), "{ran}");
}
