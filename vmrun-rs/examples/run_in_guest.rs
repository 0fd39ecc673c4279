//! Runs a command in a machine's guest over SSH and prints what it printed:
//! `run_in_guest MACHINE.vmx VMNET GUEST-ADDRESS USER KEY-FILE HOST-KEY.pub COMMAND…`

use std::net::{IpAddr, SocketAddr};
use std::process::ExitCode;

use vmrun_rs::guest::{GuestAccess, GuestCommand, SshAccess};
use vmrun_rs::hypervisor::{Hypervisor, PowerState, VmId};
use vmrun_rs::{Vmrun, Workstation, locate};

#[tokio::main]
async fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let [vmx, network, address, user, key, host_key, command @ ..] = &args[..] else {
        return Err("usage: run_in_guest MACHINE.vmx VMNET GUEST-ADDRESS USER KEY-FILE HOST-KEY.pub COMMAND…".into());
    };
    let hypervisor = Workstation::new(Vmrun::new(locate::vmware()?.program));
    let vm = VmId::new(vmx);
    if hypervisor.state(&vm).await? != PowerState::Running {
        hypervisor.start(&vm).await?;
    }
    // The guest itself where this host has an interface in its network, else a forwarded port.
    let guest = SocketAddr::new(address.parse::<IpAddr>()?, 22);
    let ssh = SshAccess {
        endpoint: hypervisor.endpoint(network, guest).await?,
        user: user.clone(),
        private_key: std::fs::read_to_string(key)?.into(),
        host_key: std::fs::read_to_string(host_key)?,
    };
    let channel = hypervisor.guest(
        &vm,
        GuestAccess {
            credentials: None,
            ssh: Some(ssh),
        },
    );
    let output = channel.run(&GuestCommand::new(command.iter().cloned())).await?;
    print!("{}", output.stdout_text());
    eprint!("{}", String::from_utf8_lossy(&output.stderr));
    Ok(if output.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
