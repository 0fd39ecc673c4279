//! The commands. Each returns what is printed on success.

mod clone;
mod delete;
mod devices;
pub(crate) mod power;
mod start;
mod variables;

use crate::cli::Invocation;
use crate::cli::grammar::{MachineRequest, Request};
use crate::fault::{Fault, OrUnknown};
use crate::home::Home;
use crate::machine::Vmx;
use crate::net::forwards;
use crate::qemu::qmp::Qmp;
use crate::running::{self, Record};
use crate::{guest, log, snapshot};

/// Carries out a command.
pub(crate) fn run(invocation: &Invocation) -> Result<Vec<u8>, Fault> {
    let home = Home::open()?;
    match &invocation.request {
        Request::List => list(&home),
        Request::ListHostNetworks => forwards::list_networks(&home).map(String::into_bytes),
        Request::ListPortForwardings { network } => forwards::list(&home, network).map(String::into_bytes),
        Request::SetPortForwarding {
            network,
            protocol,
            host_port,
            guest,
            text,
        } => forwards::set(&home, network, protocol, *host_port, *guest, text).map(|()| Vec::new()),
        Request::DeletePortForwarding {
            network,
            protocol,
            host_port,
        } => forwards::delete(&home, network, protocol, *host_port).map(|()| Vec::new()),
        Request::Machine(given, request) => {
            let vmx = Vmx::find(given)?;
            let result = machine(&home, &vmx, invocation, request);
            if let Err(Fault::Canceled { reason } | Fault::Unknown { reason }) = &result {
                log::dialog(vmx.directory(), reason);
            }
            result.map(String::into_bytes)
        }
    }
}

fn machine(home: &Home, vmx: &Vmx, invocation: &Invocation, request: &MachineRequest) -> Result<String, Fault> {
    use MachineRequest as M;
    let done = |()| String::new();
    match request {
        M::Start => start::start(home, vmx).map(done),
        M::Stop(mode) => power::stop(home, vmx, *mode).map(done),
        M::Reset(mode) => power::reset(home, vmx, *mode).map(done),
        M::Suspend => {
            running::require(home, vmx)?;
            Err(Fault::NotSupported {
                reason: "a machine on QEMU cannot be suspended; stop it, or pause it".to_owned(),
            })
        }
        M::Pause => power::pause(home, vmx, true).map(done),
        M::Unpause => power::pause(home, vmx, false).map(done),
        M::ListSnapshots { tree } => snapshot::list(vmx, *tree),
        M::Snapshot { name } => snapshot::take(home, vmx, name).map(done),
        M::DeleteSnapshot { name, children } => snapshot::delete(home, vmx, name, *children).map(done),
        M::RevertToSnapshot { name } => snapshot::revert(home, vmx, name).map(done),
        M::Clone {
            to,
            linked,
            snapshot,
            name,
        } => {
            let wish = clone::Wish {
                to,
                linked: *linked,
                snapshot: snapshot.as_deref(),
                name: name.as_deref(),
            };
            clone::clone(home, vmx, &wish).map(done)
        }
        M::Delete => delete::delete(home, vmx).map(done),
        M::GetAddress { wait } => guest::address::get(home, vmx, *wait),
        M::CheckTools => guest::state(home, vmx),
        M::ConnectDevice { device, connected } => devices::connect(home, vmx, device, *connected).map(done),
        M::CaptureScreen { to } => devices::capture_screen(home, vmx, to).map(done),
        M::ReadVariable { kind, name } => variables::read(home, vmx, invocation.login.as_ref(), *kind, name),
        M::WriteVariable { kind, name, value } => {
            variables::write(home, vmx, invocation.login.as_ref(), *kind, name, value).map(done)
        }
        M::Guest(request) => guest::run(home, vmx, invocation.login.as_ref(), request),
    }
}

fn list(home: &Home) -> Result<Vec<u8>, Fault> {
    let records = running::all(home)?;
    let mut out = format!("Total running VMs: {}\n", records.len()).into_bytes();
    for record in records {
        out.extend_from_slice(record.vmx.as_os_str().as_encoded_bytes());
        out.push(b'\n');
    }
    Ok(out)
}

/// Talks to a running machine's QEMU. One that is just ending is a machine that is not powered on.
fn control(vmx: &Vmx, record: &Record) -> Result<Qmp, Fault> {
    Qmp::connect(&record.qmp).or_else(|error| {
        if record.is_alive() {
            Err(error).or_unknown("talking to QEMU")
        } else {
            Err(Fault::NotPoweredOn(vmx.given.clone()))
        }
    })
}
