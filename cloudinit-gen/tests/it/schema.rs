//! cloud-init's own schemas through this crate: the same documents are accepted and refused as by cloud-init.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use cloudinit_gen::validate::{DocumentKind, Rule, Schema, SchemaError, Validator};

use crate::cloud_init::{judges, unpacked};

fn schema_file(judge: &str, name: &str) -> PathBuf {
    unpacked(judge).join("cloudinit/config/schemas").join(name)
}

fn validator(kind: DocumentKind, schema: &Path) -> Validator {
    let mut validator = Validator::default();
    validator.kind = kind;
    validator.schema = Some(Schema::read(schema).unwrap());
    validator
}

/// Documents that cloud-init's command judges as well: what they are, and whether they are accepted.
const DOCUMENTS: [(&str, bool); 14] = [
    ("hostname: a\n", true),
    ("hostname: 5\n", false),
    ("users:\n- default\n- name: a\n  groups: [b]\n", true),
    ("users: 5\n", false),
    ("ntp:\n  enabled: true\n  servers: [a, b]\n", true),
    ("ntp:\n  servers: yes\n", false),
    ("write_files:\n- path: /x\n  content: |\n    a\n", true),
    ("write_files:\n- content: x\n", false),
    ("runcmd:\n- [a, b]\n- a b\n", true),
    ("runcmd:\n- {a: b}\n", false),
    ("growpart: {mode: sometimes}\n", false),
    ("power_state:\n  mode: reboot\n", true),
    ("power_state:\n  delay: now\n", false),
    ("x: &a [1]\nruncmd: *a\n", false),
];

#[test]
fn documents_are_accepted_and_refused_as_by_cloud_init_itself() {
    // One process for all: cloud-init takes seconds to load.
    const PROGRAM: &str = r"
import json, sys
from cloudinit import util
from cloudinit.config.schema import SchemaValidationError, validate_cloudconfig_schema
answers = []
for text in json.load(sys.stdin):
    try:
        validate_cloudconfig_schema(util.load_yaml(text), strict=True)
        answers.append(True)
    except SchemaValidationError:
        answers.append(False)
print(json.dumps(answers))
";
    let Some(judges) = judges() else { return };
    let texts: Vec<String> = DOCUMENTS
        .iter()
        .map(|(body, _)| format!("#cloud-config\n{body}"))
        .collect();
    for judge in judges {
        let theirs = judge.succeed(PROGRAM, &serde_json::to_string(&texts).unwrap());
        let theirs: Vec<bool> = serde_json::from_str(theirs.lines().last().unwrap()).unwrap();
        let validator = validator(
            DocumentKind::UserData,
            &schema_file(judge.name, "schema-cloud-config-v1.json"),
        );
        for (((body, accepted), text), theirs) in DOCUMENTS.iter().zip(&texts).zip(theirs) {
            let ours = validator.validate(text);
            // 22.4 knows no wrong key; the crate's own rules do.
            let unknown_key = body.starts_with("x:");
            assert!(unknown_key || theirs == *accepted, "{}: {text}", judge.name);
            assert_eq!(ours.is_empty(), *accepted, "{}: {text}: {ours:?}", judge.name);
        }
    }
}

#[test]
fn what_the_schema_alone_finds_has_its_place_and_repeats_no_value() {
    let Some(judges) = judges() else { return };
    for judge in judges {
        let validator = validator(
            DocumentKind::UserData,
            &schema_file(judge.name, "schema-cloud-config-v1.json"),
        );
        let found = validator.validate("#cloud-config\ngrowpart:\n  mode: hunter2\n  devices: hunter3\n");
        let places: Vec<_> = found
            .iter()
            .map(|finding| (finding.line, finding.column, finding.rule))
            .collect();
        assert_eq!(places, [(3, 9, Rule::Schema), (4, 12, Rule::Schema)], "{found:?}");
        for finding in &found {
            assert!(!finding.to_string().contains("hunter"), "{finding}");
            assert!(finding.help.contains("schema-cloud-config-v1.json"), "{finding}");
        }
        // A merge key and an alias stand for what they stand for.
        let found = validator.validate(
            "#cloud-config\nwrite_files:\n- &base {path: /x, content: a}\n- <<: *base\n  path: /y\n- *base\n",
        );
        assert_eq!(found, []);
    }
}

#[test]
fn the_newest_schemas_of_networks_are_used_too() {
    let Some(_) = judges() else { return };
    let validator = validator(
        DocumentKind::NetworkConfig,
        &schema_file("sid", "schema-network-config-v2.json"),
    );
    assert_eq!(validator.validate("version: 2\nethernets:\n  a: {dhcp4: true}\n"), []);
    let found = validator.validate("version: 2\nethernets:\n  a: {dhcp4: true, mtu: large}\n");
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!((found[0].line, found[0].rule), (3, Rule::Schema));
}

#[test]
fn a_schema_that_refers_elsewhere_fetches_nothing() {
    let Some(_) = judges() else { return };
    let error = Schema::read(&schema_file("sid", "versions.schema.cloud-config.json")).unwrap_err();
    assert!(matches!(error, SchemaError::Schema { .. }), "{error}");
    assert!(error.to_string().contains("is not fetched"), "{error}");
}

#[test]
fn aliases_that_multiply_end_the_check_and_not_the_machine() {
    let mut text = String::from("#cloud-config\nx0: &a0 [a, a, a, a, a, a, a, a, a, a]\n");
    for level in 1..12 {
        let inner = vec![format!("*a{}", level - 1); 10].join(", ");
        writeln!(text, "x{level}: &a{level} [{inner}]").unwrap();
    }
    let mut validator = Validator::default();
    validator.schema = Some(Schema::from_json("any", b"{}").unwrap());
    let found = validator.validate(&text);
    assert!(found.iter().any(|finding| finding.rule == Rule::Schema), "{found:?}");
}
