//! Machines on a real QEMU, without a guest operating system.

use std::net::{TcpListener, TcpStream};

use super::lab::{Lab, alive, have_qemu, kill, text, wait_until};

#[test]
fn a_machine_starts_is_listed_and_stops_whatever_its_path_looks_like() {
    if !have_qemu() {
        return;
    }
    let lab = Lab::new();
    // Far longer than a Unix socket's path may be.
    let vmx = text(&lab.machine(&format!(
        "{}/{}/기계 1.vmx",
        "아주 긴 한글 디렉터리 이름".repeat(5),
        "랩".repeat(60)
    )));
    assert_eq!(lab.vmrun(&["list"]).ok(), "Total running VMs: 0\n");
    assert_eq!(lab.vmrun(&["start", &vmx, "nogui"]).ok(), "");
    assert_eq!(lab.vmrun(&["list"]).ok(), format!("Total running VMs: 1\n{vmx}\n"));
    assert_eq!(
        lab.vmrun(&["start", &vmx, "nogui"]).failed(),
        "Error: The virtual machine should not be powered on. It is already running.\n"
    );
    assert_eq!(lab.vmrun(&["pause", &vmx]).ok(), "");
    assert_eq!(lab.vmrun(&["unpause", &vmx]).ok(), "");
    assert_eq!(lab.vmrun(&["reset", &vmx, "hard"]).ok(), "");
    let pid = Lab::pid_of(&lab.records()[0]);
    assert_eq!(lab.vmrun(&["stop", &vmx, "hard"]).ok(), "");
    assert!(!alive(pid));
    assert!(
        !lab.network("vmnet1").exists(),
        "the network ends with its last machine"
    );
    assert_eq!(lab.vmrun(&["list"]).ok(), "Total running VMs: 0\n");
    assert_eq!(
        lab.vmrun(&["stop", &vmx, "hard"]).failed(),
        format!("Error: The virtual machine is not powered on: {vmx}\n")
    );
}

#[test]
fn guest_commands_say_what_vmrun_says_without_tools() {
    if !have_qemu() {
        return;
    }
    let lab = Lab::new();
    let vmx = text(&lab.machine("a/a.vmx"));
    let run = ["-gu", "u", "-gp", "p", "runProgramInGuest", &vmx, "/bin/true"];
    assert_eq!(
        lab.vmrun(&run).failed(),
        format!("Error: The virtual machine is not powered on: {vmx}\n")
    );
    assert_eq!(lab.vmrun(&["checkToolsState", &vmx]).ok(), "unknown\n");
    lab.vmrun(&["start", &vmx, "nogui"]).ok();
    let no_tools = format!("Error: The VMware Tools are not running in the virtual machine: {vmx}\n");
    assert_eq!(lab.vmrun(&run).failed(), no_tools);
    assert_eq!(lab.vmrun(&["getGuestIPAddress", &vmx]).failed(), no_tools);
    assert_eq!(lab.vmrun(&["reset", &vmx, "soft"]).failed(), no_tools);
    assert_eq!(lab.vmrun(&["checkToolsState", &vmx]).ok(), "unknown\n");
}

#[test]
fn a_killed_qemu_is_noticed_at_once_and_leaves_nothing_behind() {
    if !have_qemu() {
        return;
    }
    let lab = Lab::new();
    let vmx = lab.machine("a/a.vmx");
    let name = text(&vmx);
    lab.vmrun(&["start", &name, "nogui"]).ok();
    let network = Lab::pid_of(&lab.network("vmnet1"));
    assert!(vmx.with_file_name("a.vmx.lck").exists());
    kill(Lab::pid_of(&lab.records()[0]));
    assert_eq!(lab.vmrun(&["list"]).ok(), "Total running VMs: 0\n");
    assert!(!vmx.with_file_name("a.vmx.lck").exists());
    assert!(lab.records().is_empty());
    wait_until("the network has ended", || !alive(network));
    lab.vmrun(&["start", &name, "nogui"]).ok();
    lab.vmrun(&["stop", &name, "hard"]).ok();
}

#[test]
fn a_machine_whose_start_was_interrupted_is_found_again() {
    if !have_qemu() {
        return;
    }
    let lab = Lab::new();
    let vmx = text(&lab.machine("a/a.vmx"));
    lab.vmrun(&["start", &vmx, "nogui"]).ok();
    // What the record looks like if the start is killed between QEMU's start and the last note of it.
    let record = lab.records()[0].clone();
    let pid = Lab::pid_of(&record);
    let mut value: serde_json::Value =
        serde_json::from_slice(&std::fs::read(&record).expect("a record")).expect("a good record");
    value["process"] = serde_json::Value::Null;
    std::fs::write(&record, value.to_string()).expect("written");
    assert_eq!(lab.vmrun(&["list"]).ok(), format!("Total running VMs: 1\n{vmx}\n"));
    assert_eq!(Lab::pid_of(&record), pid);
}

#[test]
fn many_machines_start_and_stop_at_once_on_one_network() {
    if !have_qemu() {
        return;
    }
    let lab = Lab::new();
    let machines: Vec<String> = (0..4)
        .map(|number| text(&lab.machine(&format!("{number}/m.vmx"))))
        .collect();
    let each = |command: &str, option: &str| {
        std::thread::scope(|scope| {
            let calls = machines
                .iter()
                .map(|vmx| scope.spawn(|| lab.vmrun(&[command, vmx, option])));
            calls
                .collect::<Vec<_>>()
                .into_iter()
                .for_each(|call| drop(call.join().expect("no panic").ok()));
        });
    };
    each("start", "nogui");
    assert!(lab.vmrun(&["list"]).ok().starts_with("Total running VMs: 4\n"));
    let record = std::fs::read_to_string(lab.network("vmnet1")).expect("a network");
    let value: serde_json::Value = serde_json::from_str(&record).expect("a good record");
    assert_eq!(value["ports"].as_object().expect("ports").len(), 4);
    each("stop", "hard");
    assert_eq!(lab.vmrun(&["list"]).ok(), "Total running VMs: 0\n");
    assert!(!lab.network("vmnet1").exists());
}

#[test]
fn each_home_is_a_world_of_its_own_but_a_machine_is_in_one_only() {
    if !have_qemu() {
        return;
    }
    let lab = Lab::new();
    let vmx = text(&lab.machine("a/a.vmx"));
    let other = lab.path("other");
    lab.vmrun(&["start", &vmx, "nogui"]).ok();
    assert_eq!(Lab::vmrun_in(&other, &["list"]).ok(), "Total running VMs: 0\n");
    assert_eq!(
        Lab::vmrun_in(&other, &["start", &vmx, "nogui"]).failed(),
        "Error: The file is already in use\n"
    );
    assert_eq!(
        Lab::vmrun_in(&other, &["stop", &vmx, "hard"]).failed(),
        format!("Error: The virtual machine is not powered on: {vmx}\n")
    );
    assert!(lab.vmrun(&["list"]).ok().starts_with("Total running VMs: 1\n"));
}

#[test]
fn two_machines_cannot_write_to_one_disk() {
    if !have_qemu() {
        return;
    }
    let lab = Lab::new();
    let first = lab.machine("a/a.vmx");
    let second = first.with_file_name("b.vmx");
    let copy = std::fs::read_to_string(&first)
        .expect("read")
        .replace("00:50:56:00:00:", "00:50:56:00:01:");
    std::fs::write(&second, copy).expect("written");
    lab.vmrun(&["start", &text(&first), "nogui"]).ok();
    assert_eq!(
        lab.vmrun(&["start", &text(&second), "nogui"]).failed(),
        "Error: The file is already in use\n"
    );
    assert_eq!(
        lab.vmrun(&["list"]).ok(),
        format!("Total running VMs: 1\n{}\n", text(&first))
    );
}

#[test]
fn a_start_that_fails_says_why_in_the_machines_log_and_leaves_nothing_running() {
    if !have_qemu() {
        return;
    }
    let lab = Lab::new();
    let vmx = lab.machine("a/a.vmx");
    std::fs::write(vmx.with_file_name("disk.vmdk"), b"KDMV but not really").expect("written");
    assert_eq!(
        lab.vmrun(&["start", &text(&vmx), "nogui"]).failed(),
        "Error: The operation was canceled\n"
    );
    let log = std::fs::read_to_string(vmx.with_file_name("vmware.log")).expect("a log");
    let reason = log
        .lines()
        .skip_while(|line| !line.contains("Msg_Post: Error"))
        .nth(1)
        .expect("a reason");
    assert!(reason.contains("disk.vmdk"), "{log}");
    assert_eq!(lab.vmrun(&["list"]).ok(), "Total running VMs: 0\n");
    assert!(lab.records().is_empty() && !lab.network("vmnet1").exists());
    assert!(!vmx.with_file_name("a.vmx.lck").exists());
}

#[test]
fn forwarded_ports_work_while_the_network_runs_and_outlive_it() {
    if !have_qemu() {
        return;
    }
    let lab = Lab::new();
    let vmx = text(&lab.machine("a/a.vmx"));
    let [port, other_port] = free_ports();
    let connects = || TcpStream::connect(("127.0.0.1", port)).is_ok();
    let port_text = port.to_string();
    let set = [
        "setPortForwarding",
        "VMnet1",
        "tcp",
        &port_text,
        "192.168.6.10",
        "22",
        "ssh 문",
    ];
    assert_eq!(
        lab.vmrun(&["listPortForwardings", "vmnet1"]).ok(),
        "Total port forwardings: 0\n"
    );
    assert_eq!(lab.vmrun(&set).ok(), "");
    assert!(!connects(), "there is no network yet");
    lab.vmrun(&["start", &vmx, "nogui"]).ok();
    assert!(connects());
    assert_eq!(lab.vmrun(&set).ok(), "", "the same again is no error");
    let listing = lab.vmrun(&["listPortForwardings", "vmnet1"]).ok();
    assert!(
        listing.starts_with("Total port forwardings: 1\nINDEX  PROTOCOL"),
        "{listing}"
    );
    let fields: Vec<&str> = listing.lines().last().expect("a line").split_whitespace().collect();
    assert_eq!(fields, ["0", "tcp", &port_text, "192.168.6.10", "22", "ssh", "문"]);

    // The network's process is replaced, and the forward is still there.
    kill(Lab::pid_of(&lab.network("vmnet1")));
    // What ends last of a process with several threads need not be the first of them.
    wait_until("its port is closed", || !connects());
    lab.vmrun(&[
        "setPortForwarding",
        "vmnet1",
        "tcp",
        &other_port.to_string(),
        "192.168.6.10",
        "80",
    ])
    .ok();
    assert!(connects());

    assert_eq!(
        lab.vmrun(&["deletePortForwarding", "vmnet1", "tcp", &port_text]).ok(),
        ""
    );
    assert!(!connects());
    assert_eq!(
        lab.vmrun(&["deletePortForwarding", "vmnet1", "tcp", &port_text])
            .failed(),
        "Error: One of the parameters was invalid\n"
    );
}

#[test]
fn a_port_that_somebody_else_uses_and_a_wrong_address_are_refused() {
    if !have_qemu() {
        return;
    }
    let lab = Lab::new();
    let vmx = text(&lab.machine("a/a.vmx"));
    let taken = TcpListener::bind("127.0.0.1:0").expect("bound");
    let port = taken.local_addr().expect("an address").port().to_string();
    let busy = |lab: &Lab| {
        lab.vmrun(&["setPortForwarding", "vmnet1", "tcp", &port, "192.168.6.10", "22"])
            .failed()
    };
    assert_eq!(busy(&lab), "Error: Unknown error\n");
    lab.vmrun(&["start", &vmx, "nogui"]).ok();
    assert_eq!(busy(&lab), "Error: Unknown error\n");
    assert_eq!(
        lab.vmrun(&["listPortForwardings", "vmnet1"]).ok(),
        "Total port forwardings: 0\n"
    );
    for arguments in [
        ["vmnet1", "tcp", "22222", "10.0.0.1", "22"],
        ["vmnet9", "tcp", "22222", "192.168.6.10", "22"],
    ] {
        let line = [&["setPortForwarding"][..], &arguments].concat();
        assert_eq!(lab.vmrun(&line).failed(), "Error: One of the parameters was invalid\n");
    }
}

#[test]
fn a_cd_and_a_network_cable_are_unplugged_and_plugged_in_again() {
    if !have_qemu() {
        return;
    }
    let lab = Lab::new();
    let vmx = lab.machine("a/a.vmx");
    let name = text(&vmx);
    lab.vmrun(&["start", &name, "nogui"]).ok();
    for _ in 0..2 {
        for command in [
            "disconnectNamedDevice",
            "disconnectNamedDevice",
            "connectNamedDevice",
            "connectNamedDevice",
        ] {
            assert_eq!(lab.vmrun(&[command, &name, "sata0:1"]).ok(), "", "{command}");
        }
        for command in ["disconnectNamedDevice", "connectNamedDevice"] {
            assert_eq!(lab.vmrun(&[command, &name, "ethernet0"]).ok(), "", "{command}");
        }
    }
    assert_eq!(
        lab.vmrun(&["disconnectNamedDevice", &name, "scsi0:0"]).failed(),
        "Error: The operation is not supported for the specified parameters\n"
    );
    assert_eq!(
        lab.vmrun(&["disconnectNamedDevice", &name, "sata0:9"]).failed(),
        "Error: One of the parameters was invalid\n"
    );
    // An image that is out of the drive is out of QEMU's hands.
    lab.vmrun(&["disconnectNamedDevice", &name, "sata0:1"]).ok();
    std::fs::remove_file(lab.path("seed.iso")).expect("deleted");
    assert_eq!(
        lab.vmrun(&["connectNamedDevice", &name, "sata0:1"]).failed(),
        "Error: The operation was canceled\n"
    );
    lab.vmrun(&["stop", &name, "hard"]).ok();
    assert_eq!(
        lab.vmrun(&["disconnectNamedDevice", &name, "sata0:1"]).failed(),
        format!("Error: The virtual machine is not powered on: {name}\n")
    );
}

#[test]
fn variables_are_kept_as_long_as_their_kind_lives() {
    if !have_qemu() {
        return;
    }
    let lab = Lab::new();
    let vmx = text(&lab.machine("a/a.vmx"));
    lab.vmrun(&[
        "writeVariable",
        &vmx,
        "runtimeConfig",
        "guestinfo.role",
        "master \"1\" | 마스터",
    ])
    .ok();
    assert_eq!(
        lab.vmrun(&["readVariable", &vmx, "runtimeConfig", "GuestInfo.Role"])
            .ok(),
        "master \"1\" | 마스터\n"
    );
    assert!(
        lab.vmrun(&["readVariable", &vmx, "guestVar", "role"])
            .failed()
            .contains("not powered on")
    );
    lab.vmrun(&["start", &vmx, "nogui"]).ok();
    assert_eq!(
        lab.vmrun(&["readVariable", &vmx, "guestVar", "role"]).ok(),
        "master \"1\" | 마스터\n"
    );
    assert_eq!(lab.vmrun(&["readVariable", &vmx, "guestVar", "unset"]).ok(), "\n");
    lab.vmrun(&["writeVariable", &vmx, "guestVar", "step", "2"]).ok();
    assert_eq!(
        lab.vmrun(&["readVariable", &vmx, "guestVar", "guestinfo.step"]).ok(),
        "2\n"
    );
    lab.vmrun(&["stop", &vmx, "hard"]).ok();
    lab.vmrun(&["start", &vmx, "nogui"]).ok();
    assert_eq!(lab.vmrun(&["readVariable", &vmx, "guestVar", "step"]).ok(), "\n");
}

#[test]
fn a_missing_qemu_is_named_on_standard_error() {
    let lab = Lab::new();
    let out = std::process::Command::new(env!("CARGO_BIN_EXE_vmrun-qemu"))
        .args(["-T", "ws", "start", &text(&bare_machine(&lab)), "nogui"])
        .env("VMRUN_QEMU_HOME", lab.home())
        .env("VMRUN_QEMU_SYSTEM", "/nowhere/qemu")
        .output()
        .expect("it runs");
    assert_eq!(out.status.code(), Some(255));
    assert!(String::from_utf8_lossy(&out.stdout).starts_with("Error: vmrun was unable to start."));
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(
        said.contains("/nowhere/qemu") && said.contains("qemu-system-x86"),
        "{said}"
    );
}

fn bare_machine(lab: &Lab) -> std::path::PathBuf {
    let vmx = lab.path("bare.vmx");
    std::fs::write(
        &vmx,
        "config.version = \"8\"\nvirtualHW.version = \"18\"\nguestOS = \"x\"\n",
    )
    .expect("written");
    vmx
}

/// Ports that nobody has, and that nobody gets before they are used: Linux gives out those from 32768 on, and each process of these
/// tests begins its search elsewhere.
fn free_ports() -> [u16; 2] {
    let start = 20_000 + u16::try_from(std::process::id() % 12_000).expect("below 12,000");
    let mut free = (start..start + 10).filter(|port| TcpListener::bind(("127.0.0.1", *port)).is_ok());
    [(); 2].map(|()| free.next().expect("two of ten are free"))
}
