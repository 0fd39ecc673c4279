//! The cluster's administrator configuration: into a file of its own, or merged into the user's.

mod file;
mod memory;
mod text;
mod turn;

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::error::{Context as _, ErrorKind, LabError};
use crate::files;
use crate::lab::Lab;
use crate::project;

use file::Kubeconfig;
pub(crate) use file::parse;
pub use memory::MergedContext;

/// What a merge did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Merged {
    /// The file.
    pub path: PathBuf,
    /// The context that leads to the lab.
    pub context: String,
    /// Whether it is the current one.
    pub current: bool,
    /// Whether an earlier entry of this lab was replaced.
    pub replaced: bool,
}

impl Lab {
    /// The configuration's text. It holds the administrator's key.
    ///
    /// # Errors
    ///
    /// If the cluster was never seen ready, so that there is none.
    pub fn kubeconfig(&self) -> Result<String, LabError> {
        let path = self.paths().kubeconfig();
        let text = files::read_optional(&path)?.ok_or_else(|| self.no_kubeconfig())?;
        String::from_utf8(text).context(format!("{} is not text", path.display()))
    }

    fn no_kubeconfig(&self) -> LabError {
        let path = self.paths().kubeconfig();
        LabError::new(
            ErrorKind::NotReady,
            format!("there is no kubeconfig at {}", path.display()),
        )
        .help("`lab-cli up` fetches it once the cluster is ready")
    }

    /// Writes it to a file that only its owner can read, replacing what is there as a whole.
    ///
    /// # Errors
    ///
    /// If there is none, or the file cannot be written.
    pub fn kubeconfig_write(&self, path: &Path) -> Result<(), LabError> {
        let text = self.kubeconfig()?;
        files::write_private(
            &std::path::absolute(path).map_err(|e| LabError::io("find", path, e))?,
            text.as_bytes(),
        )
    }

    /// Merges it into another kubeconfig as the context, cluster and user `name` (the lab's name if none is given). The
    /// rest of the file stays as it is, to the letter where it is written as kubectl does. The context becomes the current
    /// one if `switch` is set or there is no current one. [`destroy`](Self::destroy) takes it out again.
    ///
    /// # Errors
    ///
    /// If an entry of this name is there that this lab did not make, the file is not a kubeconfig, or another program
    /// changes it just now.
    pub fn kubeconfig_merge(&self, into: &Path, name: Option<&str>, switch: bool) -> Result<Merged, LabError> {
        let own = parse(&self.kubeconfig()?).context("the lab's kubeconfig cannot be understood")?;
        let lab_id = self.state()?.ok_or_else(|| self.no_kubeconfig())?.lab_id;
        let name = name.unwrap_or(&self.config().lab.name);
        // A link stays a link: what it leads to is replaced.
        let path = project::canonical(into);
        let mut file = Kubeconfig::open(&path)?;
        let replaced = file
            .put(&own, name, self.mark(&lab_id))
            .map_err(|e| e.details([format!("in {}", path.display())]))?;
        let previous = file.current().filter(|current| *current != name).map(str::to_owned);
        let switch = switch || file.current().is_none();
        if switch {
            file.switch(name)?;
        }
        let current = file.current() == Some(name);
        memory::note(self, &path, previous.as_deref().filter(|_| switch), !file.existed())?;
        file.save()?;
        Ok(Merged {
            path,
            context: name.to_owned(),
            current,
            replaced,
        })
    }
}
