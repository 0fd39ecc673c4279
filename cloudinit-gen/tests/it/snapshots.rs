//! The documents of each role, whole.

use crate::common::node;
use std::fmt::Write;

use cloudinit_gen::{Installer, K3sAgentConfig, K3sServerConfig, MasterNode, SeedFiles, WorkerNode};

/// The three files one after the other. The scripts have their own files in the crate and are named, not repeated.
fn whole(seed: &SeedFiles) -> String {
    let scripts = [
        ("bootstrap.sh", include_str!("../../src/guest/scripts/bootstrap.sh")),
        ("node_ready.py", include_str!("../../src/guest/scripts/node_ready.py")),
    ];
    let mut text = String::new();
    for (name, content) in seed.named() {
        let mut content = content.to_owned();
        for (script, body) in scripts {
            // As deep as it stands in a cloud-config, and in the installer's answers.
            for depth in ["        ", "    "] {
                let indented: String = body
                    .lines()
                    .map(|line| {
                        if line.is_empty() {
                            "\n".to_owned()
                        } else {
                            format!("{depth}{line}\n")
                        }
                    })
                    .collect();
                content = content.replace(&indented, &format!("{depth}[{script}]\n"));
            }
        }
        writeln!(text, "=== {name}\n{}", content.trim_end()).unwrap();
    }
    text
}

#[test]
fn the_master_of_the_default_lab() {
    let mut k3s = K3sServerConfig::default();
    k3s.tls_san = vec!["192.168.6.10".to_owned(), "k3s-master1".to_owned()];
    let seed = MasterNode::new(node("k3s-master1", "192.168.6.10/24"), k3s)
        .render()
        .unwrap();
    insta::assert_snapshot!("master", whole(&seed));
}

#[test]
fn a_worker_of_the_default_lab() {
    let k3s = K3sAgentConfig::new("https://192.168.6.10:6443");
    let mut node = node("k3s-worker1", "192.168.6.11/24");
    node.password = Some("correct horse battery staple".into());
    let seed = WorkerNode::new(node, k3s).render().unwrap();
    let text = whole(&seed);
    assert!(!text.contains("correct horse"), "a password left the process in plain");
    insta::assert_snapshot!("worker", text);
}

#[test]
fn a_master_for_ubuntus_installer() {
    let seed = MasterNode::new(node("k3s-master1", "192.168.6.10/24"), K3sServerConfig::default())
        .render_autoinstall(&Installer::default())
        .unwrap();
    insta::assert_snapshot!("master-autoinstall", whole(&seed));
}

#[test]
fn a_worker_for_ubuntus_installer() {
    let seed = WorkerNode::new(
        node("k3s-worker1", "192.168.6.11/24"),
        K3sAgentConfig::new("https://192.168.6.10:6443"),
    )
    .render_autoinstall(&Installer::default())
    .unwrap();
    insta::assert_snapshot!("worker-autoinstall", whole(&seed));
}

/// The metadata decoded; the user-data is the same as in the seed's file, which its own snapshot has.
fn metadata(seed: &SeedFiles) -> String {
    use base64::Engine as _;
    let variables = seed.guestinfo(None).unwrap();
    let [
        (_, metadata),
        (_, metadata_encoding),
        (_, userdata),
        (_, userdata_encoding),
    ] = variables.variables();
    let decode = |text| String::from_utf8(base64::engine::general_purpose::STANDARD.decode(text).unwrap()).unwrap();
    assert_eq!((metadata_encoding, userdata_encoding), ("base64", "base64"));
    assert_eq!(decode(userdata), seed.named()[2].1);
    decode(metadata)
}

#[test]
fn both_roles_in_guest_variables() {
    let master = MasterNode::new(node("k3s-master1", "192.168.6.10/24"), K3sServerConfig::default())
        .render()
        .unwrap();
    let worker = WorkerNode::new(
        node("k3s-worker1", "192.168.6.11/24"),
        K3sAgentConfig::new("https://192.168.6.10:6443"),
    )
    .render()
    .unwrap();
    insta::assert_snapshot!(
        "guestinfo",
        format!("=== master\n{}=== worker\n{}", metadata(&master), metadata(&worker))
    );
}
