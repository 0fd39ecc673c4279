//! The life of a machine without an operating system, by a real program: `VMRUN_RS_TEST=/usr/bin/vmrun cargo test --test real`.
//! Its companion `vmware-vdiskmanager` must be beside it.
#![cfg(unix)]

use std::collections::BTreeMap;

use vmrun_rs::hypervisor::{Detached, DiskSource, Hypervisor, MediaSlot, NicSpec, PowerState, StopMode, VmSpec};
use vmrun_rs::{Vmrun, Workstation};

#[tokio::test]
async fn a_machine_lives_and_leaves_nothing_behind() {
    let Some(program) = std::env::var_os("VMRUN_RS_TEST") else {
        println!("skipped: VMRUN_RS_TEST does not name a vmrun");
        return;
    };
    let root = tempfile::tempdir().unwrap();
    let mut vmrun = Vmrun::builder(program);
    if let Some(home) = std::env::var_os("VMRUN_QEMU_HOME") {
        vmrun = vmrun.env("VMRUN_QEMU_HOME", home);
    }
    let host = Workstation::new(vmrun.build());
    println!("{:?}", host.info().await.unwrap());
    let image = root.path().join("시드 seed.iso");
    std::fs::write(&image, vec![0; 1 << 20]).unwrap();
    let spec = |name: &str, disk| VmSpec {
        name: name.to_owned(),
        directory: root.path().join(name),
        disk,
        disk_gib: None,
        cpus: 1,
        memory_mib: 64,
        guest_os: "ubuntu-64".to_owned(),
        nics: vec![NicSpec {
            network: "VMnet1".to_owned(),
            mac: Some("00:50:56:00:00:99".to_owned()),
        }],
        media: vec![image.clone()],
        variables: BTreeMap::from([("role".to_owned(), "test".to_owned())]),
    };
    let template = host
        .create(&spec("틀 template", DiskSource::Blank { gib: 1 }))
        .await
        .unwrap();
    host.snapshot(&template, "base").await.unwrap();
    assert_eq!(host.snapshots(&template).await.unwrap(), ["base"]);
    let disk = DiskSource::LinkedClone {
        template: template.clone(),
        snapshot: "base".to_owned(),
    };
    let vm = host
        .create(&VmSpec {
            disk_gib: Some(2),
            ..spec("clone", disk)
        })
        .await
        .unwrap();

    host.start(&vm).await.unwrap();
    assert_eq!(host.state(&vm).await.unwrap(), PowerState::Running);
    assert_eq!(host.address(&vm).await.unwrap(), None);
    assert_eq!(
        host.variable(&vm, "guestinfo.role").await.unwrap().as_deref(),
        Some("test")
    );
    let detached = host.detach(&vm, MediaSlot(0)).await.unwrap();
    host.stop(&vm, StopMode::Hard).await.unwrap();
    assert_eq!(host.state(&vm).await.unwrap(), PowerState::Off);
    if detached == Detached::NeedsPowerOff {
        assert_eq!(host.detach(&vm, MediaSlot(0)).await.unwrap(), Detached::Done);
    }
    let guest = "192.168.6.99:22".parse().unwrap();
    match host.endpoint("VMnet1", guest).await {
        Ok(endpoint) => assert_eq!(host.endpoint("vmnet1", guest).await.unwrap(), endpoint),
        Err(error) => println!("{error}"),
    }
    host.release_endpoints("VMnet1", guest.ip()).await.unwrap();

    host.delete(&vm).await.unwrap();
    host.delete(&template).await.unwrap();
    let left: Vec<_> = std::fs::read_dir(root.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name())
        .collect();
    assert_eq!(left, ["시드 seed.iso"]);
}
