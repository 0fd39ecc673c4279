//! Variables and devices.

use super::Call;
use super::power::{known, running};
use crate::fake::texts;
use crate::fake::vmx::Vmx;
use crate::fake::world::{Reply, World};

pub(super) fn read(world: &mut World, call: &Call) -> Result<Reply, String> {
    let machine = known(world, call)?;
    let value = match call.argument(0) {
        "guestVar" => machine.variables.get(call.argument(1)).cloned(),
        "runtimeConfig" => Vmx::read(&machine.vmx)
            .ok()
            .and_then(|vmx| vmx.get(call.argument(1)).map(str::to_owned)),
        _ => return Err(texts::INVALID.to_owned()),
    };
    // Unset or empty: an empty line, and success.
    Ok(Reply::ok(format!("{}\n", value.unwrap_or_default())))
}

pub(super) fn write(world: &mut World, call: &Call) -> Result<Reply, String> {
    let persistent = world.config.hot_detach;
    let machine = running(world, call, texts::NOT_POWERED_ON)?;
    let (name, value) = (call.argument(1).to_owned(), call.argument(2).to_owned());
    match call.argument(0) {
        "guestVar" => drop(machine.variables.insert(name, value)),
        // Whether it reaches the file differs between products.
        "runtimeConfig" if persistent => {
            let mut vmx = Vmx::read(&machine.vmx).map_err(|_| texts::NO_FILE.to_owned())?;
            vmx.set(&name, &value);
            vmx.write(&machine.vmx).map_err(|_| texts::DISK_FULL.to_owned())?;
        }
        "runtimeConfig" => {}
        _ => return Err(texts::INVALID.to_owned()),
    }
    Ok(Reply::default())
}

/// `connectNamedDevice`, `disconnectNamedDevice`: for now; what the next start does is in the file.
pub(super) fn device(world: &mut World, call: &Call) -> Result<Reply, String> {
    let machine = running(world, call, texts::NEEDS_POWER)?;
    if call.command == "disconnectNamedDevice" {
        machine.media.remove(call.argument(0));
    }
    Ok(Reply::default())
}
