//! `SshChannel` against a real OpenSSH server on loopback.
#![cfg(all(target_os = "linux", feature = "ssh"))]

mod support;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use support::sshd::sshd;
use support::{alive, wait_for};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use vmrun_rs::error::ChannelErrorKind;
use vmrun_rs::guest::ssh::{ShellEvent, ShellRequest};
use vmrun_rs::guest::{GuestCommand, SshAccess, SshChannel, SshOptions, ssh_banner};
use vmrun_rs::{ChannelError, GuestChannel};

fn channel(access: SshAccess) -> SshChannel {
    SshChannel::with_options(access, SshOptions::default().connect_timeout(Duration::from_secs(2)))
}

/// Shell code that finds the server's process of its own connection.
const SERVER: &str =
    "p=$PPID; while ! grep -q '^sshd' /proc/$p/comm; do p=$(awk '/^PPid/{print $2}' /proc/$p/status); done;";

#[tokio::test]
async fn a_command_returns_its_output_its_errors_and_its_exit_code() {
    let Some(server) = sshd() else { return };
    assert!(
        ssh_banner(server.address, Duration::from_secs(2))
            .await
            .unwrap()
            .starts_with("SSH-2.0-OpenSSH")
    );
    let channel = channel(server.access("user_ed25519", "host_ed25519"));
    let output = channel
        .run(&GuestCommand::shell("printf 'a\\0b'; echo \"it's\" >&2; exit 7"))
        .await
        .unwrap();
    assert_eq!(
        (output.exit_code, &output.stdout[..], &output.stderr[..]),
        (7, &b"a\0b"[..], &b"it's\n"[..])
    );
    let output = channel
        .run(&GuestCommand::new(["printf", "%s|", "a b", "$HOME", "'\"", "한글", ""]))
        .await
        .unwrap();
    assert_eq!(output.stdout_text(), "a b|$HOME|'\"|한글||");
    assert_eq!(
        channel
            .run(&GuestCommand::shell("kill -TERM $$"))
            .await
            .unwrap()
            .exit_code,
        143
    );
    // Nothing waits for input, and large output arrives whole.
    let output = channel
        .run(&GuestCommand::shell("cat; head -c 3000000 /dev/zero"))
        .await
        .unwrap();
    assert_eq!(output.stdout.len(), 3_000_000);
}

#[tokio::test]
async fn rsa_keys_work_with_sha2_on_both_sides() {
    let Some(server) = sshd() else { return };
    for (user, host) in [
        ("user_rsa", "host_ed25519"),
        ("user_rsa", "host_rsa"),
        ("user_ed25519", "host_rsa"),
    ] {
        let channel = channel(server.access(user, host));
        assert!(
            channel.run(&GuestCommand::new(["true"])).await.unwrap().success(),
            "{user} at {host}"
        );
    }
}

#[tokio::test]
async fn a_changed_host_key_is_refused_and_both_fingerprints_are_named() {
    let Some(mut server) = sshd() else { return };
    let channel = channel(server.access("user_ed25519", "host_ed25519"));
    channel.connect().await.unwrap();
    channel.disconnect().await;
    server.restart_with("other");
    let error = channel.run(&GuestCommand::new(["true"])).await.unwrap_err();
    assert_eq!(error.kind(), ChannelErrorKind::HostKey);
    assert!(!error.is_transient());
    let ChannelError::HostKeyMismatch { expected, offered, .. } = &error else {
        panic!("{error}")
    };
    let fingerprint = |key: &str| {
        let out = std::process::Command::new("ssh-keygen")
            .arg("-lf")
            .arg(server.dir.path().join(key))
            .output()
            .unwrap();
        String::from_utf8(out.stdout)
            .unwrap()
            .split_whitespace()
            .nth(1)
            .unwrap()
            .to_owned()
    };
    assert!(expected.contains(&fingerprint("host_ed25519.pub")), "{expected}");
    assert!(offered.contains(&fingerprint("other.pub")), "{offered}");
    let log = std::fs::read_to_string(server.dir.path().join("sshd.log")).unwrap();
    assert!(
        !log.contains("Accepted"),
        "nothing may be sent to an unknown server: {log}"
    );
}

#[tokio::test]
async fn a_refused_key_is_a_refusal_and_a_broken_one_a_mistake_and_neither_is_shown() {
    let Some(server) = sshd() else { return };
    let error = channel(server.access("other", "host_ed25519"))
        .connect()
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ChannelErrorKind::Authentication);
    assert!(error.to_string().contains("authorized_keys"), "{error}");

    let mut access = server.access("user_ed25519", "host_ed25519");
    access.private_key = "-----BEGIN OPENSSH PRIVATE KEY-----\nc2VjcmV0\n-----END OPENSSH PRIVATE KEY-----\n".into();
    let broken = channel(access);
    let error = broken.connect().await.unwrap_err();
    assert_eq!(error.kind(), ChannelErrorKind::Configuration);
    for shown in [error.to_string(), format!("{error:?}"), format!("{broken:?}")] {
        assert!(!shown.contains("c2VjcmV0"), "{shown}");
    }

    let mut access = server.access("user_ed25519", "host_ed25519");
    access.host_key = "not a key".into();
    assert_eq!(
        channel(access).connect().await.unwrap_err().kind(),
        ChannelErrorKind::Configuration
    );
}

#[tokio::test]
async fn a_connection_that_drops_in_mid_command_is_lost_and_made_anew_for_the_next() {
    let Some(server) = sshd() else { return };
    let channel = channel(server.access("user_ed25519", "host_ed25519"));
    let count = server.dir.path().join("count");
    // The command ends the server's side of its own session.
    let script = format!("{SERVER} echo run >>{}; kill -9 $p; sleep 5", count.display());
    let error = channel.run(&GuestCommand::shell(script)).await.unwrap_err();
    assert_eq!(error.kind(), ChannelErrorKind::Lost, "{error}");
    assert_eq!(
        std::fs::read_to_string(count).unwrap(),
        "run\n",
        "a command that may have run is not sent again"
    );
    assert!(channel.run(&GuestCommand::new(["true"])).await.unwrap().success());
}

#[tokio::test]
async fn a_connection_that_died_between_commands_is_replaced_unnoticed() {
    let Some(mut server) = sshd() else { return };
    let channel = channel(server.access("user_ed25519", "host_ed25519"));
    let pid = channel
        .run(&GuestCommand::shell(format!("{SERVER} echo $p")))
        .await
        .unwrap()
        .stdout_text();
    assert!(
        std::process::Command::new("kill")
            .args(["-9", pid.trim()])
            .status()
            .unwrap()
            .success()
    );
    assert!(channel.run(&GuestCommand::new(["true"])).await.unwrap().success());

    server.end();
    // The old session process lives on; a connection that is still good is kept, a new one is refused.
    channel.disconnect().await;
    let error = channel.run(&GuestCommand::new(["true"])).await.unwrap_err();
    assert_eq!(error.kind(), ChannelErrorKind::Unreachable, "{error}");
    server.restart_with("host_ed25519");
    assert!(channel.run(&GuestCommand::new(["true"])).await.unwrap().success());
}

#[tokio::test]
async fn a_command_that_takes_too_long_is_ended_in_the_guest() {
    let Some(server) = sshd() else { return };
    let channel = channel(server.access("user_ed25519", "host_ed25519"));
    let file = server.dir.path().join("pid");
    let script = format!("echo $$ >{}; exec sleep 300", file.display());
    let command = GuestCommand::shell(script).timeout(Duration::from_secs(3));
    let error = channel.run(&command).await.unwrap_err();
    assert_eq!(error.kind(), ChannelErrorKind::Timeout);
    let pid = std::fs::read_to_string(file).unwrap();
    let gone = tokio::task::spawn_blocking(move || wait_for(|| !alive(pid.trim())))
        .await
        .unwrap();
    assert!(
        gone,
        "the command went on: {}",
        std::fs::read_to_string(server.dir.path().join("sshd.log")).unwrap()
    );
    assert!(
        channel.run(&GuestCommand::new(["true"])).await.unwrap().success(),
        "the connection is still good"
    );
}

#[tokio::test]
async fn parallel_commands_share_one_connection() {
    let Some(server) = sshd() else { return };
    let channel = channel(server.access("user_ed25519", "host_ed25519"));
    let runs: Vec<_> = (0..32)
        .map(|n| {
            let channel = channel.clone();
            tokio::spawn(async move {
                channel
                    .run(&GuestCommand::shell(format!("echo {n}:$SSH_CONNECTION; sleep 0.05")))
                    .await
            })
        })
        .collect();
    let mut servers = std::collections::BTreeSet::new();
    for (n, run) in runs.into_iter().enumerate() {
        let text = run.await.unwrap().unwrap().stdout_text();
        let (number, connection) = text.trim().split_once(':').unwrap();
        assert_eq!(number, n.to_string());
        servers.insert(connection.to_owned());
    }
    assert_eq!(servers.len(), 1);
}

#[tokio::test]
async fn a_server_that_still_counts_the_last_sessions_is_asked_again() {
    let Some(server) = sshd() else { return };
    // As many as OpenSSH allows: each that begins comes before the server has put away one that has ended.
    let mut options = SshOptions::default();
    options.parallel_sessions = 10;
    let channel = SshChannel::with_options(server.access("user_ed25519", "host_ed25519"), options);
    channel.connect().await.unwrap();
    let runs: Vec<_> = (0..60)
        .map(|_| {
            let channel = channel.clone();
            tokio::spawn(async move { channel.run(&GuestCommand::new(["true"])).await })
        })
        .collect();
    for run in runs {
        assert!(run.await.unwrap().unwrap().success());
    }
}

#[tokio::test]
async fn files_are_read_looked_for_and_copied() {
    let Some(server) = sshd() else { return };
    let channel = channel(server.access("user_ed25519", "host_ed25519"));
    let dir = server.dir.path().join("guest dir 한글 'q'");
    std::fs::create_dir(&dir).unwrap();
    let host = server.dir.path().join("host file");
    let content: Vec<u8> = (0..3_000_000u32)
        .map(|n| n.to_le_bytes()[0] ^ n.to_le_bytes()[1])
        .collect();
    std::fs::write(&host, &content).unwrap();
    let guest = dir.join("copy").to_str().unwrap().to_owned();

    assert_eq!(channel.read_file(&guest).await.unwrap(), None);
    assert!(!channel.exists(&guest).await.unwrap());
    channel.copy_to(&host, &guest).await.unwrap();
    assert_eq!(channel.read_file(&guest).await.unwrap().unwrap(), content);
    assert!(channel.exists(&guest).await.unwrap());
    assert_eq!(std::fs::read_dir(&dir).unwrap().count(), 1, "no partial file is left");

    // "Could not look" is an error.
    let error = channel.read_file(dir.to_str().unwrap()).await.unwrap_err();
    assert_eq!(error.kind(), ChannelErrorKind::Guest, "{error}");
    let error = channel.copy_to(&host, "/no/such/directory/x").await.unwrap_err();
    assert_eq!(error.kind(), ChannelErrorKind::Guest, "{error}");
    let error = channel
        .copy_to(&server.dir.path().join("absent"), &guest)
        .await
        .unwrap_err();
    assert!(matches!(error, ChannelError::Io { .. }), "{error}");
}

#[tokio::test]
async fn a_shell_has_a_terminal_that_can_be_resized() {
    let Some(server) = sshd() else { return };
    let channel = channel(server.access("user_ed25519", "host_ed25519"));
    let request = ShellRequest::new()
        .command("stty size; read x; stty size; exit 5")
        .terminal("xterm", 100, 40);
    let (input, mut output) = channel.shell(&request).await.unwrap().split();
    let mut text = String::new();
    let mut exit = None;
    let mut resized = false;
    while let Some(event) = output.next().await {
        match event {
            ShellEvent::Stdout(bytes) => text.push_str(&String::from_utf8_lossy(&bytes)),
            ShellEvent::Exit(code) => exit = Some(code),
            _ => {}
        }
        if text.contains("40 100") && !resized {
            resized = true;
            input.resize(80, 24).await.unwrap();
            input.write(b"\n").await.unwrap();
        }
    }
    assert!(text.contains("24 80"), "{text:?}");
    assert_eq!(exit, Some(5));
}

#[tokio::test]
async fn a_shell_is_connected_with_local_streams() {
    let Some(server) = sshd() else { return };
    let channel = channel(server.access("user_ed25519", "host_ed25519"));
    let shell = channel
        .shell(&ShellRequest::new().command("cat; echo err >&2; exit 3"))
        .await
        .unwrap();
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let code = shell.copy(&b"from here\n"[..], &mut out, &mut err).await.unwrap();
    assert_eq!((code, &out[..], &err[..]), (3, &b"from here\n"[..], &b"err\n"[..]));
}

/// Passes connections on to a server, counts them, and can go silent without closing anything.
struct Proxy {
    address: std::net::SocketAddr,
    silent: Arc<AtomicBool>,
    connections: Arc<AtomicUsize>,
}

async fn proxy(to: std::net::SocketAddr) -> Proxy {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (silent, connections) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let proxy = Proxy {
        address,
        silent: Arc::clone(&silent),
        connections: Arc::clone(&connections),
    };
    tokio::spawn(async move {
        while let Ok((near, _)) = listener.accept().await {
            connections.fetch_add(1, Ordering::SeqCst);
            // What is silenced stays so; later connections are not.
            let silent = if silent.load(Ordering::SeqCst) {
                Arc::default()
            } else {
                Arc::clone(&silent)
            };
            let far = TcpStream::connect(to).await.unwrap();
            let ((mut near_in, mut near_out), (mut far_in, mut far_out)) = (near.into_split(), far.into_split());
            let quiet = Arc::clone(&silent);
            tokio::spawn(async move { pump(&mut near_in, &mut far_out, &silent).await });
            tokio::spawn(async move { pump(&mut far_in, &mut near_out, &quiet).await });
        }
    });
    proxy
}

async fn pump(from: &mut (impl AsyncReadExt + Unpin), to: &mut (impl AsyncWriteExt + Unpin), silent: &AtomicBool) {
    let mut chunk = [0; 4096];
    while let Ok(n) = from.read(&mut chunk).await {
        if silent.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_secs(600)).await;
        }
        if n == 0 || to.write_all(&chunk[..n]).await.is_err() {
            break;
        }
    }
}

#[tokio::test]
async fn a_silent_connection_is_found_dead_and_replaced() {
    let Some(server) = sshd() else { return };
    let proxy = proxy(server.address).await;
    let mut access = server.access("user_ed25519", "host_ed25519");
    access.endpoint = proxy.address;
    let options = SshOptions::default().keepalive_interval(Duration::from_millis(200));
    let channel = SshChannel::with_options(access, options);
    channel.connect().await.unwrap();
    proxy.silent.store(true, Ordering::SeqCst);
    let begun = Instant::now();
    assert!(channel.run(&GuestCommand::new(["true"])).await.unwrap().success());
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert_eq!(proxy.connections.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_call_that_gave_up_on_a_silent_connection_spares_the_next_one_the_wait() {
    let Some(server) = sshd() else { return };
    let proxy = proxy(server.address).await;
    let mut access = server.access("user_ed25519", "host_ed25519");
    access.endpoint = proxy.address;
    let channel = channel(access);
    channel.connect().await.unwrap();
    proxy.silent.store(true, Ordering::SeqCst);
    let command = GuestCommand::new(["true"]);
    let error = channel
        .run(&command.clone().timeout(Duration::from_millis(500)))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ChannelErrorKind::Timeout);
    assert!(
        channel
            .run(&command.timeout(Duration::from_secs(10)))
            .await
            .unwrap()
            .success()
    );
}

#[tokio::test]
async fn a_port_that_accepts_and_says_nothing_is_unreachable_within_the_connect_timeout() {
    let Some(server) = sshd() else { return };
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut access = server.access("user_ed25519", "host_ed25519");
    access.endpoint = listener.local_addr().unwrap();
    let options = SshOptions::default().connect_timeout(Duration::from_millis(300));
    let begun = Instant::now();
    let error = SshChannel::with_options(access, options).connect().await.unwrap_err();
    assert_eq!(error.kind(), ChannelErrorKind::Unreachable, "{error}");
    assert!(error.is_transient());
    assert!(begun.elapsed() < Duration::from_secs(2));
}
