//! `getGuestIPAddress`

use std::net::Ipv4Addr;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::agent::{self, Agent};
use crate::fault::Fault;
use crate::home::Home;
use crate::machine::{Vmx, nics};
use crate::running::{self, Record};

/// With `-wait` vmrun waits for ever. This is long enough for any guest and still an end.
const LONGEST_WAIT: Duration = Duration::from_secs(3600);

/// Prints the guest's address, waiting for one if asked to.
pub(crate) fn get(home: &Home, vmx: &Vmx, wait: bool) -> Result<String, Fault> {
    let deadline = Instant::now() + LONGEST_WAIT;
    loop {
        let record = running::require(home, vmx)?;
        match find(home, vmx, &record) {
            Ok(address) => return Ok(format!("{address}\n")),
            Err(Fault::ToolsNotRunning(_) | Fault::NoAddress) if wait && Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(500));
            }
            Err(fault) => return Err(fault),
        }
    }
}

/// The guest's address now.
pub(crate) fn find(home: &Home, vmx: &Vmx, record: &Record) -> Result<Ipv4Addr, Fault> {
    if !agent::is_open(record) {
        return Err(Fault::ToolsNotRunning(vmx.given.clone()));
    }
    let interfaces = Agent::connect(home, record)
        .and_then(|mut agent| agent.execute("guest-network-get-interfaces", &json!({})))
        .map_err(|error| error.fault(vmx, record))?;
    let adapters: Vec<String> = nics::read(&vmx.read()?)?.into_iter().map(|nic| nic.mac).collect();
    choose(&interfaces, &adapters).ok_or(Fault::NoAddress)
}

/// The first usable address of the first adapter that has one, in the order of the `.vmx`. A guest's own bridges and
/// tunnels have addresses too, and those are nobody's way in.
fn choose(interfaces: &Value, adapters: &[String]) -> Option<Ipv4Addr> {
    let interfaces = interfaces.as_array()?;
    adapters.iter().find_map(|mac| {
        let of_adapter = interfaces.iter().filter(|interface| {
            interface["hardware-address"]
                .as_str()
                .is_some_and(|address| address.eq_ignore_ascii_case(mac))
        });
        of_adapter
            .flat_map(|interface| interface["ip-addresses"].as_array().into_iter().flatten())
            .find_map(usable)
    })
}

fn usable(address: &Value) -> Option<Ipv4Addr> {
    let address: Ipv4Addr = address["ip-address"].as_str()?.parse().ok()?;
    let useless = address.is_loopback() || address.is_link_local() || address.is_unspecified();
    (!useless).then_some(address)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_adapters_address_wins_over_bridges_and_loopback() {
        let interfaces = json!([
            { "name": "lo", "hardware-address": "00:00:00:00:00:00", "ip-addresses": [
                { "ip-address": "127.0.0.1", "ip-address-type": "ipv4" } ] },
            { "name": "docker0", "hardware-address": "02:42:00:00:00:00", "ip-addresses": [
                { "ip-address": "172.17.0.1", "ip-address-type": "ipv4" } ] },
            { "name": "eth1", "hardware-address": "00:0C:29:00:00:02", "ip-addresses": [
                { "ip-address": "192.168.106.128", "ip-address-type": "ipv4" } ] },
            { "name": "eth0", "hardware-address": "00:50:56:00:00:10", "ip-addresses": [
                { "ip-address": "fe80::1", "ip-address-type": "ipv6" },
                { "ip-address": "169.254.3.4", "ip-address-type": "ipv4" },
                { "ip-address": "192.168.6.10", "ip-address-type": "ipv4" } ] },
            { "name": "odd" },
        ]);
        let adapters = ["00:50:56:00:00:10".to_owned(), "00:0c:29:00:00:02".to_owned()];
        assert_eq!(choose(&interfaces, &adapters), Some(Ipv4Addr::new(192, 168, 6, 10)));
        assert_eq!(
            choose(&interfaces, &adapters[1..]),
            Some(Ipv4Addr::new(192, 168, 106, 128))
        );
        assert_eq!(choose(&interfaces, &[]), None);
        assert_eq!(choose(&json!({}), &adapters), None);
    }
}
