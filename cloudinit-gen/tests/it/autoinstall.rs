//! The form for Ubuntu's installer, judged by cloud-init, by its reader, by a shell, and by the installer's own schema where
//! one is at hand.

use std::collections::BTreeSet;

use cloudinit_gen::document::Shutdown;
use cloudinit_gen::validate::{DocumentKind, Schema, Validator, validate};
use cloudinit_gen::{Installer, K3sAgentConfig, K3sServerConfig, MasterNode, SeedFiles, WorkerNode};
use proptest::prelude::*;
use secrecy::ExposeSecret;
use serde_json::{Value, json};

use crate::cloud_init::judges;
use crate::common::{node, pipe, python};
use crate::hostile;

fn seeds() -> Vec<SeedFiles> {
    let installer = Installer::default();
    let mut full = node("k3s-worker1", "192.168.6.11/24");
    full.password = Some("x".into());
    let mut bare = node("k3s-master1", "192.168.6.10/24");
    bare.payload = None;
    bare.ca_pem.clear();
    let master = |node| MasterNode::new(node, K3sServerConfig::default());
    vec![
        master(node("k3s-master1", "192.168.6.10/24"))
            .render_autoinstall(&installer)
            .unwrap(),
        master(bare).render_autoinstall(&installer).unwrap(),
        WorkerNode::new(full, K3sAgentConfig::new("https://192.168.6.10:6443"))
            .render_autoinstall(&installer)
            .unwrap(),
    ]
}

fn parsed(texts: &[&str]) -> Vec<Value> {
    const PROGRAM: &str =
        "import json, sys, yaml; print(json.dumps([yaml.safe_load(t) for t in json.load(sys.stdin)]))";
    pipe(
        &python().unwrap(),
        &["-c", PROGRAM],
        &serde_json::to_string(texts).unwrap(),
    )
}

fn user_data(seed: &SeedFiles) -> &str {
    seed.user_data.expose_secret()
}

#[test]
fn nothing_is_asked_looked_up_or_fetched() {
    let Some(_) = python() else { return };
    for seed in seeds() {
        assert_eq!(validate(user_data(&seed)), []);
        let document = &parsed(&[user_data(&seed)])[0];
        let autoinstall = &document["autoinstall"];
        assert_eq!(autoinstall["version"], 1);
        assert_eq!(
            autoinstall["apt"],
            json!({"geoip": false, "fallback": "offline-install"})
        );
        assert_eq!(autoinstall["refresh-installer"], json!({"update": false}));
        assert_eq!(autoinstall["ssh"], json!({"install-server": true, "allow-pw": false}));
        assert_eq!(
            autoinstall["storage"],
            json!({"layout": {"name": "direct"}, "swap": {"size": 0}})
        );
        assert_eq!(autoinstall["shutdown"], "poweroff");
        for absent in ["interactive-sections", "updates", "identity", "snaps", "timezone"] {
            assert!(autoinstall.get(absent).is_none(), "{absent}");
        }
    }
}

#[test]
fn the_installed_system_is_told_exactly_what_a_cloud_image_is_told() {
    let Some(_) = python() else { return };
    let master = MasterNode::new(node("k3s-master1", "192.168.6.10/24"), K3sServerConfig::default());
    let (cloud, installer) = (
        master.render().unwrap(),
        master.render_autoinstall(&Installer::default()).unwrap(),
    );
    let documents = parsed(&[user_data(&cloud), user_data(&installer), &cloud.network_config]);
    assert_eq!(documents[1]["autoinstall"]["user-data"], documents[0]);
    assert_eq!(documents[1]["autoinstall"]["network"], documents[2]);
    // The installer's own system gets the script and its parameters, and nothing else of it.
    let files = documents[1]["write_files"].as_array().unwrap();
    let paths: Vec<&str> = files.iter().map(|file| file["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["/etc/lab/node.env", "/usr/local/lib/lab/bootstrap.sh"]);
    for file in files {
        assert!(documents[0]["write_files"].as_array().unwrap().contains(file));
    }
    assert_eq!(documents[1].as_object().unwrap().len(), 2);
}

#[test]
fn late_commands_are_lists_of_words_that_no_shell_reads() {
    let Some(_) = python() else { return };
    let document = &parsed(&[user_data(&seeds()[0])])[0];
    assert_eq!(
        document["autoinstall"]["late-commands"],
        json!([
            [
                "cp",
                "--archive",
                "--parents",
                "/etc/lab/node.env",
                "/usr/local/lib/lab/bootstrap.sh",
                "/target"
            ],
            [
                "curtin",
                "in-target",
                "--",
                "/bin/sh",
                "/usr/local/lib/lab/bootstrap.sh",
                "payload"
            ],
        ])
    );
}

#[test]
fn the_installers_locale_keyboard_and_end_can_be_chosen() {
    let Some(_) = python() else { return };
    let mut installer = Installer::default();
    installer.locale = "ko_KR.UTF-8".to_owned();
    installer.keyboard = "kr".to_owned();
    installer.shutdown = Shutdown::Reboot;
    let seed = MasterNode::new(node("k3s-master1", "192.168.6.10/24"), K3sServerConfig::default())
        .render_autoinstall(&installer)
        .unwrap();
    let autoinstall = &parsed(&[user_data(&seed)])[0]["autoinstall"];
    assert_eq!(autoinstall["locale"], "ko_KR.UTF-8");
    assert_eq!(autoinstall["keyboard"], json!({"layout": "kr"}));
    assert_eq!(autoinstall["shutdown"], "reboot");
}

#[test]
fn cloud_inits_schema_accepts_the_installers_document_and_the_installed_systems() {
    let Some(judges) = judges() else { return };
    for judge in judges {
        for seed in seeds() {
            let (accepted, said) = judge.schema("user-data", user_data(&seed));
            assert!(
                accepted && !said.to_lowercase().contains("deprecat"),
                "{}: {said}",
                judge.name
            );
        }
    }
}

/// Ubuntu's installer is on no package registry, so its schemas have to be named: `SUBIQUITY_SCHEMAS` is a list of files,
/// each an `autoinstall-schema.json` of one release, separated as `PATH` is.
#[test]
fn the_installers_schemas_accept_every_document() {
    let Some(files) = std::env::var_os("SUBIQUITY_SCHEMAS") else {
        eprintln!("skipped: SUBIQUITY_SCHEMAS names no autoinstall-schema.json");
        return;
    };
    for file in std::env::split_paths(&files) {
        let mut validator = Validator::default();
        validator.schema = Some(Schema::read(&file).unwrap().under("autoinstall"));
        for seed in seeds() {
            assert_eq!(validator.validate(user_data(&seed)), [], "{}", file.display());
        }
        let wrong = "#cloud-config\nautoinstall:\n  version: 1\n  user-data: {}\n  snaps: 5\n";
        assert_ne!(validator.validate(wrong), [], "{}", file.display());
    }
}

/// The keys of a document with their nesting; a list's items count as one.
fn keys(value: &Value, at: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => map
            .iter()
            .for_each(|(key, inner)| keys(inner, &format!("{at}/{key}"), into)),
        Value::Array(list) => list.iter().for_each(|inner| keys(inner, &format!("{at}/-"), into)),
        _ => drop(into.insert(at.to_owned())),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 8, max_shrink_iters: 100, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn hostile_values_add_no_key_to_the_installers_document(texts in prop::collection::vec(hostile::text(), 20)) {
        if python().is_some() {
            let plain = seeds().remove(0);
            let rendered: Vec<SeedFiles> = texts
                .iter()
                .map(|text| {
                    let mut installer = Installer::default();
                    installer.locale.clone_from(text);
                    installer.keyboard.clone_from(text);
                    let mut node = node("k3s-master1", "192.168.6.10/24");
                    node.registries_yaml = Some(text.as_str().into());
                    MasterNode::new(node, K3sServerConfig::default()).render_autoinstall(&installer).unwrap()
                })
                .collect();
            let mut documents = vec![user_data(&plain)];
            documents.extend(rendered.iter().map(user_data));
            let parsed = parsed(&documents);
            let shape = |value: &Value| {
                let mut found = BTreeSet::new();
                keys(value, "", &mut found);
                found
            };
            for found in &parsed[1..] {
                prop_assert_eq!(shape(&parsed[0]), shape(found));
            }
        }
    }
}

#[test]
fn a_lone_autoinstall_file_is_checked_without_a_header() {
    let mut validator = Validator::default();
    validator.kind = DocumentKind::Autoinstall;
    assert_eq!(validator.validate("version: 1\nuser-data: {}\n"), []);
    assert_eq!(validator.validate("autoinstall:\n  version: 1\n  user-data: {}\n"), []);
}
