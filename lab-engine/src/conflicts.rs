//! What is in the way of the machines that a lab is about to make: their addresses, their directories, their forwarded ports.
//!
//! Only of nodes whose machines are to be made: what has the address of one that is made is the node itself. Nobody can prove that
//! an address is free (a machine that is off has one too), so everything is asked that knows of some: this host, the other
//! labs, the machines that run, and the address itself.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::path::PathBuf;
use std::time::Duration;

use futures::future::join_all;
use tokio::net::TcpStream;
use tokio::time::timeout;
use vmrun_rs::hypervisor::{Forwarded, Neighbour};

use crate::config::{NetworkSection, NodeSection};
use crate::error::LabError;
use crate::host;
use crate::lab::Lab;
use crate::orphans;
use crate::owner::Owner;
use crate::paths::LabPaths;
use crate::run::ssh_of;
use crate::stages::UpOptions;
use crate::state::{self, NodeState, Phase, State};

/// How long a machine in a virtual network of this host may take to answer. That the answer comes at all is what counts.
const PATIENCE: Duration = Duration::from_millis(300);
/// SSH, the Kubernetes API, HTTP: what machines in such networks have open, or refuse at once.
const PORTS: [u16; 3] = [22, 6443, 80];

/// What was found, check by check.
pub(crate) struct Conflicts {
    pub(crate) addresses: Result<String, LabError>,
    pub(crate) names: Result<String, LabError>,
    pub(crate) ports: Result<String, LabError>,
}

/// Looks at everything at once.
pub(crate) async fn look(lab: &Lab, options: &UpOptions) -> Conflicts {
    // A state that cannot be read, or is another project's, is told about by whoever needs it.
    let state = lab.state().ok().flatten();
    let lost = orphans::of(lab, state.as_ref());
    let held: Held<'_> = state.iter().flat_map(|state| &state.nodes).chain(&lost).collect();
    let unmade = unmade_nodes(lab, &held);
    let nodes = new_nodes(lab, &held);
    let (others, forwards) = if unmade.is_empty() || lab.absent().is_some() {
        (Vec::new(), Vec::new())
    } else {
        tokio::join!(neighbours(lab, &held), forwards(lab, &nodes))
    };
    let free = left_over(lab, &unmade, &held, options).and_then(|()| known(lab, &unmade, &others));
    let addresses = match free {
        Ok(()) => silent(lab, &nodes, &forwards).await,
        Err(error) => Err(error),
    };
    let network = &lab.config().network.name;
    Conflicts {
        addresses: addresses.map(|()| match unmade.len() {
            0 => "every node has its address already".to_owned(),
            new => format!("{new} addresses on {network} are free as far as can be seen"),
        }),
        names: names(lab, state.as_ref(), options),
        ports: ports(&forwards),
    }
}

/// This lab's machines by node: those of its state, and those that a lost state has left.
type Held<'a> = BTreeMap<&'a String, &'a NodeState>;

/// The nodes whose machines are to be made, here or anew. A half-made one, or one that a lost state has left, proves nothing: somebody
/// may have taken its address since.
fn unmade_nodes<'a>(lab: &'a Lab, held: &Held<'_>) -> Vec<&'a NodeSection> {
    let is_made = |held: &NodeState| held.phase != Phase::Creating;
    without_address(lab, held, is_made)
}

/// Those of them that have no machine that could answer at their address.
fn new_nodes<'a>(lab: &'a Lab, held: &Held<'_>) -> Vec<&'a NodeSection> {
    without_address(lab, held, |_| true)
}

/// The nodes that have no such machine with their address.
fn without_address<'a>(lab: &'a Lab, held: &Held<'_>, such: impl Fn(&NodeState) -> bool) -> Vec<&'a NodeSection> {
    let (network, nodes) = (&lab.config().network.name, &lab.config().nodes.0);
    let has_it = |node: &NodeSection| {
        held.get(&node.name)
            .is_some_and(|held| such(held) && held.clashes(network, node.address))
    };
    nodes.iter().filter(|node| !has_it(node)).collect()
}

/// Whether another machine of this lab goes on having one of the addresses.
fn left_over(lab: &Lab, nodes: &[&NodeSection], held: &Held<'_>, options: &UpOptions) -> Result<(), LabError> {
    let network = &lab.config().network.name;
    // One that is half made is deleted, as is one that is to be made anew.
    let stays = held
        .iter()
        .filter(|(name, held)| held.phase != Phase::Creating && !options.recreates(name));
    for (name, held) in stays {
        let clash = nodes
            .iter()
            .find(|node| node.name != **name && held.clashes(network, node.address));
        if let Some(node) = clash {
            return Err(LabError::prerequisite(
                format!(
                    "{} on {network}, which {} is to have, is still that of {name}, a node of this lab",
                    node.address, node.name
                ),
                format!("`lab-cli destroy --node {name}` deletes that machine; or give the node another address"),
            ));
        }
    }
    Ok(())
}

async fn neighbours(lab: &Lab, held: &Held<'_>) -> Vec<Neighbour> {
    let ours: Vec<_> = held.values().map(|node| node.vm.clone()).collect();
    let found = lab.hypervisor().neighbours(&lab.config().network.name, &ours).await;
    found.unwrap_or_else(|error| {
        tracing::debug!(%error, "the other machines on the network are not known");
        Vec::new()
    })
}

/// The forwarded ports that lead to one of the nodes already.
async fn forwards(lab: &Lab, nodes: &[&NodeSection]) -> Vec<Forwarded> {
    let found = lab.hypervisor().forwarded(&lab.config().network.name).await;
    let mut found = found.unwrap_or_else(|error| {
        tracing::debug!(%error, "the network's forwarded ports are not known");
        Vec::new()
    });
    found.retain(|f| nodes.iter().any(|node| IpAddr::V4(node.address) == f.guest.ip()));
    found
}

/// Whether somebody is known to have one of the addresses: this host, another lab, another machine.
fn known(lab: &Lab, nodes: &[&NodeSection], others: &[Neighbour]) -> Result<(), LabError> {
    // First: it can say whose machine it is.
    other_labs(lab, nodes)?;
    let network = &lab.config().network.name;
    for node in nodes {
        let address = node.address;
        if host::has(address.into()) {
            return Err(LabError::prerequisite(
                format!("{address} is an address of this host, so {} cannot have it", node.name),
                "give the node another address",
            ));
        }
        let neighbour = others.iter().find(|other| other.address == IpAddr::V4(address));
        if let Some(other) = neighbour {
            return Err(LabError::prerequisite(
                format!(
                    "{address} on {network}, which {} is to have, is the address of the running machine {}",
                    node.name, other.vm
                ),
                "give the node another address, or shut that machine down",
            ));
        }
    }
    Ok(())
}

/// Other labs of this user must not have the same addresses on the same network.
fn other_labs(lab: &Lab, nodes: &[&NodeSection]) -> Result<(), LabError> {
    let (paths, network) = (lab.paths(), &lab.config().network.name);
    let state_file = paths.state().file_name().unwrap_or_default().to_owned();
    for other in entries(&paths.labs()).into_iter().filter(|p| p != paths.root()) {
        // A lab that cannot be read is its own `up`'s problem, not this one's.
        let Ok(Some(state)) = state::read(&other.join(&state_file)) else {
            continue;
        };
        for (name, theirs) in &state.nodes {
            if let Some(node) = nodes.iter().find(|n| theirs.clashes(network, n.address)) {
                let lab = other.file_name().unwrap_or_default().to_string_lossy();
                return Err(LabError::prerequisite(
                    format!(
                        "{} on {network} already belongs to {name} of the lab `{lab}`",
                        node.address
                    ),
                    "give this lab other addresses, or destroy the other one",
                ));
            }
        }
    }
    Ok(())
}

/// Whether nothing answers at the addresses themselves.
async fn silent(lab: &Lab, nodes: &[&NodeSection], forwards: &[Forwarded]) -> Result<(), LabError> {
    let network = &lab.config().network;
    let answers = join_all(nodes.iter().map(async |node| {
        if is_beside(network, node.address) && answers(node.address, &PORTS).await {
            return Some((node, node.address.to_string()));
        }
        for way in forwards.iter().filter(|f| f.guest == ssh_of(node)) {
            // Whoever forwards a port accepts connections for it whether or not a machine is there: only a greeting tells.
            if vmrun_rs::guest::ssh_banner(way.host, PATIENCE).await.is_ok() {
                return Some((node, format!("{} (this host's port {})", node.address, way.host.port())));
            }
        }
        None
    }));
    match answers.await.into_iter().flatten().next() {
        None => Ok(()),
        Some((node, place)) => Err(LabError::prerequisite(
            format!(
                "something answers at {place} already, where {} is to be, and it is not this lab's",
                node.name
            ),
            "find the machine that has the address and shut it down, or give the node another one",
        )),
    }
}

/// Whether this host has an interface in the nodes' network: elsewhere the answer may be anybody's.
fn is_beside(network: &NetworkSection, address: Ipv4Addr) -> bool {
    let mask = u32::MAX
        .checked_shl(32 - u32::from(network.prefix.min(32)))
        .unwrap_or(0);
    let subnet = |address: Ipv4Addr| address.to_bits() & mask;
    matches!(host::source(address.into()), Some(IpAddr::V4(local)) if subnet(local) == subnet(address))
}

/// Whether a machine is there: one that refuses a connection is there too.
async fn answers(address: Ipv4Addr, ports: &[u16]) -> bool {
    let knocks = ports.iter().map(
        async |port| match timeout(PATIENCE, TcpStream::connect((address, *port))).await {
            Ok(Ok(_)) => true,
            Ok(Err(error)) => error.kind() == std::io::ErrorKind::ConnectionRefused,
            Err(_) => false,
        },
    );
    join_all(knocks).await.contains(&true)
}

/// Whether the directories that the nodes' machines get are free.
fn names(lab: &Lab, state: Option<&State>, options: &UpOptions) -> Result<String, LabError> {
    let paths = lab.paths();
    let ours = orphans::of(lab, state);
    for node in &lab.config().nodes.0 {
        let known = state.is_some_and(|state| state.nodes.contains_key(&node.name));
        let asked_for = ours.contains_key(&node.name) && options.recreates(&node.name);
        if !known && !asked_for && paths.node(&node.name).exists() {
            return Err(in_the_way(paths, &node.name, state));
        }
    }
    let nodes = lab.config().nodes.0.len();
    Ok(format!(
        "nothing is in the way of {nodes} nodes in {}",
        paths.machines().display()
    ))
}

/// What is in a new node's place.
pub(crate) fn in_the_way(paths: &LabPaths, node: &str, state: Option<&State>) -> LabError {
    let place = paths.node(node);
    let shown = place.display();
    match Owner::of(&place) {
        Some(owner) if state.is_some_and(|state| state.lab_id == owner.lab_id) => LabError::prerequisite(
            format!("{shown} holds a machine of this lab that its state does not know: state.json was lost or edited"),
            format!("put state.json back; `lab-cli up --recreate {node}` makes the machine anew (its data is lost)"),
        ),
        Some(owner) => LabError::prerequisite(
            format!("{shown} is in the way: it was made by the lab `{}` with another id ({})", owner.lab, owner.lab_id),
            "put that lab's state.json back and destroy it; or, if nothing in there is needed, stop its machine and delete it",
        ),
        None => LabError::prerequisite(
            format!("{shown} is in the way and was not made by this lab"),
            "look what it is and move it away",
        ),
    }
    .node(node)
}

/// Ports that lead to the nodes' addresses before there are nodes: they are used, and whoever made them may not expect that.
fn ports(forwards: &[Forwarded]) -> Result<String, LabError> {
    let Some(first) = forwards.first() else {
        return Ok("no port of this host leads to a new node's address yet".to_owned());
    };
    Err(LabError::failed(format!(
        "port {} of this host leads to {} already; the lab uses it, and removes it when it is destroyed",
        first.host.port(),
        first.guest
    ))
    .help("if that port is meant for something else, give the node another address"))
}

fn entries(directory: &std::path::Path) -> Vec<PathBuf> {
    let entries = std::fs::read_dir(directory).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_machine_that_listens_or_refuses_is_there_and_one_that_is_silent_is_not() {
        let listener = std::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(answers(Ipv4Addr::LOCALHOST, &[port]).await);
        drop(listener);
        assert!(answers(Ipv4Addr::LOCALHOST, &[port]).await, "it refuses");
    }

    #[test]
    fn only_a_network_that_this_host_is_in_is_asked() {
        let network = |gateway: [u8; 4], prefix| NetworkSection {
            gateway: gateway.into(),
            prefix,
            ..NetworkSection::default()
        };
        assert!(is_beside(&network([127, 0, 0, 1], 8), Ipv4Addr::new(127, 0, 0, 9)));
        assert!(!is_beside(
            &network([198, 51, 100, 1], 24),
            Ipv4Addr::new(198, 51, 100, 10)
        ));
    }
}
