use std::path::{Path, PathBuf};

use super::{Start, arguments};
use crate::machine::Machine;
use crate::machine::drives::{Bus, DiskFormat, Drive, Medium};
use crate::machine::nics::Nic;
use crate::qemu::host::{Accelerator, Version};

fn drive(name: &str, bus: Bus, medium: Medium) -> Drive {
    let (controller, unit) = name
        .trim_start_matches(char::is_alphabetic)
        .split_once(':')
        .expect("a drive's name");
    let number = |text: &str| text.parse().expect("a number");
    Drive {
        name: name.to_owned(),
        bus,
        controller: number(controller),
        unit: number(unit),
        medium,
    }
}

fn disk(name: &str, bus: Bus) -> Drive {
    drive(
        name,
        bus,
        Medium::Disk {
            file: PathBuf::from("/vm, 1/디스크.vmdk"),
            format: DiskFormat::Vmdk,
        },
    )
}

fn machine(drives: Vec<Drive>) -> Machine {
    Machine {
        name: "노드, 1".to_owned(),
        memory: 512,
        cpus: 4,
        cores_per_socket: 2,
        efi: false,
        drives,
        nics: vec![Nic {
            index: 0,
            network: "vmnet1".to_owned(),
            device: "vmxnet3",
            mac: "00:50:56:00:00:10".to_owned(),
            connected: true,
        }],
        console: Some(PathBuf::from("/vm, 1/console.log")),
        uuid: Some("564d0123-4567-89ab-cdef-0123456789ab".to_owned()),
        guest_info: Vec::new(),
        warnings: Vec::new(),
    }
}

fn line(machine: &Machine, version: Version) -> Vec<String> {
    let start = Start {
        qmp: PathBuf::from("/run/a.qmp"),
        agent: PathBuf::from("/run/a.qga"),
        pid: PathBuf::from("/run/a.pid"),
        ports: vec![PathBuf::from("/run/p0")],
        guest_info: vec![("guestinfo.role".to_owned(), PathBuf::from("/home, 1/0"))],
        efi: None,
        accelerator: Accelerator::Tcg,
        version,
    };
    let line = arguments(machine, &start);
    line.iter()
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect()
}

fn devices(drives: Vec<Drive>) -> Vec<String> {
    let all = line(&machine(drives), Version(10, 0));
    let values = all
        .windows(2)
        .filter(|pair| pair[0] == "-device")
        .map(|pair| pair[1].clone());
    values
        .filter(|value| !value.contains("virt") && !value.contains("vmxnet3"))
        .collect()
}

#[test]
fn a_lab_machines_command_line_is_as_expected() {
    let cd = Medium::Cd(Some(Path::new("/seed.iso").to_owned()));
    let machine = machine(vec![drive("sata0:1", Bus::Sata, cd), disk("scsi0:0", Bus::PvScsi)]);
    let expected = r#"-name guest=노드,, 1
-machine pc,usb=off
-accel tcg,thread=multi
-cpu max
-m 512
-smp cpus=4,sockets=2,cores=2
-nodefaults
-no-user-config
-display none
-vga std
-rtc base=utc
-uuid 564d0123-4567-89ab-cdef-0123456789ab
-fw_cfg name=opt/vmrun-qemu/guestinfo.role,file=/home,, 1/0
-device {"driver":"pvscsi","id":"scsi0"}
-device {"driver":"ahci","id":"sata0"}
-blockdev {"driver":"vmdk","file":{"driver":"file","filename":"/vm, 1/디스크.vmdk"},"node-name":"scsi0-0"}
-device {"bootindex":1,"bus":"scsi0.0","drive":"scsi0-0","driver":"scsi-hd","id":"scsi0-0","scsi-id":0}
-blockdev {"driver":"raw","file":{"driver":"file","filename":"/seed.iso"},"node-name":"sata0-1","read-only":true}
-device {"bootindex":2,"bus":"sata0.1","drive":"sata0-1","driver":"ide-cd","id":"sata0-1"}
-netdev stream,id=net0,server=off,addr.type=unix,addr.path=/run/p0,reconnect-ms=1000
-device {"driver":"vmxnet3","id":"ethernet0","mac":"00:50:56:00:00:10","netdev":"net0","romfile":""}
-chardev file,id=serial0,append=on,path=/vm,, 1/console.log
-serial chardev:serial0
-device {"driver":"virtio-serial-pci","id":"tools"}
-chardev socket,id=agent,server=on,wait=off,path=/run/a.qga
-device {"bus":"tools.0","chardev":"agent","driver":"virtserialport","name":"org.qemu.guest_agent.0"}
-chardev socket,id=qmp,server=on,wait=off,path=/run/a.qmp
-mon chardev=qmp,mode=control
-pidfile /run/a.pid
-daemonize"#;
    let words: Vec<&str> = expected.lines().flat_map(|line| line.splitn(2, ' ')).collect();
    assert_eq!(line(&machine, Version(10, 0)), words);
}

#[test]
fn only_a_qemu_that_can_is_told_to_connect_again() {
    let netdev = |version| {
        let all = line(&machine(Vec::new()), version);
        all.into_iter()
            .find(|argument| argument.starts_with("stream,"))
            .expect("a network")
    };
    assert!(netdev(Version(7, 2)).ends_with("addr.path=/run/p0"));
    assert!(netdev(Version(8, 2)).ends_with(",reconnect=1"));
    assert!(netdev(Version(9, 2)).ends_with(",reconnect-ms=1000"));
}

#[test]
fn every_kind_of_controller_has_its_devices() {
    assert_eq!(
        devices(vec![disk("scsi1:3", Bus::LsiSas)]),
        [
            r#"{"driver":"mptsas1068","id":"scsi1"}"#,
            r#"{"bootindex":1,"bus":"scsi1.0","drive":"scsi1-3","driver":"scsi-hd","id":"scsi1-3","scsi-id":3}"#
        ]
    );
    assert_eq!(
        devices(vec![disk("nvme0:0", Bus::Nvme)]),
        [r#"{"bootindex":1,"drive":"nvme0-0","driver":"nvme","id":"nvme0-0","serial":"VMRUN-nvme0-0"}"#]
    );
    assert_eq!(
        devices(vec![drive("ide1:1", Bus::Ide, Medium::Cd(None))]),
        [r#"{"bootindex":1,"bus":"ide.1","driver":"ide-cd","id":"ide1-1","unit":1}"#]
    );
}

#[test]
fn more_sata_drives_than_one_controller_takes_get_another_one() {
    let cds = (0..8)
        .map(|unit| drive(&format!("sata0:{unit}"), Bus::Sata, Medium::Cd(None)))
        .collect();
    let devices = devices(cds);
    assert_eq!(
        devices
            .iter()
            .filter(|device| device.contains(r#""driver":"ahci""#))
            .count(),
        2
    );
    assert!(
        devices.last().expect("a drive").contains(r#""bus":"sata1.1""#),
        "{devices:?}"
    );
}
