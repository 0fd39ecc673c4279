//! The hypervisor of a machine that has none: what needs one says so, and the rest of a lab can still be used.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use vmrun_rs::guest::{ChannelKind, GuestAccess, GuestCommand, GuestOutput};
use vmrun_rs::hypervisor::{Detached, HypervisorInfo, MediaSlot, PowerState, ReportedAddress, StopMode, VmId, VmSpec};
use vmrun_rs::{ChannelError, GuestChannel, Hypervisor, HypervisorError};

/// Answers everything with why there is no hypervisor.
#[derive(Debug, Clone)]
pub(crate) struct Absent(pub(crate) String);

impl Absent {
    fn no<T>(&self) -> Result<T, HypervisorError> {
        Err(HypervisorError::backend("use a hypervisor", self.0.clone()))
    }

    fn nowhere<T>() -> Result<T, ChannelError> {
        Err(ChannelError::Unreachable {
            endpoint: SocketAddr::from(([0, 0, 0, 0], 0)),
            source: std::io::ErrorKind::NotFound.into(),
        })
    }
}

#[async_trait]
impl Hypervisor for Absent {
    async fn info(&self) -> Result<HypervisorInfo, HypervisorError> {
        self.no()
    }

    async fn create(&self, _spec: &VmSpec) -> Result<VmId, HypervisorError> {
        self.no()
    }

    async fn start(&self, _vm: &VmId) -> Result<(), HypervisorError> {
        self.no()
    }

    async fn stop(&self, _vm: &VmId, _mode: StopMode) -> Result<(), HypervisorError> {
        self.no()
    }

    async fn state(&self, _vm: &VmId) -> Result<PowerState, HypervisorError> {
        self.no()
    }

    async fn address(&self, _vm: &VmId) -> Result<Option<ReportedAddress>, HypervisorError> {
        self.no()
    }

    async fn endpoint(&self, _network: &str, _guest: SocketAddr) -> Result<SocketAddr, HypervisorError> {
        self.no()
    }

    async fn release_endpoints(&self, _network: &str, _guest: IpAddr) -> Result<(), HypervisorError> {
        self.no()
    }

    async fn attach(&self, _vm: &VmId, _slot: MediaSlot, _image: &Path) -> Result<(), HypervisorError> {
        self.no()
    }

    async fn detach(&self, _vm: &VmId, _slot: MediaSlot) -> Result<Detached, HypervisorError> {
        self.no()
    }

    async fn snapshots(&self, _vm: &VmId) -> Result<Vec<String>, HypervisorError> {
        self.no()
    }

    async fn snapshot(&self, _vm: &VmId, _name: &str) -> Result<(), HypervisorError> {
        self.no()
    }

    async fn revert(&self, _vm: &VmId, _name: &str) -> Result<(), HypervisorError> {
        self.no()
    }

    async fn delete_snapshot(&self, _vm: &VmId, _name: &str) -> Result<(), HypervisorError> {
        self.no()
    }

    async fn delete(&self, _vm: &VmId) -> Result<(), HypervisorError> {
        self.no()
    }

    async fn variable(&self, _vm: &VmId, _name: &str) -> Result<Option<String>, HypervisorError> {
        self.no()
    }

    fn id_of(&self, directory: &Path, name: &str) -> VmId {
        VmId::new(directory.join(name).display().to_string())
    }

    fn guest(&self, _vm: &VmId, _access: GuestAccess) -> Arc<dyn GuestChannel> {
        Arc::new(self.clone())
    }

    fn console(&self, _vm: &VmId) -> Option<PathBuf> {
        None
    }
}

#[async_trait]
impl GuestChannel for Absent {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Vmrun
    }

    async fn run(&self, _command: &GuestCommand) -> Result<GuestOutput, ChannelError> {
        Self::nowhere()
    }

    async fn read_file(&self, _path: &str) -> Result<Option<Vec<u8>>, ChannelError> {
        Self::nowhere()
    }

    async fn exists(&self, _path: &str) -> Result<bool, ChannelError> {
        Self::nowhere()
    }

    async fn copy_to(&self, _host: &Path, _guest: &str) -> Result<(), ChannelError> {
        Self::nowhere()
    }
}
