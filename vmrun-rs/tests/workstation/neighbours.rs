//! What else is on a virtual network.

use std::fs;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use vmrun_rs::hypervisor::{Hypervisor, VmId};

use crate::world::World;

/// Lets somebody else's machine run, with its card in a network of this kind.
fn stranger(world: &World, name: &str, network: &str) -> PathBuf {
    let vmx = world.path(name);
    fs::write(
        &vmx,
        format!("ethernet0.present = \"TRUE\"\nethernet0.connectionType = \"{network}\"\n"),
    )
    .unwrap();
    let running = world.fake.dir.path().join("running");
    let listed = fs::read_to_string(&running).unwrap_or_default();
    fs::write(&running, format!("{listed}{}\n", vmx.display())).unwrap();
    vmx
}

#[tokio::test]
async fn forwarded_ports_are_those_that_carry_connections() {
    let world = World::new();
    fs::write(
        world.fake.dir.path().join("ports"),
        "tcp 2201 198.51.100.10 22\nudp 5300 198.51.100.10 53\ntcp 8443 198.51.100.11 6443\n",
    )
    .unwrap();
    let found = world.host.forwarded("VMnet8").await.unwrap();
    let ways: Vec<_> = found
        .iter()
        .map(|f| (f.host.to_string(), f.guest.to_string()))
        .collect();
    let way = |host: &str, guest: &str| (host.to_owned(), guest.to_owned());
    assert_eq!(
        ways,
        [
            way("127.0.0.1:2201", "198.51.100.10:22"),
            way("127.0.0.1:8443", "198.51.100.11:6443")
        ]
    );
}

#[tokio::test]
async fn neighbours_are_the_machines_of_others_that_run_on_this_network() {
    let world = World::new();
    let ours = world.machine().await;
    world.host.start(&ours).await.unwrap();
    let theirs = stranger(&world, "theirs.vmx", "hostonly");
    stranger(&world, "elsewhere.vmx", "nat");
    // One that cannot be read is no error.
    fs::remove_file(stranger(&world, "gone.vmx", "hostonly")).unwrap();
    let found = async |ours: &[VmId]| {
        let found = world.host.neighbours("VMnet1", ours).await.unwrap();
        let mut found: Vec<_> = found.into_iter().map(|n| (n.vm, n.address.to_string())).collect();
        found.sort();
        found
    };
    let at = |vm: VmId| (vm, "198.51.100.10".to_owned());
    let theirs = at(VmId::new(theirs.to_str().unwrap()));
    assert_eq!(found(std::slice::from_ref(&ours)).await, std::slice::from_ref(&theirs));
    let mut both = [at(ours), theirs];
    both.sort();
    assert_eq!(found(&[]).await, both, "a machine is left out only because it is ours");
}

#[tokio::test]
async fn a_neighbour_that_does_not_say_its_address_is_waited_for_two_seconds_only() {
    let world = World::new();
    stranger(&world, "silent.vmx", "hostonly");
    world.mood("silent");
    let begun = Instant::now();
    assert_eq!(world.host.neighbours("vmnet1", &[]).await.unwrap(), []);
    let took = begun.elapsed();
    assert!(
        (Duration::from_secs(2)..Duration::from_secs(20)).contains(&took),
        "{took:?}"
    );
}
