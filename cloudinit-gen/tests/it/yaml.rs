//! Whatever a string is, cloud-init's YAML 1.1 reader (`PyYAML`) gives it back unchanged.

use std::path::Path;
use std::process::Command as Process;

use cloudinit_gen::document::{CaCerts, CloudConfig, Command, Content, Permissions, User, WriteFile};
use cloudinit_gen::k3s::ConfigValue;
use cloudinit_gen::{K3sAgentConfig, K3sServerConfig};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::common::feed;

/// Reads pairs of a YAML text and the value that it must have; names the first that differs.
const READER: &str = r#"
import json, sys, yaml
for number, pair in enumerate(json.load(sys.stdin)):
    try:
        found = yaml.safe_load(pair["yaml"])
    except yaml.YAMLError as error:
        print(f"document {number} does not parse: {error}\n{pair['yaml']}")
        sys.exit(1)
    if found != pair["expected"]:
        print(f"document {number}: {found!r}\n  instead of {pair['expected']!r}\n{pair['yaml']}")
        sys.exit(1)
"#;

fn read_back(python: &Path, pairs: &[Value]) -> Result<(), TestCaseError> {
    let (output, _) = feed(
        Process::new(python).args(["-c", READER]),
        &serde_json::to_string(pairs).unwrap(),
    );
    prop_assert!(
        output.status.success(),
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// A cloud-config with the string in every field that takes any.
fn cloud_config(text: &str) -> CloudConfig {
    let mut user = User::new(text);
    user.shell = Some(text.to_owned());
    user.groups = vec![text.to_owned(), "adm".to_owned()];
    user.sudo = Some(text.to_owned());
    user.hashed_passwd = Some(text.into());
    user.ssh_authorized_keys = vec![text.to_owned()];
    let mut file = WriteFile::new(text, Permissions::new(0o644), Content::from(text));
    file.owner = Some(text.to_owned());
    let mut config = CloudConfig::default();
    config.hostname = Some(text.to_owned());
    config.timezone = Some(text.to_owned());
    config.users = vec![user];
    config.ca_certs = Some(CaCerts::trusting(vec![text.to_owned(), text.to_owned()]));
    config.write_files = vec![file.clone(), file];
    config.runcmd = vec![Command::new(text, [text, "x"]), Command::new("x", [text])];
    config
}

fn k3s(text: &str) -> (K3sServerConfig, K3sAgentConfig) {
    let mut server = K3sServerConfig::default();
    server.node.token = Some(text.into());
    server.node.node_name = Some(text.to_owned());
    server.tls_san = vec![text.to_owned()];
    server.write_kubeconfig_mode = Some(text.to_owned());
    server.disable = vec![text.to_owned(), text.to_owned()];
    server
        .node
        .extra
        .insert("debug".to_owned(), ConfigValue::Text(text.to_owned()));
    server
        .node
        .extra
        .insert("etcd-arg+".to_owned(), ConfigValue::List(vec![text.to_owned()]));
    let mut agent = K3sAgentConfig::new(text);
    agent.node.token = Some(text.into());
    agent.node.node_label = vec![text.to_owned()];
    agent.node.pause_image = Some(text.to_owned());
    (server, agent)
}

pub(crate) fn pairs(text: &str) -> [Value; 3] {
    let config = cloud_config(text);
    let (server, agent) = k3s(text);
    [
        json!({ "yaml": config.to_user_data().unwrap(), "expected": serde_json::to_value(&config).unwrap() }),
        json!({ "yaml": server.to_yaml().unwrap().expose_secret(), "expected": serde_json::to_value(&server).unwrap() }),
        json!({ "yaml": agent.to_yaml().unwrap().expose_secret(), "expected": serde_json::to_value(&agent).unwrap() }),
    ]
}

#[test]
fn every_known_trap_is_read_back_as_it_was_written() {
    let Some(python) = crate::common::python() else { return };
    let pairs: Vec<Value> = crate::hostile::TRAPS.iter().flat_map(|trap| pairs(trap)).collect();
    read_back(&python, &pairs).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn the_reader_notices_a_value_that_changed_and_a_text_that_does_not_parse() {
    let Some(python) = crate::common::python() else { return };
    let good = json!({ "yaml": "a: 'no'", "expected": { "a": "no" } });
    assert!(read_back(&python, std::slice::from_ref(&good)).is_ok());
    for (yaml, expected) in [
        ("a: no", json!({ "a": "no" })),
        ("a: =", json!({ "a": "=" })),
        ("a: 12:34:56", json!({ "a": "12:34:56" })),
    ] {
        assert!(
            read_back(&python, &[good.clone(), json!({ "yaml": yaml, "expected": expected })]).is_err(),
            "{yaml}"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_string_is_read_back_as_it_was_written(texts in prop::collection::vec(crate::hostile::text(), 60)) {
        if let Some(python) = crate::common::python() {
            let pairs: Vec<Value> = texts.iter().flat_map(|text| pairs(text)).collect();
            read_back(&python, &pairs)?;
        }
    }
}
