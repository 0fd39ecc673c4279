//! Rendering the documents of 1,000 nodes, on one thread: `cargo bench -p cloudinit-gen --bench render`.
//!
//! Alternating rounds of each form; the median of eleven is printed, per 1,000 nodes, as processor time of the thread,
//! which other work on the machine does not add to, and by the clock. The goal for the cloud-config is 200 ms.

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

/// Processor time, then time by the clock.
type Times = (Duration, Duration);

fn timed(nodes: &[WorkerNode], render: impl Fn(&WorkerNode) -> SeedFiles) -> Times {
    let (start, before) = (Instant::now(), thread_time());
    for node in nodes {
        black_box(render(black_box(node)));
    }
    (thread_time().saturating_sub(before), start.elapsed())
}

/// How long this thread has run: the first number of Linux's schedstat, in nanoseconds.
fn thread_time() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    let nanos = text.split_whitespace().next().and_then(|number| number.parse().ok());
    Duration::from_nanos(nanos.unwrap_or_default())
}

fn main() {
    let nodes: Vec<WorkerNode> = (0..NODES).map(node).collect();
    let installer = Installer::default();
    let mut times: [Vec<Times>; 3] = Default::default();
    for _ in 0..ROUNDS {
        times[0].push(timed(&nodes, |node| node.render().unwrap()));
        times[1].push(timed(&nodes, |node| node.render_autoinstall(&installer).unwrap()));
        times[2].push(timed(&nodes, |node| {
            let seed = node.render().unwrap();
            black_box(seed.guestinfo(None).unwrap());
            seed
        }));
    }
    println!("{NODES} nodes, one thread, median of {ROUNDS} rounds: processor time (fastest round; by the clock)");
    for (name, times) in ["cloud-config", "autoinstall", "guest variables"]
        .iter()
        .zip(&mut times)
    {
        let clock = {
            let mut clock: Vec<Duration> = times.iter().map(|times| times.1).collect();
            clock.sort();
            clock[ROUNDS / 2]
        };
        times.sort();
        println!(
            "{name:16} {:6.1} ms ({:.1} ms; {:.1} ms)",
            millis(times[ROUNDS / 2].0),
            millis(times[0].0),
            millis(clock)
        );
    }
    let mut with_password = nodes[0].clone();
    with_password.node.password = Some("correct horse battery staple".into());
    let before = thread_time();
    black_box(with_password.render().unwrap());
    println!(
        "a password's hash costs {:.1} ms more per node",
        millis(thread_time().saturating_sub(before))
    );
}

fn millis(time: Duration) -> f64 {
    time.as_secs_f64() * 1e3
}
