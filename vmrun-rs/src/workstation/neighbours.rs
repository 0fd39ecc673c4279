//! What else is on a virtual network: forwarded ports, and machines that run.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::error::HypervisorError;
use crate::hypervisor::{Forwarded, Neighbour, VmId};

use super::network::is_on;
use super::{Workstation, doing};

/// How long a machine is asked for its address.
const PATIENCE: Duration = Duration::from_secs(2);
/// How many machines are asked: each costs a process. Those beyond it are not known.
const MOST: usize = 16;

impl Workstation {
    pub(super) async fn forwarded_ports(&self, network: &str) -> Result<Vec<Forwarded>, HypervisorError> {
        let all = self.vmrun.port_forwardings_now(network).await;
        let all = all.map_err(doing(format!("list the forwarded ports of {network}")))?;
        let tcp = all.iter().filter(|f| f.protocol == "tcp");
        Ok(tcp
            .map(|f| Forwarded {
                host: SocketAddr::from((Ipv4Addr::LOCALHOST, f.host_port)),
                guest: SocketAddr::from((f.guest, f.guest_port)),
            })
            .collect())
    }

    pub(super) async fn running_neighbours(
        &self,
        network: &str,
        ours: &[VmId],
    ) -> Result<Vec<Neighbour>, HypervisorError> {
        let running = self.vmrun.list().await.map_err(doing("list the running machines"))?;
        let ours: Vec<String> = ours
            .iter()
            .map(|vm| crate::path::comparable(&Self::vmx_path(vm)))
            .collect();
        let others = running
            .into_iter()
            .filter(|vmx| !ours.contains(&crate::path::comparable(vmx)))
            .map(|vmx| VmId::new(vmx.to_string_lossy()))
            .filter(|vm| Self::open(vm, "read the configuration of").is_ok_and(|vmx| is_on(&vmx.file, network)));
        let others: Vec<VmId> = others.collect();
        if others.len() > MOST {
            tracing::debug!(
                machines = others.len(),
                asked = MOST,
                "not all are asked for their address"
            );
        }
        let mut asked = JoinSet::new();
        for vm in others.into_iter().take(MOST) {
            let host = self.clone();
            asked.spawn(async move { (timeout(PATIENCE, host.reported_address(&vm)).await, vm) });
        }
        let mut found = Vec::new();
        for (answer, vm) in asked.join_all().await {
            // Somebody else's machine that does not say is no error of ours.
            if let Ok(Ok(Some(reported))) = answer {
                let address = reported.address;
                found.push(Neighbour { vm, address });
            }
        }
        Ok(found)
    }
}
