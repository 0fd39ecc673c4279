//! Which kubeconfigs of the user's the lab was merged into, so that `destroy` can take it out again.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::file::{Kubeconfig, Mark, names_in};
use super::turn::Turn;
use crate::error::{Context as _, LabError};
use crate::event::{Event, Level};
use crate::files;
use crate::lab::Lab;

/// One kubeconfig.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Known {
    path: PathBuf,
    /// What was the current context before one of the lab's became it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    previous: Option<String>,
    /// Whether the merge made the file.
    #[serde(default)]
    made: bool,
}

/// A context that the lab put into a kubeconfig of the user's.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MergedContext {
    /// The kubeconfig.
    pub path: PathBuf,
    /// The context's name there.
    pub context: String,
}

/// Notes a kubeconfig before anything is put into it: a note too many is harmless. What was noted first counts.
pub(super) fn note(lab: &Lab, path: &Path, previous: Option<&str>, made: bool) -> Result<(), LabError> {
    let notes = lab.paths().kubeconfigs();
    let _turn = Turn::take(&notes)?;
    let mut known = read(&notes)?;
    match known.iter_mut().find(|k| k.path == path) {
        Some(there) => there.previous = there.previous.take().or(previous.map(str::to_owned)),
        None => known.push(Known {
            path: path.to_owned(),
            previous: previous.map(str::to_owned),
            made,
        }),
    }
    let text = serde_json::to_vec_pretty(&known).context("could not note the kubeconfig")?;
    files::write_private(&notes, &text)
}

fn read(notes: &Path) -> Result<Vec<Known>, LabError> {
    let Some(bytes) = files::read_optional(notes)? else {
        return Ok(Vec::new());
    };
    serde_json::from_slice(&bytes)
        .context(format!("{} cannot be understood", notes.display()))
        .map_err(|e| e.help("delete it; the lab's contexts then stay where they were merged into"))
}

impl Lab {
    /// The contexts that the lab put into kubeconfigs of the user's, as far as they are there still.
    pub(crate) fn merged_contexts(&self, lab_id: &str) -> Result<Vec<MergedContext>, LabError> {
        let mut found = Vec::new();
        for known in read(&self.paths().kubeconfigs())? {
            // What cannot be read is told about when it is to be changed.
            let names = names_in(&known.path, self.mark(lab_id)).unwrap_or_default();
            found.extend(names.into_iter().map(|context| MergedContext {
                path: known.path.clone(),
                context,
            }));
        }
        Ok(found)
    }

    /// Takes the lab out of the kubeconfigs that it was merged into, says so, and returns what went. One that cannot be changed is
    /// named; it keeps nothing else from happening.
    pub(crate) fn take_out_contexts(&self, lab_id: &str) -> Vec<MergedContext> {
        let known = read(&self.paths().kubeconfigs()).unwrap_or_else(|error| {
            self.tell(Level::Warning, error.one_line());
            Vec::new()
        });
        let mut taken = Vec::new();
        for known in known {
            let path = known.path.display();
            match self.take_out(&known, lab_id) {
                Ok(names) if names.is_empty() => {}
                Ok(names) => {
                    self.tell(
                        Level::Info,
                        format!("taken out of {path}: the context {}", names.join(", ")),
                    );
                    taken.extend(names.into_iter().map(|context| MergedContext {
                        path: known.path.clone(),
                        context,
                    }));
                }
                Err(error) => self.tell(
                    Level::Warning,
                    format!(
                        "what the lab put into {path} stays there: {}; `kubectl config delete-context`, `delete-cluster` and \
                         `delete-user` remove it",
                        error.one_line()
                    ),
                ),
            }
        }
        taken
    }

    fn take_out(&self, known: &Known, lab_id: &str) -> Result<Vec<String>, LabError> {
        // Looked at first: nobody is kept from his file where nothing is to be done.
        if names_in(&known.path, self.mark(lab_id))?.is_empty() {
            return Ok(Vec::new());
        }
        let mut file = Kubeconfig::open(&known.path)?;
        let names = file.take_out(self.mark(lab_id), known.previous.as_deref())?;
        if known.made && file.is_blank() {
            file.delete()?;
        } else {
            file.save()?;
        }
        Ok(names)
    }

    pub(super) fn mark<'a>(&'a self, lab_id: &'a str) -> Mark<'a> {
        Mark {
            lab: &self.config().lab.name,
            lab_id,
        }
    }

    fn tell(&self, level: Level, message: String) {
        self.emit(Event::Notice {
            level,
            node: None,
            message,
        });
    }
}
