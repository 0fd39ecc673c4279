//! Starting, stopping, editing, snapshots.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use vmrun_rs::hypervisor::{Detached, Hypervisor, MediaSlot, PowerState, StopMode, VmId};
use vmrun_rs::{HypervisorError, Workstation, WorkstationOptions};

use crate::world::World;

#[tokio::test]
async fn the_list_decides_whether_a_machine_runs() {
    let world = World::new();
    let vm = world.machine().await;
    world.mood("lies");
    world.host.start(&vm).await.unwrap();
    assert_eq!(world.host.state(&vm).await.unwrap(), PowerState::Running);
    world.host.start(&vm).await.unwrap();
    world.host.stop(&vm, StopMode::Soft).await.unwrap();
    world.host.stop(&vm, StopMode::Hard).await.unwrap();
    world.mood("never-starts");
    let error = world.host.start(&vm).await.unwrap_err();
    assert!(matches!(error, HypervisorError::DidNotStart { .. }), "{error}");
    let missing = VmId::new(world.path("none.vmx").to_string_lossy());
    assert_eq!(world.host.state(&missing).await.unwrap(), PowerState::Missing);
    assert!(matches!(
        world.host.start(&missing).await,
        Err(HypervisorError::Missing { .. })
    ));
}

#[tokio::test]
async fn a_snapshot_that_is_reported_and_not_there_is_an_error() {
    let world = World::new();
    let vm = world.machine().await;
    world.mood("snapshot-lies");
    let error = world.host.snapshot(&vm, "s").await.unwrap_err();
    assert!(matches!(error, HypervisorError::SnapshotMissing { .. }), "{error}");
    world.mood("honest");
    world.host.snapshot(&vm, "s").await.unwrap();
    assert!(world.host.snapshots(&vm).await.unwrap().contains(&"s".to_owned()));
}

#[tokio::test]
async fn a_soft_stop_without_tools_ends_and_says_what_is_left_to_do() {
    let world = World::new();
    let vm = world.machine().await;
    world.host.start(&vm).await.unwrap();
    world.mood("no-tools");
    let error = world.host.stop(&vm, StopMode::Soft).await.unwrap_err();
    assert!(matches!(error, HypervisorError::DidNotStop { .. }), "{error}");
    assert!(error.to_string().contains("stop it hard"), "{error}");
    world.host.stop(&vm, StopMode::Hard).await.unwrap();
    assert_eq!(world.host.state(&vm).await.unwrap(), PowerState::Off);
}

#[tokio::test]
async fn locked_files_of_a_stopped_machine_are_waited_for_and_named() {
    let world = World::new();
    let vm = world.machine().await;
    let lock = world.path("web 한글/disk.vmdk.lck");
    fs::create_dir(&lock).unwrap();
    fs::write(lock.join("M1.lck"), "").unwrap();
    let error = world.host.stop(&vm, StopMode::Hard).await.unwrap_err();
    assert!(
        matches!(&error, HypervisorError::FilesBusy { lock: named, .. } if *named == lock),
        "{error}"
    );
}

#[tokio::test]
async fn an_edit_waits_a_moment_for_the_files_own_lock_and_never_writes_under_it() {
    let mut options = WorkstationOptions::default();
    options.unlock_timeout = Duration::from_secs(6);
    let world = World::new();
    let host = Workstation::with_options(world.fake.vmrun(), options);
    let vm = world.machine().await;
    let lock = PathBuf::from(format!("{vm}.lck"));
    fs::create_dir(&lock).unwrap();
    fs::write(lock.join("M1.lck"), "").unwrap();
    let before = fs::read(vm.as_str()).unwrap();
    let error = host.detach(&vm, MediaSlot(0)).await.unwrap_err();
    assert!(error.one_line().contains("is in use"), "{}", error.one_line());
    assert_eq!(fs::read(vm.as_str()).unwrap(), before);

    let released = {
        let lock = lock.clone();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_millis(250)).await;
            fs::remove_dir_all(lock).unwrap();
        })
    };
    assert_eq!(host.detach(&vm, MediaSlot(0)).await.unwrap(), Detached::Done);
    released.await.unwrap();
}

#[tokio::test]
async fn a_suspended_machine_is_told_apart_from_one_that_is_off() {
    let world = World::new();
    let vm = world.machine().await;
    let path = Path::new(vm.as_str());
    let mut text = fs::read_to_string(path).unwrap();
    text.push_str("checkpoint.vmState = \"web.vmss\"\n");
    fs::write(path, text).unwrap();
    assert_eq!(
        world.host.state(&vm).await.unwrap(),
        PowerState::Off,
        "a saved state that is not there is none"
    );
    fs::write(path.with_file_name("web.vmss"), "").unwrap();
    assert_eq!(world.host.state(&vm).await.unwrap(), PowerState::Suspended);
}
