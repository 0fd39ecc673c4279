//! `VmrunChannel` against a stand-in for `vmrun` whose guest is this host: programs run, files are copied, and as with the
//! real one nothing that a program prints is relayed and its arguments lose their split.
#![cfg(target_os = "linux")]

mod support;

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use support::{Fake, alive, wait_for};
use vmrun_rs::error::ChannelErrorKind;
use vmrun_rs::guest::{GuestCommand, GuestCredentials, VmrunChannel};
use vmrun_rs::{ChannelError, GuestChannel};

const GUEST: &str = r#"
fail() { echo "Error: $1"; exit 255; }
[ "$3$4$5" = -guubuntu-gp ] || fail "Invalid user name or password for the guest OS"
shift 6; command=$1; shift 2
case $command in
runProgramInGuest) sh -c "$*" >/dev/null 2>&1; code=$?; [ $code = 0 ] && exit 0
    echo "Guest program exited with non-zero exit code: $code"; exit 1;;
copyFileFromGuestToHost) [ -e "$1" ] || fail "A file was not found"; cp "$1" "$2" 2>/dev/null || fail "You do not have access rights to this file";;
copyFileFromHostToGuest) cp "$1" "$2" 2>/dev/null || fail "A file was not found";;
fileExistsInGuest) [ -f "$1" ] && { echo "The file exists."; exit 0; }; echo "The file does not exist."; exit 255;;
deleteDirectoryInGuest) rm -rf "$1";;
*) fail "Unrecognized command: $command";;
esac
"#;

fn channel(fake: &Fake) -> VmrunChannel {
    let credentials = GuestCredentials {
        user: "ubuntu".into(),
        password: "p|\"% 암호".into(),
    };
    VmrunChannel::new(fake.vmrun(), "/vms/한글/a.vmx", credentials)
}

/// The guest's temporary directories that commands were given.
fn temporaries(fake: &Fake) -> Vec<String> {
    let calls = fake.calls().into_iter();
    calls
        .filter(|call| call[6] == "deleteDirectoryInGuest")
        .map(|call| call[8].clone())
        .collect()
}

#[tokio::test]
async fn output_errors_and_exit_code_come_back_and_nothing_is_left_in_the_guest() {
    let fake = Fake::new(GUEST);
    let channel = channel(&fake);
    let output = channel
        .run(&GuestCommand::shell("printf 'a\\0b'; echo \"it's\" >&2; exit 7"))
        .await
        .unwrap();
    assert_eq!(
        (output.exit_code, &output.stdout[..], &output.stderr[..]),
        (7, &b"a\0b"[..], &b"it's\n"[..])
    );
    let words = ["printf", "%s|", "a b", "$HOME", "'\"", "한글", "", "`id`", "\\"];
    let output = channel.run(&GuestCommand::new(words)).await.unwrap();
    assert_eq!(output.stdout_text(), "a b|$HOME|'\"|한글||`id`|\\|");
    let output = channel
        .run(&GuestCommand::shell("cat; head -c 3000000 /dev/zero"))
        .await
        .unwrap();
    assert_eq!(output.stdout.len(), 3_000_000);
    let missing = channel.run(&GuestCommand::new(["no-such-program"])).await.unwrap();
    assert_eq!(missing.exit_code, 127);

    let temporaries = temporaries(&fake);
    assert_eq!(temporaries.len(), 4);
    for directory in temporaries {
        assert!(directory.starts_with("/tmp/.vmrun-rs-"), "{directory}");
        assert!(!Path::new(&directory).exists());
    }
}

#[tokio::test]
async fn a_command_that_takes_too_long_is_ended_and_cleaned_up() {
    let fake = Fake::new(GUEST);
    let pid = fake.dir.path().join("pid");
    let script = format!("echo $$ >{}; exec sleep 300", pid.display());
    let begun = Instant::now();
    let command = GuestCommand::shell(script).timeout(Duration::from_secs(1));
    let error = channel(&fake).run(&command).await.unwrap_err();
    assert_eq!(error.kind(), ChannelErrorKind::Timeout, "{error}");
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    assert!(!error.one_line().contains("sleep"), "arguments can be secrets: {error}");
    let pid = fs::read_to_string(pid).unwrap();
    let gone = tokio::task::spawn_blocking(move || wait_for(|| !alive(pid.trim())));
    assert!(gone.await.unwrap(), "the command went on");
    let left = temporaries(&fake).iter().any(|directory| Path::new(directory).exists());
    assert!(!left && temporaries(&fake).len() == 1, "something is left in the guest");
}

#[tokio::test]
async fn files_are_read_looked_for_and_copied() {
    let fake = Fake::new(GUEST);
    let channel = channel(&fake);
    let path = fake.dir.path().join("guest 한글 'file'");
    let guest = path.to_str().unwrap();
    assert_eq!(channel.read_file(guest).await.unwrap(), None);
    assert!(!channel.exists(guest).await.unwrap());
    let host = fake.dir.path().join("host");
    let content: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    fs::write(&host, &content).unwrap();
    channel.copy_to(&host, guest).await.unwrap();
    assert!(channel.exists(guest).await.unwrap());
    assert_eq!(channel.read_file(guest).await.unwrap().unwrap(), content);

    // "Could not look" is an error, and so is a file of the host that is not there.
    let directory = fake.dir.path().to_str().unwrap();
    channel.read_file(directory).await.unwrap_err();
    let error = channel
        .copy_to(&fake.dir.path().join("absent"), guest)
        .await
        .unwrap_err();
    assert!(matches!(error, ChannelError::Io { .. }), "{error}");
}

#[tokio::test]
async fn a_guest_that_is_not_ready_or_refuses_is_told_apart() {
    for (answer, kind) in [
        (
            "The VMware Tools are not running in the virtual machine: x",
            ChannelErrorKind::NotReady,
        ),
        (
            "Invalid user name or password for the guest OS",
            ChannelErrorKind::Authentication,
        ),
        (
            "The virtual machine is not powered on: x",
            ChannelErrorKind::Unreachable,
        ),
    ] {
        let fake = Fake::new(&format!("echo 'Error: {answer}'; exit 255"));
        let channel = channel(&fake);
        let secret = "hunter2-argument";
        for error in [
            channel.run(&GuestCommand::new(["true", secret])).await.unwrap_err(),
            channel.read_file("/x").await.unwrap_err(),
            channel.exists("/x").await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), kind, "{}", error.one_line());
            assert!(error.is_transient(), "{}", error.one_line());
            let shown = format!("{} {error:?}", error.one_line());
            assert!(!shown.contains(secret) && !shown.contains("암호"), "{shown}");
        }
    }
}
