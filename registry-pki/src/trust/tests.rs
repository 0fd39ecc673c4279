use std::fs;

use super::*;
use crate::{PkiRequest, PkiStore};

fn request(root: &std::path::Path, bundle_pem: &str) -> TrustRequest {
    TrustRequest {
        bundle_pem: bundle_pem.to_owned(),
        endpoint: "192.168.6.1:5000".to_owned(),
        root: root.to_owned(),
        scratch: root.join("scratch"),
    }
}

fn bundle(dir: &std::path::Path) -> String {
    let request = PkiRequest::new(["192.168.6.1".parse().unwrap()]);
    PkiStore::open(dir.join("pki"))
        .unwrap()
        .ensure(&request)
        .unwrap()
        .bundle_pem
}

#[test]
fn every_consumer_has_a_plan_and_its_name_reads_back() {
    let dir = tempfile::tempdir().unwrap();
    let bundle = bundle(dir.path());
    for consumer in Consumer::ALL {
        let plan = plan(consumer, &request(dir.path(), &bundle)).unwrap();
        assert!(!plan.files.is_empty(), "{consumer}");
        assert!(plan.to_string().starts_with(consumer.name()));
        assert_eq!(consumer.name().parse(), Ok(consumer));
    }
    assert!("solaris".parse::<Consumer>().is_err());
}

#[test]
fn writing_is_repeatable_and_takes_retired_cas_away() {
    let dir = tempfile::tempdir().unwrap();
    let first = bundle(dir.path());
    let written = plan(Consumer::Debian, &request(dir.path(), &first))
        .unwrap()
        .write()
        .unwrap();
    assert_eq!(written.len(), 1);
    let foreign = dir
        .path()
        .join("usr/local/share/ca-certificates/registry-192.168.6.1-mine.crt");
    fs::write(&foreign, "somebody else's").unwrap();
    assert!(
        plan(Consumer::Debian, &request(dir.path(), &first))
            .unwrap()
            .write()
            .unwrap()
            .is_empty()
    );

    let other = tempfile::tempdir().unwrap();
    let second = plan(Consumer::Debian, &request(dir.path(), &bundle(other.path()))).unwrap();
    assert_eq!(second.write().unwrap().len(), 2, "one written, one removed");
    assert!(!written[0].exists());
    assert!(foreign.exists());
}

#[test]
fn a_configuration_that_says_something_else_is_not_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let bundle = bundle(dir.path());
    let plan = plan(Consumer::K3s, &request(dir.path(), &bundle)).unwrap();
    plan.write().unwrap();
    let path = dir.path().join("etc/rancher/k3s/registries.yaml");
    assert!(
        fs::read_to_string(&path)
            .unwrap()
            .contains("ca_file: /etc/rancher/k3s/registry-ca.crt")
    );
    fs::write(&path, "mirrors: {}\n").unwrap();
    assert!(matches!(plan.write(), Err(TrustError::Exists(_))));
}

#[test]
fn commands_are_shown_so_that_a_shell_reads_them_back() {
    let command = TrustCommand {
        argv: ["certutil", "-n", "a name", "-i", "C:\\pki\\ca.crt"]
            .map(str::to_owned)
            .to_vec(),
        privileged: false,
    };
    assert_eq!(command.to_string(), "certutil -n \"a name\" -i C:\\pki\\ca.crt");
}
