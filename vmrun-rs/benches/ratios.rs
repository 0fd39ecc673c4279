//! Prints how much this crate adds to what it drives: a call against the bare start of the same program, 64 parallel reads
//! against one, and a command on the kept SSH connection against starting `ssh` for it (a real OpenSSH server on
//! loopback). `cargo bench -p vmrun-rs`; on Unix.

#[cfg(unix)]
#[path = "../tests/support/mod.rs"]
mod support;

#[cfg(unix)]
#[tokio::main]
async fn main() {
    unix::calls().await;
    unix::parallel_reads().await;
    #[cfg(feature = "ssh")]
    unix::ssh().await;
}

#[cfg(not(unix))]
fn main() {
    println!("skipped: the programs that are driven here are Unix programs");
}

#[cfg(unix)]
mod unix {
    use std::process::{Command, Stdio};
    use std::time::{Duration, Instant};

    use vmrun_rs::exec::{self, CommandSpec};

    use crate::support::Fake;

    const DEADLINE: Duration = Duration::from_secs(30);

    /// The median of several runs.
    fn median(mut times: Vec<Duration>) -> Duration {
        times.sort();
        times[times.len() / 2]
    }

    fn ratio(what: &str, limit: f64, ours: Duration, other: Duration) {
        let ratio = ours.as_secs_f64() / other.as_secs_f64();
        println!("{what}: {ours:.2?} against {other:.2?}, ratio {ratio:.3} (wanted: at most {limit})");
    }

    /// The bare start: nothing but the standard library.
    fn bare(command: &mut Command) -> Duration {
        let begun = Instant::now();
        let output = command.stdin(Stdio::null()).output().expect("the program runs");
        assert!(output.status.success());
        begun.elapsed()
    }

    /// `/bin/true` is the worst case: no program does less. The other one is a shell script that answers `list`, driven
    /// through all of `Vmrun`; the real `vmrun` takes a hundred times longer than either.
    pub(super) async fn calls() {
        let spec = CommandSpec::new("/bin/true", DEADLINE);
        let (mut ours, mut other) = (Vec::new(), Vec::new());
        // Turn and turn about, so that a busy moment of the machine meets both.
        for _ in 0..500 {
            let begun = Instant::now();
            exec::run(&spec).await.expect("the program runs");
            ours.push(begun.elapsed());
            other.push(bare(&mut Command::new("/bin/true")));
        }
        ratio("a call of /bin/true", 1.2, median(ours), median(other));

        let fake = Fake::new("echo 'Total running VMs: 0'");
        let vmrun = fake.vmrun();
        let (mut ours, mut other) = (Vec::new(), Vec::new());
        for _ in 0..300 {
            let begun = Instant::now();
            vmrun.list().await.expect("a list");
            ours.push(begun.elapsed());
            let mut command = Command::new(Fake::program());
            command.args(["-T", "ws", "list"]).env("FAKE", fake.dir.path());
            other.push(bare(&mut command));
        }
        ratio("a list by a shell script", 1.2, median(ours), median(other));
    }

    pub(super) async fn parallel_reads() {
        let fake = Fake::new("sleep 1; echo 'Total running VMs: 0'");
        let vmrun = fake.vmrun();
        let begun = Instant::now();
        vmrun.list().await.expect("a list");
        let one = begun.elapsed();
        let begun = Instant::now();
        let calls: Vec<_> = (0..64)
            .map(|_| {
                let vmrun = vmrun.clone();
                tokio::spawn(async move { vmrun.list().await })
            })
            .collect();
        for call in calls {
            call.await.expect("no panic").expect("a list");
        }
        let all = begun.elapsed();
        ratio("64 reads of 1 s at once against one", 2.0, all, one);
        println!("    one after the other they would take {:.0?}", one * 64);
    }

    #[cfg(feature = "ssh")]
    pub(super) async fn ssh() {
        use vmrun_rs::GuestChannel;
        use vmrun_rs::guest::{GuestCommand, SshChannel};

        use crate::support::sshd::sshd;

        let Some(server) = sshd() else { return };
        let access = server.access("user_ed25519", "host_ed25519");
        let known = server.dir.path().join("known_hosts");
        let port = access.endpoint.port();
        std::fs::write(&known, format!("[127.0.0.1]:{port} {}", access.host_key)).expect("a written file");
        let mut command = Command::new("ssh");
        command.args(["-F", "none", "-o", "BatchMode=yes", "-o", "StrictHostKeyChecking=yes"]);
        command.arg("-o").arg(format!("UserKnownHostsFile={}", known.display()));
        command.arg("-i").arg(server.dir.path().join("user_ed25519"));
        command.arg("-p").arg(port.to_string());
        command.arg(format!("{}@127.0.0.1", access.user)).arg("true");
        let channel = SshChannel::new(access);
        channel.connect().await.expect("a login");
        let (mut ours, mut other) = (Vec::new(), Vec::new());
        for _ in 0..40 {
            let begun = Instant::now();
            let output = channel.run(&GuestCommand::new(["true"])).await.expect("an answer");
            assert!(output.success());
            ours.push(begun.elapsed());
            other.push(bare(&mut command));
        }
        let what = "a command on the kept SSH connection against ssh";
        ratio(what, 0.1, median(ours), median(other));
    }
}
