//! Rendering the documents of 1,000 nodes, on one thread: `cargo bench -p cloudinit-gen --bench render`.
//!
//! Alternating rounds of each form; the median of eleven is printed, per 1,000 nodes. The goal is 200 ms.

use std::hint::black_box;
use std::time::{Duration, Instant};

use cloudinit_gen::{
    HostEntry, HostKey, Installer, K3sAgentConfig, NodeConfig, NodeEssentials, PayloadRef, SeedFiles, WorkerNode,
};

const NODES: usize = 1000;
const ROUNDS: usize = 11;

fn node(number: usize) -> WorkerNode {
    let address = [
        10,
        0,
        u8::try_from(number / 250).unwrap(),
        u8::try_from(number % 250 + 2).unwrap(),
    ];
    let mut node = NodeConfig::new(NodeEssentials {
        hostname: format!("k3s-worker{number}").parse().unwrap(),
        instance_id: format!("k3s-worker{number}-0001").parse().unwrap(),
        mac: format!("00:50:56:00:{:02x}:{:02x}", number / 256, number % 256).parse().unwrap(),
        address: format!("{}/16", std::net::Ipv4Addr::from(address)).parse().unwrap(),
        gateway: [10, 0, 0, 1].into(),
        user: "ubuntu".parse().unwrap(),
        authorized_keys: vec!["ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJ5uXq1Tj3 me@desk".to_owned()],
        host_key: HostKey::new(
            "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAAB\n-----END OPENSSH PRIVATE KEY-----\n".into(),
            "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBq9Tj3Xq1 host",
        ),
        token: "0123456789abcdef0123456789abcdef".into(),
    });
    node.ca_pem = vec!["-----BEGIN CERTIFICATE-----\nMIIBdDCCARqgAwIBAgIUQ0E=\n-----END CERTIFICATE-----\n".to_owned()];
    node.registries_yaml = Some("mirrors:\n  docker.io:\n    endpoint:\n    - https://10.0.0.1:5000\n".into());
    node.payload = Some(PayloadRef::new("LABPAYLOAD".parse().unwrap(), std::time::UNIX_EPOCH));
    node.hosts = vec![HostEntry::new([10, 0, 0, 2], vec!["k3s-master1".parse().unwrap()])];
    WorkerNode::new(node, K3sAgentConfig::new("https://10.0.0.2:6443"))
}

fn timed(nodes: &[WorkerNode], render: impl Fn(&WorkerNode) -> SeedFiles) -> Duration {
    let start = Instant::now();
    for node in nodes {
        black_box(render(black_box(node)));
    }
    start.elapsed()
}

fn main() {
    let nodes: Vec<WorkerNode> = (0..NODES).map(node).collect();
    let installer = Installer::default();
    let mut times: [Vec<Duration>; 3] = Default::default();
    for _ in 0..ROUNDS {
        times[0].push(timed(&nodes, |node| node.render().unwrap()));
        times[1].push(timed(&nodes, |node| node.render_autoinstall(&installer).unwrap()));
        times[2].push(timed(&nodes, |node| {
            let seed = node.render().unwrap();
            black_box(seed.guestinfo(None).unwrap());
            seed
        }));
    }
    println!("{NODES} nodes, one thread, median of {ROUNDS} rounds (fastest):");
    for (name, times) in ["cloud-config", "autoinstall", "guest variables"]
        .iter()
        .zip(&mut times)
    {
        times.sort();
        println!(
            "{name:16} {:6.1} ms ({:.1} ms)",
            millis(times[ROUNDS / 2]),
            millis(times[0])
        );
    }
    let start = Instant::now();
    let mut with_password = nodes[0].clone();
    with_password.node.password = Some("correct horse battery staple".into());
    black_box(with_password.render().unwrap());
    println!(
        "a password's hash costs {:.1} ms more per node",
        millis(start.elapsed())
    );
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
