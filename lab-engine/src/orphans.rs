//! Machines that carry the lab's marker and that its state does not know: `state.json` was lost or edited.
//!
//! They are not used as if nothing had happened, because how far they came is not known; and they are not left behind,
//! because nobody else would ever delete them.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use crate::facts::Facts;
use crate::lab::Lab;
use crate::owner::Owner;
use crate::state::{NodeState, Phase, State};

/// The id of the lab as its directory's marker has it, for a lab without a state.
pub(crate) fn lab_id(lab: &str, root: &std::path::Path) -> Option<String> {
    let owner = Owner::of(root).filter(|owner| owner.lab == lab && owner.node.is_none());
    owner.map(|owner| owner.lab_id)
}

/// The machines by node, as half-made ones.
pub(crate) fn of(lab: &Lab, state: Option<&State>) -> BTreeMap<String, NodeState> {
    let (paths, config) = (lab.paths(), lab.config());
    let id = state.map(|state| state.lab_id.clone());
    let Some(id) = id.or_else(|| lab_id(&config.lab.name, paths.root())) else {
        return BTreeMap::new();
    };
    let directories = std::fs::read_dir(paths.machines()).into_iter().flatten().flatten();
    let owned =
        directories.filter_map(|entry| Owner::of(&entry.path())?.node.filter(|n| paths.node(n) == entry.path()));
    owned
        .filter(|node| lab.owner(&id, Some(node)).owns(&paths.node(node)))
        .filter(|node| !state.is_some_and(|state| state.nodes.contains_key(node)))
        .map(|node| {
            let directory = paths.machine(&node);
            let known = NodeState {
                phase: Phase::Creating,
                vm: lab.hypervisor().id_of(&directory, &node),
                directory,
                instance_id: String::new(),
                made_of: Facts::default(),
                media_detached: false,
                network: config.network.name.clone(),
                address: config.node(&node).map_or(Ipv4Addr::UNSPECIFIED, |node| node.address),
            };
            (node, known)
        })
        .collect()
}
