//! Addresses, and ways to guests.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};

use vmrun_rs::HypervisorError;
use vmrun_rs::hypervisor::{AddressSource, Hypervisor};

use crate::world::World;

#[tokio::test]
async fn a_guest_without_a_host_interface_is_reached_by_one_forwarded_port() {
    let world = World::new();
    let guest: SocketAddr = "198.51.100.10:22".parse().unwrap();
    let (a, b) = tokio::join!(
        world.host.endpoint("VMnet1", guest),
        world.host.endpoint("vmnet1", guest)
    );
    let (a, b) = (a.unwrap(), b.unwrap());
    assert_eq!(a, b);
    assert!(a.ip() == Ipv4Addr::LOCALHOST && a.port() != 0);
    let sets = world
        .fake
        .calls()
        .into_iter()
        .filter(|call| call[2] == "setPortForwarding")
        .count();
    assert_eq!(sets, 1);
    world.host.release_endpoints("VMnet1", guest.ip()).await.unwrap();
    assert_eq!(fs::read_to_string(world.fake.dir.path().join("ports")).unwrap(), "");
}

#[tokio::test]
async fn a_port_that_somebody_else_took_in_between_is_not_ours() {
    let world = World::new();
    world.mood("port-race");
    let endpoint = world
        .host
        .endpoint("vmnet1", "198.51.100.10:22".parse().unwrap())
        .await
        .unwrap();
    let ports = fs::read_to_string(world.fake.dir.path().join("ports")).unwrap();
    assert!(
        ports.contains(&format!("tcp {} 198.51.100.10 22", endpoint.port())),
        "{ports}"
    );
}

#[tokio::test]
async fn no_way_to_a_guest_says_why() {
    let world = World::new();
    world.mood("ports-refused");
    let error = world
        .host
        .endpoint("vmnet1", "198.51.100.10:22".parse().unwrap())
        .await
        .unwrap_err();
    assert!(matches!(error, HypervisorError::NoRoute { .. }));
    assert!(error.to_string().contains("Insufficient permissions"), "{error}");
}

#[tokio::test]
async fn placeholders_and_bridges_are_no_addresses() {
    let world = World::new();
    let vm = world.machine().await;
    let found = world.host.address(&vm).await.unwrap().unwrap();
    assert_eq!(
        (found.address.to_string().as_str(), found.source),
        ("198.51.100.10", AddressSource::Tools)
    );
    for mood in ["bridge", "headless", "booting"] {
        world.mood(mood);
        assert_eq!(world.host.address(&vm).await.unwrap(), None, "{mood}");
    }
}

#[tokio::test]
async fn an_address_is_checked_against_the_lease_of_the_machines_own_card() {
    let world = World::new();
    let vm = world.machine().await;
    let lease = |address: &str, mac: &str| {
        let text = format!(
            "lease {address} {{\r\n\tstarts 3 2020/05/13 12:00:37;\r\n\tends 3 2099/05/13 12:30:37;\r\n\thardware ethernet {mac};\r\n}}\r\n"
        );
        fs::write(world.fake.dir.path().join("dhcpd.leases"), text).unwrap();
    };
    let own = "00:50:56:00:00:10";
    let found = async || {
        let found = world.host.address(&vm).await.unwrap();
        found.map(|found| (found.address.to_string(), found.source))
    };
    let expected = |source| Some(("198.51.100.10".to_owned(), source));
    lease("198.51.100.10", own);
    assert_eq!(found().await, expected(AddressSource::ToolsAndLease));
    for mood in ["bridge", "headless", "booting"] {
        world.mood(mood);
        assert_eq!(found().await, expected(AddressSource::Lease), "{mood}");
    }
    // Somebody else's lease proves nothing.
    lease("198.51.100.10", "00:50:56:00:00:11");
    assert_eq!(found().await, None);
    world.mood("");
    assert_eq!(found().await, expected(AddressSource::Tools));
}

#[tokio::test]
async fn many_guests_are_each_given_a_port_of_their_own_with_few_looks_at_the_list() {
    let world = World::new();
    let guest = |n: u8| SocketAddr::from((Ipv4Addr::new(198, 51, 100, 10 + n), 22));
    let ask = |n| world.host.endpoint("VMnet1", guest(n));
    let (a, b, c, d) = tokio::join!(ask(0), ask(1), ask(2), ask(3));
    let mut ports: Vec<u16> = [a, b, c, d].into_iter().map(|e| e.unwrap().port()).collect();
    ports.sort_unstable();
    ports.dedup();
    assert_eq!(ports.len(), 4);
    let calls = world.fake.calls();
    let count = |word: &str| calls.iter().filter(|call| call[2] == word).count();
    assert_eq!(count("setPortForwarding"), 4);
    // One after the other, each would look before and after its own change: eight.
    assert!(count("listPortForwardings") <= 6, "{}", count("listPortForwardings"));
    assert_eq!(count("listHostNetworks"), 1);
}
