//! The host's network, forwarded ports, addresses.

use std::fmt::Write as _;

use super::Call;
use super::power::known;
use crate::fake::machine::{Power, Time};
use crate::fake::texts;
use crate::fake::world::{End, Forward, Reply, World};

pub(super) fn networks(world: &World) -> Reply {
    let network = &world.config.network;
    let index = network.name.trim_start_matches(|c: char| !c.is_ascii_digit());
    Reply::ok(format!(
        "Total host networks: 1\nINDEX  NAME         TYPE         DHCP         SUBNET           MASK\n\
         {index:<7}{:<13}{:<13}{:<13}{:<17}{}\n",
        network.name, "hostOnly", "false", network.subnet, network.mask
    ))
}

fn is_known(world: &World, call: &Call) -> Result<(), String> {
    let known = world.config.network.name.eq_ignore_ascii_case(call.argument(0));
    if known { Ok(()) } else { Err(texts::INVALID.to_owned()) }
}

pub(super) fn list(world: &World, call: &Call) -> Result<Reply, String> {
    is_known(world, call)?;
    let mut text = format!("Total port forwardings: {}\n", world.forwards.len());
    if !world.forwards.is_empty() {
        text.push_str("INDEX  PROTOCOL     HOST PORT    GUEST IP         GUEST PORT   DESCRIPTION\n");
    }
    for (index, (host_port, forward)) in world.forwards.iter().enumerate() {
        let _ = writeln!(
            text,
            "{index:<7}{:<13}{host_port:<13}{:<17}{}",
            "tcp",
            forward.guest.to_string(),
            forward.port
        );
    }
    Ok(Reply::ok(text))
}

/// Only notes it: who listens is the server's business, and it looks at the list.
pub(super) fn set(world: &mut World, call: &Call) -> Result<Reply, String> {
    is_known(world, call)?;
    let invalid = |_| texts::INVALID.to_owned();
    let host_port: u16 = call.argument(2).parse().map_err(|_| texts::INVALID.to_owned())?;
    let forward = Forward {
        guest: call.argument(3).parse().map_err(|_| texts::INVALID.to_owned())?,
        port: call.argument(4).parse::<u16>().map_err(|e| invalid(e.to_string()))?,
    };
    if !call.argument(1).eq_ignore_ascii_case("tcp") || host_port == 0 {
        return Err(texts::INVALID.to_owned());
    }
    world.forwards.insert(host_port, forward);
    Ok(Reply::default())
}

pub(super) fn delete(world: &mut World, call: &Call) -> Result<Reply, String> {
    is_known(world, call)?;
    let port = call.argument(2).parse().ok();
    let gone = port.and_then(|port: u16| world.forwards.remove(&port));
    gone.map(|_| Reply::default()).ok_or_else(|| texts::INVALID.to_owned())
}

/// `getGuestIPAddress [-wait]`: from Tools, in their words while there is none.
pub(super) fn address(world: &mut World, now: Time, call: &Call) -> Result<Reply, String> {
    let config = world.config.clone();
    let machine = known(world, call)?;
    if machine.power != Power::Running {
        return Err(format!("{}: {}", texts::NOT_POWERED_ON, machine.vmx.display()));
    }
    if let Some(address) = machine
        .address(now, &config)
        .filter(|_| machine.tools_run(now, &config))
    {
        return Ok(Reply::ok(format!("{address}\n")));
    }
    if call.argument(0) == "-wait" {
        return Ok(Reply {
            end: End::Wait,
            ..Reply::default()
        });
    }
    if machine.tools_run(now, &config) {
        // Up, without an address yet: the word stands where the address would.
        return Ok(Reply::ok("unknown\n"));
    }
    Err(if config.tools {
        format!("{}: {}", texts::TOOLS_NOT_RUNNING, machine.vmx.display())
    } else {
        texts::NO_ADDRESS.to_owned()
    })
}
