//! A small tool, and its unit test without any hypervisor: `cargo test -p vmrun-rs --example mock --features mock`.

use vmrun_rs::hypervisor::{Hypervisor, PowerState, VmId};
use vmrun_rs::{HypervisorError, Vmrun, Workstation, locate};

/// Starts the machines that are off.
async fn start_all(hypervisor: &dyn Hypervisor, machines: &[VmId]) -> Result<(), HypervisorError> {
    for vm in machines {
        if hypervisor.state(vm).await? == PowerState::Off {
            hypervisor.start(vm).await?;
        }
    }
    Ok(())
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hypervisor = Workstation::new(Vmrun::new(locate::vmware()?.program));
    let machines: Vec<VmId> = std::env::args().skip(1).map(VmId::new).collect();
    Ok(start_all(&hypervisor, &machines).await?)
}

#[cfg(all(test, feature = "mock"))]
#[tokio::test]
async fn only_machines_that_are_off_are_started() {
    let mut mock = vmrun_rs::mock::MockHypervisor::new();
    mock.expect_state().returning(|vm| match vm.as_str() {
        "a" => Ok(PowerState::Running),
        _ => Ok(PowerState::Off),
    });
    let start = mock.expect_start().once();
    start.withf(|vm| vm.as_str() == "b").returning(|_| Ok(()));
    let machines = ["a", "b"].map(VmId::new);
    start_all(&mock, &machines).await.unwrap();
}
