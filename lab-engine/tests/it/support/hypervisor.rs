//! [`Hypervisor`] over the world in memory.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use tokio::time::Instant;
use vmrun_rs::guest::GuestAccess;
use vmrun_rs::hypervisor::{
    Detached, Hardware, HypervisorInfo, MediaSlot, Neighbour, PowerState, ReportedAddress, StopMode, VmId, VmSpec,
};
use vmrun_rs::{GuestChannel, Hypervisor, HypervisorError};

use super::channel::Channel;
use super::{Fake, Machine};

fn missing(vm: &VmId) -> HypervisorError {
    HypervisorError::Missing { vm: vm.clone() }
}

/// The instance id in a seed image: its meta-data lies in it as plain text.
fn instance_id(seed: &Path) -> String {
    let bytes = std::fs::read(seed).expect("the seed image exists when the machine is created");
    let text = String::from_utf8_lossy(&bytes);
    let (_, rest) = text.split_once("instance-id: ").expect("the seed has meta-data");
    rest.lines().next().unwrap_or("").trim_matches('"').to_owned()
}

/// The static address in a seed image.
fn address(seed: &Path) -> Option<IpAddr> {
    let bytes = std::fs::read(seed).ok()?;
    let text = String::from_utf8_lossy(&bytes);
    let (_, rest) = text.split_once("addresses:")?;
    let rest = rest.trim_start_matches(|c: char| !c.is_ascii_digit());
    rest.split('/').next()?.parse().ok()
}

fn off(what: &str, vm: &VmId, machine: &Machine) -> Result<(), HypervisorError> {
    if machine.power() == PowerState::Running {
        return Err(HypervisorError::Running {
            what: what.to_owned(),
            vm: vm.clone(),
        });
    }
    Ok(())
}

#[async_trait]
impl Hypervisor for Fake {
    async fn info(&self) -> Result<HypervisorInfo, HypervisorError> {
        Ok(HypervisorInfo {
            name: "fake".to_owned(),
            version: "1".to_owned(),
            program: PathBuf::from("fake"),
        })
    }

    async fn create(&self, spec: &VmSpec) -> Result<VmId, HypervisorError> {
        let id = self.id_of(&spec.directory, &spec.name);
        std::fs::create_dir_all(&spec.directory).unwrap();
        std::fs::write(id.as_str(), "config").unwrap();
        let takes = self.world().create_takes.remove(&spec.name).unwrap_or_default();
        tokio::time::sleep(takes).await;
        let mut world = self.world();
        if world.refuse_to_create.as_ref() == Some(&spec.name) {
            return Err(HypervisorError::backend("create the machine", "the disk is full"));
        }
        let guest = world.guests.get(&spec.name).cloned().unwrap_or_default();
        let instance_id = spec.media.first().map(|seed| instance_id(seed)).unwrap_or_default();
        let address = spec.media.first().and_then(|seed| address(seed));
        let attached = spec.media.len();
        world.created += 1;
        world.machines.insert(
            id.clone(),
            Machine {
                spec: spec.clone(),
                guest,
                instance_id,
                address,
                started: None,
                attached,
                snapshots: Vec::new(),
            },
        );
        Ok(id)
    }

    fn id_of(&self, directory: &Path, name: &str) -> VmId {
        VmId::new(directory.join(format!("{name}.vmx")).display().to_string())
    }

    async fn start(&self, vm: &VmId) -> Result<(), HypervisorError> {
        let takes = self.world().start_takes;
        tokio::time::sleep(takes).await;
        let mut world = self.world();
        let refused = world.refuse_to_start.clone();
        let machine = world.machines.get_mut(vm).ok_or_else(|| missing(vm))?;
        if refused.as_ref() == Some(&machine.spec.name) {
            return Err(HypervisorError::DidNotStart {
                vm: vm.clone(),
                after: takes,
            });
        }
        machine.started.get_or_insert_with(Instant::now);
        Ok(())
    }

    async fn stop(&self, vm: &VmId, mode: StopMode) -> Result<(), HypervisorError> {
        if mode == StopMode::Soft && self.state(vm).await? == PowerState::Running {
            let takes = self.world().stop_takes;
            tokio::time::sleep(takes).await;
            if self.world().machines.get(vm).is_some_and(|m| !m.guest.tools) {
                let source = std::io::Error::other("The VMware Tools are not running in the virtual machine");
                return Err(HypervisorError::backend("stop the machine", source));
            }
        }
        let mut world = self.world();
        let machine = world.machines.get_mut(vm).ok_or_else(|| missing(vm))?;
        let (name, ran) = (machine.spec.name.clone(), machine.power() == PowerState::Running);
        machine.started = None;
        if ran && mode == StopMode::Hard {
            world.stopped_hard.push(name);
        }
        Ok(())
    }

    async fn state(&self, vm: &VmId) -> Result<PowerState, HypervisorError> {
        Ok(self
            .world()
            .machines
            .get(vm)
            .map_or(PowerState::Missing, Machine::power))
    }

    async fn address(&self, _vm: &VmId) -> Result<Option<ReportedAddress>, HypervisorError> {
        Ok(None)
    }

    async fn endpoint(&self, _network: &str, guest: SocketAddr) -> Result<SocketAddr, HypervisorError> {
        // A closed port of this host: the engine's own look for an SSH banner finds nothing, the channel below answers.
        let port = self.world().moved_to.unwrap_or(1);
        Ok(SocketAddr::new(
            Ipv4Addr::LOCALHOST.into(),
            if guest.port() == 6443 { 6443 } else { port },
        ))
    }

    async fn neighbours(&self, _network: &str, ours: &[VmId]) -> Result<Vec<Neighbour>, HypervisorError> {
        let world = self.world();
        let strangers = world.neighbours.iter().cloned();
        let running = world
            .machines
            .iter()
            .filter(|(_, machine)| machine.power() == PowerState::Running);
        let addresses = running.filter_map(|(vm, machine)| Some((vm.clone(), machine.address?)));
        let all = strangers.chain(addresses).filter(|(vm, _)| !ours.contains(vm));
        Ok(all.map(|(vm, address)| Neighbour { vm, address }).collect())
    }

    async fn release_endpoints(&self, _network: &str, guest: IpAddr) -> Result<(), HypervisorError> {
        self.world().released.push(guest);
        Ok(())
    }

    async fn attach(&self, vm: &VmId, _slot: MediaSlot, _image: &Path) -> Result<(), HypervisorError> {
        self.world().machines.get_mut(vm).ok_or_else(|| missing(vm))?.attached += 1;
        Ok(())
    }

    async fn detach(&self, vm: &VmId, _slot: MediaSlot) -> Result<Detached, HypervisorError> {
        let mut world = self.world();
        let machine = world.machines.get_mut(vm).ok_or_else(|| missing(vm))?;
        if machine.power() == PowerState::Running && machine.guest.detaches == Detached::NeedsPowerOff {
            return Ok(Detached::NeedsPowerOff);
        }
        machine.attached = machine.attached.saturating_sub(1);
        Ok(Detached::Done)
    }

    fn reconfigures(&self) -> bool {
        self.world().reconfigures
    }

    async fn reconfigure(&self, vm: &VmId, hardware: Hardware) -> Result<(), HypervisorError> {
        let mut world = self.world();
        let machine = world.machines.get_mut(vm).ok_or_else(|| missing(vm))?;
        off("reconfigure", vm, machine)?;
        machine.spec.cpus = hardware.cpus;
        machine.spec.memory_mib = hardware.memory_mib;
        Ok(())
    }

    async fn snapshots(&self, vm: &VmId) -> Result<Vec<String>, HypervisorError> {
        let world = self.world();
        let machine = world.machines.get(vm).ok_or_else(|| missing(vm))?;
        Ok(machine.snapshots.iter().map(|(name, _)| name.clone()).collect())
    }

    async fn snapshot(&self, vm: &VmId, name: &str) -> Result<(), HypervisorError> {
        let takes = self.world().snapshot_takes;
        tokio::time::sleep(takes).await;
        let mut world = self.world();
        let refused = world.refuse_snapshot.clone();
        let machine = world.machines.get_mut(vm).ok_or_else(|| missing(vm))?;
        if refused.as_ref() == Some(&machine.spec.name) {
            let source = std::io::Error::other("insufficient disk space");
            return Err(HypervisorError::backend("take the snapshot", source));
        }
        off("take a snapshot of", vm, machine)?;
        machine.snapshots.push((name.to_owned(), machine.attached));
        Ok(())
    }

    async fn revert(&self, vm: &VmId, name: &str) -> Result<(), HypervisorError> {
        let takes = self.world().snapshot_takes;
        tokio::time::sleep(takes).await;
        let mut world = self.world();
        let machine = world.machines.get_mut(vm).ok_or_else(|| missing(vm))?;
        off("revert", vm, machine)?;
        let found = machine.snapshots.iter().find(|(n, _)| n == name);
        machine.attached = found.ok_or_else(|| missing(vm))?.1;
        Ok(())
    }

    async fn delete_snapshot(&self, vm: &VmId, name: &str) -> Result<(), HypervisorError> {
        let mut world = self.world();
        let refused = world.refuse_delete_snapshot.clone();
        let machine = world.machines.get_mut(vm).ok_or_else(|| missing(vm))?;
        if refused.as_ref() == Some(&machine.spec.name) {
            let source = std::io::Error::other("the file is locked");
            return Err(HypervisorError::backend("delete the snapshot", source));
        }
        machine.snapshots.retain(|(n, _)| n != name);
        Ok(())
    }

    async fn delete(&self, vm: &VmId) -> Result<(), HypervisorError> {
        if let Some(machine) = self.world().machines.remove(vm) {
            std::fs::remove_dir_all(machine.spec.directory).unwrap();
        }
        Ok(())
    }

    async fn variable(&self, _vm: &VmId, _name: &str) -> Result<Option<String>, HypervisorError> {
        Ok(None)
    }

    fn guest(&self, vm: &VmId, access: GuestAccess) -> Arc<dyn GuestChannel> {
        Arc::new(Channel {
            port: access.ssh.map(|ssh| ssh.endpoint.port()),
            fake: self.clone(),
            vm: vm.clone(),
        })
    }

    fn console(&self, vm: &VmId) -> Option<PathBuf> {
        Some(PathBuf::from(vm.as_str()).with_extension("log"))
    }
}
