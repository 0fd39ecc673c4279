//! A guest's answers: what its plan says is true at this moment.

use std::path::Path;
use std::time::Duration;

use async_trait::async_trait;
use vmrun_rs::guest::{ChannelKind, GuestCommand, GuestOutput};
use vmrun_rs::hypervisor::VmId;
use vmrun_rs::{ChannelError, GuestChannel};

use super::{Fake, Machine};

pub(super) struct Channel {
    pub(super) fake: Fake,
    pub(super) vm: VmId,
    /// The port that the channel was told to use.
    pub(super) port: Option<u16>,
}

impl Channel {
    /// Looks into the guest, if it answers at all. One look takes a moment.
    async fn ask<T>(&self, answer: impl FnOnce(&Machine) -> T) -> Result<T, ChannelError> {
        tokio::time::sleep(Duration::from_millis(20)).await;
        let endpoint = "127.0.0.1:1".parse().unwrap();
        let world = self.fake.world();
        let there = world.moved_to.is_none_or(|port| self.port == Some(port));
        let machine = world.machines.get(&self.vm).filter(|m| there && m.answers());
        let refused = || std::io::Error::from(std::io::ErrorKind::ConnectionRefused);
        let machine = machine.ok_or_else(|| ChannelError::Unreachable {
            endpoint,
            source: refused(),
        })?;
        if machine.guest.wrong_host_key {
            let (expected, offered) = ("SHA256:right".to_owned(), "SHA256:wrong".to_owned());
            return Err(ChannelError::HostKeyMismatch {
                endpoint,
                expected,
                offered,
            });
        }
        Ok(answer(machine))
    }

    fn change(&self, change: impl FnOnce(&mut Machine)) {
        if let Some(machine) = self.fake.world().machines.get_mut(&self.vm) {
            change(machine);
        }
    }

    fn cluster(&self, what: &str) -> String {
        let world = self.fake.world();
        let nodes = world.machines.values().filter(|m| m.spec.name != "template");
        let items: Vec<_> = if what == "nodes" {
            nodes
                .filter(|m| m.guest.joins)
                .map(|m| {
                    let status = if m.complete() { "True" } else { "False" };
                    serde_json::json!({"metadata": {"name": m.spec.name},
                        "status": {"conditions": [{"type": "Ready", "status": status}]}})
                })
                .collect()
        } else {
            let pods = [
                "coredns-1",
                "traefik-1",
                "svclb-traefik-1",
                "metrics-server-1",
                "local-path-provisioner-1",
            ];
            pods.iter()
                .map(|name| {
                    serde_json::json!({"metadata": {"name": name},
                        "status": {"phase": "Running", "containerStatuses": [{"ready": true}]}})
                })
                .collect()
        };
        serde_json::json!({ "items": items }).to_string()
    }
}

#[async_trait]
impl GuestChannel for Channel {
    fn kind(&self) -> ChannelKind {
        ChannelKind::Mock
    }

    async fn run(&self, command: &GuestCommand) -> Result<GuestOutput, ChannelError> {
        let name = self.ask(|m| m.spec.name.clone()).await?;
        self.fake.world().commands.push((name, command.argv.clone()));
        let stdout = match command.argv.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["sleep", _] => {
                tokio::time::sleep(command.timeout).await;
                return Err(ChannelError::Timeout {
                    what: "running sleep".to_owned(),
                    after: command.timeout,
                });
            }
            ["systemctl", "poweroff"] => {
                self.change(|m| m.started = None);
                String::new()
            }
            ["systemctl", "show", ..] if self.ask(|m| m.guest.never_starts).await? => {
                "ActiveState=failed\nSubState=failed\nJob=\n\nActiveState=inactive\nSubState=dead\nJob=\n".to_owned()
            }
            ["sh", "-c", script] if script.contains("cloud-init status") => "the disk is full\n".to_owned(),
            ["/bin/sh", "-c", _, "lab-logs", "file", path, place, _] if path.ends_with("bootstrap.log") => {
                let log = self.fake.world().log.clone();
                let from = place.parse().unwrap_or(0);
                format!("{}\n{}", log.len(), &log[from..])
            }
            ["/bin/sh", "-c", _, "lab-logs", "file", ..] => {
                return Ok(GuestOutput {
                    exit_code: 44,
                    stdout: Vec::new(),
                    stderr: Vec::new(),
                });
            }
            ["/bin/sh", "-c", _, "lab-apply", "bootstrap", ..] => {
                self.change(|m| {
                    m.guest.fails = m.guest.fails.filter(|_| !m.guest.mended);
                });
                String::new()
            }
            [_, "kubectl", "get", what, ..] => self.cluster(what),
            ["cat", ..] => "clusters:\n- cluster:\n    server: https://127.0.0.1:6443\n  name: default\nusers:\n- name: default\n  user:\n    token: admin-token\n".to_owned(),
            _ => String::new(),
        };
        Ok(GuestOutput {
            exit_code: 0,
            stdout: stdout.into_bytes(),
            stderr: Vec::new(),
        })
    }

    async fn read_file(&self, path: &str) -> Result<Option<Vec<u8>>, ChannelError> {
        self.ask(|m| {
            let text = match path.rsplit('/').next().unwrap_or("") {
                "failed" => m
                    .guest
                    .fails
                    .filter(|(after, ..)| m.up_for(*after))
                    .map(|(_, step, reason)| format!("instance-id={}\nstep={step}\nreason={reason}\n", m.instance_id)),
                "progress" => (!m.guest.never_starts).then(|| "k3s-start\n".to_owned()),
                "k3s-bootstrap.done" | "k3s-agent-bootstrap.done" => match m.guest.stale_marker {
                    Some(stale) => Some(format!("{stale}\n")),
                    None => m.complete().then(|| format!("{}\n", m.instance_id)),
                },
                _ => None,
            };
            text.map(String::into_bytes)
        })
        .await
    }

    async fn exists(&self, path: &str) -> Result<bool, ChannelError> {
        self.read_file(path).await.map(|content| content.is_some())
    }

    async fn copy_to(&self, _host: &Path, _guest: &str) -> Result<(), ChannelError> {
        self.ask(|_| ()).await
    }
}
