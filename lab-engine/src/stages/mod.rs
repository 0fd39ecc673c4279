//! The stages of `up`, in order. Each looks at what is there and does only what is missing, so that a run can be
//! repeated, and one that died continued.

mod apply;
mod cleanup;
mod create;
mod hardware;
mod media;
mod power;
mod prerequisites;
mod ready;
mod seed;
mod start;
mod verify;

use crate::cluster::ClusterNode;
use crate::error::LabError;
use crate::run::Run;

pub(crate) use apply::bootstrap_again;
pub(crate) use cleanup::{forget_workers, remove_node};
pub(crate) use power::{Target, stop};
pub(crate) use ready::{marker, wait};
pub(crate) use start::run as start;
pub(crate) use verify::run as verify;

/// Which machines `up` makes anew.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UpOptions {
    /// Nodes to delete and create again, by name.
    pub recreate: Vec<String>,
    /// All of them.
    pub recreate_all: bool,
}

impl UpOptions {
    pub(crate) fn recreates(&self, node: &str) -> bool {
        self.recreate_all || self.recreate.iter().any(|n| n == node)
    }
}

/// All stages. Ends well only if every node was seen Ready.
pub(crate) async fn all(run: &Run<'_>, options: &UpOptions) -> Result<Vec<ClusterNode>, LabError> {
    prerequisites::run(run, options).await?;
    cleanup::run(run, options).await?;
    // Each machine is started as soon as it is made: cloning a hundred takes a minute, in which the first ones boot.
    let nodes = run.all_nodes();
    let made = create::made_before(run);
    let known = made.subscribe();
    let common = create::master(run, &made).await?;
    let (made, started) = tokio::join!(create::workers(run, common, made), start::as_made(run, &nodes, known));
    made?;
    started?;
    ready::wait(run, &nodes).await?;
    apply::run(run).await?;
    ready::monitor(run).await?;
    let stubborn = media::disconnect(run).await?;
    media::restart(run, &stubborn).await?;
    verify::run(run).await
}
