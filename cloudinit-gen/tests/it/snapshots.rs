//! The documents of each role, whole.

use crate::common::node;
use std::fmt::Write;

use cloudinit_gen::{K3sAgentConfig, K3sServerConfig, MasterNode, SeedFiles, WorkerNode};

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
            let indented: String = body
                .lines()
                .map(|line| {
                    if line.is_empty() {
                        "\n".to_owned()
                    } else {
                        format!("    {line}\n")
                    }
                })
                .collect();
            content = content.replace(&indented, &format!("    [{script}]\n"));
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
