//! Virtual networks of the host, forwarded ports, and Fusion's network adapters.

use std::net::Ipv4Addr;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use crate::error::VmrunError;

use super::argv::Call;
use super::shared::Shared;
use super::{HostNetwork, NetworkAdapter, PortForwarding, Vmrun, locks, parse};

/// The forwarded ports of one network.
pub(super) type Forwardings = Shared<Vec<PortForwarding>>;

/// The command line wants `vmnet1` where configurations say `VMnet1`.
fn name(network: &str) -> String {
    network.to_ascii_lowercase()
}

impl Vmrun {
    /// `listHostNetworks`.
    pub async fn host_networks(&self) -> Result<Vec<HostNetwork>, VmrunError> {
        self.query(
            &Call::new("listHostNetworks", self.deadlines().query).data(),
            parse::host_networks,
        )
        .await
    }

    /// `listPortForwardings`.
    pub async fn port_forwardings(&self, network: &str) -> Result<Vec<PortForwarding>, VmrunError> {
        let call = Call::new("listPortForwardings", self.deadlines().query)
            .param(name(network))
            .data();
        self.query(&call, parse::port_forwardings).await
    }

    /// As [`port_forwardings`](Self::port_forwardings); callers at the same time share one call, which began after each of
    /// them asked.
    pub(crate) async fn port_forwardings_now(&self, network: &str) -> Result<Arc<Vec<PortForwarding>>, VmrunError> {
        let forwardings = {
            let mut forwarded = self.inner.forwarded.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(forwarded.entry(name(network)).or_default())
        };
        forwardings.ask(|| self.port_forwardings(network)).await
    }

    /// `setPortForwarding`. VMware itself needs administrator rights for it and a network of the kind `nat`.
    pub async fn set_port_forwarding(
        &self,
        network: &str,
        protocol: &str,
        host_port: u16,
        guest: (Ipv4Addr, u16),
        description: Option<&str>,
    ) -> Result<(), VmrunError> {
        let call = Call::new("setPortForwarding", self.deadlines().device)
            .param(name(network))
            .param(protocol)
            .param(host_port.to_string())
            .param(guest.0.to_string())
            .param(guest.1.to_string());
        let call = match description {
            Some(text) => call.param(text),
            None => call,
        };
        let _turn = locks::lock(&locks::network_key(network)).await;
        self.call(&call).await.map(|_| ())
    }

    /// `deletePortForwarding`.
    pub async fn delete_port_forwarding(
        &self,
        network: &str,
        protocol: &str,
        host_port: u16,
    ) -> Result<(), VmrunError> {
        let call = Call::new("deletePortForwarding", self.deadlines().device)
            .param(name(network))
            .param(protocol)
            .param(host_port.to_string());
        let _turn = locks::lock(&locks::network_key(network)).await;
        self.call(&call).await.map(|_| ())
    }

    /// `listNetworkAdapters` (Fusion).
    pub async fn network_adapters(&self, vmx: &Path) -> Result<Vec<NetworkAdapter>, VmrunError> {
        let call = Call::new("listNetworkAdapters", self.deadlines().query).vm(vmx).data();
        self.query(&call, parse::network_adapters).await
    }

    /// `addNetworkAdapter` (Fusion). `kind` is `nat`, `bridged`, `hostonly` or, with a network, `custom`.
    pub async fn add_network_adapter(&self, vmx: &Path, kind: &str, network: Option<&str>) -> Result<(), VmrunError> {
        let call = Call::new("addNetworkAdapter", self.deadlines().device)
            .vm(vmx)
            .param(kind);
        self.change(network.map(name).iter().fold(call, super::argv::Call::param))
            .await
    }

    /// `setNetworkAdapter` (Fusion).
    pub async fn set_network_adapter(
        &self,
        vmx: &Path,
        index: u32,
        kind: &str,
        network: Option<&str>,
    ) -> Result<(), VmrunError> {
        let call = Call::new("setNetworkAdapter", self.deadlines().device)
            .vm(vmx)
            .param(index.to_string())
            .param(kind);
        self.change(network.map(name).iter().fold(call, super::argv::Call::param))
            .await
    }

    /// `deleteNetworkAdapter` (Fusion).
    pub async fn delete_network_adapter(&self, vmx: &Path, index: u32) -> Result<(), VmrunError> {
        self.change(
            Call::new("deleteNetworkAdapter", self.deadlines().device)
                .vm(vmx)
                .param(index.to_string()),
        )
        .await
    }
}
