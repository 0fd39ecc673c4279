use std::ffi::OsString;
use std::path::PathBuf;

use super::grammar::{GuestRequest, MachineRequest, Request, RunOptions};
use super::{PowerMode, VariableKind, parse};
use crate::fault::Fault;

fn arguments(line: &[&str]) -> Vec<OsString> {
    line.iter().map(OsString::from).collect()
}

fn machine(line: &[&str]) -> MachineRequest {
    match parse(arguments(line)).expect("a good command line").request {
        Request::Machine(_, request) => request,
        other => panic!("{other:?}"),
    }
}

fn fault(line: &[&str]) -> Fault {
    parse(arguments(line)).expect_err("a bad command line")
}

#[test]
fn command_names_are_compared_without_regard_to_case() {
    for name in ["start", "START", "Start"] {
        assert_eq!(machine(&["-T", "ws", name, "a.vmx", "nogui"]), MachineRequest::Start);
    }
    assert_eq!(
        machine(&["copyfilefromhosttoguest", "a.vmx", "/h", "/g"]),
        MachineRequest::Guest(GuestRequest::CopyIn {
            host: PathBuf::from("/h"),
            guest: "/g".into()
        })
    );
}

#[test]
fn flags_may_come_in_any_order_before_the_command() {
    for line in [
        ["-T", "ws", "-gu", "u", "-gp", "p", "listProcessesInGuest", "a.vmx"],
        ["-gp", "p", "-gu", "u", "-T", "player", "listProcessesInGuest", "a.vmx"],
    ] {
        let invocation = parse(arguments(&line)).expect("a good command line");
        assert_eq!(invocation.login.expect("a login").user, "u");
    }
}

#[test]
fn flags_after_the_command_are_a_usage_error() {
    for line in [
        &[
            "-T",
            "ws",
            "runProgramInGuest",
            "a.vmx",
            "-gu",
            "u",
            "-gp",
            "p",
            "/bin/true",
        ][..],
        &[
            "-T",
            "ws",
            "runProgramInGuest",
            "-gu",
            "u",
            "-gp",
            "p",
            "a.vmx",
            "/bin/true",
        ],
        &["start", "a.vmx", "-T", "ws"],
        &["fileExistsInGuest", "a.vmx", "-gu", "u", "-gp", "p", "/etc/hosts"],
    ] {
        assert!(matches!(fault(line), Fault::Usage), "{line:?}");
    }
}

#[test]
fn a_guest_programs_own_arguments_may_look_like_flags() {
    assert_eq!(
        machine(&["runProgramInGuest", "a.vmx", "-noWait", "/bin/ls", "-T", "two words"]),
        MachineRequest::Guest(GuestRequest::RunProgram {
            options: RunOptions {
                no_wait: true,
                interactive: false
            },
            program: "/bin/ls".into(),
            arguments: "-T two words".into(),
        })
    );
}

#[test]
fn wrong_counts_and_missing_values_are_usage_errors() {
    for line in [
        &[][..],
        &["-T"],
        &["-T", "ws"],
        &["start"],
        &["start", "a.vmx", "nogui", "more"],
        &["list", "a.vmx"],
        &["clone", "a.vmx", "b.vmx"],
        &["clone", "a.vmx", "b.vmx", "linked", "-snapshot", "name"],
        &["readVariable", "a.vmx", "nonsense", "x"],
        &["runProgramInGuest", "a.vmx"],
    ] {
        assert!(matches!(fault(line), Fault::Usage), "{line:?}");
    }
}

#[test]
fn unknown_flags_commands_and_host_types_have_their_own_texts() {
    assert_eq!(
        fault(&["-T", "esx", "list"]).to_string(),
        "Invalid host type 'esx' specified"
    );
    assert!(matches!(fault(&["--help"]), Fault::InvalidArgument { flag } if flag == "--help"));
    assert_eq!(
        fault(&["frobnicate", "a.vmx"]).to_string(),
        "Error: Unrecognized command: frobnicate"
    );
}

#[test]
fn clone_options_are_read_in_any_order_and_keep_spaces() {
    assert_eq!(
        machine(&[
            "clone",
            "a.vmx",
            "b c.vmx",
            "linked",
            "-cloneName=새 기계",
            "-snapshot=clean base"
        ]),
        MachineRequest::Clone {
            to: PathBuf::from("b c.vmx"),
            linked: true,
            snapshot: Some("clean base".into()),
            name: Some("새 기계".into()),
        }
    );
}

#[test]
fn power_modes_and_variable_kinds_are_recognised() {
    assert_eq!(
        machine(&["stop", "a.vmx", "HARD"]),
        MachineRequest::Stop(Some(PowerMode::Hard))
    );
    assert_eq!(machine(&["stop", "a.vmx"]), MachineRequest::Stop(None));
    assert_eq!(
        machine(&["readVariable", "a.vmx", "guestVar", "ip"]),
        MachineRequest::ReadVariable {
            kind: VariableKind::GuestVar,
            name: "ip".into()
        }
    );
}

#[test]
fn the_password_shows_in_no_debug_output() {
    let invocation = parse(arguments(&["-gu", "u", "-gp", "hunter2", "list"])).expect("a good command line");
    assert!(!format!("{invocation:?}").contains("hunter2"));
}

#[test]
fn a_user_without_password_is_no_login() {
    assert!(
        parse(arguments(&["-gu", "u", "list"]))
            .expect("a good command line")
            .login
            .is_none()
    );
}
