//! A hypervisor in memory whose guests boot, bootstrap, fail, reboot and lie on schedule, in tokio's paused time. Unlike a
//! mock it has a truth of its own, against which what the engine claims can be checked.

mod channel;
mod hypervisor;

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use lab_engine::backend::Chosen;
use lab_engine::{Config, Event, EventSink, Lab, LabError, UpOptions, UpReport};
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use vmrun_rs::hypervisor::{Detached, PowerState, VmId, VmSpec};

/// `up`, as nobody interrupts it.
pub(crate) async fn up_with(lab: &Lab, options: &UpOptions) -> UpReport {
    lab.up(options, None, &CancellationToken::new()).await.unwrap()
}

/// `up`, which makes nothing anew.
pub(crate) async fn up(lab: &Lab) -> UpReport {
    up_with(lab, &UpOptions::default()).await
}

/// `up` of a lab that cannot be ready.
pub(crate) async fn fails(lab: &Lab) -> LabError {
    up(lab).await.result.expect_err("the lab cannot be ready")
}

/// `up`, which makes these machines anew.
pub(crate) async fn up_recreating(lab: &Lab, nodes: &[&str]) -> Result<(), LabError> {
    up_with(lab, &recreating(nodes)).await.result.map(drop)
}

/// These machines are made anew.
pub(crate) fn recreating(nodes: &[&str]) -> UpOptions {
    UpOptions {
        recreate: nodes.iter().map(|n| (*n).to_owned()).collect(),
        recreate_all: false,
    }
}

/// All machines are made anew.
pub(crate) fn all_anew() -> UpOptions {
    UpOptions {
        recreate: Vec::new(),
        recreate_all: true,
    }
}

/// What a guest will do after its machine was started.
#[derive(Debug, Clone)]
#[expect(
    clippy::struct_excessive_bools,
    reason = "each is one thing that a guest does or does not do"
)]
pub(crate) struct Guest {
    /// When its SSH server first answers.
    pub(crate) answers: Duration,
    /// When its bootstrap's marker is there.
    pub(crate) completes: Duration,
    /// When it writes its failure file, and the step and reason in it.
    pub(crate) fails: Option<(Duration, &'static str, &'static str)>,
    /// When its machine goes off by itself.
    pub(crate) goes_off: Option<Duration>,
    /// What its marker holds instead of its instance id, and from the first moment on.
    pub(crate) stale_marker: Option<&'static str>,
    /// Whether another machine's host key is shown.
    pub(crate) wrong_host_key: bool,
    /// What detaching a medium of the running machine gives.
    pub(crate) detaches: Detached,
    /// Whether the cluster lists it as Ready once it is complete.
    pub(crate) joins: bool,
    /// Whether it has tools: without them the hypervisor cannot let it shut down.
    pub(crate) tools: bool,
    /// When it reboots by itself, and how long that takes: its guest does not answer meanwhile.
    pub(crate) reboots: Option<(Duration, Duration)>,
    /// Whether its bootstrap ends well when it is run again.
    pub(crate) mended: bool,
    /// Whether cloud-init ended without starting the bootstrap.
    pub(crate) never_starts: bool,
}

impl Default for Guest {
    fn default() -> Self {
        Self {
            answers: Duration::from_secs(300),
            completes: Duration::from_secs(313),
            fails: None,
            goes_off: None,
            stale_marker: None,
            wrong_host_key: false,
            detaches: Detached::Done,
            joins: true,
            tools: true,
            reboots: None,
            mended: false,
            never_starts: false,
        }
    }
}

#[derive(Debug)]
struct Machine {
    spec: VmSpec,
    guest: Guest,
    instance_id: String,
    /// That its seed gives it.
    address: Option<IpAddr>,
    started: Option<Instant>,
    attached: usize,
    snapshots: Vec<(String, usize)>,
}

impl Machine {
    fn power(&self) -> PowerState {
        match self.started {
            Some(at) if self.guest.goes_off.is_none_or(|d| at.elapsed() < d) => PowerState::Running,
            _ => PowerState::Off,
        }
    }

    /// Whether it runs and this much time has passed since its start.
    fn up_for(&self, time: Duration) -> bool {
        self.power() == PowerState::Running && self.started.is_some_and(|at| at.elapsed() >= time)
    }

    /// Whether its guest answers right now.
    fn answers(&self) -> bool {
        let down = self
            .guest
            .reboots
            .is_some_and(|(at, takes)| self.up_for(at) && !self.up_for(at + takes));
        self.up_for(self.guest.answers) && !down
    }

    fn complete(&self) -> bool {
        self.guest.stale_marker.is_none()
            && self.guest.fails.is_none()
            && !self.guest.never_starts
            && self.up_for(self.guest.completes)
    }
}

#[derive(Debug, Default)]
struct World {
    machines: BTreeMap<VmId, Machine>,
    guests: BTreeMap<String, Guest>,
    start_takes: Duration,
    refuse_to_start: Option<String>,
    stop_takes: Duration,
    create_takes: BTreeMap<String, Duration>,
    snapshot_takes: Duration,
    refuse_snapshot: Option<String>,
    refuse_delete_snapshot: Option<String>,
    commands: Vec<(String, Vec<String>)>,
    moved_to: Option<u16>,
    log: String,
    created: usize,
    released: Vec<std::net::IpAddr>,
    reconfigures: bool,
    stopped_hard: Vec<String>,
    refuse_to_create: Option<String>,
    neighbours: Vec<(VmId, std::net::IpAddr)>,
}

/// The hypervisor.
#[derive(Debug, Clone, Default)]
pub(crate) struct Fake(Arc<Mutex<World>>);

impl Fake {
    /// Says what the guest of a node will do.
    pub(crate) fn guest(&self, node: &str, guest: Guest) -> &Self {
        self.world().guests.insert(node.to_owned(), guest);
        self
    }

    /// How long each start takes.
    pub(crate) fn start_takes(&self, time: Duration) -> &Self {
        self.world().start_takes = time;
        self
    }

    /// Lets the start of this node fail, until called with `None`.
    pub(crate) fn refuse_to_start(&self, node: Option<&str>) -> &Self {
        self.world().refuse_to_start = node.map(str::to_owned);
        self
    }

    /// Lets machines that are off be given other processors and memory.
    pub(crate) fn reconfigures(&self) -> &Self {
        self.world().reconfigures = true;
        self
    }

    /// The processors and memory (MiB) that a node's machine has, and whether it runs.
    pub(crate) fn hardware(&self, node: &str) -> (u32, u64, bool) {
        let world = self.world();
        let machine = world.machines.values().find(|m| m.spec.name == node).unwrap();
        let runs = machine.power() == PowerState::Running;
        (machine.spec.cpus, machine.spec.memory_mib, runs)
    }

    /// Lets the creation of this node's machine fail, until called with `None`.
    pub(crate) fn refuse_to_create(&self, node: Option<&str>) -> &Self {
        self.world().refuse_to_create = node.map(str::to_owned);
        self
    }

    /// Puts somebody else's running machine on the network.
    pub(crate) fn neighbour(&self, vm: &str, address: &str) -> &Self {
        self.world().neighbours.push((VmId::new(vm), address.parse().unwrap()));
        self
    }

    /// The machines whose power was cut while they ran.
    pub(crate) fn stopped_hard(&self) -> Vec<String> {
        self.world().stopped_hard.clone()
    }

    /// How long each clean stop takes.
    pub(crate) fn stop_takes(&self, time: Duration) -> &Self {
        self.world().stop_takes = time;
        self
    }

    /// How long taking or reverting to a snapshot takes.
    pub(crate) fn snapshot_takes(&self, time: Duration) -> &Self {
        self.world().snapshot_takes = time;
        self
    }

    /// Lets snapshots of this node fail, until called with `None`.
    pub(crate) fn refuse_snapshot(&self, node: Option<&str>) -> &Self {
        self.world().refuse_snapshot = node.map(str::to_owned);
        self
    }

    /// Lets deleting snapshots of this node fail, until called with `None`.
    pub(crate) fn refuse_delete_snapshot(&self, node: Option<&str>) -> &Self {
        self.world().refuse_delete_snapshot = node.map(str::to_owned);
        self
    }

    /// From now on, guests are reached at another port of this host only.
    pub(crate) fn move_endpoints(&self, port: u16) -> &Self {
        self.world().moved_to = Some(port);
        self
    }

    /// Adds to the log of every guest's bootstrap.
    pub(crate) fn write_log(&self, text: &str) -> &Self {
        self.world().log.push_str(text);
        self
    }

    /// Changes what the guest of an existing node does.
    pub(crate) fn change(&self, node: &str, change: impl Fn(&mut Guest)) -> &Self {
        let mut world = self.world();
        let machines = world.machines.values_mut().filter(|m| m.spec.name == node);
        machines.for_each(|m| change(&mut m.guest));
        drop(world);
        self
    }

    /// The commands that were run in a node's guest so far, each as one line.
    pub(crate) fn commands(&self, node: &str) -> Vec<String> {
        let world = self.world();
        let of_node = world.commands.iter().filter(|(name, _)| name == node);
        of_node.map(|(_, argv)| argv.join(" ")).collect()
    }

    /// The names of a node's snapshots.
    pub(crate) fn snapshots_of(&self, node: &str) -> Vec<String> {
        let world = self.world();
        let machine = world.machines.values().find(|m| m.spec.name == node);
        machine.map_or_else(Vec::new, |m| m.snapshots.iter().map(|(name, _)| name.clone()).collect())
    }

    /// The names of the machines that run.
    pub(crate) fn running(&self) -> Vec<String> {
        let world = self.world();
        let running = world.machines.values().filter(|m| m.power() == PowerState::Running);
        running.map(|m| m.spec.name.clone()).collect()
    }

    /// How long creating this node's machine takes.
    pub(crate) fn create_takes(&self, node: &str, time: Duration) -> &Self {
        self.world().create_takes.insert(node.to_owned(), time);
        self
    }

    /// Takes a node's machine away behind the lab's back.
    pub(crate) fn lose(&self, node: &str) -> &Self {
        self.world().machines.retain(|_, m| m.spec.name != node);
        self
    }

    /// Cuts every machine's power.
    pub(crate) fn power_off(&self) {
        self.world()
            .machines
            .values_mut()
            .for_each(|machine| machine.started = None);
    }

    /// How many machines were ever created, the template too.
    pub(crate) fn created(&self) -> usize {
        self.world().created
    }

    /// The names of all machines that exist.
    pub(crate) fn names(&self) -> Vec<String> {
        self.world().machines.values().map(|m| m.spec.name.clone()).collect()
    }

    /// How many media are still attached to a node's machine.
    pub(crate) fn attached(&self, node: &str) -> usize {
        self.world()
            .machines
            .values()
            .find(|m| m.spec.name == node)
            .map_or(0, |m| m.attached)
    }

    fn world(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Collects events.
#[derive(Debug, Clone, Default)]
pub(crate) struct Events(Arc<(Mutex<Vec<Event>>, Notify)>);

impl Events {
    /// What has happened so far.
    pub(crate) fn all(&self) -> Vec<Event> {
        self.0.0.lock().unwrap().clone()
    }

    /// Waits until something has happened for which `when` is true, not counting the first `skip` events.
    pub(crate) async fn until(&self, skip: usize, when: impl Fn(&Event) -> bool) {
        loop {
            let next = self.0.1.notified();
            if self.all().iter().skip(skip).any(&when) {
                return;
            }
            next.await;
        }
    }
}

impl EventSink for Events {
    fn emit(&self, event: Event) {
        self.0.0.lock().unwrap().push(event);
        self.0.1.notify_one();
    }
}

/// The default lab of three nodes in a directory, on a fake hypervisor.
pub(crate) fn lab(directory: &Path, fake: &Fake) -> (Lab, Events) {
    let file = |name: &str, content: &[u8]| {
        let path = directory.join(name);
        if !path.exists() {
            std::fs::write(&path, content).unwrap();
        }
        Some(path)
    };
    let mut config = Config::default();
    config.lab.data_dir = Some(directory.join("data"));
    let mut disk = b"KDMV\x01\0\0\0\x03\0\0\0".to_vec();
    disk.resize(512, 0);
    config.image.disk = file("image.vmdk", &disk);
    config.k3s.binary = file("k3s", b"#!/bin/sh\n");
    config.k3s.images = file("images.tar.gz", b"\x1f\x8b images");
    config.registry.check = false;
    with_config(config, fake)
}

/// The same lab with a changed configuration.
pub(crate) fn changed(lab: &Lab, fake: &Fake, change: impl FnOnce(&mut Config)) -> Lab {
    let mut config = lab.config().clone();
    change(&mut config);
    with_config(config, fake).0
}

/// A lab of this configuration on a fake hypervisor.
pub(crate) fn with_config(config: Config, fake: &Fake) -> (Lab, Events) {
    let events = Events::default();
    let chosen = Chosen {
        program: "fake".into(),
        drop_in: false,
        why: "a test".to_owned(),
    };
    let lab = Lab::with_hypervisor(config, Arc::new(fake.clone()), chosen, Arc::new(events.clone())).unwrap();
    (lab, events)
}
