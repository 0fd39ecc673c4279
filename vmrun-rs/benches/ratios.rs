//! Prints how much this crate adds to what it drives: a call against the bare start of the same program, parallel calls
//! against one, and a command on the kept SSH connection against starting `ssh` for it.
//!
//! The last one needs a guest: `SSH_BENCH=127.0.0.1:22,user,/path/key,/path/host_key.pub`.

use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use vmrun_rs::exec::{self, CommandSpec};

const DEADLINE: Duration = Duration::from_secs(30);

/// The median of several runs.
fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn ratio(what: &str, ours: Duration, bare: Duration) {
    println!(
        "{what}: {ours:.2?} against {bare:.2?}, ratio {:.3}",
        ours.as_secs_f64() / bare.as_secs_f64()
    );
}

#[tokio::main]
async fn main() {
    let program = std::env::var_os("VMRUN_RS_BENCH").unwrap_or_else(|| "/bin/true".into());
    let spec = CommandSpec::new(&program, DEADLINE);
    let (mut ours, mut bare) = (Vec::new(), Vec::new());
    // Turn and turn about, so that a busy moment of the machine meets both.
    for _ in 0..200 {
        let begun = Instant::now();
        exec::run(&spec).await.expect("the program runs");
        ours.push(begun.elapsed());
        let begun = Instant::now();
        Command::new(&program)
            .stdin(Stdio::null())
            .output()
            .expect("the program runs");
        bare.push(begun.elapsed());
    }
    ratio("a call against a bare start", median(ours), median(bare));

    let sleep = CommandSpec::new("sleep", DEADLINE).arg("0.5");
    let begun = Instant::now();
    let calls: Vec<_> = (0..64)
        .map(|_| {
            let sleep = sleep.clone();
            tokio::spawn(async move { exec::run(&sleep).await })
        })
        .collect();
    for call in calls {
        call.await.expect("no panic").expect("sleep runs");
    }
    ratio("64 calls of 0.5 s at once", begun.elapsed(), Duration::from_millis(500));

    #[cfg(feature = "ssh")]
    if let Ok(guest) = std::env::var("SSH_BENCH") {
        ssh(&guest).await;
    }
}

#[cfg(feature = "ssh")]
async fn ssh(guest: &str) {
    use vmrun_rs::GuestChannel;
    use vmrun_rs::guest::{GuestCommand, SshAccess, SshChannel};

    let parts: Vec<&str> = guest.split(',').collect();
    let [endpoint, user, key, host_key] = parts[..] else {
        panic!("SSH_BENCH=ADDRESS:PORT,USER,KEY,HOST_KEY.pub")
    };
    let endpoint: std::net::SocketAddr = endpoint.parse().expect("an address with a port");
    let read = |path: &str| std::fs::read_to_string(path).expect("a readable key");
    let access = SshAccess {
        endpoint,
        user: user.to_owned(),
        private_key: read(key).into(),
        host_key: read(host_key),
    };
    let channel = SshChannel::new(access);
    channel.connect().await.expect("a login");
    let (mut ours, mut spawned) = (Vec::new(), Vec::new());
    for _ in 0..20 {
        let begun = Instant::now();
        channel.run(&GuestCommand::new(["true"])).await.expect("an answer");
        ours.push(begun.elapsed());
        let begun = Instant::now();
        let status = Command::new("ssh")
            .args([
                "-F",
                "none",
                "-o",
                "StrictHostKeyChecking=no",
                "-o",
                "UserKnownHostsFile=/dev/null",
                "-o",
                "LogLevel=ERROR",
            ])
            .args([
                "-i",
                key,
                "-p",
                &endpoint.port().to_string(),
                &format!("{user}@{}", endpoint.ip()),
                "true",
            ])
            .stdin(Stdio::null())
            .status()
            .expect("ssh runs");
        assert!(status.success());
        spawned.push(begun.elapsed());
    }
    ratio(
        "a command on the kept connection against ssh",
        median(ours),
        median(spawned),
    );
}
