//! The cluster's administrator configuration: into a file of its own, or merged into the user's.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};

use crate::error::{Context as _, ErrorKind, LabError};
use crate::files;
use crate::lab::Lab;

/// What marks an entry of a kubeconfig as a lab's, as kubectl allows.
const EXTENSION: &str = "airgap-lab";

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
        let text = files::read_optional(&path)?.ok_or_else(|| {
            LabError::new(
                ErrorKind::NotReady,
                format!("there is no kubeconfig at {}", path.display()),
            )
            .help("`lab-cli up` fetches it once the cluster is ready")
        })?;
        String::from_utf8(text).context(format!("{} is not text", path.display()))
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
    /// other entries stay. The context becomes the current one if `switch` is set or there is no current one.
    ///
    /// # Errors
    ///
    /// If an entry of this name is there that no lab made, the file is not a kubeconfig, or another program changes it
    /// just now.
    pub fn kubeconfig_merge(&self, into: &Path, name: Option<&str>, switch: bool) -> Result<Merged, LabError> {
        let own: Value =
            serde_saphyr::from_str(&self.kubeconfig()?).context("the lab's kubeconfig cannot be understood")?;
        let name = name.unwrap_or(&self.config().lab.name);
        let path = std::path::absolute(into).map_err(|e| LabError::io("find", into, e))?;
        // A link stays a link: what it leads to is replaced.
        let path = path.canonicalize().unwrap_or(path);
        if let Some(directory) = path.parent() {
            files::private_dir(directory)?;
        }
        let _turn = Turn::take(&path)?;
        let mut all: Value = match files::read_optional(&path)? {
            Some(bytes) if !bytes.trim_ascii().is_empty() => {
                let text = String::from_utf8(bytes).context(format!("{} is not text", path.display()))?;
                let value: Value =
                    serde_saphyr::from_str(&text).context(format!("{} is not a kubeconfig", path.display()))?;
                if !value.is_object() {
                    return Err(LabError::failed(format!("{} is not a kubeconfig", path.display())));
                }
                value
            }
            _ => json!({ "apiVersion": "v1", "kind": "Config" }),
        };
        let replaced = merge(&mut all, &own, name).map_err(|e| e.details([format!("in {}", path.display())]))?;
        let none = all["current-context"].as_str().is_none_or(str::is_empty);
        if switch || none {
            all["current-context"] = name.into();
        }
        let current = all["current-context"] == name;
        let text = serde_saphyr::to_string(&all).context("could not write the kubeconfig")?;
        files::write_private(&path, text.as_bytes())?;
        Ok(Merged {
            path,
            context: name.to_owned(),
            current,
            replaced,
        })
    }
}

/// Puts the one cluster, user and context of `own` into `all`, under `name`; whether earlier ones were replaced.
fn merge(all: &mut Value, own: &Value, name: &str) -> Result<bool, LabError> {
    let mine = json!([{ "name": EXTENSION, "extension": {} }]);
    let first = |list: &str, key: &str| -> Result<Value, LabError> {
        let value = own[list].get(0).and_then(|entry| entry.get(key)).cloned();
        value.ok_or_else(|| LabError::failed(format!("the lab's kubeconfig has no {list}")))
    };
    let mut cluster = first("clusters", "cluster")?;
    cluster["extensions"] = mine.clone();
    let context = json!({ "cluster": name, "user": name, "extensions": mine });
    let entries = [
        ("clusters", json!({ "name": name, "cluster": cluster })),
        ("users", json!({ "name": name, "user": first("users", "user")? })),
        ("contexts", json!({ "name": name, "context": context })),
    ];
    let taken = |all: &Value, list: &str| {
        let entries = all[list].as_array();
        entries.is_some_and(|l| l.iter().any(|e| e["name"] == name))
    };
    let ours = all["contexts"].as_array().is_some_and(|contexts| {
        contexts.iter().any(|c| {
            let marks = c["context"]["extensions"].as_array();
            c["name"] == name && marks.is_some_and(|m| m.iter().any(|e| e["name"] == EXTENSION))
        })
    });
    for (list, _) in &entries {
        if !all[*list].is_null() && !all[*list].is_array() {
            return Err(LabError::failed(format!("`{list}` is not a list")));
        }
        if taken(all, list) && !ours {
            return Err(LabError::new(
                ErrorKind::Configuration,
                format!("there is a `{name}` among its {list} already, which was not made by a lab"),
            )
            .help("choose another name with --name; nothing was changed"));
        }
    }
    for (list, entry) in entries {
        let mut kept = all[list].as_array().cloned().unwrap_or_default();
        kept.retain(|e| e["name"] != name);
        kept.push(entry);
        all[list] = kept.into();
    }
    Ok(ours)
}

/// The lock that kubectl itself takes while it changes a kubeconfig: a file beside it.
struct Turn(PathBuf);

impl Turn {
    fn take(path: &Path) -> Result<Self, LabError> {
        let mut lock = path.as_os_str().to_owned();
        lock.push(".lock");
        let lock = PathBuf::from(lock);
        match OpenOptions::new().write(true).create_new(true).open(&lock) {
            Ok(_) => Ok(Self(lock)),
            Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Err(LabError::failed(format!(
                "another program is changing {}: there is {}",
                path.display(),
                lock.display()
            ))
            .help("try again; if no program is, delete that file")),
            Err(e) => Err(LabError::io("make the lock", &lock, e)),
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Value {
        json!({
            "clusters": [{ "name": "default", "cluster": { "server": "https://192.168.6.10:6443" } }],
            "users": [{ "name": "default", "user": { "token": "secret" } }],
            "contexts": [{ "name": "default", "context": { "cluster": "default", "user": "default" } }],
        })
    }

    #[test]
    fn entries_are_renamed_the_others_stay_and_a_second_merge_replaces_the_first() {
        let mut all = json!({
            "clusters": [{ "name": "work", "cluster": { "server": "https://work" } }],
            "users": null, "preferences": { "colors": true },
        });
        assert!(!merge(&mut all, &own(), "lab").unwrap());
        assert_eq!(all["clusters"].as_array().unwrap().len(), 2);
        assert_eq!(all["contexts"][0]["context"]["cluster"], "lab");
        assert_eq!(all["users"][0]["user"]["token"], "secret");
        assert_eq!(all["preferences"]["colors"], true);
        assert!(merge(&mut all, &own(), "lab").unwrap());
        assert_eq!(all["clusters"].as_array().unwrap().len(), 2);
    }

    #[test]
    fn an_entry_that_no_lab_made_is_never_replaced() {
        for list in ["clusters", "users", "contexts"] {
            let mut all = json!({ list: [{ "name": "lab" }] });
            let before = all.clone();
            let error = merge(&mut all, &own(), "lab").unwrap_err();
            assert!(error.to_string().contains(list), "{error}");
            assert_eq!(all[list], before[list]);
        }
    }
}
