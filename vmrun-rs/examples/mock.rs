//! A small tool, and its unit test without any hypervisor:
//! `cargo test --example mock --features mock`.

use vmrun_rs::hypervisor::{Hypervisor, PowerState, VmId};
use vmrun_rs::{HypervisorError, Vmrun, Workstation, locate};

/// Starts the machines that are off; returns how many those were.
async fn start_all(hypervisor: &dyn Hypervisor, machines: &[VmId]) -> Result<usize, HypervisorError> {
    let mut started = 0;
    for vm in machines {
        if hypervisor.state(vm).await? == PowerState::Off {
            hypervisor.start(vm).await?;
            started += 1;
        }
    }
    Ok(started)
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hypervisor = Workstation::new(Vmrun::new(locate::vmware()?.program));
    let machines: Vec<VmId> = std::env::args().skip(1).map(VmId::new).collect();
    println!("started {}", start_all(&hypervisor, &machines).await?);
    Ok(())
}

#[cfg(all(test, feature = "mock"))]
mod tests {
    use super::*;
    use vmrun_rs::mock::MockHypervisor;

    #[tokio::test]
    async fn only_machines_that_are_off_are_started() {
        let mut hypervisor = MockHypervisor::new();
        hypervisor.expect_state().returning(|vm| match vm.as_str() {
            "a" => Ok(PowerState::Running),
            _ => Ok(PowerState::Off),
        });
        hypervisor
            .expect_start()
            .once()
            .withf(|vm| vm.as_str() == "b")
            .returning(|_| Ok(()));
        assert_eq!(
            start_all(&hypervisor, &[VmId::new("a"), VmId::new("b")]).await.unwrap(),
            1
        );
    }
}
