//! What the validator finds, where, and that it agrees with the reader that counts.

use cloudinit_gen::validate::{DocumentKind, Rule, Severity, Validator, validate};
use cloudinit_gen::{K3sAgentConfig, K3sServerConfig, MasterNode, WorkerNode};
use proptest::prelude::*;
use secrecy::ExposeSecret;

use crate::common::{node, pipe, python};

/// Line, column and rule of every finding.
fn places(text: &str) -> Vec<(usize, usize, &'static str)> {
    validate(text)
        .iter()
        .map(|finding| (finding.line, finding.column, finding.rule.as_str()))
        .collect()
}

fn rendered() -> Vec<String> {
    let mut full = node("k3s-worker1", "192.168.6.11/24");
    full.password = Some("x".into());
    let seeds = [
        MasterNode::new(node("k3s-master1", "192.168.6.10/24"), K3sServerConfig::default())
            .render()
            .unwrap(),
        WorkerNode::new(full, K3sAgentConfig::new("https://192.168.6.10:6443"))
            .render()
            .unwrap(),
    ];
    seeds
        .iter()
        .map(|seed| seed.user_data.expose_secret().to_owned())
        .collect()
}

#[test]
fn nothing_is_wrong_with_what_the_crate_renders() {
    for text in rendered() {
        assert_eq!(validate(&text), []);
    }
}

#[test]
fn every_mistake_is_found_at_its_place() {
    for (text, expected) in [
        ("\u{feff}#cloud-config\nhostname: a\n", vec![(1, 1, "bom")]),
        ("hostname: a\n", vec![(1, 1, "header")]),
        ("", vec![(1, 1, "header")]),
        ("# cloud-config\nhostname: a\n", vec![(1, 1, "header")]),
        ("#cloud-config \nhostname: a\n", vec![(1, 14, "header")]),
        (
            "## template: jinja\n#cloud-config\nhostname: a\n",
            vec![(1, 1, "jinja")],
        ),
        (
            "## template: jinja\nhostname: a\n",
            vec![(1, 1, "jinja"), (2, 1, "header")],
        ),
        ("#cloud-config\r\nhostname: a\r\n", vec![(1, 14, "line-ends")]),
        ("#!/bin/bash\r\necho\r\n", vec![(1, 12, "script-line-ends")]),
        ("#!/bin/bash\necho\n", vec![]),
        ("Content-Type: multipart/mixed; boundary=\"x\"\n", vec![]),
        ("#cloud-config\nusers:\n\t- name: a\n", vec![(3, 1, "tab")]),
        ("#cloud-config\nhostname:\ta\n", vec![(2, 10, "tab")]),
        ("#cloud-config\nhostname: 'a\tb' # \t\n", vec![]),
        (
            "#cloud-config\nwrite_files:\n- path: /x\n  content: |\n    a:\tb\n",
            vec![],
        ),
        (
            "#cloud-config\nhostname: a\nhostname: b\n",
            vec![(3, 1, "duplicate-key")],
        ),
        (
            "#cloud-config\nusers:\n- name: a\n  name: b\n",
            vec![(4, 3, "duplicate-key")],
        ),
        (
            "#cloud-config\nhostname: a\n---\nhostname: b\n",
            vec![(3, 1, "documents")],
        ),
        ("#cloud-config\n- a\n", vec![(2, 1, "type")]),
        ("#cloud-config\nhostname: [a\n", vec![(2, 11, "syntax")]),
        ("#cloud-config\nruncmd:\n- [a?b]\n", vec![(3, 4, "syntax")]),
        ("#cloud-config\nhostname: a\u{7}b\n", vec![(2, 12, "syntax")]),
        ("#cloud-config\nhostname: no\n", vec![(2, 11, "type")]),
        ("#cloud-config\ntimezone: [Asia/Seoul]\n", vec![(2, 11, "type")]),
        ("#cloud-config\nssh_pwauth: 'false'\n", vec![(2, 13, "type")]),
        ("#cloud-config\nruncmd: reboot\n", vec![(2, 9, "type")]),
        ("#cloud-config\nruncmd:\n- echo foo: bar\n", vec![(3, 3, "type")]),
        (
            "#cloud-config\nruncmd:\n- [echo, 1, no]\n",
            vec![(3, 10, "type"), (3, 13, "type")],
        ),
        ("#cloud-config\nruncmd:\n- echo a\n- [echo, 'no']\n- null\n", vec![]),
        (
            "#cloud-config\nwrite_files:\n- path: /x\n  permissions: 0644\n",
            vec![(4, 16, "permissions")],
        ),
        (
            "#cloud-config\nwrite_files:\n- path: /x\n  permissions: '0644'\n",
            vec![],
        ),
        (
            "#cloud-config\nwrite_files:\n- path: /x\n  permissions: 'u+rw'\n",
            vec![(4, 16, "permissions")],
        ),
        (
            "#cloud-config\nwrite_files:\n- path: x\n  content: 12\n",
            vec![(3, 9, "type"), (4, 12, "type")],
        ),
        ("#cloud-config\nwrite_files:\n- content: x\n", vec![(3, 3, "key")]),
        (
            "#cloud-config\nwrite_files:\n- path: /x\n  content: \"#!/bin/sh\\r\\necho\\r\\n\"\n",
            vec![(4, 12, "script-line-ends")],
        ),
        (
            "#cloud-config\nusers:\n- name: me\nwrite_files:\n- path: /x\n  owner: me:me\n",
            vec![(6, 10, "owner")],
        ),
        (
            "#cloud-config\nusers:\n- name: me\nwrite_files:\n- path: /x\n  owner: me:me\n  defer: true\n",
            vec![],
        ),
        ("#cloud-config\nwrite_files:\n- path: /x\n  owner: root:root\n", vec![]),
        ("#cloud-config\nca-certs: {}\n", vec![(2, 1, "key")]),
        ("#cloud-config\nnetwork: {}\n", vec![(2, 1, "key")]),
        (
            "#cloud-config\npassword: x\nusers:\n- name: a\n  plain_text_passwd: x\n",
            vec![(2, 11, "plain-password"), (5, 3, "plain-password")],
        ),
        (
            "#cloud-config\nchpasswd:\n  users:\n  - {name: a, password: x, type: text}\n",
            vec![(4, 34, "plain-password")],
        ),
    ] {
        assert_eq!(places(text), expected, "{text:?}: {:?}", validate(text));
    }
}

#[test]
fn other_encodings_are_named() {
    let utf16: Vec<u8> = "\u{feff}#cloud-config\n"
        .encode_utf16()
        .flat_map(u16::to_le_bytes)
        .collect();
    let found = validate(utf16);
    assert_eq!((found.len(), found[0].rule), (1, Rule::Encoding));
    assert!(found[0].message.contains("UTF-16"));
    let found = validate(b"#cloud-config\nhostname: a\xffb\n");
    assert_eq!((found[0].line, found[0].column, found[0].rule), (2, 12, Rule::Encoding));
}

#[test]
fn a_misspelt_key_is_answered_with_the_right_one() {
    for (wrong, right) in [
        ("hostnme", "hostname"),
        ("write-files", "write_files"),
        ("RunCmd", "runcmd"),
        ("suers", "users"),
    ] {
        let found = validate(format!("#cloud-config\n{wrong}: []\n"));
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].help, format!("did you mean {right}?"));
    }
}

#[test]
fn a_document_larger_than_its_transport_is_refused() {
    let mut validator = Validator::default();
    validator.max_len = Some(20);
    let found = validator.validate("#cloud-config\nhostname: a\n");
    assert_eq!(
        found.iter().map(|finding| finding.rule).collect::<Vec<_>>(),
        [Rule::Size]
    );
    assert_eq!(
        found[0].to_string(),
        "1:1: error: the document has 26 bytes, and its transport carries 20 (carry it on a seed image, or compress it) [size]"
    );
}

/// Line, column and rule of what is wrong with a document of this kind.
fn places_in(kind: DocumentKind, text: &str) -> Vec<(usize, usize, &'static str)> {
    let mut validator = Validator::default();
    validator.kind = kind;
    let found = validator.validate(text);
    found
        .iter()
        .map(|finding| (finding.line, finding.column, finding.rule.as_str()))
        .collect()
}

#[test]
fn mistakes_in_networks_are_found_at_their_places() {
    for (text, expected) in [
        ("version: 2\nethernets:\n  a:\n    dhcp4: true\n", vec![]),
        ("network:\n  version: 2\n", vec![(1, 1, "key")]),
        ("ethernets: {}\n", vec![(1, 1, "key")]),
        ("version: '2'\n", vec![(1, 10, "type")]),
        ("version: 3\n", vec![(1, 10, "type")]),
        ("version: 2\nethernet: {}\n", vec![(2, 1, "key")]),
        (
            "version: 2\nethernets:\n  a:\n    match:\n      macaddress: 52:54:00:12:34:56\n",
            vec![(5, 19, "type")],
        ),
        (
            "version: 2\nethernets:\n  a:\n    match:\n      macaddress: 00:50:56:3f:00:0a\n",
            vec![],
        ),
        ("version: 2\nethernets:\n  a:\n    set-name: b\n", vec![(4, 15, "key")]),
        (
            "version: 2\nethernets:\n  a:\n    dhcp4: 'yes'\n",
            vec![(4, 12, "type")],
        ),
        (
            "version: 2\nethernets:\n  a:\n    gateway4: 10.0.0.1\n",
            vec![(4, 5, "key")],
        ),
        (
            "version: 2\nethernets:\n  a:\n    addresses: [10.0.0.2]\n",
            vec![(4, 17, "type")],
        ),
        (
            "version: 2\nethernets:\n  a:\n    addresses: 10.0.0.2/24\n",
            vec![(4, 16, "type")],
        ),
        ("version: 2\nethernets:\n  a:\n\tdhcp4: true\n", vec![(4, 1, "tab")]),
        ("version: 1\n", vec![(1, 1, "key")]),
        (
            "version: 1\nconfig:\n- type: physical\n  mac_address: 52:54:00:12:34:56\n",
            vec![(4, 16, "type")],
        ),
        ("version: 2\nversion: 2\n", vec![(2, 1, "duplicate-key")]),
    ] {
        assert_eq!(places_in(DocumentKind::NetworkConfig, text), expected, "{text:?}");
    }
}

#[test]
fn mistakes_in_meta_data_are_found_at_their_places() {
    for (text, expected) in [
        ("instance-id: i-1\nlocal-hostname: a\n", vec![]),
        ("local-hostname: a\n", vec![(1, 1, "key")]),
        ("instance-id: 001\n", vec![(1, 14, "type")]),
        ("instance-id: i\nlocal-hostname: on\n", vec![(2, 17, "type")]),
        ("\u{feff}instance-id: i\n", vec![(1, 1, "bom")]),
        ("instance-id: i\r\n", vec![(1, 15, "line-ends")]),
    ] {
        assert_eq!(places_in(DocumentKind::MetaData, text), expected, "{text:?}");
    }
}

#[test]
fn mistakes_in_an_installers_answers_are_found_at_their_places_in_either_form() {
    for (text, expected) in [
        ("version: 1\nuser-data: {}\n", vec![]),
        ("user-data: {}\n", vec![(1, 1, "key")]),
        ("version: '1'\nuser-data: {}\n", vec![(1, 10, "type")]),
        ("version: 1\n", vec![(1, 1, "key")]),
        ("version: 1\nuser-data: {}\nlate_commands: []\n", vec![(3, 1, "key")]),
        (
            "version: 1\nuser-data: {}\nlate-commands: reboot\n",
            vec![(3, 16, "type")],
        ),
        (
            "version: 1\nuser-data: {}\nlate-commands:\n- echo a: b\n",
            vec![(4, 3, "type")],
        ),
        (
            "version: 1\nuser-data: {}\nlate-commands:\n- [a, 1]\n",
            vec![(4, 7, "type")],
        ),
        (
            "version: 1\nidentity: {username: a, hostname: b}\n",
            vec![(2, 11, "key")],
        ),
        (
            "version: 1\nidentity: {username: a, hostname: b, password: c}\n",
            vec![(2, 48, "plain-password")],
        ),
        (
            "version: 1\nidentity: {username: a, hostname: b, password: $6$c$d}\n",
            vec![],
        ),
        ("version: 1\nuser-data: {}\napt: {geoip: 'no'}\n", vec![(3, 14, "type")]),
        (
            "version: 1\nuser-data: {}\napt: {fallback: offline}\n",
            vec![(3, 17, "type")],
        ),
        ("version: 1\nuser-data: {}\nshutdown: halt\n", vec![(3, 11, "type")]),
        ("version: 1\nuser-data: {}\nkeyboard: {}\n", vec![(3, 11, "key")]),
        ("version: 1\nuser-data: {}\npackages: [1.5]\n", vec![(3, 12, "type")]),
        ("version: 1\nuser-data: {}\nnetwork: {network: {version: 2}}\n", vec![]),
        (
            "version: 1\nuser-data: {}\nnetwork: {version: 4}\n",
            vec![(3, 20, "type")],
        ),
        ("version: 1\nuser-data: {hostname: no}\n", vec![(2, 23, "type")]),
    ] {
        assert_eq!(places_in(DocumentKind::Autoinstall, text), expected, "{text:?}");
        let indented = format!("  {}\n", text.trim_end().replace('\n', "\n  "));
        let inside: Vec<_> = expected
            .iter()
            .map(|(line, column, rule)| (line + 2, column + 2, *rule))
            .collect();
        assert_eq!(
            places(&format!("#cloud-config\nautoinstall:\n{indented}")),
            inside,
            "{text:?}"
        );
    }
    assert_eq!(places("#cloud-config\nautoinstall: [a]\n"), vec![(2, 14, "type")]);
}

/// Whether `PyYAML` reads each text, and whether `hostname` in it is text.
fn pyyaml(texts: &[String]) -> Vec<(bool, bool)> {
    const PROGRAM: &str = r#"
import json, sys, yaml
def judge(text):
    try:
        document = yaml.safe_load(text)
    except (yaml.YAMLError, ValueError):
        return [False, False]
    return [True, isinstance(document, dict) and isinstance(document.get("hostname"), str)]
print(json.dumps([judge(text) for text in json.load(sys.stdin)]))
"#;
    pipe(
        &python().unwrap(),
        &["-c", PROGRAM],
        &serde_json::to_string(texts).unwrap(),
    )
}

/// A document in which every kind of YAML's notation occurs.
const BASE: &str = "\
#cloud-config
hostname: k3s
groups: [a, b]
write_files:
- path: /x
  permissions: '0644'
  content: |
    one
    two: 2
- path: \"/y\"
runcmd:
- [x, y]
- z # c
";

#[test]
fn what_pyyaml_cannot_read_is_never_found_faultless() {
    const INSERTED: [&str; 24] = [
        "\t", ":", ": ", "- ", " ", "  ", "\n", "'", "\"", "{", "]", "&a", "*a", "%", "@", "`", "|", ">", "\r", "\0",
        "\n---\n", "?", "? ", "!x ",
    ];
    if python().is_none() {
        return;
    }
    // One character at every place: all of them, and one process to judge them.
    let texts: Vec<String> = (14..BASE.len())
        .flat_map(|at| INSERTED.map(|inserted| format!("{}{inserted}{}", &BASE[..at], &BASE[at..])))
        .collect();
    let overlooked: Vec<String> = texts
        .iter()
        .zip(pyyaml(&texts))
        .filter(|(text, (parses, _))| {
            !parses && !validate(text).iter().any(|finding| finding.severity == Severity::Error)
        })
        .map(|(text, _)| format!("{text:?}"))
        .collect();
    assert!(
        overlooked.is_empty(),
        "{} of {}:\n{}",
        overlooked.len(),
        texts.len(),
        overlooked.join("\n")
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_word_without_quotes_is_text_to_the_validator_exactly_when_it_is_to_pyyaml(
        words in prop::collection::vec("[-+]?[0-9a-fx_.:]{1,8}([eE:.T -][-+]?[0-9:]{1,8})?|[+-]?[.]?(inf|NaN|no|On|yes|null|~|y)", 100)
    ) {
        if python().is_some() {
            let texts: Vec<String> = words.iter().map(|word| format!("#cloud-config\nhostname: {word}\n")).collect();
            for (text, (parses, is_text)) in texts.iter().zip(pyyaml(&texts)) {
                let found = validate(text);
                prop_assert_eq!(found.is_empty(), parses && is_text, "{:?}: {:?}", text, found);
            }
        }
    }

    #[test]
    fn no_bytes_at_all_make_the_validator_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        validate(&bytes);
        validate([b"#cloud-config\n".as_slice(), &bytes].concat());
        let mut validator = Validator::default();
        validator.schema = Some(cloudinit_gen::validate::Schema::from_json("any", br#"{"type": "string"}"#).unwrap());
        for kind in [DocumentKind::MetaData, DocumentKind::NetworkConfig, DocumentKind::Autoinstall] {
            validator.kind = kind;
            validator.validate(&bytes);
        }
    }
}
