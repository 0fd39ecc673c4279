//! Whatever a user sets in a node is either refused or arrives in the guest as that value and nothing else.

use std::collections::BTreeSet;

use cloudinit_gen::{
    HostKey, K3sAgentConfig, K3sServerConfig, MasterNode, NodeConfig, NodeError, SeedFiles, WorkerNode,
};
use proptest::prelude::*;
use secrecy::ExposeSecret;
use serde_json::Value;

use crate::common::{CA_PEM, LOGIN_KEY, PRIVATE_KEY, PUBLIC_KEY, TOKEN, node, python};
use crate::hostile;

fn master(node: NodeConfig) -> Result<SeedFiles, NodeError> {
    MasterNode::new(node, K3sServerConfig::default()).render()
}

fn sample() -> NodeConfig {
    node("k3s-master1", "192.168.6.10/24")
}

/// The user-data as JSON, through `PyYAML`.
fn parsed(texts: &[String]) -> Vec<Value> {
    const PROGRAM: &str =
        "import json, sys, yaml; print(json.dumps([yaml.safe_load(t) for t in json.load(sys.stdin)]))";
    crate::common::pipe(
        &python().unwrap(),
        &["-c", PROGRAM],
        &serde_json::to_string(texts).unwrap(),
    )
}

/// Every path of keys in a document; list indices count.
fn shape(value: &Value, at: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => {
            for (key, inner) in map {
                shape(inner, &format!("{at}/{key}"), into);
            }
        }
        Value::Array(list) => {
            for (index, inner) in list.iter().enumerate() {
                shape(inner, &format!("{at}/{index}"), into);
            }
        }
        _ => drop(into.insert(at.to_owned())),
    }
}

fn shape_of(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    shape(value, "", &mut found);
    found
}

/// Puts a text into one field that takes text.
fn set(field: usize, text: &str) -> NodeConfig {
    let mut node = sample();
    node.password = Some("x".into());
    match field {
        0 => node.token = text.into(),
        1 => node.password = Some(text.into()),
        2 => node.registries_yaml = Some(text.into()),
        3 => node.authorized_keys = vec![format!("{LOGIN_KEY}{text}")],
        4 => node.host_key = HostKey::new(PRIVATE_KEY.into(), format!("{PUBLIC_KEY}{text}")),
        5 => node.host_key = HostKey::new(format!("{PRIVATE_KEY}{text}").into(), PUBLIC_KEY),
        6 => node.ca_pem = vec![format!("{text}{CA_PEM}")],
        7 => node.kernel_modules = vec![text.to_owned()],
        8 => node.sysctl = [("kernel.panic".to_owned(), text.to_owned())].into(),
        9 => node.sysctl = [(text.to_owned(), "1".to_owned())].into(),
        _ => node.time_servers = vec![text.to_owned()],
    }
    node
}

const FIELDS: usize = 11;

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_hostile_value_is_refused_or_adds_nothing(texts in prop::collection::vec((0..FIELDS, hostile::text()), 40)) {
        if python().is_some() {
            let mut plain = sample();
            plain.password = Some("x".into());
            let plain = master(plain).unwrap().user_data.expose_secret().to_owned();
            let accepted: Vec<String> = texts
                .iter()
                .filter_map(|(field, text)| master(set(*field, text)).ok())
                .map(|seed| seed.user_data.expose_secret().to_owned())
                .collect();
            let mut documents = vec![plain];
            documents.extend(accepted);
            let parsed = parsed(&documents);
            for found in &parsed[1..] {
                prop_assert_eq!(shape_of(&parsed[0]), shape_of(found));
            }
        }
    }
}

#[test]
fn what_would_not_work_in_the_guest_is_refused_by_its_fields_name() {
    let refused = |change: &dyn Fn(&mut NodeConfig), expected: &str| {
        let mut node = sample();
        change(&mut node);
        let error = master(node).unwrap_err();
        let NodeError::Field { field, .. } = &error else {
            panic!("{error}")
        };
        assert_eq!(*field, expected, "{error}");
        error.to_string()
    };
    refused(&|n| n.gateway = [192, 168, 7, 1].into(), "gateway");
    refused(&|n| n.gateway = n.address.address(), "gateway");
    refused(&|n| n.authorized_keys.clear(), "authorized_keys");
    refused(&|n| n.authorized_keys.push("ssh-ed25519".to_owned()), "authorized_keys");
    refused(&|n| n.host_key.public_openssh = String::new(), "host_key");
    refused(&|n| n.ca_pem.push("-----BEGIN PRIVATE KEY-----".to_owned()), "ca_pem");
    refused(&|n| n.kernel_modules.push("a b".to_owned()), "kernel_modules");
    refused(&|n| n.time_servers.push("a\nNTP=b".to_owned()), "time_servers");
    for secret in ["", " secret", "sec\nret", "sec\0ret"] {
        let message = refused(&|n| n.token = secret.into(), "token");
        assert!(!message.contains("sec"), "{message}");
    }
    let message = refused(&|n| n.host_key.private_openssh = "sec-ret".into(), "host_key");
    assert!(!message.contains("sec-ret"), "{message}");
    refused(&|n| n.password = Some("".into()), "password");
}

#[test]
fn nothing_secret_is_printed_for_debugging() {
    let mut node = sample();
    node.password = Some("open sesame".into());
    node.registries_yaml = Some("password: open sesame".into());
    let mut k3s = K3sServerConfig::default();
    k3s.node.token = Some("open sesame".into());
    let master = MasterNode::new(node.clone(), k3s);
    let worker = WorkerNode::new(node, K3sAgentConfig::new("https://192.168.6.10:6443"));
    let seed = master.render().unwrap();
    let printed = format!("{master:?} {worker:?} {seed:?} {:?}", worker.render().unwrap());
    for secret in ["open sesame", TOKEN, "b3BlbnNzaC1rZXktdjE", "$6$"] {
        assert!(!printed.contains(secret), "{secret} in {printed}");
    }
}

#[test]
fn the_same_node_renders_to_the_same_bytes_and_another_salt_belongs_to_another_node() {
    let mut node = sample();
    node.password = Some("x".into());
    let hash = |seed: &SeedFiles| {
        let text = seed.user_data.expose_secret();
        text.lines()
            .find_map(|line| line.trim().strip_prefix("hashed_passwd: ").map(str::to_owned))
            .unwrap()
    };
    let first = master(node.clone()).unwrap();
    let second = master(node.clone()).unwrap();
    assert_eq!(first.user_data.expose_secret(), second.user_data.expose_secret());
    node.instance_id = "k3s-master1-0002".parse().unwrap();
    assert_ne!(hash(&first), hash(&master(node).unwrap()));
}

#[test]
fn libcrypt_accepts_the_password_behind_the_hash_and_no_other() {
    // Python 3.11's crypt module is the C library's crypt(3).
    const PROGRAM: &str = "import crypt, json, sys; h, p = json.load(sys.stdin); print(json.dumps([crypt.crypt(p, h) == h, crypt.crypt(p + 'x', h) == h]))";
    let Some(python) = python() else { return };
    if !crate::common::run(&python, &["-W", "ignore", "-c", "import crypt"])
        .status
        .success()
    {
        return crate::common::missing("this Python has no crypt module any more");
    }
    for password in [
        "x",
        "correct horse battery staple",
        "비밀번호",
        "a'b\"c$d`e\\f",
        &"long".repeat(40),
    ] {
        let mut node = sample();
        node.password = Some(password.into());
        let text = master(node).unwrap();
        let hash = text
            .user_data
            .expose_secret()
            .lines()
            .find_map(|l| l.trim().strip_prefix("hashed_passwd: "))
            .unwrap()
            .to_owned();
        let answer: Vec<bool> = crate::common::pipe(
            &python,
            &["-W", "ignore", "-c", PROGRAM],
            &serde_json::json!([hash, password]).to_string(),
        );
        assert_eq!(answer, [true, false], "{password:?}");
    }
}

#[test]
fn a_bundle_of_certificates_is_trusted_one_by_one_and_as_one_file() {
    let Some(_) = python() else { return };
    let mut node = sample();
    node.ca_pem = vec![format!(
        "old one\r\n{}\n\n# new\n{CA_PEM}",
        CA_PEM.replace('\n', "\r\n")
    )];
    let seed = master(node).unwrap();
    let document = &parsed(&[seed.user_data.expose_secret().to_owned()])[0];
    assert_eq!(document["ca_certs"]["trusted"], serde_json::json!([CA_PEM, CA_PEM]));
    let files = document["write_files"].as_array().unwrap();
    let file = files
        .iter()
        .find(|file| file["path"] == cloudinit_gen::guest::CA_FILE)
        .unwrap();
    assert_eq!(file["content"], format!("{CA_PEM}{CA_PEM}"));
}
