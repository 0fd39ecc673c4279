//! Stops machines: cleanly where the guest takes part, and never by surprise otherwise.

use std::time::Duration;

use futures::future::join_all;
use stage_timer::StageKind;
use tokio::time::{Instant, sleep_until, timeout};
use vmrun_rs::HypervisorError;
use vmrun_rs::guest::GuestCommand;
use vmrun_rs::hypervisor::{PowerState, StopMode, VmId};

use crate::backoff::Backoff;
use crate::config::{NodeSection, TimeoutSection};
use crate::error::{Context as _, ErrorKind, LabError, one_line};
use crate::event::Event;
use crate::readiness::Signal;
use crate::run::{Done, Run};

/// A clean shutdown through tools takes some ten seconds; after this long the guest is asked too.
const PATIENCE: Duration = Duration::from_secs(20);
/// What is left to do.
const CUT: &str = "`lab-cli stop --hard` cuts the power; what the guest had not written to its disk is lost";
/// How long a guest that was told to power off over its own channel may take for it.
const SHUTDOWN: Duration = Duration::from_secs(180);

/// A machine of the lab; its node may have left lab.toml.
#[derive(Debug, Clone)]
pub(crate) struct Target<'a> {
    pub(crate) name: String,
    pub(crate) vm: VmId,
    pub(crate) node: Option<&'a NodeSection>,
}

/// Stops those of the machines that run, all at once; returns the names of those that were stopped. What happens to one
/// does not keep the others from being stopped.
pub(crate) async fn stop(run: &Run<'_>, targets: &[Target<'_>], mode: StopMode) -> Result<Vec<String>, LabError> {
    let limit = TimeoutSection::limit(run.config().timeouts.restart);
    run.stage("stop", StageKind::Working, limit, async |stage| {
        let results = join_all(targets.iter().map(async |target| {
            let power = run.lab.hypervisor().state(&target.vm).await;
            let power = power.context("could not see whether the machine runs");
            match power.map_err(|e| e.node(&target.name))? {
                PowerState::Running => {}
                // What is saved to disk cannot shut down, and loses what it had in memory when it is cut off.
                PowerState::Suspended if mode == StopMode::Hard => {}
                _ => return Ok(None),
            }
            run.in_lane(stage, "stop", StageKind::Working, &target.name, async |_| {
                shut_down(run, target, mode).await.map_err(|e| e.node(&target.name))
            })
            .await?;
            run.lab.emit(Event::NodeSignal {
                node: target.name.clone(),
                signal: Signal::Stopped,
                detail: String::new(),
            });
            Ok(Some(target.name.clone()))
        }));
        let stopped: Vec<String> = LabError::first_of(results.await)?.into_iter().flatten().collect();
        Ok(if stopped.is_empty() {
            Done::Skipped(stopped, "none of them runs".to_owned())
        } else {
            Done::Ok(stopped)
        })
    })
    .await
}

/// Stops one machine. A soft stop that the hypervisor cannot do, because the guest has no tools for it, is done by the
/// guest itself. Without tools vmrun's own attempt does not even end: the guest is asked while it still tries.
pub(crate) async fn shut_down(run: &Run<'_>, target: &Target<'_>, mode: StopMode) -> Result<(), LabError> {
    let stop = run.lab.hypervisor().stop(&target.vm, mode);
    if mode == StopMode::Hard {
        return stop.await.context("could not cut the machine's power");
    }
    let Some(node) = target.node else {
        return stop
            .await
            .context("could not shut the machine down")
            .map_err(|e| e.help(CUT));
    };
    tokio::pin!(stop);
    let inside = power_off_from_inside(run, node, &target.vm);
    let (error, inside) = match timeout(PATIENCE, &mut stop).await {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => (error, inside.await),
        Err(_) => {
            tokio::pin!(inside);
            tokio::select! {
                stopped = &mut stop => match stopped {
                    Ok(()) => return Ok(()),
                    Err(error) => (error, inside.await),
                },
                off = &mut inside => match off {
                    Ok(()) => return Ok(()),
                    Err(inside) => match stop.await {
                        Ok(()) => return Ok(()),
                        Err(error) => (error, Err(inside)),
                    },
                },
            }
        }
    };
    let Err(inside) = inside else { return Ok(()) };
    Err(LabError::new(inside.kind(), "could not shut the machine down")
        .source(error)
        .details([format!("nor from inside: {}", inside.one_line())])
        .help(CUT))
}

async fn power_off_from_inside(run: &Run<'_>, node: &NodeSection, vm: &VmId) -> Result<(), LabError> {
    let channel = run.connection(node).await?.channel;
    // The answer may be lost with the guest; what counts is whether the machine goes off.
    let command = GuestCommand::new(["systemctl", "poweroff"]).as_root();
    if let Err(error) = channel.run(&command.timeout(Duration::from_secs(30))).await {
        tracing::debug!(node = %node.name, error = %one_line(&error), "no answer to poweroff");
    }
    let end = Instant::now() + SHUTDOWN;
    let mut backoff = Backoff::new();
    loop {
        match run.lab.hypervisor().state(vm).await {
            Ok(PowerState::Running) => {}
            Ok(_) => return settled(run, vm).await.context("the machine is off, but not free yet"),
            Err(error) => tracing::debug!(node = %node.name, error = %one_line(&error), "cannot see whether it runs"),
        }
        tokio::select! {
            () = backoff.pause() => {}
            () = sleep_until(end) => {
                let message = format!("it still runs {} s after it was told to power off", SHUTDOWN.as_secs());
                return Err(LabError::new(ErrorKind::TimedOut, message));
            }
        }
    }
}

/// Stopping a machine that is off only waits until its files are free.
async fn settled(run: &Run<'_>, vm: &VmId) -> Result<(), HypervisorError> {
    run.lab.hypervisor().stop(vm, StopMode::Hard).await
}
