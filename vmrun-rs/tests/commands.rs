//! Every command of `vmrun`'s grammar: the words that it is called with, and what its output becomes.
#![cfg(target_os = "linux")]

mod support;

use std::future::Future;
use std::path::{Path, PathBuf};

use support::Fake;
use vmrun_rs::guest::GuestCredentials;
use vmrun_rs::hypervisor::StopMode;
use vmrun_rs::vmrun::{CloneKind, ProgramOptions, SharedFolderAccess, ToolsState, VariableKind, Vmrun};
use vmrun_rs::{FailureClass, VmrunError};

const VMX: &str = "/v/한 글.vmx";

fn vmx() -> &'static Path {
    Path::new(VMX)
}

fn login() -> GuestCredentials {
    GuestCredentials {
        user: "u".into(),
        password: "p|\"%".into(),
    }
}

/// Runs one command against a program that prints `output`; returns its answer and its words behind `-T ws`, without
/// the machine's path and the guest's login, where those stand in their places.
async fn words<T, F>(output: &str, command: impl FnOnce(Vmrun) -> F) -> (T, String)
where
    F: Future<Output = Result<T, VmrunError>>,
{
    let fake = Fake::new(&format!("printf '%b' '{output}'"));
    let answer = command(fake.vmrun()).await.unwrap();
    let calls = fake.calls();
    assert_eq!(calls.len(), 1);
    let line = calls[0].join(" ");
    let line = line.strip_prefix("-T ws ").unwrap();
    (answer, line.replace("-gu u -gp p|\"%", "LOGIN").replace(VMX, "VMX"))
}

/// Asserts the words of commands that print nothing.
macro_rules! silent {
    ($($line:literal => $vmrun:ident.$method:ident($($arg:expr),*);)*) => {$(
        let ((), line) = words("", |$vmrun| async move { $vmrun.$method($($arg),*).await.map(drop) }).await;
        assert_eq!(line, $line);
    )*};
}

#[tokio::test]
async fn power_commands() {
    silent! {
        "start VMX nogui" => v.start(vmx(), false);
        "start VMX gui" => v.start(vmx(), true);
        "stop VMX soft" => v.stop(vmx(), StopMode::Soft);
        "stop VMX hard" => v.stop(vmx(), StopMode::Hard);
        "reset VMX soft" => v.reset(vmx(), StopMode::Soft);
        "reset VMX hard" => v.reset(vmx(), StopMode::Hard);
        "suspend VMX soft" => v.suspend(vmx(), StopMode::Soft);
        "pause VMX" => v.pause(vmx());
        "unpause VMX" => v.unpause(vmx());
    }
    let (list, line) = words(
        "Total running VMs: 1\\n/v/한 글.vmx\\n",
        |v| async move { v.list().await },
    )
    .await;
    assert_eq!((list, line.as_str()), (vec![PathBuf::from(VMX)], "list"));
    let (state, line) = words("installed\\n", |v| async move { v.tools_state(vmx()).await }).await;
    assert_eq!((state, line.as_str()), (ToolsState::Installed, "checkToolsState VMX"));
}

#[tokio::test]
async fn snapshot_commands() {
    silent! {
        "snapshot VMX two words" => v.snapshot(vmx(), "two words");
        "deleteSnapshot VMX base" => v.delete_snapshot(vmx(), "base", false);
        "deleteSnapshot VMX base andDeleteChildren" => v.delete_snapshot(vmx(), "base", true);
        "revertToSnapshot VMX base" => v.revert_to_snapshot(vmx(), "base");
    }
    let output = "Total snapshots: 2\\nbase\\n\\tchild\\n";
    let (names, line) = words(output, |v| async move { v.snapshots(vmx()).await }).await;
    assert_eq!((names.len(), line.as_str()), (2, "listSnapshots VMX"));
    let (tree, line) = words(output, |v| async move { v.snapshot_tree(vmx()).await }).await;
    assert_eq!((tree[1].depth, line.as_str()), (1, "listSnapshots VMX showTree"));
}

#[tokio::test]
async fn network_commands() {
    let guest = ([192, 168, 6, 10].into(), 22);
    silent! {
        "setPortForwarding vmnet8 tcp 2210 192.168.6.10 22" => v.set_port_forwarding("VMnet8", "tcp", 2210, guest, None);
        "setPortForwarding vmnet8 udp 53 192.168.6.10 22 a b"
            => v.set_port_forwarding("vmnet8", "udp", 53, guest, Some("a b"));
        "deletePortForwarding vmnet8 tcp 2210" => v.delete_port_forwarding("VMnet8", "tcp", 2210);
        "addNetworkAdapter VMX nat" => v.add_network_adapter(vmx(), "nat", None);
        "addNetworkAdapter VMX custom vmnet1" => v.add_network_adapter(vmx(), "custom", Some("VMnet1"));
        "setNetworkAdapter VMX 0 custom vmnet8" => v.set_network_adapter(vmx(), 0, "custom", Some("vmnet8"));
        "deleteNetworkAdapter VMX 1" => v.delete_network_adapter(vmx(), 1);
    }
    let (none, line) = words("Total host networks: 0\\n", |v| async move { v.host_networks().await }).await;
    assert_eq!((none.len(), line.as_str()), (0, "listHostNetworks"));
    let (none, line) = words("Total port forwardings: 0\\n", |v| async move {
        v.port_forwardings("VMnet8").await
    })
    .await;
    assert_eq!((none.len(), line.as_str()), (0, "listPortForwardings vmnet8"));
    let output = "Total network adapters: 1\\nINDEX  TYPE         VMNET\\n0      nat          vmnet8\\n";
    let (found, line) = words(output, |v| async move { v.network_adapters(vmx()).await }).await;
    assert_eq!(
        (found[0].network.as_deref(), line.as_str()),
        (Some("vmnet8"), "listNetworkAdapters VMX")
    );
}

#[tokio::test]
async fn guest_programs() {
    let mut all = ProgramOptions::default();
    (all.no_wait, all.active_window, all.interactive) = (true, true, true);
    silent! {
        "LOGIN runProgramInGuest VMX /bin/sh -c 'a b'"
            => v.run_program(vmx(), &login(), ProgramOptions::default(), "/bin/sh", Some("-c 'a b'"));
        "LOGIN runProgramInGuest VMX -noWait -activeWindow -interactive cmd.exe"
            => v.run_program(vmx(), &login(), all, "cmd.exe", None);
        "LOGIN runScriptInGuest VMX -noWait -activeWindow -interactive  echo hi"
            => v.run_script(vmx(), &login(), all, "", "echo hi");
        "LOGIN killProcessInGuest VMX 4242" => v.kill_process(vmx(), &login(), 4242);
        "LOGIN typeKeystrokesInGuest VMX root<enter>" => v.type_keystrokes(vmx(), &login(), "root<enter>");
        "LOGIN captureScreen VMX /tmp/a b.png" => v.capture_screen(vmx(), &login(), Path::new("/tmp/a b.png"));
    }
    let output = "Process list: 1\\npid=7, owner=root, cmd=a, b\\n";
    let (found, line) = words(output, |v| async move { v.processes(vmx(), &login()).await }).await;
    assert_eq!(
        (found[0].command.as_str(), line.as_str()),
        ("a, b", "LOGIN listProcessesInGuest VMX")
    );
}

#[tokio::test]
async fn guest_files() {
    silent! {
        "LOGIN createDirectoryInGuest VMX /tmp/a b" => v.create_directory(vmx(), &login(), "/tmp/a b");
        "LOGIN deleteDirectoryInGuest VMX /tmp/a" => v.delete_directory(vmx(), &login(), "/tmp/a");
        "LOGIN deleteFileInGuest VMX /tmp/a" => v.delete_file(vmx(), &login(), "/tmp/a");
        "LOGIN renameFileInGuest VMX /a /b" => v.rename_file(vmx(), &login(), "/a", "/b");
        "LOGIN copyFileFromHostToGuest VMX /etc/hostname /tmp/x"
            => v.copy_to_guest(vmx(), &login(), Path::new("/etc/hostname"), "/tmp/x");
        "LOGIN copyFileFromGuestToHost VMX /tmp/x /h/x"
            => v.copy_from_guest(vmx(), &login(), "/tmp/x", Path::new("/h/x"));
    }
    let (there, line) = words("The file exists.\\r\\n", |v| async move {
        v.file_exists(vmx(), &login(), "/x").await
    })
    .await;
    assert_eq!((there, line.as_str()), (true, "LOGIN fileExistsInGuest VMX /x"));
    let (there, line) = words("The directory does not exist.\\n", |v| async move {
        v.directory_exists(vmx(), &login(), "/x").await
    })
    .await;
    assert_eq!((there, line.as_str()), (false, "LOGIN directoryExistsInGuest VMX /x"));
    let (names, line) = words("Directory list: 2\\na b\\n.c\\n", |v| async move {
        v.list_directory(vmx(), &login(), "/x").await
    })
    .await;
    assert_eq!(
        (names, line.as_str()),
        (
            vec!["a b".to_owned(), ".c".to_owned()],
            "LOGIN listDirectoryInGuest VMX /x"
        )
    );
    let (path, line) = words("/tmp/vmware7\\r\\n", |v| async move {
        v.create_temp_file(vmx(), &login()).await
    })
    .await;
    assert_eq!(
        (path.as_str(), line.as_str()),
        ("/tmp/vmware7", "LOGIN createTempfileInGuest VMX")
    );
}

#[tokio::test]
async fn variables_and_addresses() {
    let own = login();
    let own = &own;
    silent! {
        "writeVariable VMX runtimeConfig sata0:0.startConnected FALSE"
            => v.write_variable(vmx(), VariableKind::RuntimeConfig, "sata0:0.startConnected", "FALSE", None);
        "LOGIN writeVariable VMX guestEnv PATH /bin"
            => v.write_variable(vmx(), VariableKind::GuestEnv, "PATH", "/bin", Some(own));
    }
    let (value, line) = words(" x \\r\\n", |v| async move {
        v.read_variable(vmx(), VariableKind::GuestVar, "ip", None).await
    })
    .await;
    assert_eq!(
        (value.as_deref(), line.as_str()),
        (Some(" x "), "readVariable VMX guestVar ip")
    );
    let (address, line) = words("unknown\\n", |v| async move { v.guest_address(vmx(), false).await }).await;
    assert_eq!((address, line.as_str()), (None, "getGuestIPAddress VMX"));
    let (address, line) = words("192.168.6.10\\n", |v| async move { v.guest_address(vmx(), true).await }).await;
    assert_eq!(
        (address, line.as_str()),
        (Some([192, 168, 6, 10].into()), "getGuestIPAddress VMX -wait")
    );
}

#[tokio::test]
async fn machines_devices_and_shared_folders() {
    let host = Path::new("/h/a b");
    silent! {
        "clone VMX /c/c.vmx full" => v.clone_machine(vmx(), Path::new("/c/c.vmx"), CloneKind::Full, None, None);
        "clone VMX /c/c.vmx linked -snapshot=two words -cloneName=새 이름"
            => v.clone_machine(vmx(), Path::new("/c/c.vmx"), CloneKind::Linked, Some("two words"), Some("새 이름"));
        "deleteVM VMX" => v.delete_machine(vmx());
        "upgradevm VMX" => v.upgrade_machine(vmx());
        "installTools VMX" => v.install_tools(vmx());
        "connectNamedDevice VMX sata0:1" => v.connect_device(vmx(), "sata0:1");
        "disconnectNamedDevice VMX ethernet0" => v.disconnect_device(vmx(), "ethernet0");
        "enableSharedFolders VMX" => v.enable_shared_folders(vmx(), false);
        "enableSharedFolders VMX runtime" => v.enable_shared_folders(vmx(), true);
        "disableSharedFolders VMX" => v.disable_shared_folders(vmx(), false);
        "addSharedFolder VMX share /h/a b" => v.add_shared_folder(vmx(), "share", host);
        "removeSharedFolder VMX share" => v.remove_shared_folder(vmx(), "share");
        "setSharedFolderState VMX share /h/a b writable"
            => v.set_shared_folder_state(vmx(), "share", host, SharedFolderAccess::Writable);
        "setSharedFolderState VMX share /h/a b readonly"
            => v.set_shared_folder_state(vmx(), "share", host, SharedFolderAccess::ReadOnly);
        "downloadPhotonVM /h/a b" => v.download_photon(host);
    }
}

#[tokio::test]
async fn commands_of_older_releases() {
    silent! {
        "register VMX" => v.register(vmx());
        "unregister VMX" => v.unregister(vmx());
        "beginRecording VMX r why" => v.begin_recording(vmx(), "r", Some("why"));
        "endRecording VMX" => v.end_recording(vmx());
        "beginReplay VMX r" => v.begin_replay(vmx(), "r");
        "endReplay VMX" => v.end_replay(vmx());
    }
    let output = "Total registered VMs: 1\\n/v/한 글.vmx\\n";
    let (found, line) = words(output, |v| async move { v.registered().await }).await;
    assert_eq!((found, line.as_str()), (vec![PathBuf::from(VMX)], "listRegisteredVM"));
}

/// What a running encrypted machine answers to `snapshot`; with `listSnapshots` the password is checked.
const ENCRYPTED: &str = "case \"$5\" in
    snapshot|deleteSnapshot) echo 'Error: Authentication for encrypted virtual machine failed'; exit 255;;
    listSnapshots) [ \"$4\" = right ] && echo 'Total snapshots: 0' && exit 0
        echo 'Error: Authentication for encrypted virtual machine failed'; exit 255;;
esac";

#[tokio::test]
async fn a_running_encrypted_machine_is_told_apart_from_a_wrong_password() {
    for (password, class, advice) in [
        ("right", FailureClass::AlreadyRunning, "the password is right"),
        ("wrong", FailureClass::Encrypted, "-vp"),
    ] {
        let fake = Fake::new(ENCRYPTED);
        let vmrun = fake.builder().vm_password(password.into()).build();
        for error in [
            vmrun.snapshot(vmx(), "a").await.unwrap_err(),
            vmrun.delete_snapshot(vmx(), "a", false).await.unwrap_err(),
        ] {
            assert_eq!(error.class(), class);
            assert!(error.failure().hint.contains(advice), "{}", error.failure().hint);
            assert!(!error.to_string().contains(password), "{error}");
        }
    }
}

#[tokio::test]
async fn an_answer_that_repeats_the_password_is_shown_without_it() {
    let fake = Fake::new("echo \"logged in with $6\"");
    let login = GuestCredentials {
        user: "u".into(),
        password: "hunter2|%".into(),
    };
    let error = fake.vmrun().processes(vmx(), &login).await.unwrap_err();
    assert_eq!(error.class(), FailureClass::UnexpectedOutput);
    for shown in [error.to_string(), format!("{error:?}")] {
        assert!(shown.contains("logged in") && !shown.contains("hunter2"), "{shown}");
    }
}
