//! Takes a lab away: only what carries its marker.

use std::path::{Path, PathBuf};

use futures::future::join_all;
use serde::Serialize;

use crate::error::LabError;
use crate::event::{Event, Level};
use crate::kubeconfig::MergedContext;
use crate::lab::Lab;
use crate::orphans;
use crate::owner::{self, Owner};
use crate::stages::{forget_workers, remove_node};

/// What `destroy` would delete.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Doomed {
    /// The nodes whose machines go.
    pub nodes: Vec<String>,
    /// The lab's own directory, if all of it goes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub directory: Option<PathBuf>,
    /// The lab's contexts in kubeconfigs of the user's, if all of the lab goes.
    pub contexts: Vec<MergedContext>,
}

impl Lab {
    /// What [`destroy`](Self::destroy) would delete. `only` limits it to some nodes; empty means the whole lab.
    ///
    /// # Errors
    ///
    /// If the lab's state cannot be read.
    pub fn doomed(&self, only: &[String]) -> Result<Option<Doomed>, LabError> {
        let state = self.state()?;
        let mut nodes = orphans::of(self, state.as_ref());
        if state.is_none() && nodes.is_empty() {
            return Ok(None);
        }
        let whole = only.is_empty();
        let id = state.as_ref().map(|state| state.lab_id.clone());
        let id = id.or_else(|| orphans::lab_id(&self.config().lab.name, self.paths().root()));
        let contexts = match id {
            // What cannot be read is no reason to keep the machines.
            Some(id) if whole => self.merged_contexts(&id).unwrap_or_default(),
            _ => Vec::new(),
        };
        nodes.extend(state.into_iter().flat_map(|state| state.nodes));
        let nodes = nodes.into_keys().filter(|n| whole || only.contains(n)).collect();
        let directory = whole.then(|| self.paths().root().to_owned());
        Ok(Some(Doomed {
            nodes,
            directory,
            contexts,
        }))
    }

    /// Stops and deletes the machines, then everything else of the lab, its contexts in kubeconfigs of the user's included. What
    /// does not carry the lab's marker stays where it is, and a notice says so. A lab that does not exist is no error.
    ///
    /// Returns what was taken out of kubeconfigs of the user's.
    ///
    /// # Errors
    ///
    /// The first machine that could not be deleted; the others have been tried too, and running it again continues.
    pub async fn destroy(&self, only: &[String]) -> Result<Vec<MergedContext>, LabError> {
        if self.doomed(&[])?.is_none() {
            return Ok(Vec::new());
        }
        let (lock, state) = self.claim()?;
        let orphans = orphans::of(self, Some(state.get()));
        let lab_id = state.get().lab_id.clone();
        let state = std::sync::Mutex::new(state);
        let mut nodes = orphans;
        nodes.extend(
            state
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .get()
                .nodes
                .clone(),
        );
        let results = join_all(nodes.iter().filter(|(n, _)| only.is_empty() || only.contains(n)).map(
            async |(name, node)| {
                remove_node(self, &lab_id, name, node).await?;
                state
                    .lock()
                    .unwrap_or_else(std::sync::PoisonError::into_inner)
                    .update(|s| drop(s.nodes.remove(name)))
            },
        ))
        .await;
        LabError::first_of(results)?;
        if !only.is_empty() {
            let state = state
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .get()
                .clone();
            let workers: Vec<String> = nodes.keys().filter(|n| only.contains(n)).cloned().collect();
            if let Err(error) = forget_workers(self, &state, &workers).await {
                // Only the cluster's list is untidy then; the next `up` tidies it before such a node joins again.
                let message = format!("the cluster still lists {}: {}", workers.join(", "), error.one_line());
                self.emit(Event::Notice {
                    level: Level::Warning,
                    node: None,
                    message,
                });
            }
            return Ok(Vec::new());
        }
        let contexts = self.take_out_contexts(&lab_id);
        let foreign = self.foreign(&lab_id);
        for path in &foreign {
            let message = format!("{} was not made by this lab and stays", path.display());
            self.emit(Event::Notice {
                level: Level::Warning,
                node: None,
                message,
            });
        }
        let (root, lock_file) = (self.paths().root(), self.paths().lock());
        let mut keep = vec![lock_file.clone(), lock_file.with_extension("pid")];
        if !foreign.is_empty() {
            keep.push(self.paths().machines());
        }
        let owner = self.owner(&lab_id, None);
        owner::remove_owned_but(root, &owner, &keep)?;
        // Held until here, so that no other process builds the lab anew while it is taken down; and it goes last because
        // not every Windows lets go of an open file's name.
        drop(lock);
        gone(&lock_file, std::fs::remove_file(&lock_file))?;
        if foreign.is_empty() {
            match std::fs::remove_dir(root) {
                // Somebody was waiting for the lock, and has begun.
                Err(e) if e.kind() == std::io::ErrorKind::DirectoryNotEmpty => {}
                result => gone(root, result)?,
            }
        }
        Ok(contexts)
    }

    /// What is among the nodes' directories without being this lab's.
    fn foreign(&self, lab_id: &str) -> Vec<PathBuf> {
        let Ok(entries) = std::fs::read_dir(self.paths().machines()) else {
            return Vec::new();
        };
        let paths = entries.flatten().map(|e| e.path());
        paths
            .filter(|p| Owner::of(p).is_none_or(|o| o.lab_id != lab_id))
            .collect()
    }
}

/// Deleted, or gone already.
fn gone(path: &Path, deleted: std::io::Result<()>) -> Result<(), LabError> {
    match deleted {
        Err(e) if e.kind() != std::io::ErrorKind::NotFound => Err(LabError::io("delete", path, e)),
        _ => Ok(()),
    }
}
