//! A kubeconfig of the user's while it is changed: under kubectl's own lock, read, changed, written as a whole.

use std::path::{Path, PathBuf};

use serde_json::{Value, json};

use super::text;
use super::turn::Turn;
use crate::error::{Context as _, ErrorKind, LabError};
use crate::files;

/// The name of the extension that marks an entry as a lab's, as kubectl allows.
const EXTENSION: &str = "airgap-lab";
/// The lists, each with the key that its entries have beside their name.
const LISTS: [(&str, &str); 3] = [("clusters", "cluster"), ("users", "user"), ("contexts", "context")];
const CURRENT: &str = "current-context";
const HELP: &str = "correct it, or name another file; nothing was changed";

/// Whose an entry is.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark<'a> {
    pub(super) lab: &'a str,
    pub(super) lab_id: &'a str,
}

impl Mark<'_> {
    fn extensions(self) -> Value {
        json!([{ "name": EXTENSION, "extension": { "lab": self.lab, "lab-id": self.lab_id } }])
    }

    /// Whether this very lab made an entry of a list with this key.
    fn made(self, entry: &Value, key: &str) -> bool {
        mark_of(entry, key).is_some_and(|mark| mark["lab-id"] == self.lab_id)
    }
}

fn mark_of<'a>(entry: &'a Value, key: &str) -> Option<&'a Value> {
    let marks = entry[key]["extensions"].as_array()?;
    marks.iter().find(|m| m["name"] == EXTENSION).map(|m| &m["extension"])
}

/// The file, held.
pub(super) struct Kubeconfig {
    path: PathBuf,
    text: String,
    value: Value,
    existed: bool,
    _turn: Turn,
}

impl Kubeconfig {
    /// Takes kubectl's lock and reads the file; one that is missing or empty is begun.
    pub(super) fn open(path: &Path) -> Result<Self, LabError> {
        if std::fs::metadata(path).is_ok_and(|there| !there.is_file()) {
            return Err(LabError::failed(not_a_kubeconfig(path)).help(HELP));
        }
        if let Some(directory) = path.parent() {
            files::private_dir(directory)?;
        }
        let turn = Turn::take(path)?;
        let (text, value, existed) = match read(path)? {
            Some((text, value)) => (text, value, true),
            None => (
                "apiVersion: v1\nkind: Config\n".to_owned(),
                json!({ "apiVersion": "v1", "kind": "Config" }),
                path.exists(),
            ),
        };
        Ok(Self {
            path: path.to_owned(),
            text,
            value,
            existed,
            _turn: turn,
        })
    }

    /// Whether the file was there before it was opened.
    pub(super) fn existed(&self) -> bool {
        self.existed
    }

    /// The current context's name, if there is one.
    pub(super) fn current(&self) -> Option<&str> {
        self.value[CURRENT].as_str().filter(|name| !name.is_empty())
    }

    /// Puts the one cluster, user and context of `own` into it, under `name`; whether earlier ones were replaced.
    pub(super) fn put(&mut self, own: &Value, name: &str, mark: Mark<'_>) -> Result<bool, LabError> {
        let entries = entries(own, name, mark)?;
        let mut replaces = false;
        for (list, key) in LISTS {
            let known = &self.value[list];
            if !known.is_null() && !known.is_array() {
                return Err(LabError::failed(format!("`{list}` is not a list")));
            }
            let taken = known.as_array().and_then(|l| l.iter().find(|e| e["name"] == name));
            replaces |= taken.is_some();
            if taken.is_some_and(|entry| !replaceable(entry, key, mark)) {
                return Err(LabError::new(
                    ErrorKind::Configuration,
                    format!("there is a `{name}` among its {list} already, which was not made by this lab"),
                )
                .help("choose another name with --name; nothing was changed"));
            }
        }
        for ((list, _), entry) in LISTS.into_iter().zip(entries) {
            let of_that_name = |e: &Value| e["name"] == name;
            let mut after = self.value.clone();
            let mut kept = after[list].as_array().cloned().unwrap_or_default();
            kept.retain(|e| !of_that_name(e));
            kept.push(entry.clone());
            after[list] = kept.into();
            let text = text::remove(&self.text, list, of_that_name).and_then(|t| text::insert(&t, list, &entry));
            self.change(text, after)?;
        }
        Ok(replaces)
    }

    /// Makes a context the current one; an empty name: none.
    pub(super) fn switch(&mut self, name: &str) -> Result<(), LabError> {
        let mut after = self.value.clone();
        after[CURRENT] = name.into();
        self.change(Some(text::set(&self.text, CURRENT, name)), after)
    }

    /// Takes out everything that this lab made, and makes `previous` the current context again if the current one went. The
    /// names of what went.
    pub(super) fn take_out(&mut self, mark: Mark<'_>, previous: Option<&str>) -> Result<Vec<String>, LabError> {
        let gone = names_of(&self.value, mark);
        for (list, key) in LISTS {
            let goes = |e: &Value| mark.made(e, key);
            let mut after = self.value.clone();
            let Some(entries) = after[list].as_array_mut() else {
                continue;
            };
            entries.retain(|e| !goes(e));
            self.change(text::remove(&self.text, list, goes), after)?;
        }
        let contexts = self.value["contexts"].as_array();
        let there = |name: &str| contexts.is_some_and(|list| list.iter().any(|context| context["name"] == name));
        if self
            .current()
            .is_some_and(|current| gone.iter().any(|gone| gone == current) && !there(current))
        {
            let previous = previous.filter(|name| there(name)).unwrap_or_default().to_owned();
            self.switch(&previous)?;
        }
        Ok(gone)
    }

    /// Whether there is nothing in it that anybody could miss.
    pub(super) fn is_blank(&self) -> bool {
        let empty = |value: &Value| match value {
            Value::Null => true,
            Value::String(text) => text.is_empty(),
            Value::Array(list) => list.is_empty(),
            Value::Object(map) => map.is_empty(),
            _ => false,
        };
        let comments = self.text.lines().any(|l| l.trim_start().starts_with('#'));
        let fields = self.value.as_object().into_iter().flatten();
        !comments
            && fields
                .filter(|(k, _)| *k != "apiVersion" && *k != "kind")
                .all(|(_, v)| empty(v))
    }

    /// Writes it, readable by its owner only.
    pub(super) fn save(&self) -> Result<(), LabError> {
        files::write_private(&self.path, self.text.as_bytes())
    }

    /// Deletes the file.
    pub(super) fn delete(&self) -> Result<(), LabError> {
        std::fs::remove_file(&self.path).map_err(|e| LabError::io("delete", &self.path, e))
    }

    /// `text` where that says what is meant; else the whole is written anew, which costs comments and form.
    fn change(&mut self, text: Option<String>, after: Value) -> Result<(), LabError> {
        let says = |text: &String| serde_saphyr::from_str::<Value>(text).is_ok_and(|v| same(&v, &after));
        self.text = match text.filter(says) {
            Some(text) => text,
            None => serde_saphyr::to_string(&after).context("could not write the kubeconfig")?,
        };
        self.value = after;
        Ok(())
    }
}

/// The names of what a lab put into a file, without changing it.
pub(super) fn names_in(path: &Path, mark: Mark<'_>) -> Result<Vec<String>, LabError> {
    Ok(read(path)?.map_or_else(Vec::new, |(_, value)| names_of(&value, mark)))
}

/// Of its contexts; where these are gone, as kubectl deletes them, of the clusters and users that they led to.
fn names_of(value: &Value, mark: Mark<'_>) -> Vec<String> {
    let ours_in = |(list, key): (&str, &str)| -> Vec<String> {
        let entries = value[list].as_array().into_iter().flatten();
        let ours = entries.filter(|entry| mark.made(entry, key));
        ours.filter_map(|entry| entry["name"].as_str().map(str::to_owned))
            .collect()
    };
    let contexts = ours_in(("contexts", "context"));
    if !contexts.is_empty() {
        return contexts;
    }
    let mut names: Vec<String> = LISTS.into_iter().flat_map(ours_in).collect();
    names.sort();
    names.dedup();
    names
}

/// What a kubeconfig says. An error does not show the line in question, which can hold a key.
pub(crate) fn parse(text: &str) -> Result<Value, serde_saphyr::Error> {
    serde_saphyr::from_str_with_options(text, serde_saphyr::options! { with_snippet: false })
}

/// The file's text and what it says; `None` if there is nothing in it.
fn read(path: &Path) -> Result<Option<(String, Value)>, LabError> {
    let bytes = match files::read_foreign(path) {
        Ok(bytes) if bytes.trim_ascii().is_empty() => return Ok(None),
        Ok(bytes) => bytes,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(None),
        Err(e) => return Err(LabError::io("read", path, e)),
    };
    let text = String::from_utf8(bytes)
        .context(format!("{} is not text", path.display()))
        .map_err(|e| e.help(HELP))?;
    let what = not_a_kubeconfig(path);
    let value = parse(&text).context(what.clone()).map_err(|e| e.help(HELP))?;
    if !value.is_object() {
        return Err(LabError::failed(what).help(HELP));
    }
    Ok(Some((text, value)))
}

fn not_a_kubeconfig(path: &Path) -> String {
    format!("{} is not a kubeconfig", path.display())
}

/// The entries for each of [`LISTS`], marked.
fn entries(own: &Value, name: &str, mark: Mark<'_>) -> Result<Vec<Value>, LabError> {
    let first = |list: &str, key: &str| -> Result<Value, LabError> {
        let value = own[list].get(0).and_then(|entry| entry.get(key)).cloned();
        value.ok_or_else(|| LabError::failed(format!("the lab's kubeconfig has no {list}")))
    };
    LISTS
        .into_iter()
        .map(|(list, key)| {
            let mut inner = match list {
                "contexts" => json!({ "cluster": name, "user": name }),
                _ => first(list, key)?,
            };
            inner["extensions"] = mark.extensions();
            Ok(json!({ "name": name, key: inner }))
        })
        .collect()
}

/// Whether an entry is a lab's of this name: this one, or one that it stands in the place of.
fn replaceable(entry: &Value, key: &str, mark: Mark<'_>) -> bool {
    mark_of(entry, key).is_some_and(|m| m["lab"] == mark.lab || m["lab"].is_null())
}

/// Whether two documents say the same: a list that is empty and one that is not there do.
fn same(a: &Value, b: &Value) -> bool {
    let bare = |value: &Value| {
        let mut value = value.clone();
        for (list, _) in LISTS {
            if value[list].as_array().is_none_or(Vec::is_empty)
                && let Some(map) = value.as_object_mut()
            {
                map.remove(list);
            }
        }
        value
    };
    bare(a) == bare(b)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MARK: Mark<'static> = Mark {
        lab: "lab",
        lab_id: "1",
    };

    fn own() -> Value {
        json!({
            "clusters": [{ "name": "default", "cluster": { "server": "https://192.168.6.10:6443" } }],
            "users": [{ "name": "default", "user": { "token": "secret" } }],
            "contexts": [{ "name": "default", "context": { "cluster": "default", "user": "default" } }],
        })
    }

    fn file(text: &str) -> (tempfile::TempDir, PathBuf) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config");
        std::fs::write(&path, text).unwrap();
        (dir, path)
    }

    #[test]
    fn entries_are_renamed_the_others_stay_and_a_second_merge_replaces_the_first() {
        let (_dir, path) = file(
            "clusters:\n- name: work\n  cluster: {server: \"https://work\"}\nusers: null\npreferences: {colors: true}\n",
        );
        let mut all = Kubeconfig::open(&path).unwrap();
        assert!(!all.put(&own(), "lab", MARK).unwrap());
        assert_eq!(all.value["clusters"].as_array().unwrap().len(), 2);
        assert_eq!(all.value["contexts"][0]["context"]["cluster"], "lab");
        assert_eq!(all.value["users"][0]["user"]["token"], "secret");
        assert_eq!(all.value["preferences"]["colors"], true);
        assert!(all.put(&own(), "lab", MARK).unwrap());
        assert_eq!(all.value["clusters"].as_array().unwrap().len(), 2);
        // As the text says, too.
        let text: Value = serde_saphyr::from_str(&all.text).unwrap();
        assert_eq!(text, all.value);
        assert!(all.text.contains("cluster: {server: \"https://work\"}"), "{}", all.text);
    }

    #[test]
    fn an_entry_that_no_lab_or_another_lab_made_is_never_replaced() {
        for list in ["clusters", "users", "contexts"] {
            let (_dir, path) = file(&format!("{list}:\n- name: lab\n"));
            let mut all = Kubeconfig::open(&path).unwrap();
            let before = all.value.clone();
            let error = all.put(&own(), "lab", MARK).unwrap_err();
            assert!(error.to_string().contains(list), "{error}");
            assert_eq!(all.value, before);
        }
        let (_dir, path) = file("");
        let mut all = Kubeconfig::open(&path).unwrap();
        all.put(
            &own(),
            "lab",
            Mark {
                lab: "other",
                lab_id: "2",
            },
        )
        .unwrap();
        all.put(&own(), "lab", MARK).unwrap_err();
        assert!(all.take_out(MARK, None).unwrap().is_empty());
    }

    #[test]
    fn what_is_taken_out_is_the_labs_under_whatever_name_and_the_current_context_is_as_before() {
        let text = "# my clusters\napiVersion: v1\ncontexts:\n- context:\n    cluster: work\n  name: work\ncurrent-context: work\n";
        let (_dir, path) = file(text);
        let mut all = Kubeconfig::open(&path).unwrap();
        all.put(&own(), "lab", MARK).unwrap();
        all.switch("lab").unwrap();
        // `kubectl config rename-context` does no more than this.
        let renamed = all
            .text
            .replace("    user: lab\n  name: lab\n", "    user: lab\n  name: mine\n");
        let renamed = renamed.replace("current-context: lab\n", "current-context: mine\n");
        assert_eq!(renamed.matches("mine").count(), 2, "{renamed}");
        std::fs::write(&path, renamed).unwrap();
        drop(all);
        let mut all = Kubeconfig::open(&path).unwrap();
        assert_eq!(all.take_out(MARK, Some("work")).unwrap(), ["mine"]);
        assert_eq!(all.text, format!("{text}clusters: []\nusers: []\n"));
        assert!(!all.is_blank());
        assert!(
            all.take_out(MARK, None).unwrap().is_empty(),
            "nothing is left to take out"
        );
    }

    #[test]
    fn a_file_in_another_form_is_written_anew_as_a_whole() {
        let (_dir, path) = file(r#"{"clusters": [{"name": "work", "cluster": {}}], "users": []}"#);
        let mut all = Kubeconfig::open(&path).unwrap();
        all.put(&own(), "lab", MARK).unwrap();
        let text: Value = serde_saphyr::from_str(&all.text).unwrap();
        assert_eq!(text["clusters"].as_array().unwrap().len(), 2);
        assert_eq!(text["users"].as_array().unwrap().len(), 1);
    }
}
