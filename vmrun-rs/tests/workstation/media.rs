//! CDs, and other hardware.

use std::fs;

use vmrun_rs::HypervisorError;
use vmrun_rs::hypervisor::{Detached, Hardware, Hypervisor, MediaSlot};

use crate::world::World;

#[tokio::test]
async fn a_cd_is_taken_out_for_good_or_the_answer_says_that_it_is_not() {
    let world = World::new();
    let vm = world.machine().await;
    let slot = MediaSlot(0);
    // While off: the file.
    assert_eq!(world.host.detach(&vm, slot).await.unwrap(), Detached::Done);
    assert!(!World::vmx(&vm).is_true("sata0:0.present"));
    world
        .host
        .attach(&vm, slot, &world.path("seed 한글.iso"))
        .await
        .unwrap();
    assert!(World::vmx(&vm).is_true("sata0:0.present"));

    // While running, by a hypervisor that writes the change down.
    world.host.start(&vm).await.unwrap();
    assert_eq!(world.host.detach(&vm, slot).await.unwrap(), Detached::Done);
    assert_eq!(World::vmx(&vm).get("sata0:0.startConnected").unwrap(), "FALSE");
    assert!(matches!(
        world.host.attach(&vm, slot, &world.path("seed 한글.iso")).await,
        Err(HypervisorError::Running { .. })
    ));
    let error = world.host.detach(&vm, MediaSlot(7)).await.unwrap_err();
    assert!(matches!(error, HypervisorError::NoSuchSlot { slot: 7, .. }), "{error}");
}

#[tokio::test]
async fn a_cd_that_would_come_back_or_is_in_use_needs_a_power_off() {
    for mood in ["volatile", "tray-locked"] {
        let world = World::new();
        let vm = world.machine().await;
        world.host.start(&vm).await.unwrap();
        world.mood(mood);
        assert_eq!(
            world.host.detach(&vm, MediaSlot(0)).await.unwrap(),
            Detached::NeedsPowerOff,
            "{mood}"
        );
    }
}

#[tokio::test]
async fn all_cds_of_a_machine_that_is_off_are_taken_out_by_one_look_at_the_list() {
    let world = World::new();
    let vm = world.machine().await;
    let slots = [MediaSlot(0), MediaSlot(1)];
    let second = world.path("seed 한글.iso");
    world.host.attach(&vm, slots[1], &second).await.unwrap();
    let lists = || world.fake.calls().iter().filter(|call| call[2] == "list").count();
    let before = lists();
    assert_eq!(world.host.detach_all(&vm, &slots).await.unwrap(), Detached::Done);
    assert_eq!(lists() - before, 1);
    for device in ["sata0:0", "sata0:1"] {
        assert!(!World::vmx(&vm).is_true(&format!("{device}.present")));
    }
}

#[tokio::test]
async fn a_hypervisor_that_forgets_a_change_is_not_asked_to_disconnect_anything() {
    let world = World::new();
    let vm = world.machine().await;
    world.host.start(&vm).await.unwrap();
    world.mood("volatile");
    let detached = world.host.detach_all(&vm, &[MediaSlot(0)]).await.unwrap();
    assert_eq!(detached, Detached::NeedsPowerOff);
    let calls = world.fake.calls();
    assert!(
        !calls.iter().any(|call| call[2] == "disconnectNamedDevice"),
        "{calls:?}"
    );
}

#[tokio::test]
async fn processors_and_memory_are_changed_only_while_the_machine_is_off() {
    let world = World::new();
    let vm = world.machine().await;
    let hardware = Hardware {
        cpus: 4,
        memory_mib: 8190,
    };
    assert!(world.host.reconfigures());
    let before = World::vmx(&vm);
    world.host.reconfigure(&vm, hardware).await.unwrap();
    let after = World::vmx(&vm);
    for (key, value) in [("numvcpus", "4"), ("cpuid.coresPerSocket", "4"), ("memsize", "8192")] {
        assert_eq!(after.get(key).as_deref(), Some(value), "{key}");
    }
    for key in before
        .keys()
        .filter(|key| !["numvcpus", "cpuid.coresPerSocket", "memsize"].contains(key))
    {
        assert_eq!(before.get(key), after.get(key), "{key}");
    }
    world.host.start(&vm).await.unwrap();
    let file = fs::read(vm.as_str()).unwrap();
    let error = world.host.reconfigure(&vm, hardware).await.unwrap_err();
    assert!(matches!(error, HypervisorError::Running { .. }), "{error}");
    let nothing = Hardware { cpus: 0, ..hardware };
    world.host.reconfigure(&vm, nothing).await.unwrap_err();
    assert_eq!(fs::read(vm.as_str()).unwrap(), file);
}
