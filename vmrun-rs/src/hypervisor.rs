//! The seam between a tool and whatever runs its virtual machines.
//!
//! Everything a lab needs from a hypervisor is in [`Hypervisor`]. [`Workstation`](crate::Workstation) implements it over
//! `vmrun`; with the feature `mock` there is a `MockHypervisor` for unit tests. A machine is named by an opaque [`VmId`],
//! never by a path, so that a backend without `.vmx` files can implement the trait too.

use std::collections::BTreeMap;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};

use crate::error::HypervisorError;
use crate::guest::{GuestAccess, GuestChannel};
use crate::vmrun::HostNetwork;

/// Names one virtual machine to the hypervisor that made it. Opaque: only the backend knows what the text means.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct VmId(String);

impl VmId {
    /// Wraps a backend's own name for a machine.
    pub fn new(id: impl Into<String>) -> Self {
        Self(id.into())
    }

    /// The backend's own name for the machine.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for VmId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Which hypervisor answers, for a person who wants to know what ran their machines.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct HypervisorInfo {
    /// For example `vmrun`.
    pub name: String,
    /// The version as the program itself prints it, for example `1.17.0 build-24832109`.
    pub version: String,
    /// The program that was found.
    pub program: PathBuf,
}

/// Whether a machine runs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PowerState {
    /// Powered off.
    Off,
    /// Powered on.
    Running,
    /// Saved to disk; `start` continues where it was.
    Suspended,
    /// The hypervisor has no such machine.
    Missing,
}

/// How to stop a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StopMode {
    /// Ask the guest to shut down.
    Soft,
    /// Cut the power. The guest loses what it had not yet written.
    Hard,
}

/// Where a new machine's system disk comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum DiskSource {
    /// A copy-on-write clone of a snapshot of a powered-off template.
    LinkedClone {
        /// The template.
        template: VmId,
        /// The snapshot of the template that the clone starts from.
        snapshot: String,
    },
    /// An existing disk image that becomes this machine's own first disk. It is used in place and never modified once a
    /// snapshot of the machine exists: this is how a template is made of a downloaded cloud image.
    Existing(PathBuf),
    /// An empty disk, for an installer image.
    Blank {
        /// Capacity in GiB.
        gib: u64,
    },
}

/// What to create. `directory` must not exist or be empty; the machine's files all go there.
/// `Debug` shows only the names of the variables: user data carries secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct VmSpec {
    /// The name shown to people.
    pub name: String,
    /// The directory that the machine gets for its own.
    pub directory: PathBuf,
    /// The system disk.
    pub disk: DiskSource,
    /// Grow the system disk to at least this many GiB, if the backend can; the guest grows its own file system.
    pub disk_gib: Option<u64>,
    /// Virtual processors.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
    /// The hypervisor's guest operating system key, for example `ubuntu-64`.
    pub guest_os: String,
    /// The network interfaces.
    pub nics: Vec<NicSpec>,
    /// CD images, attached at power-on, in slot order ([`MediaSlot`] 0 is the first).
    pub media: Vec<PathBuf>,
    /// Guest variables (VMware: `guestinfo.*`) set before the first start.
    pub variables: BTreeMap<String, String>,
}

impl fmt::Debug for VmSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            name,
            directory,
            disk,
            disk_gib,
            cpus,
            memory_mib,
            guest_os,
            nics,
            media,
            variables,
        } = self;
        f.debug_struct("VmSpec")
            .field("name", name)
            .field("directory", directory)
            .field("disk", disk)
            .field("disk_gib", disk_gib)
            .field("cpus", cpus)
            .field("memory_mib", memory_mib)
            .field("guest_os", guest_os)
            .field("nics", nics)
            .field("media", media)
            .field("variables", &variables.keys())
            .finish()
    }
}

/// A machine's processors and memory: what can be changed while it is off, without a new machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hardware {
    /// Virtual processors.
    pub cpus: u32,
    /// Memory in MiB.
    pub memory_mib: u64,
}

/// One network interface of a [`VmSpec`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NicSpec {
    /// The virtual network, for example `VMnet1`. Compared without regard to case.
    pub network: String,
    /// A fixed MAC address, `00:50:56:00:00:00` to `00:50:56:3f:ff:ff` for VMware; `None` lets the hypervisor choose.
    pub mac: Option<String>,
}

/// A machine's CD drive, counted from 0 in the order of [`VmSpec::media`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MediaSlot(pub u8);

/// What came of detaching a medium.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Detached {
    /// It is gone from the machine, now and after the next start.
    Done,
    /// The machine must be powered off first; nothing was changed.
    NeedsPowerOff,
}

/// Where a reported address came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum AddressSource {
    /// The tools inside the guest said so.
    Tools,
    /// A DHCP lease of the hypervisor's own server, matched by MAC address.
    Lease,
    /// Both: the tools said so, and a lease of one of the machine's cards agrees.
    ToolsAndLease,
}

/// A guest's address as the hypervisor knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct ReportedAddress {
    /// The address.
    pub address: IpAddr,
    /// Who said so.
    pub source: AddressSource,
}

/// A way from this host into a virtual network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Forwarded {
    /// Where this host is asked.
    pub host: SocketAddr,
    /// Where that leads.
    pub guest: SocketAddr,
}

/// A machine that runs, and an address that is known of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Neighbour {
    /// The machine.
    pub vm: VmId,
    /// The address.
    pub address: IpAddr,
}

/// What a desktop hypervisor must be able to do for a lab.
///
/// Every call is bounded by the backend's own deadlines. Dropping a future abandons the call; an operation that had
/// already reached the hypervisor may still complete, so ask [`state`](Hypervisor::state) rather than assume.
#[cfg_attr(feature = "mock", mockall::automock)]
#[async_trait]
pub trait Hypervisor: Send + Sync + 'static {
    /// Which program and version answers. Also the cheapest check that it can be run at all.
    async fn info(&self) -> Result<HypervisorInfo, HypervisorError>;

    /// Creates a powered-off machine. Fails if `spec.directory` already holds one.
    async fn create(&self, spec: &VmSpec) -> Result<VmId, HypervisorError>;

    /// The id that a machine in this directory has, whether or not it exists. Lets a caller that was killed between
    /// `create` and writing down its answer find the machine again.
    fn id_of(&self, directory: &std::path::Path, name: &str) -> VmId;

    /// Starts a machine and returns once the hypervisor lists it as running; starting a running machine is no error.
    async fn start(&self, vm: &VmId) -> Result<(), HypervisorError>;

    /// Stops a machine and returns once the hypervisor no longer lists it and its files are free; stopping a stopped one
    /// is no error.
    async fn stop(&self, vm: &VmId, mode: StopMode) -> Result<(), HypervisorError>;

    /// Whether the machine runs, from the hypervisor's own list, never from an earlier answer.
    async fn state(&self, vm: &VmId) -> Result<PowerState, HypervisorError>;

    /// The guest's address, or `None` while none is known yet. Loopback, link-local and container-bridge addresses and
    /// placeholders are not answers.
    async fn address(&self, vm: &VmId) -> Result<Option<ReportedAddress>, HypervisorError>;

    /// The address at which *this host* reaches `guest` on the virtual network `network`: `guest` itself where the host
    /// has an interface there, otherwise a forwarded port, which is made if there is none yet.
    async fn endpoint(&self, network: &str, guest: SocketAddr) -> Result<SocketAddr, HypervisorError>;

    /// The host's virtual networks; empty where the backend cannot tell.
    async fn networks(&self) -> Result<Vec<HostNetwork>, HypervisorError> {
        Ok(Vec::new())
    }

    /// The ports that are forwarded into a virtual network now, whoever made them; empty where the backend cannot tell.
    async fn forwarded(&self, network: &str) -> Result<Vec<Forwarded>, HypervisorError> {
        let _ = network;
        Ok(Vec::new())
    }

    /// The machines that run on a virtual network now, but for those of `ours`, with the addresses that are known of them.
    /// Machines whose address nobody knows are not in it, nor those beyond the few that are asked; all are missing where the backend
    /// cannot tell.
    async fn neighbours(&self, network: &str, ours: &[VmId]) -> Result<Vec<Neighbour>, HypervisorError> {
        let _ = (network, ours);
        Ok(Vec::new())
    }

    /// Removes every forwarded port that leads to `guest`. No error where there is none.
    async fn release_endpoints(&self, network: &str, guest: IpAddr) -> Result<(), HypervisorError>;

    /// Puts an image into a drive: at once if the machine is off, else for its next start.
    async fn attach(&self, vm: &VmId, slot: MediaSlot, image: &std::path::Path) -> Result<(), HypervisorError>;

    /// Takes the image out of a drive, now and for later starts.
    async fn detach(&self, vm: &VmId, slot: MediaSlot) -> Result<Detached, HypervisorError>;

    /// [`detach`](Self::detach) for several drives, up to the first that needs a power-off.
    async fn detach_all(&self, vm: &VmId, slots: &[MediaSlot]) -> Result<Detached, HypervisorError> {
        for slot in slots {
            if self.detach(vm, *slot).await? == Detached::NeedsPowerOff {
                return Ok(Detached::NeedsPowerOff);
            }
        }
        Ok(Detached::Done)
    }

    /// Whether [`reconfigure`](Self::reconfigure) is more than an error here.
    fn reconfigures(&self) -> bool {
        false
    }

    /// Gives a powered-off machine other processors and memory from its next start on; its disk and its identity stay.
    /// [`HypervisorError::Unsupported`] unless the backend implements it, and [`HypervisorError::Running`] while it runs.
    async fn reconfigure(&self, vm: &VmId, hardware: Hardware) -> Result<(), HypervisorError> {
        let _ = hardware;
        Err(HypervisorError::Unsupported {
            what: "change the processors and memory of",
            vm: vm.clone(),
        })
    }

    /// Names of the machine's snapshots, oldest first.
    async fn snapshots(&self, vm: &VmId) -> Result<Vec<String>, HypervisorError>;

    /// Takes a snapshot.
    async fn snapshot(&self, vm: &VmId, name: &str) -> Result<(), HypervisorError>;

    /// Goes back to a snapshot. The machine may be left powered off or suspended.
    async fn revert(&self, vm: &VmId, name: &str) -> Result<(), HypervisorError>;

    /// Deletes one snapshot, keeping the machine's present state.
    async fn delete_snapshot(&self, vm: &VmId, name: &str) -> Result<(), HypervisorError>;

    /// Deletes a powered-off machine and its files. Deleting a missing one is no error.
    async fn delete(&self, vm: &VmId) -> Result<(), HypervisorError>;

    /// A value the guest published for the host (VMware: `guestinfo.*`), or `None` if unset.
    async fn variable(&self, vm: &VmId, name: &str) -> Result<Option<String>, HypervisorError>;

    /// A channel into the guest. Cheap: nothing is connected before the first use.
    fn guest(&self, vm: &VmId, access: GuestAccess) -> Arc<dyn GuestChannel>;

    /// The file that the guest's serial console is written to, where there is one.
    fn console(&self, vm: &VmId) -> Option<PathBuf>;
}
