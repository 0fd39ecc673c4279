//! A guest's first boot and bootstrap: what cloud-init makes of the seed, and the steps that follow.

use super::disk::Disk;
use super::machine::{AGENT_MARKER, FAILED, Happening, Machine, PROGRESS, SERVER_MARKER, Time};
use super::seed::Identity;

const BOOTSTRAP_LOG: &str = "/var/lib/lab/bootstrap.log";

/// Steps of the bootstrap and their share of its time, by role.
const SERVER_STEPS: [(&str, f64); 9] = steps([("k3s-start", 0.35), ("node-ready", 0.1)]);
const AGENT_STEPS: [(&str, f64); 9] = steps([("server-wait", 0.02), ("k3s-start", 0.1)]);

/// What both do first, and then their own.
const fn steps([first, second]: [(&str, f64); 2]) -> [(&str, f64); 9] {
    [
        ("cloud-init", 0.1),
        ("clock", 0.01),
        ("payload-wait", 0.02),
        ("payload-copy", 0.3),
        ("system", 0.03),
        ("images", 0.04),
        ("k3s-install", 0.05),
        first,
        second,
    ]
}

/// The shares of the bootstrap's time that an agent needs for itself, that a server needs until agents can join it, and that
/// an agent needs from then on.
pub(crate) fn shares() -> (f64, f64, f64) {
    let until = |steps: &[(&str, f64)], last: &str| -> f64 {
        let before = steps.iter().take_while(|(name, _)| *name != last);
        before.map(|(_, share)| share).sum()
    };
    let agent = until(&AGENT_STEPS, "");
    let joinable = until(&SERVER_STEPS, "node-ready");
    (agent, joinable, agent - until(&AGENT_STEPS, "k3s-start"))
}

impl Machine {
    pub(super) fn role_steps(&self) -> &'static [(&'static str, f64)] {
        match &self.disk.identity {
            Some(identity) if identity.is_server() => &SERVER_STEPS,
            _ => &AGENT_STEPS,
        }
    }

    pub(crate) fn step(&self) -> Option<&'static str> {
        self.role_steps().get(self.disk.steps_done).map(|(name, _)| *name)
    }

    pub(super) fn k3s_installed(&self) -> bool {
        let start = self.role_steps().iter().position(|(name, _)| *name == "k3s-start");
        self.disk.identity.is_some() && start.is_some_and(|start| self.disk.steps_done > start)
    }

    /// cloud-init's work at the first boot of an instance.
    pub(super) fn apply(&mut self, seed: Identity, at: Time) {
        for (path, content, private) in &seed.files {
            self.disk.put(path, content.clone(), *private);
        }
        self.disk
            .put("/etc/hostname", format!("{}\n", seed.hostname).into_bytes(), false);
        self.disk.make_directory("/var/lib/lab");
        self.disk.steps_done = 0;
        self.disk.failed = false;
        self.disk.members.clear();
        self.disk.remove(FAILED);
        self.console(&format!(
            "cloud-init: instance {} on {}",
            seed.instance_id, seed.hostname
        ));
        for log in ["/var/log/cloud-init-output.log", BOOTSTRAP_LOG] {
            self.disk.remove(log);
        }
        let line = format!("Cloud-init running 'modules:final' for {}", seed.instance_id);
        self.disk.append("/var/log/cloud-init-output.log", &line);
        self.disk.identity = Some(seed);
        self.step_since = at;
        self.k3s_since = None;
        self.begin_step();
    }

    fn begin_step(&mut self) {
        let step = self.step().unwrap_or("done");
        self.disk.put(PROGRESS, format!("{step}\n").into_bytes(), false);
        self.disk.append(BOOTSTRAP_LOG, &format!("step: {step}"));
        self.disk
            .journal("lab-bootstrap.service", &format!("lab-bootstrap[700]: {step}"));
    }

    pub(super) fn end_step(&mut self, at: Time, server: impl Fn(&Identity) -> Option<bool>) -> Option<Happening> {
        let identity = self.disk.identity.clone()?;
        let step = self.step()?;
        let mark =
            |disk: &mut Disk, path: &str| disk.put(path, format!("{}\n", identity.instance_id).into_bytes(), false);
        match step {
            "cloud-init" => mark(&mut self.disk, "/var/lib/cloud-init-complete"),
            "payload-wait" => {
                let label = identity.variable("LAB_PAYLOAD_LABEL");
                if !label.is_empty() && !self.media.values().any(|medium| medium == label) {
                    return Some(self.fail(
                        &identity,
                        step,
                        &format!("no medium labelled {label} appeared within 120 s; is the payload image attached?"),
                    ));
                }
            }
            "payload-copy" => mark(&mut self.disk, "/var/lib/iso-copy-complete"),
            "server-wait" if server(&identity).is_none() => {
                // It looks every two seconds.
                self.step_since = at + 2.0;
                return None;
            }
            "k3s-start" => {
                if self.fails_its_bootstrap() {
                    return Some(self.fail(
                        &identity,
                        step,
                        "the unit k3s failed: fatal: bind: address already in use",
                    ));
                }
                if !identity.is_server() && server(&identity) == Some(false) {
                    return Some(self.fail(&identity, step, "the server refused the token"));
                }
                self.k3s_since = Some(at);
                let unit = if identity.is_server() { "k3s" } else { "k3s-agent" };
                self.disk
                    .journal(&format!("{unit}.service"), &format!("{unit}[900]: starting {unit}"));
            }
            _ => {}
        }
        self.disk.steps_done += 1;
        self.step_since = at;
        self.begin_step();
        if self.step().is_none() {
            mark(
                &mut self.disk,
                if identity.is_server() {
                    SERVER_MARKER
                } else {
                    AGENT_MARKER
                },
            );
        }
        if identity.is_server() && step == "k3s-start" {
            let address = identity.address.map(|a| a.to_string()).unwrap_or_default();
            self.disk.members.insert(identity.hostname.clone(), address);
            self.disk
                .put("/etc/rancher/k3s/k3s.yaml", kubeconfig().into_bytes(), true);
        }
        Some(Happening::Step(step.to_owned()))
    }

    fn fail(&mut self, identity: &Identity, step: &str, reason: &str) -> Happening {
        let text = format!("instance-id={}\nstep={step}\nreason={reason}\n", identity.instance_id);
        self.disk.put(FAILED, text.into_bytes(), false);
        self.disk.failed = true;
        Happening::BootstrapFailed(format!("{step}: {reason}"))
    }
}

fn kubeconfig() -> String {
    "apiVersion: v1\nkind: Config\ncurrent-context: default\nclusters:\n- name: default\n  cluster:\n    server: https://127.0.0.1:6443\n    \
     certificate-authority-data: ZmFrZQ==\nusers:\n- name: default\n  user:\n    client-certificate-data: ZmFrZQ==\n    \
     client-key-data: ZmFrZQ==\ncontexts:\n- name: default\n  context:\n    cluster: default\n    user: default\n"
        .to_owned()
}
