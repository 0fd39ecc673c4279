//! Applies to nodes that exist what changed in `lab.toml` and does not need a new machine.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use futures::future::try_join_all;
use serde_json::json;
use stage_timer::StageKind;
use vmrun_rs::GuestChannel;
use vmrun_rs::guest::GuestCommand;

use crate::config::{NodeSection, Role, TimeoutSection};
use crate::error::{Context as _, LabError};
use crate::event::Level;
use crate::facts::{self, Change, Facts};
use crate::registry;
use crate::run::{Done, Run};
use crate::said::last_line;

/// What runs in the guest.
const SCRIPT: &str = include_str!("../guest/apply.sh");
/// Read after `config.yaml`: its values count instead of those there.
const DISABLE_FILE: &str = "/etc/rancher/k3s/config.yaml.d/50-lab-disable.yaml";
/// Restarting a k3s server can take a minute on a slow machine.
const LIMIT: Duration = Duration::from_secs(300);

pub(super) async fn run(run: &Run<'_>) -> Result<(), LabError> {
    let limit = TimeoutSection::limit(run.config().timeouts.restart);
    run.stage("apply", StageKind::Working, limit, async |stage| {
        let state = run.state();
        let mut work = Vec::new();
        for node in run.all_nodes() {
            let Some(known) = state.nodes.get(&node.name) else {
                continue;
            };
            let changes = run.lab.changes(node, &known.made_of)?;
            if !changes.is_empty() {
                work.push((node, known.made_of.clone(), changes));
            }
        }
        if work.is_empty() {
            return Ok(Done::Skipped((), "nothing changed".to_owned()));
        }
        try_join_all(work.iter().map(|(node, made_of, changes)| {
            run.in_lane(stage, "apply", StageKind::Working, &node.name, async |_| {
                apply(run, node, made_of, changes).await.map_err(|e| e.node(&node.name))
            })
        }))
        .await?;
        Ok(Done::Ok(()))
    })
    .await
}

async fn apply(run: &Run<'_>, node: &NodeSection, made_of: &Facts, changes: &[Change]) -> Result<(), LabError> {
    let channel = run.connection(node).await?.channel;
    let now = run.lab.facts(node)?;
    let mut restart = false;
    for change in changes {
        run.notice(Level::Info, Some(&node.name), format!("applying {change}"));
        let key = change.key.as_str();
        let (removed, added) = (made_of.list(key), now.list(key));
        let lines = (encode(&removed), encode(&added));
        match key {
            facts::HOSTS => guest(&*channel, &["lines", "/etc/hosts", &lines.0, &lines.1]).await?,
            "guest.authorized_keys" => {
                guest(&*channel, &["keys", &run.config().guest.user, &lines.0, &lines.1]).await?;
            }
            "guest.timezone" => guest(&*channel, &["timezone", &run.config().guest.timezone]).await?,
            facts::DISABLE => {
                let yaml = serde_saphyr::to_string(&json!({ "disable": added })).context("could not write YAML")?;
                guest(&*channel, &["write", "0600", DISABLE_FILE, &base64(&yaml)]).await?;
                restart = true;
            }
            facts::REGISTRY | facts::CA => {
                let trust = registry::trust(run.config(), run.lab.paths())?;
                let (path, content) = if key == facts::CA {
                    guest(&*channel, &["trust", &base64(&trust.ca_pem)]).await?;
                    (cloudinit_gen::guest::CA_FILE, trust.ca_pem)
                } else {
                    (cloudinit_gen::guest::K3S_REGISTRIES, trust.registries_yaml)
                };
                let mode = if key == facts::CA { "0644" } else { "0600" };
                guest(&*channel, &["write", mode, path, &base64(&content)]).await?;
                restart = true;
            }
            _ => return Err(LabError::failed(format!("{change} cannot be applied"))),
        }
    }
    if restart {
        let unit = match node.role {
            Role::Master => "k3s.service",
            Role::Worker => "k3s-agent.service",
        };
        guest(&*channel, &["restart", unit]).await?;
    }
    // Last: a run that dies before this applies everything again, which does no harm.
    run.update_node(&node.name, |n| n.made_of = now)
}

/// Runs the bootstrap of a node once more after it failed. It goes on with the step that failed.
pub(crate) async fn bootstrap_again(channel: &dyn GuestChannel) -> Result<(), LabError> {
    let (unit, failed) = (cloudinit_gen::guest::BOOTSTRAP_UNIT, cloudinit_gen::guest::FAILED_FILE);
    guest(channel, &["bootstrap", unit, failed]).await
}

/// Runs the script in the guest.
async fn guest(channel: &dyn GuestChannel, arguments: &[&str]) -> Result<(), LabError> {
    let argv = ["/bin/sh", "-c", SCRIPT, "lab-apply"];
    let command = GuestCommand::new(argv.iter().chain(arguments).copied())
        .as_root()
        .timeout(LIMIT);
    let what = format!(
        "could not {} in the guest",
        arguments[..2.min(arguments.len())].join(" ")
    );
    let output = channel.run(&command).await.context(what.clone())?;
    if output.success() {
        return Ok(());
    }
    Err(LabError::failed(format!(
        "{what}: exit code {}: {}",
        output.exit_code,
        last_line(&output.stderr)
    )))
}

fn base64(text: &str) -> String {
    STANDARD.encode(text)
}

fn encode(lines: &[String]) -> String {
    base64(&lines.iter().fold(String::new(), |text, line| text + line + "\n"))
}
