//! From a seed to what is done and what goes wrong.

use crate::fake::fault::{CALL_FAULTS, Fault};
use crate::fake::lab::node_name;
use crate::fake::rng::Rng;
use crate::fake::{GuestTimes, WorldConfig};

/// Virtual seconds in one real second: a guest boots and bootstraps in a second and a half.
const SCALE: f64 = 40.0;

/// One schedule.
#[derive(Debug, Clone)]
pub(super) struct Schedule {
    pub(super) seed: u64,
    pub(super) workers: usize,
    pub(super) config: WorldConfig,
    /// Whether the guests have a password, which opens vmrun's own guest operations.
    pub(super) password: bool,
    pub(super) actions: Vec<Action>,
}

/// One command of `lab-cli`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Action {
    Up,
    Stop,
    Start,
    Destroy,
    Status,
}

impl Action {
    const ALL: [(Self, &'static str); 5] = [
        (Self::Up, "up"),
        (Self::Stop, "stop"),
        (Self::Start, "start"),
        (Self::Destroy, "destroy"),
        (Self::Status, "status"),
    ];

    pub(super) fn name(self) -> &'static str {
        Self::ALL
            .iter()
            .find(|(action, _)| *action == self)
            .map_or("", |(_, name)| name)
    }

    pub(super) fn parse(name: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, n)| *n == name).map(|(action, _)| *action)
    }

    pub(super) fn arguments(self) -> &'static [&'static str] {
        match self {
            Self::Up => &["up"],
            Self::Stop => &["stop"],
            Self::Start => &["start"],
            Self::Destroy => &["destroy", "--yes"],
            Self::Status => &["status"],
        }
    }
}

impl Schedule {
    pub(super) fn new(seed: u64) -> Self {
        let mut rng = Rng::new(seed, "chaos");
        let workers = 1 + rng.below(2);
        let password = rng.one_in(3);
        let mut actions = vec![Action::Up];
        for _ in 0..rng.below(4) {
            actions.push(rng.pick(&[
                Action::Up,
                Action::Up,
                Action::Stop,
                Action::Start,
                Action::Destroy,
                Action::Status,
            ]));
        }
        let count = 1 + rng.below(4);
        let faults = (0..count).map(|_| fault(&mut rng, workers).to_string()).collect();
        let config = WorldConfig {
            seed,
            faults,
            hot_detach: rng.one_in(2),
            tools: !rng.one_in(4),
            stale_markers: rng.one_in(2),
            auth_after_command: rng.one_in(4),
            ..quiet(seed)
        };
        Self {
            seed,
            workers,
            config,
            password,
            actions,
        }
    }
}

/// A fast world in which nothing goes wrong.
pub(super) fn quiet(seed: u64) -> WorldConfig {
    WorldConfig {
        seed,
        scale: SCALE,
        spared: vec!["theirs".to_owned()],
        guest: GuestTimes {
            tools: 6.0,
            address: 8.0,
            ssh: 10.0,
            first_boot: 6.0,
            k3s: 14.0,
            bootstrap: 40.0,
            ..GuestTimes::default()
        },
        ..WorldConfig::default()
    }
}

/// Commands that a lab calls, and how often about.
const COMMANDS: [(&str, usize); 14] = [
    ("start", 2),
    ("stop", 2),
    ("clone", 2),
    ("list", 30),
    ("snapshot", 1),
    ("listSnapshots", 1),
    ("deleteVM", 2),
    ("getGuestIPAddress", 4),
    ("listHostNetworks", 3),
    ("listPortForwardings", 4),
    ("setPortForwarding", 2),
    ("disconnectNamedDevice", 2),
    ("writeVariable", 2),
    ("*", 60),
];

fn fault(rng: &mut Rng, workers: usize) -> Fault {
    let node = node_name(rng.below(workers + 1));
    match rng.below(10) {
        0..=4 => {
            let (command, often) = rng.pick(&COMMANDS);
            let kind = rng.pick(&CALL_FAULTS);
            let named = matches!(command, "start" | "stop" | "clone" | "deleteVM") && rng.one_in(2);
            // A clone is a call of its template.
            let machine = match command {
                _ if !named => "*".to_owned(),
                "clone" => "template".to_owned(),
                _ => node,
            };
            let count = 1 + u64::from(rng.one_in(3)) * 2;
            Fault::in_calls(kind, command, &machine, 1 + rng.below(often) as u64, count)
        }
        5 => Fault::in_calls(rng.pick(&["full", "hang"]), "vdiskmanager", "*", 1, 1),
        6 => Fault::in_calls(
            rng.pick(&["ssh-reset", "ssh-hang", "slow"]),
            "ssh",
            &node,
            1 + rng.below(8) as u64,
            1,
        ),
        7 => {
            let kind = rng.pick(&["ssh-refuse", "hostkey"]);
            Fault::in_guest(kind, &node, whole(rng, 100.0), 10.0 + whole(rng, 60.0))
        }
        8 => Fault::in_guest(rng.pick(&["bootstrap-fail", "slow-disk"]), &node, 0.0, 0.0),
        _ => Fault::in_guest(
            rng.pick(&["reboot", "poweroff", "silent-poweroff"]),
            &node,
            whole(rng, 160.0),
            0.0,
        ),
    }
}

fn whole(rng: &mut Rng, most: f64) -> f64 {
    (rng.unit() * most).round()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_always_the_same_schedule_and_its_faults_can_be_read_back() {
        for seed in 0..500 {
            let (one, two) = (Schedule::new(seed), Schedule::new(seed));
            assert_eq!((&one.config, &one.actions), (&two.config, &two.actions));
            for fault in &one.config.faults {
                assert_eq!(fault.parse::<Fault>().unwrap().to_string(), *fault);
            }
        }
    }

    #[test]
    fn every_kind_of_fault_comes_up() {
        let all: Vec<String> = (0..3000).flat_map(|seed| Schedule::new(seed).config.faults).collect();
        let kinds = CALL_FAULTS.iter().chain(&crate::fake::fault::GUEST_FAULTS);
        for kind in kinds.chain(&["ssh-reset", "ssh-hang"]) {
            assert!(all.iter().any(|f| f.starts_with(&format!("{kind}@"))), "{kind}");
        }
    }
}
