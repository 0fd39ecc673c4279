//! How a child process is started, bounded, judged and tried again, against a scripted stand-in for `vmrun`.
#![cfg(target_os = "linux")]

mod support;

use std::path::Path;
use std::time::{Duration, Instant};

use support::{Fake, alive, wait_for};
use vmrun_rs::FailureClass;
use vmrun_rs::guest::GuestCredentials;
use vmrun_rs::hypervisor::StopMode;
use vmrun_rs::vmrun::{AuthOrder, CloneKind, Deadlines, HostType, ProgramOptions, RetryPolicy, VariableKind, Vmrun};

const VMX: &str = "/vms/한글 \"vm\"/a b.vmx";

fn short() -> Deadlines {
    let mut deadlines = Deadlines::default();
    deadlines.query = Duration::from_millis(400);
    deadlines
}

fn login(password: &str) -> GuestCredentials {
    GuestCredentials {
        user: "ubuntu".into(),
        password: password.into(),
    }
}

#[tokio::test]
async fn a_hanging_program_is_killed_with_everything_it_started() {
    let fake = Fake::new("sleep 300 & echo $! >$FAKE/child; (sleep 300 & echo $! >$FAKE/grandchild; wait) & wait");
    let error = fake.builder().deadlines(short()).build().list().await.unwrap_err();
    assert_eq!(error.class(), FailureClass::Timeout);
    assert!(!error.failure().retryable);
    assert!(error.elapsed() < Duration::from_secs(3), "{:?}", error.elapsed());
    for name in ["child", "grandchild"] {
        let pid = fake.read(name);
        assert!(wait_for(|| !alive(&pid)), "the {name} survived");
    }
}

#[tokio::test]
async fn what_was_said_before_a_hang_is_told() {
    let fake = Fake::new("echo 'Error: The file is already in use'; sleep 300");
    let error = fake.builder().deadlines(short()).build().list().await.unwrap_err();
    assert_eq!(error.class(), FailureClass::Timeout);
    assert!(error.to_string().contains("already in use"), "{error}");
}

#[tokio::test]
async fn a_process_that_keeps_the_output_open_is_not_waited_for_and_lives_on() {
    let fake = Fake::new("sleep 300 & echo $! >$FAKE/window; echo 'Total running VMs: 0'");
    let begun = Instant::now();
    assert!(fake.vmrun().list().await.unwrap().is_empty());
    assert!(begun.elapsed() < Duration::from_secs(5));
    let window = fake.read("window");
    assert!(
        alive(&window),
        "what a successful command leaves running is the machine"
    );
    std::process::Command::new("kill").arg(&window).status().unwrap();
}

#[tokio::test]
async fn a_dropped_call_kills_its_program() {
    let fake = Fake::new("sleep 300 & echo $! >$FAKE/child; wait");
    let vmrun = fake.vmrun();
    let task = tokio::spawn(async move { vmrun.list().await });
    let child = tokio::task::spawn_blocking({
        let path = fake.dir.path().join("child");
        move || {
            assert!(wait_for(
                || std::fs::read_to_string(&path).is_ok_and(|pid| pid.ends_with('\n'))
            ));
            std::fs::read_to_string(path).unwrap().trim().to_owned()
        }
    })
    .await
    .unwrap();
    task.abort();
    assert!(task.await.unwrap_err().is_cancelled());
    assert!(wait_for(|| !alive(&child)));
}

#[tokio::test]
async fn nobody_waits_for_input_and_messages_are_in_english_with_the_users_character_set() {
    let fake =
        Fake::new("cat; echo \"$LC_MESSAGES|$LANGUAGE|${LC_ALL-unset}\" >$FAKE/env; echo 'Total running VMs: 0'");
    fake.vmrun().list().await.unwrap();
    assert_eq!(fake.read("env"), "C||unset");
}

#[tokio::test]
async fn success_with_an_error_message_is_a_failure() {
    let fake = Fake::new("echo 'Error: A snapshot with the name already exists'; exit 0");
    let error = fake.vmrun().snapshot(Path::new(VMX), "base").await.unwrap_err();
    assert_eq!((error.class(), error.exit_code()), (FailureClass::Snapshot, Some(0)));
}

#[tokio::test]
async fn other_peoples_data_that_looks_like_an_error_is_data() {
    let fake = Fake::new("echo 'Error: my own text'");
    let vmrun = fake.vmrun();
    let kind = vmrun_rs::vmrun::VariableKind::GuestVar;
    assert_eq!(
        vmrun
            .read_variable(Path::new(VMX), kind, "x", None)
            .await
            .unwrap()
            .unwrap(),
        "Error: my own text"
    );
}

#[tokio::test]
async fn ten_mebibytes_of_output_and_no_output_are_typed_errors() {
    let fake = Fake::new("head -c 10485760 /dev/zero");
    assert_eq!(
        fake.vmrun().list().await.unwrap_err().class(),
        FailureClass::UnexpectedOutput
    );
    let fake = Fake::new("exit 0");
    assert_eq!(
        fake.vmrun().list().await.unwrap_err().class(),
        FailureClass::UnexpectedOutput
    );
    let fake = Fake::new("exit 7");
    let error = fake.vmrun().list().await.unwrap_err();
    assert_eq!((error.class(), error.exit_code()), (FailureClass::Unknown, Some(7)));
    let fake = Fake::new("kill -SEGV $$");
    assert_eq!(fake.vmrun().list().await.unwrap_err().exit_code(), None);
}

#[tokio::test]
async fn endless_output_is_cut_off_long_before_the_deadline() {
    let fake = Fake::new("cat /dev/zero");
    let error = fake.vmrun().list().await.unwrap_err();
    assert_eq!(error.class(), FailureClass::UnexpectedOutput);
    assert!(error.elapsed() < Duration::from_secs(15));
}

#[test]
fn values_of_the_environment_are_not_shown() {
    let vmrun = Fake::new("").builder().env("TOKEN", "hunter2");
    for shown in [format!("{vmrun:?}"), format!("{:?}", vmrun.build())] {
        assert!(shown.contains("TOKEN") && !shown.contains("hunter2"), "{shown}");
    }
}

#[tokio::test]
async fn a_program_that_is_not_there_names_itself() {
    let vmrun = vmrun_rs::Vmrun::new("/nowhere/vmrun");
    let error = vmrun.list().await.unwrap_err();
    assert_eq!(error.class(), FailureClass::Spawn);
    assert!(error.to_string().contains("/nowhere/vmrun"), "{error}");
    assert!(
        std::error::Error::source(&error)
            .unwrap()
            .to_string()
            .contains("No such file")
    );
    assert!(error.failure().hint.contains("VMRUN_PATH"));
}

#[tokio::test]
async fn odd_paths_reach_the_program_unchanged_or_are_errors() {
    let fake = Fake::new("echo 'Error: Cannot open VM: '\"$4\"', The virtual machine cannot be found'; exit 255");
    let vmrun = fake.vmrun();
    for path in [VMX, "/", "/no such/dir/x.vmx", "/it's/100%/$(id)/`id`.vmx"] {
        let error = vmrun.start(Path::new(path), false).await.unwrap_err();
        assert_eq!(
            (error.class(), error.failure().vix),
            (FailureClass::NotFound, Some(4000)),
            "{error}"
        );
        assert!(!error.to_string().contains('\n'));
    }
    assert_eq!(fake.calls()[0], ["-T", "ws", "start", VMX, "nogui"]);
    let nul = vmrun.start(Path::new("/a\0b.vmx"), false).await.unwrap_err();
    assert_eq!(nul.class(), FailureClass::Spawn);
}

#[tokio::test]
async fn passwords_arrive_byte_by_byte_and_are_never_shown() {
    for password in ["pa|pe", "quo\"te'", "100%PATH%", "한글 암호", "-gp", "$(id)`id`\\"] {
        let fake = Fake::new("echo \"Error: Unrecognized command: $6 $6\"; exit 255");
        let error = fake
            .vmrun()
            .file_exists(Path::new(VMX), &login(password), "/etc/passwd")
            .await
            .unwrap_err();
        assert_eq!(
            fake.calls()[0][..6],
            ["-T", "ws", "-gu", "ubuntu", "-gp", password].map(str::to_owned)
        );
        for shown in [
            error.to_string(),
            format!("{error:?}"),
            error.command().to_owned(),
            error.failure().summary.clone(),
        ] {
            assert!(password == "-gp" || !shown.contains(password), "{shown}");
        }
    }
}

/// A program that wants the authentication flags behind the machine's path.
const FLAGS_BEHIND: &str = "case $3 in
    -gu) echo 'Error: Unrecognized command: -gu'; exit 255;;
    *) [ \"$5$7\" = -gu-gp ] || exit 9; echo 'The file exists.';;
esac";

#[tokio::test]
async fn the_other_flag_order_is_tried_after_a_usage_answer_and_remembered_for_the_machine() {
    let fake = Fake::new(FLAGS_BEHIND);
    let vmrun = fake.vmrun();
    for _ in 0..3 {
        assert!(
            vmrun
                .file_exists(Path::new(VMX), &login("x"), "/etc/passwd")
                .await
                .unwrap()
        );
    }
    assert_eq!(fake.calls().len(), 4, "one refused call, then three that work");
    assert_eq!(vmrun.auth_order(Path::new(VMX)), Some(AuthOrder::AfterCommand));
    assert_eq!(vmrun.auth_order(Path::new("/vms/other.vmx")), None);
}

#[tokio::test]
async fn neither_a_guests_refusal_nor_a_timeout_moves_the_flags() {
    for (answer, class) in [
        (
            "echo 'Error: Invalid user name or password for the guest OS'; exit 255",
            FailureClass::GuestAuthentication,
        ),
        (
            "echo 'Error: The VMware Tools are not running in the virtual machine: x'; exit 255",
            FailureClass::ToolsNotRunning,
        ),
        ("sleep 300", FailureClass::Timeout),
    ] {
        let fake = Fake::new(answer);
        let mut deadlines = Deadlines::default();
        deadlines.guest = Duration::from_millis(300);
        let vmrun = fake.builder().deadlines(deadlines).build();
        let error = vmrun.file_exists(Path::new(VMX), &login("x"), "/x").await.unwrap_err();
        assert_eq!((error.class(), fake.calls().len()), (class, 1));
        assert_eq!(vmrun.auth_order(Path::new(VMX)), None);
    }
}

#[tokio::test]
async fn two_usage_answers_are_one_error_and_nothing_is_remembered() {
    let fake = Fake::new("echo 'Usage: vmrun [AUTHENTICATION-FLAGS] COMMAND [PARAMETERS]'; exit 255");
    let vmrun = fake.vmrun();
    let error = vmrun.file_exists(Path::new(VMX), &login("x"), "/x").await.unwrap_err();
    assert_eq!((error.class(), fake.calls().len()), (FailureClass::Usage, 2));
    assert_eq!(vmrun.auth_order(Path::new(VMX)), None);
}

#[tokio::test]
async fn no_is_an_answer_and_anything_else_is_not() {
    let fake = Fake::new("echo 'The file does not exist.'; exit 255");
    assert!(
        !fake
            .vmrun()
            .file_exists(Path::new(VMX), &login("x"), "/x")
            .await
            .unwrap()
    );
    let fake = Fake::new("exit 255");
    fake.vmrun()
        .file_exists(Path::new(VMX), &login("x"), "/x")
        .await
        .unwrap_err();
}

#[tokio::test]
async fn a_guest_programs_exit_code_is_an_answer() {
    let fake = Fake::new("echo 'Guest program exited with non-zero exit code: 3'; exit 1");
    let (vmrun, login) = (fake.vmrun(), login("x"));
    let code = vmrun.run_program(Path::new(VMX), &login, ProgramOptions::default(), "/bin/false", None);
    assert_eq!(code.await.unwrap(), 3);
}

const NOT_INSTALLED: &str = "case $2 in
    ws) echo 'Unable to connect to host.'
        echo 'Error: Service type VIX_SERVICEPROVIDER_VMWARE_WORKSTATION was specified, but not installed'; exit 255;;
    player) echo 'Total running VMs: 0';;
esac";

#[tokio::test]
async fn a_player_installation_is_found_out_once() {
    let fake = Fake::new(NOT_INSTALLED);
    let vmrun = fake.vmrun();
    vmrun.list().await.unwrap();
    vmrun.list().await.unwrap();
    assert_eq!(vmrun.host_type(), HostType::Player);
    let types: Vec<String> = fake.calls().iter().map(|call| call[1].clone()).collect();
    assert_eq!(types, ["ws", "player", "player"]);
}

const BUSY_TWICE: &str = "n=$(cat $FAKE/n 2>/dev/null || echo 0); echo $((n + 1)) >$FAKE/n
    [ $n -lt 2 ] && { echo 'Error: The file is already in use'; exit 255; }
    exit 0";

#[tokio::test]
async fn a_passing_mood_is_tried_again_and_a_permanent_failure_is_not() {
    let fake = Fake::new(BUSY_TWICE);
    fake.vmrun().start(Path::new(VMX), false).await.unwrap();
    assert_eq!(fake.calls().len(), 3);

    let fake = Fake::new("echo 'Error: The file is already in use'; exit 255");
    let error = fake.vmrun().start(Path::new(VMX), false).await.unwrap_err();
    assert_eq!((error.class(), fake.calls().len()), (FailureClass::FileLocked, 4));

    for permanent in [
        "The snapshot does not exist",
        "The VMware Tools are not running in the virtual machine: x",
    ] {
        let fake = Fake::new(&format!("echo 'Error: {permanent}'; exit 255"));
        fake.vmrun().start(Path::new(VMX), false).await.unwrap_err();
        assert_eq!(fake.calls().len(), 1, "{permanent}");
    }

    let fake = Fake::new(BUSY_TWICE);
    fake.builder()
        .retry(RetryPolicy::never())
        .build()
        .start(Path::new(VMX), false)
        .await
        .unwrap_err();
    assert_eq!(fake.calls().len(), 1);
}

/// Notes how many run at once.
const COUNTING: &str = "mkdir $FAKE/run.$$; ls -d $FAKE/run.* | wc -l >>$FAKE/counts; sleep 0.3; rmdir $FAKE/run.$$
    [ $3 = list ] && echo 'Total running VMs: 0'; exit 0";

async fn most_at_once(fake: &Fake) -> usize {
    let counts = tokio::fs::read_to_string(fake.dir.path().join("counts")).await.unwrap();
    counts.lines().map(|line| line.trim().parse().unwrap()).max().unwrap()
}

#[tokio::test]
async fn reads_run_in_parallel() {
    let fake = Fake::new(COUNTING);
    let vmrun = fake.vmrun();
    let calls: Vec<_> = (0..8)
        .map(|_| {
            tokio::spawn({
                let vmrun = vmrun.clone();
                async move { vmrun.list().await }
            })
        })
        .collect();
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert!(most_at_once(&fake).await > 1);
}

#[tokio::test]
async fn changes_to_one_machine_wait_for_one_another() {
    let fake = Fake::new(COUNTING);
    let vmrun = fake.vmrun();
    // Two ways to write one path.
    let (a, b) = (Path::new("/vms/serial/a.vmx"), Path::new("/vms/./serial/a.vmx"));
    let results = tokio::join!(
        vmrun.start(a, false),
        vmrun.stop(b, StopMode::Hard),
        vmrun.snapshot(a, "x")
    );
    assert!(results.0.is_ok() && results.1.is_ok() && results.2.is_ok());
    assert_eq!(most_at_once(&fake).await, 1);
}

#[tokio::test]
async fn clones_of_one_parent_and_writes_to_one_machine_wait_for_one_another() {
    let fake = Fake::new(COUNTING);
    // The rule holds for the process, not only for one value.
    let (first, second) = (fake.vmrun(), fake.vmrun());
    let parent = Path::new("/vms/serial/parent.vmx");
    let clone = |vmrun: Vmrun, target: &'static str| async move {
        let target = Path::new(target);
        vmrun
            .clone_machine(parent, target, CloneKind::Linked, Some("base"), None)
            .await
    };
    let results = tokio::join!(
        clone(first.clone(), "/vms/serial/1.vmx"),
        clone(second.clone(), "/vms/serial/2.vmx"),
        clone(first.clone(), "/vms/serial/3.vmx"),
        second.write_variable(parent, VariableKind::RuntimeConfig, "a", "b", None)
    );
    assert!(results.0.is_ok() && results.1.is_ok() && results.2.is_ok() && results.3.is_ok());
    assert_eq!(most_at_once(&fake).await, 1);
}

#[tokio::test]
async fn changes_to_different_machines_do_not_wait() {
    let fake = Fake::new(COUNTING);
    let vmrun = fake.vmrun();
    let results = tokio::join!(
        vmrun.start(Path::new("/vms/p1.vmx"), false),
        vmrun.start(Path::new("/vms/p2.vmx"), false)
    );
    assert!(results.0.is_ok() && results.1.is_ok());
    assert_eq!(most_at_once(&fake).await, 2);
}

#[tokio::test]
async fn a_catch_all_answer_is_explained_from_the_log() {
    let machine = tempfile::tempdir().unwrap();
    let vmx = machine.path().join("a.vmx");
    let fake = Fake::new(
        "printf '2025 In(05) vmx Msg_Post: Error\\n2025 In(05) vmx [msg.x.y] No PCIe slot available for SCSI0.\\n' \
         >\"$(dirname \"$4\")/vmware.log\"; echo 'Error: The operation was canceled'; exit 255",
    );
    let error = fake.vmrun().start(&vmx, false).await.unwrap_err();
    assert_eq!(error.class(), FailureClass::Canceled);
    assert_eq!(error.failure().causes, ["No PCIe slot available for SCSI0."]);
    assert!(error.to_string().contains("No PCIe slot"), "{error}");
}

#[tokio::test]
async fn the_version_is_read_whatever_the_exit_code() {
    let fake = Fake::new("printf '\\nvmrun version 1.17.0 build-24832109\\n\\nUsage: vmrun\\n'; exit 255");
    let version = fake.vmrun().version().await.unwrap();
    assert_eq!(version.to_string(), "1.17.0 build-24832109");
    assert_eq!(fake.calls().len(), 1);
}
