//! One machine: power, disk, snapshots, and what its guest does as time goes by.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};

use super::config::WorldConfig;
use super::disk::Disk;
use super::fault::Fault;
use super::iso::Iso;
use super::seed::Identity;
use super::vmx::Vmx;

/// Virtual seconds since the world began.
pub(crate) type Time = f64;

const SEED_LABEL: &str = "cidata";
pub(crate) const PROGRESS: &str = "/var/lib/lab/progress";
pub(crate) const FAILED: &str = "/var/lib/lab/failed";
pub(crate) const SERVER_MARKER: &str = "/var/lib/k3s-bootstrap.done";
pub(crate) const AGENT_MARKER: &str = "/var/lib/k3s-agent-bootstrap.done";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Power {
    Off,
    Running,
    Suspended,
    Paused,
}

#[derive(Debug, Clone)]
pub(crate) struct Snapshot {
    pub(crate) name: String,
    pub(crate) parent: Option<String>,
    pub(crate) disk: Disk,
    pub(crate) vmx: Vmx,
}

#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) vmx: PathBuf,
    pub(crate) name: String,
    pub(crate) power: Power,
    /// When this boot began.
    pub(crate) since: Time,
    pub(crate) boots: u32,
    pub(super) first_on: Option<Time>,
    /// When it last went down.
    pub(crate) down_at: Time,
    /// Changes whenever what was connected to the guest is cut off.
    pub(crate) epoch: u64,
    /// Whether those who are connected learn of the last cut.
    pub(crate) silent: bool,
    pub(crate) disk: Disk,
    pub(crate) snapshots: Vec<Snapshot>,
    pub(crate) current: Option<String>,
    /// Labels of the images in the connected drives, by device.
    pub(crate) media: BTreeMap<String, String>,
    pub(crate) variables: BTreeMap<String, String>,
    /// The seed that this boot found and has not applied.
    pub(super) seed: Option<Identity>,
    pub(super) step_since: Time,
    pub(super) k3s_since: Option<Time>,
    mac: Option<String>,
    /// What goes wrong with its guest, and whether it has set in.
    pub(super) faults: Vec<(Fault, bool)>,
    /// Those that set in since the world last asked.
    pub(super) struck: Vec<Fault>,
    /// Whether a command that changes it runs.
    pub(crate) busy: bool,
    pub(crate) unlock_at: Option<Time>,
    id: String,
}

/// What the passing of time did to a machine.
#[derive(Debug, PartialEq)]
pub(crate) enum Happening {
    Seeded,
    /// A step ended; the next, if there is one.
    Step(String),
    BootstrapFailed(String),
    PoweredOff,
    Rebooted,
    /// A fault that lasts set in.
    FaultBegan,
}

impl Machine {
    pub(crate) fn new(vmx: &Path, faults: Vec<Fault>, number: usize) -> Self {
        let id = format!("fake {number}\n");
        // Where it cannot be written the machine is a new one at each look, which a read-only machine may be.
        let _ = std::fs::write(vmx.with_extension("nvram"), &id);
        let name = vmx.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Self {
            vmx: vmx.to_owned(),
            name,
            power: Power::Off,
            since: 0.0,
            boots: 0,
            first_on: None,
            down_at: f64::NEG_INFINITY,
            epoch: 0,
            silent: false,
            disk: Disk::default(),
            snapshots: Vec::new(),
            current: None,
            media: BTreeMap::new(),
            variables: BTreeMap::new(),
            seed: None,
            step_since: 0.0,
            k3s_since: None,
            mac: None,
            faults: faults.into_iter().map(|fault| (fault, false)).collect(),
            struck: Vec::new(),
            busy: false,
            unlock_at: None,
            id,
        }
    }

    /// Whether the files are still those that it was made of: another machine at the same place is another machine, even if
    /// nobody told the hypervisor that the first one went.
    pub(crate) fn is_same(&self) -> bool {
        std::fs::read_to_string(self.vmx.with_extension("nvram")).is_ok_and(|text| text == self.id)
    }

    pub(crate) fn runs(&self) -> bool {
        matches!(self.power, Power::Running | Power::Paused)
    }

    // --- power ---------------------------------------------------------------------------------------------------

    /// Powers it on: reads what is in the drives, locks the files.
    pub(crate) fn power_on(&mut self, now: Time, config: &WorldConfig) -> Result<(), String> {
        let vmx = Vmx::read(&self.vmx).map_err(|e| e.to_string())?;
        self.media.clear();
        self.seed = None;
        for (device, image) in vmx.connected_images(&self.vmx) {
            // An image that cannot be read is an empty drive, as in a real machine.
            let Ok(iso) = Iso::read(&image, SEED_LABEL) else {
                continue;
            };
            if iso.label.eq_ignore_ascii_case(SEED_LABEL) {
                match Identity::read(&iso.files) {
                    Ok(identity) => self.seed = Some(identity),
                    Err(reason) => self.console(&format!("cloud-init: {}: {reason}", image.display())),
                }
            }
            self.media.insert(device, iso.label);
        }
        self.mac = vmx.get("ethernet0.address").map(str::to_ascii_lowercase);
        self.lock(&vmx);
        self.power = Power::Running;
        self.boot(now, config);
        Ok(())
    }

    fn boot(&mut self, now: Time, config: &WorldConfig) {
        self.since = now;
        self.boots += 1;
        self.first_on.get_or_insert(now);
        self.epoch += 1;
        self.unlock_at = None;
        self.variables.clear();
        let known = self
            .disk
            .identity
            .as_ref()
            .map(|identity| identity.instance_id.as_str());
        if self
            .seed
            .as_ref()
            .is_some_and(|seed| Some(seed.instance_id.as_str()) == known)
        {
            self.seed = None;
        }
        if self.disk.failed {
            self.disk.failed = false;
            self.disk.remove(FAILED);
        }
        self.step_since = now + config.guest.ssh;
        self.k3s_since = self.k3s_installed().then_some(now + config.guest.k3s);
        self.console(&format!("[    0.000000] Linux version 6.12 (boot {})", self.boots));
        self.console("[    2.100000] systemd[1]: Hostname set.");
        let boot = format!("kernel: Linux version 6.12 (boot {})", self.boots);
        self.disk.journal("kernel", &boot);
    }

    pub(crate) fn power_off(&mut self, now: Time, unlock: f64) {
        self.go_down(now);
        self.power = Power::Off;
        self.unlock_at = Some(now + unlock);
    }

    pub(crate) fn reboot(&mut self, now: Time, config: &WorldConfig) {
        self.go_down(now);
        self.boot(now, config);
    }

    fn go_down(&mut self, now: Time) {
        self.down_at = now;
        self.epoch += 1;
        self.silent = false;
        self.k3s_since = None;
        self.console("[  999.000000] reboot: Power down");
    }

    /// Its memory is saved: it goes on where it was.
    pub(crate) fn suspend(&mut self, now: Time) {
        self.go_down(now);
        self.power = Power::Suspended;
        self.unlock_at = Some(now);
    }

    fn lock(&self, vmx: &Vmx) {
        for file in [Some(self.vmx.clone()), vmx.disk(&self.vmx)].into_iter().flatten() {
            let lock = lock_of(&file);
            // A lock that cannot be made is not held: nothing depends on it.
            let _ = std::fs::create_dir_all(&lock);
            let _ = std::fs::write(lock.join("M10001.lck"), "fake 10001-1 1");
        }
    }

    /// Gives the files free.
    pub(crate) fn unlock(&mut self) {
        self.unlock_at = None;
        let disk = Vmx::read(&self.vmx).ok().and_then(|vmx| vmx.disk(&self.vmx));
        for file in [Some(self.vmx.clone()), disk].into_iter().flatten() {
            let _ = std::fs::remove_dir_all(lock_of(&file));
        }
    }

    pub(crate) fn console(&self, line: &str) {
        use std::io::Write as _;
        let Ok(vmx) = Vmx::read(&self.vmx) else { return };
        let (true, Some(file)) = (vmx.is_true("serial0.present"), vmx.get("serial0.fileName")) else {
            return;
        };
        let path = self.vmx.parent().unwrap_or(Path::new(".")).join(file);
        if let Ok(mut file) = std::fs::OpenOptions::new().create(true).append(true).open(path) {
            let _ = writeln!(file, "{line}\r");
        }
    }

    // --- what the guest is at a time -----------------------------------------------------------------------------

    pub(crate) fn uptime(&self, now: Time) -> f64 {
        now - self.since
    }

    /// Whether the first boot's work of cloud-init is before it.
    fn is_first_boot(&self) -> bool {
        self.seed.is_some()
    }

    pub(crate) fn tools_run(&self, now: Time, config: &WorldConfig) -> bool {
        config.tools && self.power == Power::Running && self.uptime(now) >= config.guest.tools
    }

    /// The guest's address, once it has configured its interface: the one that its seed names, on the card that it names.
    pub(crate) fn address(&self, now: Time, config: &WorldConfig) -> Option<Ipv4Addr> {
        let identity = self.disk.identity.as_ref()?;
        let card = identity
            .mac
            .as_ref()
            .is_none_or(|mac| Some(mac.to_ascii_lowercase()) == self.mac);
        let up = self.power == Power::Running && !self.is_first_boot() && self.uptime(now) >= config.guest.address;
        identity.address.filter(|_| up && card)
    }

    /// The identity that the SSH server has, if it answers.
    pub(crate) fn ssh(&self, now: Time, config: &WorldConfig) -> Option<&Identity> {
        let up = self.uptime(now) >= config.guest.ssh && !self.in_window("ssh-refuse", now);
        self.address(now, config).filter(|_| up)?;
        self.disk.identity.as_ref()
    }

    pub(crate) fn k3s_runs(&self, now: Time) -> bool {
        self.power == Power::Running && self.k3s_since.is_some_and(|since| since <= now)
    }

    pub(crate) fn k3s_since(&self) -> Option<Time> {
        self.k3s_since
    }

    /// Whether the guest's own marker carries this life's instance id.
    pub(crate) fn is_complete(&self) -> bool {
        let Some(identity) = &self.disk.identity else {
            return false;
        };
        let marker = if identity.is_server() {
            SERVER_MARKER
        } else {
            AGENT_MARKER
        };
        self.disk.line(marker).as_deref() == Some(identity.instance_id.as_str())
    }

    /// Since when it is not what a ready node is by itself; `None` if it is.
    pub(crate) fn unready_since(&self, now: Time, config: &WorldConfig) -> Option<Time> {
        if self.power != Power::Running || self.uptime(now) < config.guest.ssh || !self.k3s_runs(now) {
            return Some(self.down_at);
        }
        let window = self.window("ssh-refuse", now).or(self.window("hostkey", now));
        if window.is_some() {
            return window;
        }
        (self.ssh(now, config).is_none() || !self.is_complete()).then_some(f64::NEG_INFINITY)
    }

    // --- what happens next ---------------------------------------------------------------------------------------

    /// When something happens to it by itself the next time.
    pub(crate) fn next_event(&self, config: &WorldConfig) -> Option<Time> {
        if self.power != Power::Running {
            return None;
        }
        let fault = self.next_fault().map(|(_, at)| at.max(self.since));
        let seed = self.seed.as_ref().map(|_| self.seeding(config));
        let step = (self.seed.is_none() && self.disk.identity.is_some() && !self.disk.failed)
            .then(|| self.role_steps().get(self.disk.steps_done))
            .flatten()
            .map(|(_, share)| self.step_since + share * config.guest.bootstrap * self.slowness());
        [fault, seed, step].into_iter().flatten().reduce(f64::min)
    }

    fn seeding(&self, config: &WorldConfig) -> Time {
        self.since + config.guest.ssh + config.guest.first_boot
    }

    /// Lets happen what is due at `at`. `server` says whether the machine's k3s server runs and takes its token.
    pub(crate) fn happen(
        &mut self,
        at: Time,
        config: &WorldConfig,
        server: impl Fn(&Identity) -> Option<bool>,
    ) -> Option<Happening> {
        if let Some((n, _)) = self.next_fault().filter(|(_, due)| *due <= at) {
            return self.strike(n, at, config);
        }
        if self.seed.is_some() {
            if self.seeding(config) > at {
                return None;
            }
            let seed = self.seed.take()?;
            self.apply(seed, at);
            return Some(Happening::Seeded);
        }
        self.end_step(at, server)
    }
}

fn lock_of(file: &Path) -> PathBuf {
    let mut lock = file.as_os_str().to_owned();
    lock.push(".lck");
    PathBuf::from(lock)
}
