//! Looks at the cluster itself: every node Ready at its address, every packaged component running.

use std::net::SocketAddr;
use std::time::Duration;

use futures::future::join_all;
use stage_timer::{StageHandle, StageKind};
use tokio::time::{Instant, timeout_at};
use vmrun_rs::{GuestChannel, HypervisorError};

use super::ready;
use crate::backoff::Backoff;
use crate::cluster::{self, ClusterNode};
use crate::config::{NodeSection, Role, TimeoutSection};
use crate::error::{Context as _, ErrorKind, LabError};
use crate::files;
use crate::run::{Done, Run};

/// The stage's own limit comes after this one's, whose error says more.
const GRACE: Duration = Duration::from_secs(30);

/// Waits until every node is Ready and every packaged component runs; fetches the kubeconfig.
pub(crate) async fn run(run: &Run<'_>) -> Result<Vec<ClusterNode>, LabError> {
    let limit = TimeoutSection::limit(run.config().timeouts.verify);
    run.stage("verify", StageKind::Waiting, limit + GRACE, async |stage| {
        let master = run
            .config()
            .master()
            .ok_or_else(|| LabError::failed("the lab has no master"))?;
        let connection = run.connection(master).await?;
        let channel = &*connection.channel;
        let (nodes, endpoint) = tokio::join!(until_ready(run, channel, stage, limit), run.lab.api_endpoint(master));
        let nodes = nodes?;
        kubeconfig(run, endpoint, channel).await?;
        Ok(Done::Ok(nodes))
    })
    .await
}

async fn until_ready(
    run: &Run<'_>,
    master: &dyn GuestChannel,
    stage: &StageHandle,
    limit: Duration,
) -> Result<Vec<ClusterNode>, LabError> {
    let end = Instant::now() + limit;
    let mut backoff = Backoff::new();
    let mut missing = "the cluster did not answer".to_owned();
    let mut unjoined = Vec::new();
    loop {
        match timeout_at(end, look(run, master)).await {
            Ok(Ok((nodes, None))) => return Ok(nodes),
            Ok(Ok((nodes, Some(what)))) => {
                missing = what;
                unjoined = unjoined_of(run, &nodes);
            }
            Ok(Err(e)) => missing = e.one_line(),
            Err(_) => {
                return Err(LabError::new(
                    ErrorKind::NotReady,
                    format!("the cluster was not ready within {} s: {missing}", limit.as_secs()),
                )
                .help(if unjoined.is_empty() {
                    "`lab-cli exec MASTER -- sudo k3s kubectl get nodes,pods -A` shows more; `lab-cli up` looks again"
                        .to_owned()
                } else {
                    format!(
                        "a node that joined an earlier master cannot join a new one; `lab-cli up --recreate {}` makes it anew \
                         (its data is lost)",
                        unjoined.join(",")
                    )
                }));
            }
        }
        stage.progress(None, missing.clone());
        tokio::select! {
            () = backoff.pause() => {}
            () = tokio::time::sleep_until(end) => {}
        }
    }
}

/// The workers that the cluster does not know although their bootstrap ended: it ended with the master of that time.
fn unjoined_of(run: &Run<'_>, nodes: &[ClusterNode]) -> Vec<String> {
    let workers = run.nodes(Role::Worker).into_iter();
    workers
        .filter(|worker| !nodes.iter().any(|node| node.name == worker.name))
        .map(|worker| worker.name.clone())
        .collect()
}

/// One look: the nodes, and what is still missing.
async fn look(run: &Run<'_>, master: &dyn GuestChannel) -> Result<(Vec<ClusterNode>, Option<String>), LabError> {
    let config = run.config();
    let nodes = cluster::nodes(master).await?;
    if let Some(what) = config.nodes.0.iter().find_map(|n| not_ready(n, &nodes)) {
        return Ok((nodes, Some(what)));
    }
    let missing = cluster::missing_components(master, &config.k3s.disable).await?;
    if !missing.is_empty() {
        let what = format!("packaged components that do not run: {}", missing.join(", "));
        return Ok((nodes, Some(what)));
    }
    let absent = join_all(run.all_nodes().into_iter().map(|node| absent(run, node))).await;
    Ok((nodes, absent.into_iter().flatten().next()))
}

/// Why a node is not there, whatever the cluster says: it goes on calling a node Ready for some 40 seconds after the node
/// fell silent. Asked in the node itself, after the cluster.
async fn absent(run: &Run<'_>, node: &NodeSection) -> Option<String> {
    let look = async {
        let known = run.node_state(&node.name)?;
        let channel = run.connection(node).await?.channel;
        let marker = channel.read_file(ready::marker(node.role)).await;
        let marker = marker
            .context("it does not answer any more")
            .map_err(|e| e.node(&node.name))?;
        Ok::<_, LabError>(marker.is_some_and(|text| String::from_utf8_lossy(&text).trim() == known.instance_id))
    };
    match look.await {
        Ok(true) => None,
        Ok(false) => Some(format!("{} has lost the marker of its bootstrap", node.name)),
        Err(e) => Some(e.one_line()),
    }
}

/// Why a node does not count as ready, if it does not.
fn not_ready(node: &NodeSection, nodes: &[ClusterNode]) -> Option<String> {
    let Some(seen) = nodes.iter().find(|n| n.name == node.name) else {
        return Some(format!("{} has not joined the cluster", node.name));
    };
    if !seen.ready {
        let reason = seen.reason.as_deref().unwrap_or("no reason given");
        return Some(format!("{} is not Ready: {reason}", node.name));
    }
    match &seen.address {
        Some(address) if *address != node.address.to_string() => Some(format!(
            "{} joined with the address {address}, not {}",
            node.name, node.address
        )),
        _ => None,
    }
}

async fn kubeconfig(
    run: &Run<'_>,
    endpoint: Result<SocketAddr, HypervisorError>,
    master: &dyn GuestChannel,
) -> Result<(), LabError> {
    let endpoint = endpoint.context("could not find out how this host reaches the cluster")?;
    let text = cluster::kubeconfig(master, &format!("https://{endpoint}")).await?;
    files::write_private(&run.lab.paths().kubeconfig(), text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Config;

    fn seen(name: &str, ready: bool, address: &str) -> ClusterNode {
        ClusterNode {
            name: name.to_owned(),
            ready,
            reason: None,
            address: Some(address.to_owned()),
            version: None,
        }
    }

    #[test]
    fn a_node_counts_only_if_it_joined_is_ready_and_has_its_own_address() {
        let config = Config::default();
        let master = config.master().unwrap();
        assert!(not_ready(master, &[]).unwrap().contains("not joined"));
        assert!(
            not_ready(master, &[seen("k3s-master1", false, "192.168.6.10")])
                .unwrap()
                .contains("not Ready")
        );
        assert!(
            not_ready(master, &[seen("k3s-master1", true, "192.168.6.99")])
                .unwrap()
                .contains("192.168.6.99")
        );
        assert_eq!(not_ready(master, &[seen("k3s-master1", true, "192.168.6.10")]), None);
    }
}
