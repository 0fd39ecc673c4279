//! What the lab looks like right now, seen and not remembered.

use std::time::Duration;

use futures::future::join_all;
use serde::Serialize;
use tokio::time::timeout;
use vmrun_rs::GuestChannel;
use vmrun_rs::hypervisor::PowerState;

use crate::cluster::{self, ClusterNode};
use crate::config::{NodeSection, Role};
use crate::error::{LabError, one_line};
use crate::lab::Lab;
use crate::stages::marker;
use crate::state::State;

/// How long looking into one guest may take.
const LOOK: Duration = Duration::from_secs(30);

/// One node right now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct NodeStatus {
    /// Its name.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// Its static address.
    pub address: std::net::Ipv4Addr,
    /// Whether its machine exists and runs; `None` if the hypervisor did not say.
    pub power: Option<PowerState>,
    /// Whether its bootstrap's marker, with this life's instance id, is in it just now; `None` if nobody could look.
    pub bootstrapped: Option<bool>,
    /// Whether the cluster says just now that it is Ready.
    pub ready: bool,
    /// The k3s version that it reports.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Why it is not ready, in one line.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
}

/// A lab right now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LabStatus {
    /// Its name.
    pub lab: String,
    /// Whether it exists at all.
    pub exists: bool,
    /// Whether all its nodes are ready.
    pub ready: bool,
    /// Its nodes, the master first.
    pub nodes: Vec<NodeStatus>,
}

impl Lab {
    /// Looks at every node and at the cluster, without changing anything.
    ///
    /// # Errors
    ///
    /// If the lab's state cannot be read. What cannot be seen of a node is that node's `problem`.
    pub async fn status(&self) -> Result<LabStatus, LabError> {
        let state = self.state()?;
        let cluster = self.cluster(state.as_ref());
        let nodes = join_all(self.node_names().into_iter().filter_map(|name| {
            let node = self.config().node(&name)?;
            Some(self.node_status(node, state.as_ref()))
        }));
        let (cluster, mut nodes) = tokio::join!(cluster, nodes);
        for node in &mut nodes {
            judge(node, &cluster);
        }
        let ready = state.is_some() && nodes.iter().all(|n| n.ready);
        Ok(LabStatus {
            lab: self.config().lab.name.clone(),
            exists: state.is_some(),
            ready,
            nodes,
        })
    }

    async fn node_status(&self, node: &NodeSection, state: Option<&State>) -> NodeStatus {
        let mut status = NodeStatus {
            name: node.name.clone(),
            role: node.role,
            address: node.address,
            power: None,
            bootstrapped: None,
            ready: false,
            version: None,
            problem: None,
        };
        let Some(known) = state.and_then(|s| s.nodes.get(&node.name)) else {
            status.power = Some(PowerState::Missing);
            status.bootstrapped = Some(false);
            status.problem = Some("its machine has not been created".to_owned());
            return status;
        };
        match self.hypervisor().state(&known.vm).await {
            Ok(power) => status.power = Some(power),
            Err(e) => {
                status.problem = Some(one_line(&e));
                return status;
            }
        }
        if status.power != Some(PowerState::Running) {
            status.problem = Some("its machine does not run".to_owned());
            return status;
        }
        let look = async {
            let channel = self.connect(node, &known.vm, None).await?.channel;
            let content = channel.read_file(marker(node.role)).await;
            content.map_err(|e| LabError::failed("the guest does not answer").source(e))
        };
        match timeout(LOOK, look).await {
            Ok(Ok(Some(content))) => {
                status.bootstrapped = Some(String::from_utf8_lossy(&content).trim() == known.instance_id);
            }
            Ok(Ok(None)) => status.bootstrapped = Some(false),
            Ok(Err(e)) => status.problem = Some(e.one_line()),
            Err(_) => status.problem = Some(format!("the guest did not answer within {} s", LOOK.as_secs())),
        }
        if status.bootstrapped == Some(false) {
            status.problem = Some("its bootstrap has not finished".to_owned());
        }
        status
    }

    /// The cluster's nodes, if the master can be asked.
    async fn cluster(&self, state: Option<&State>) -> Result<Vec<ClusterNode>, String> {
        let look = async {
            let master = self.config().master().ok_or("the lab has no master")?;
            let vm = &state
                .and_then(|s| s.nodes.get(&master.name))
                .ok_or("the master has not been created")?
                .vm;
            if self.hypervisor().state(vm).await.map_err(|e| one_line(&e))? != PowerState::Running {
                return Err("the master does not run".to_owned());
            }
            let channel = self.connect(master, vm, None).await.map_err(|e| e.one_line())?.channel;
            cluster::nodes(&*channel as &dyn GuestChannel)
                .await
                .map_err(|e| e.one_line())
        };
        timeout(LOOK, look)
            .await
            .unwrap_or_else(|_| Err(format!("the master did not answer within {} s", LOOK.as_secs())))
    }
}

/// A node is ready if its own marker and the cluster both say so.
fn judge(node: &mut NodeStatus, cluster: &Result<Vec<ClusterNode>, String>) {
    if node.bootstrapped != Some(true) {
        return;
    }
    match cluster {
        Ok(nodes) => match nodes.iter().find(|n| n.name == node.name) {
            Some(seen) => {
                node.ready = seen.ready;
                node.version.clone_from(&seen.version);
                if !seen.ready {
                    let reason = seen.reason.as_deref().unwrap_or("no reason given");
                    node.problem = Some(format!("the cluster says it is not Ready: {reason}"));
                }
            }
            None => node.problem = Some("it has not joined the cluster".to_owned()),
        },
        Err(e) => node.problem = Some(e.clone()),
    }
}
