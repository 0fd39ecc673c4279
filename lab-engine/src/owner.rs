//! The marker that says which lab made a directory. What does not carry it is never deleted.

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::error::LabError;
use crate::files;

/// The marker's name in a directory.
pub const MARKER: &str = ".airgap-lab-owner.json";

/// Who made a directory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The lab's name, for people.
    pub lab: String,
    /// The lab's own random id; a name can be used twice, this cannot.
    pub lab_id: String,
    /// The node, or nothing for a directory of the lab itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub node: Option<String>,
}

impl Owner {
    /// Marks a directory, which must exist.
    pub(crate) fn mark(&self, dir: &Path) -> Result<(), LabError> {
        let text = serde_json::to_vec_pretty(self)
            .map_err(|e| LabError::failed("could not write an ownership marker").source(e))?;
        files::write_private(&dir.join(MARKER), &text)
    }

    /// Reads a directory's marker; `None` where there is none or it cannot be understood.
    pub fn of(dir: &Path) -> Option<Self> {
        serde_json::from_slice(&std::fs::read(dir.join(MARKER)).ok()?).ok()
    }

    /// Whether a directory carries exactly this marker.
    pub(crate) fn owns(&self, dir: &Path) -> bool {
        Self::of(dir).as_ref() == Some(self)
    }
}

/// Deletes a directory that carries `owner`'s marker. The marker goes last, so that a deletion that was interrupted can
/// be finished. A missing directory is no error; one without the marker is.
pub(crate) fn remove_owned(dir: &Path, owner: &Owner) -> Result<(), LabError> {
    remove_owned_but(dir, owner, &[])
}

/// Like [`remove_owned`], but leaves the entries `keep` of the directory alone, and then the directory itself.
pub(crate) fn remove_owned_but(dir: &Path, owner: &Owner, keep: &[PathBuf]) -> Result<(), LabError> {
    if !dir.exists() {
        return Ok(());
    }
    if !owner.owns(dir) {
        return Err(LabError::failed(format!(
            "{} was not made by this lab, so it is left alone",
            dir.display()
        ))
        .help("look what it is; move it away if the lab needs the place"));
    }
    let entries: Vec<PathBuf> = std::fs::read_dir(dir)
        .and_then(|entries| entries.map(|e| e.map(|e| e.path())).collect())
        .map_err(|e| LabError::io("list", dir, e))?;
    for path in entries.iter().filter(|p| !p.ends_with(MARKER) && !keep.contains(p)) {
        // symlink_metadata: a link is removed, never followed.
        let is_dir = path.symlink_metadata().is_ok_and(|m| m.is_dir());
        let removed = if is_dir {
            std::fs::remove_dir_all(path)
        } else {
            std::fs::remove_file(path)
        };
        match removed {
            Err(e) if e.kind() != std::io::ErrorKind::NotFound => return Err(LabError::io("delete", path, e)),
            _ => {}
        }
    }
    std::fs::remove_file(dir.join(MARKER)).map_err(|e| LabError::io("delete the marker in", dir, e))?;
    if !keep.is_empty() {
        return Ok(());
    }
    std::fs::remove_dir(dir).map_err(|e| LabError::io("delete", dir, e))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owner() -> Owner {
        Owner {
            lab: "lab".to_owned(),
            lab_id: "1".to_owned(),
            node: Some("m".to_owned()),
        }
    }

    #[test]
    fn a_directory_without_the_marker_or_with_anothers_is_left_alone() {
        let dir = tempfile::tempdir().unwrap();
        let foreign = dir.path().join("foreign");
        std::fs::create_dir(&foreign).unwrap();
        std::fs::write(foreign.join("disk.vmdk"), "x").unwrap();
        remove_owned(&foreign, &owner()).unwrap_err();
        Owner {
            lab_id: "2".to_owned(),
            ..owner()
        }
        .mark(&foreign)
        .unwrap();
        remove_owned(&foreign, &owner()).unwrap_err();
        assert!(foreign.join("disk.vmdk").exists());
    }

    #[test]
    fn an_owned_directory_goes_with_everything_in_it_but_links_are_not_followed() {
        let dir = tempfile::tempdir().unwrap();
        let outside = dir.path().join("outside");
        std::fs::create_dir(&outside).unwrap();
        std::fs::write(outside.join("precious"), "x").unwrap();
        let own = dir.path().join("own");
        std::fs::create_dir_all(own.join("sub")).unwrap();
        std::fs::write(own.join("sub/disk"), "x").unwrap();
        #[cfg(unix)]
        std::os::unix::fs::symlink(&outside, own.join("link")).unwrap();
        owner().mark(&own).unwrap();
        remove_owned(&own, &owner()).unwrap();
        assert!(!own.exists());
        assert!(outside.join("precious").exists());
        remove_owned(&own, &owner()).unwrap();
    }
}
