//! [`Workstation`]: the [`Hypervisor`] over `vmrun`.

mod create;
mod delete;
mod media;
mod neighbours;
mod network;
mod power;

#[cfg(feature = "ssh")]
use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;
#[cfg(feature = "ssh")]
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::error::{HypervisorError, VmrunError};
#[cfg(feature = "ssh")]
use crate::guest::FallbackMemory;
use crate::guest::{GuestAccess, GuestChannel};
use crate::hypervisor::{
    Detached, Forwarded, Hardware, Hypervisor, HypervisorInfo, MediaSlot, Neighbour, PowerState, ReportedAddress,
    StopMode, VmId, VmSpec,
};
use crate::vmrun::{HostNetwork, VariableKind, Vmrun, locks};
use crate::vmx::{DiskController, NicModel, VmxStore, set_hardware, variable_name};

/// Machines of VMware Workstation, Player or Fusion, or of a program that speaks `vmrun`'s language.
///
/// A machine's [`VmId`] is the canonical path of its `.vmx` file. Cheap to clone; clones share what they have learnt.
#[derive(Debug, Clone)]
pub struct Workstation {
    vmrun: Vmrun,
    options: WorkstationOptions,
    /// The host's virtual networks, and when they were asked for.
    networks: Arc<tokio::sync::Mutex<Option<Networks>>>,
    /// Which way into each machine works.
    #[cfg(feature = "ssh")]
    memories: Arc<Mutex<HashMap<String, FallbackMemory>>>,
}

/// When the networks were asked for, and what was answered.
type Networks = (Instant, Vec<HostNetwork>);

/// How a [`Workstation`] makes machines and how long it waits for them.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct WorkstationOptions {
    /// Whether machines start with a window. No: a window keeps the machine's files locked.
    pub gui: bool,
    /// The disk controller of new machines: pvscsi.
    pub disk_controller: DiskController,
    /// The network card of new machines: e1000e.
    pub nic_model: NicModel,
    /// The virtual hardware of new machines: 18.
    pub hardware_version: u32,
    /// How long a machine may take to appear in the list after its start: 20 s.
    pub appear_timeout: Duration,
    /// How long a machine may take to disappear from the list after its stop: 2 min soft, a quarter of it hard.
    pub stop_timeout: Duration,
    /// How long a stopped machine's files may stay locked: 60 s. The `.vmx` file's own lock is waited for a sixth of it,
    /// because a window that shows the machine keeps it for ever.
    pub unlock_timeout: Duration,
    /// Lease files of the hypervisor's DHCP server, if they are not where its installer puts them
    /// ([`leases::files`](crate::leases::files)).
    pub lease_files: Option<Vec<PathBuf>>,
    /// Options of SSH channels.
    #[cfg(feature = "ssh")]
    pub ssh: crate::guest::SshOptions,
}

impl Default for WorkstationOptions {
    fn default() -> Self {
        Self {
            gui: false,
            disk_controller: DiskController::default(),
            nic_model: NicModel::default(),
            hardware_version: 18,
            appear_timeout: Duration::from_secs(20),
            stop_timeout: Duration::from_secs(120),
            unlock_timeout: Duration::from_secs(60),
            lease_files: None,
            #[cfg(feature = "ssh")]
            ssh: crate::guest::SshOptions::default(),
        }
    }
}

impl Workstation {
    /// Machines of this `vmrun`: a [`Vmrun`], or just the program's path.
    pub fn new(vmrun: impl Into<Vmrun>) -> Self {
        Self::with_options(vmrun, WorkstationOptions::default())
    }

    /// Machines of this `vmrun`, with options.
    pub fn with_options(vmrun: impl Into<Vmrun>, options: WorkstationOptions) -> Self {
        Self {
            vmrun: vmrun.into(),
            options,
            networks: Arc::default(),
            #[cfg(feature = "ssh")]
            memories: Arc::default(),
        }
    }

    /// The `vmrun` that is driven, for what the trait does not have.
    pub fn vmrun(&self) -> &Vmrun {
        &self.vmrun
    }

    /// The `.vmx` file of a machine.
    pub fn vmx_path(vm: &VmId) -> PathBuf {
        PathBuf::from(vm.as_str())
    }

    /// Why guest operations were given up for SSH on this machine, in one line; `None` if they were not.
    #[cfg(feature = "ssh")]
    pub fn channel_switch_reason(&self, vm: &VmId) -> Option<String> {
        self.memory(vm).reason()
    }

    #[cfg(feature = "ssh")]
    fn memory(&self, vm: &VmId) -> FallbackMemory {
        let mut memories = self.memories.lock().unwrap_or_else(PoisonError::into_inner);
        memories
            .entry(crate::path::comparable(&Self::vmx_path(vm)))
            .or_default()
            .clone()
    }

    fn open(vm: &VmId, what: &str) -> Result<VmxStore, HypervisorError> {
        let path = Self::vmx_path(vm);
        if !path.is_file() {
            return Err(HypervisorError::Missing { vm: vm.clone() });
        }
        VmxStore::open(path).map_err(|source| HypervisorError::Vmx {
            what: format!("{what} {vm}"),
            source,
        })
    }

    async fn edit<T: Send>(
        &self,
        vm: &VmId,
        what: &str,
        change: impl FnOnce(&mut VmxStore) -> Result<T, crate::vmx::VmxError> + Send,
    ) -> Result<T, HypervisorError> {
        let _turn = locks::lock(&locks::machine_key(&Self::vmx_path(vm))).await;
        if self.listed(vm).await? {
            return Err(HypervisorError::Running {
                what: what.to_owned(),
                vm: vm.clone(),
            });
        }
        let mut store = Self::open(vm, what)?;
        if self.wait_closed(&store).await {
            // Whoever had it open may have written it.
            store = Self::open(vm, what)?;
        }
        change(&mut store)
            .and_then(|value| store.save().map(|()| value))
            .map_err(|source| HypervisorError::Vmx {
                what: format!("{what} {vm}"),
                source,
            })
    }

    async fn listed(&self, vm: &VmId) -> Result<bool, HypervisorError> {
        self.vmrun
            .is_running(&Self::vmx_path(vm))
            .await
            .map_err(doing("list the running machines"))
    }
}

/// Gives a failed command the context of what it was for.
fn doing(what: impl Into<String>) -> impl FnOnce(VmrunError) -> HypervisorError {
    move |source| HypervisorError::Vmrun {
        what: what.into(),
        source,
    }
}

#[async_trait]
impl Hypervisor for Workstation {
    async fn info(&self) -> Result<HypervisorInfo, HypervisorError> {
        let version = self
            .vmrun
            .version()
            .await
            .map_err(doing("ask for the version of vmrun"))?;
        let program = self.vmrun.program().to_owned();
        let name = program
            .file_stem()
            .map_or_else(|| "vmrun".to_owned(), |stem| stem.to_string_lossy().into_owned());
        Ok(HypervisorInfo {
            name,
            version: version.to_string(),
            program,
        })
    }

    async fn networks(&self) -> Result<Vec<HostNetwork>, HypervisorError> {
        match self.known_networks().await {
            Ok(networks) => Ok(networks),
            // An old vmrun knows no such command.
            Err(error) => match crate::platform::host_networks() {
                none if none.is_empty() => Err(doing("list the host's virtual networks")(error)),
                networks => Ok(networks),
            },
        }
    }

    async fn create(&self, spec: &VmSpec) -> Result<VmId, HypervisorError> {
        self.create_machine(spec).await
    }

    fn id_of(&self, directory: &Path, name: &str) -> VmId {
        VmId::new(create::vmx_path(directory, name).to_string_lossy())
    }

    async fn start(&self, vm: &VmId) -> Result<(), HypervisorError> {
        self.start_machine(vm).await
    }

    async fn stop(&self, vm: &VmId, mode: StopMode) -> Result<(), HypervisorError> {
        self.stop_machine(vm, mode).await
    }

    async fn state(&self, vm: &VmId) -> Result<PowerState, HypervisorError> {
        self.power_state(vm).await
    }

    async fn address(&self, vm: &VmId) -> Result<Option<ReportedAddress>, HypervisorError> {
        self.reported_address(vm).await
    }

    async fn endpoint(&self, network: &str, guest: SocketAddr) -> Result<SocketAddr, HypervisorError> {
        self.reach(network, guest).await
    }

    async fn forwarded(&self, network: &str) -> Result<Vec<Forwarded>, HypervisorError> {
        self.forwarded_ports(network).await
    }

    async fn neighbours(&self, network: &str, ours: &[VmId]) -> Result<Vec<Neighbour>, HypervisorError> {
        self.running_neighbours(network, ours).await
    }

    async fn release_endpoints(&self, network: &str, guest: IpAddr) -> Result<(), HypervisorError> {
        self.release(network, guest).await
    }

    async fn attach(&self, vm: &VmId, slot: MediaSlot, image: &Path) -> Result<(), HypervisorError> {
        self.attach_image(vm, slot, image).await
    }

    async fn detach(&self, vm: &VmId, slot: MediaSlot) -> Result<Detached, HypervisorError> {
        self.detach_images(vm, &[slot]).await
    }

    async fn detach_all(&self, vm: &VmId, slots: &[MediaSlot]) -> Result<Detached, HypervisorError> {
        self.detach_images(vm, slots).await
    }

    fn reconfigures(&self) -> bool {
        true
    }

    async fn reconfigure(&self, vm: &VmId, hardware: Hardware) -> Result<(), HypervisorError> {
        let Hardware { cpus, memory_mib } = hardware;
        if cpus == 0 || memory_mib == 0 {
            return Err(HypervisorError::InvalidSpec {
                name: vm.to_string(),
                reason: create::NO_HARDWARE.to_owned(),
            });
        }
        self.edit(vm, "change the processors and memory of", |store| {
            set_hardware(&mut store.file, cpus, memory_mib)
        })
        .await
    }

    async fn snapshots(&self, vm: &VmId) -> Result<Vec<String>, HypervisorError> {
        self.vmrun
            .snapshots(&Self::vmx_path(vm))
            .await
            .map_err(doing(format!("list the snapshots of {vm}")))
    }

    async fn snapshot(&self, vm: &VmId, name: &str) -> Result<(), HypervisorError> {
        let what = format!("take the snapshot {name} of {vm}");
        self.vmrun
            .snapshot(&Self::vmx_path(vm), name)
            .await
            .map_err(doing(what))?;
        // Success text is no proof: the list is.
        if self.snapshots(vm).await?.iter().any(|known| known == name) {
            return Ok(());
        }
        Err(HypervisorError::SnapshotMissing {
            vm: vm.clone(),
            name: name.to_owned(),
        })
    }

    async fn revert(&self, vm: &VmId, name: &str) -> Result<(), HypervisorError> {
        let what = format!("revert {vm} to the snapshot {name}");
        self.vmrun
            .revert_to_snapshot(&Self::vmx_path(vm), name)
            .await
            .map_err(doing(what))
    }

    async fn delete_snapshot(&self, vm: &VmId, name: &str) -> Result<(), HypervisorError> {
        let what = format!("delete the snapshot {name} of {vm}");
        self.vmrun
            .delete_snapshot(&Self::vmx_path(vm), name, false)
            .await
            .map_err(doing(what))
    }

    async fn delete(&self, vm: &VmId) -> Result<(), HypervisorError> {
        self.delete_machine(vm).await
    }

    async fn variable(&self, vm: &VmId, name: &str) -> Result<Option<String>, HypervisorError> {
        let name = variable_name(name);
        let read = self
            .vmrun
            .read_variable(&Self::vmx_path(vm), VariableKind::GuestVar, name, None)
            .await;
        read.map_err(doing(format!("read the variable {name} of {vm}")))
    }

    fn guest(&self, vm: &VmId, access: GuestAccess) -> Arc<dyn GuestChannel> {
        self.channel(vm, access)
    }

    fn console(&self, vm: &VmId) -> Option<PathBuf> {
        let path = Self::vmx_path(vm);
        let file = VmxStore::open(&path).ok()?.file;
        if !file.is_true("serial0.present") || !file.get("serial0.fileType")?.eq_ignore_ascii_case("file") {
            return None;
        }
        Some(path.parent()?.join(file.get("serial0.fileName")?))
    }
}

impl Workstation {
    #[cfg(feature = "ssh")]
    fn channel(&self, vm: &VmId, access: GuestAccess) -> Arc<dyn GuestChannel> {
        use crate::guest::{FallbackChannel, SshChannel, VmrunChannel};
        let vmx = Self::vmx_path(vm);
        let tools = access
            .credentials
            .map(|login| Arc::new(VmrunChannel::new(self.vmrun.clone(), vmx, login)));
        let ssh = access
            .ssh
            .map(|ssh| Arc::new(SshChannel::with_options(ssh, self.options.ssh.clone())));
        match (tools, ssh) {
            (Some(tools), Some(ssh)) => Arc::new(FallbackChannel::with_memory(tools, ssh, self.memory(vm))),
            (Some(tools), None) => tools,
            (None, Some(ssh)) => ssh,
            (None, None) => Arc::new(crate::guest::NoChannel),
        }
    }

    #[cfg(not(feature = "ssh"))]
    fn channel(&self, vm: &VmId, access: GuestAccess) -> Arc<dyn GuestChannel> {
        use crate::guest::{NoChannel, VmrunChannel};
        match access.credentials {
            Some(login) => Arc::new(VmrunChannel::new(self.vmrun.clone(), Self::vmx_path(vm), login)),
            None => Arc::new(NoChannel),
        }
    }
}
