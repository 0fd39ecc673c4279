//! Which way into a guest is taken, and what is remembered, with test doubles for both ways.
#![cfg(all(feature = "mock", feature = "ssh"))]

use std::io;
use std::sync::Arc;
use std::time::Duration;

use vmrun_rs::error::ChannelErrorKind;
use vmrun_rs::guest::{ChannelKind, FallbackChannel, GuestCommand, GuestOutput};
use vmrun_rs::mock::MockGuestChannel;
use vmrun_rs::{ChannelError, GuestChannel};

fn double(kind: ChannelKind) -> MockGuestChannel {
    let mut double = MockGuestChannel::new();
    double.expect_kind().return_const(kind);
    double
}

fn refused() -> ChannelError {
    let source = io::Error::from(io::ErrorKind::ConnectionRefused);
    ChannelError::Unreachable {
        endpoint: "127.0.0.1:22".parse().unwrap(),
        source,
    }
}

fn late() -> ChannelError {
    ChannelError::Timeout {
        what: "running true".into(),
        after: Duration::from_secs(1),
    }
}

fn ok() -> GuestOutput {
    GuestOutput {
        exit_code: 0,
        stdout: Vec::new(),
        stderr: Vec::new(),
    }
}

fn pair(vmrun: MockGuestChannel, ssh: MockGuestChannel) -> FallbackChannel {
    FallbackChannel::new(Arc::new(vmrun), Arc::new(ssh))
}

#[tokio::test]
async fn tools_are_asked_first_and_ssh_is_left_alone_while_they_answer() {
    let mut vmrun = double(ChannelKind::Vmrun);
    vmrun.expect_exists().times(2).returning(|_| Ok(false));
    let channel = pair(vmrun, double(ChannelKind::Ssh));
    assert!(!channel.exists("/x").await.unwrap());
    assert!(!channel.exists("/x").await.unwrap());
    assert_eq!((channel.kind(), channel.memory().reason()), (ChannelKind::Vmrun, None));
}

#[tokio::test]
async fn the_switch_to_ssh_is_remembered_with_its_reason() {
    let mut vmrun = double(ChannelKind::Vmrun);
    vmrun.expect_exists().once().returning(|_| Err(late()));
    let mut ssh = double(ChannelKind::Ssh);
    ssh.expect_exists().times(3).returning(|_| Ok(true));
    let channel = pair(vmrun, ssh);
    for _ in 0..3 {
        assert!(channel.exists("/x").await.unwrap());
    }
    assert_eq!(channel.kind(), ChannelKind::Ssh);
    assert!(channel.memory().reason().unwrap().contains("did not end within"));
}

#[tokio::test]
async fn two_failures_tell_both_stories_and_nothing_is_learnt() {
    let mut vmrun = double(ChannelKind::Vmrun);
    vmrun.expect_exists().returning(|_| Err(late()));
    let mut ssh = double(ChannelKind::Ssh);
    ssh.expect_exists().returning(|_| Err(refused()));
    let channel = pair(vmrun, ssh);
    let error = channel.exists("/x").await.unwrap_err();
    assert_eq!(error.kind(), ChannelErrorKind::Unreachable);
    assert!(
        error.to_string().contains("did not end") && error.to_string().contains("cannot reach"),
        "{error}"
    );
    assert_eq!(channel.memory().works(), None);
}

#[tokio::test]
async fn a_command_is_never_sent_on_both_ways_when_it_may_have_run() {
    let mut vmrun = double(ChannelKind::Vmrun);
    vmrun.expect_exists().once().returning(|_| Ok(true));
    vmrun.expect_run().once().returning(|_| Err(late()));
    let channel = pair(vmrun, double(ChannelKind::Ssh));
    let error = channel.run(&GuestCommand::new(["true"])).await.unwrap_err();
    assert_eq!(error.kind(), ChannelErrorKind::Timeout);
}

#[tokio::test]
async fn a_hanging_way_is_found_out_before_the_first_command() {
    let mut vmrun = double(ChannelKind::Vmrun);
    vmrun.expect_exists().once().returning(|_| Err(late()));
    let mut ssh = double(ChannelKind::Ssh);
    ssh.expect_exists().once().returning(|_| Ok(true));
    ssh.expect_run().once().returning(|_| Ok(ok()));
    assert!(
        pair(vmrun, ssh)
            .run(&GuestCommand::new(["true"]))
            .await
            .unwrap()
            .success()
    );
}

#[tokio::test]
async fn a_guests_refusal_is_an_answer() {
    let mut vmrun = double(ChannelKind::Vmrun);
    vmrun.expect_read_file().once().returning(|_| {
        Err(ChannelError::Guest {
            what: "read /x".into(),
            reason: "Permission denied".into(),
        })
    });
    let error = pair(vmrun, double(ChannelKind::Ssh)).read_file("/x").await.unwrap_err();
    assert_eq!(error.kind(), ChannelErrorKind::Guest);
}
