//! A guest's disk: files and directories, and what cloud-init and the bootstrap have done on it. A clone or a snapshot of
//! a machine copies it.

use std::collections::{BTreeMap, BTreeSet};

use super::seed::Identity;

#[derive(Debug, Clone)]
struct File {
    content: Vec<u8>,
    private: bool,
}

/// Where the guests' journal is kept: a line for each entry, its unit before a tab.
pub(crate) const JOURNAL: &str = "/var/log/journal/entries";

/// What survives a power cut.
#[derive(Debug, Clone, Default)]
pub(crate) struct Disk {
    files: BTreeMap<String, File>,
    directories: BTreeSet<String>,
    /// What the last seed made of it.
    pub(crate) identity: Option<Identity>,
    /// Steps of the bootstrap that are behind it.
    pub(crate) steps_done: usize,
    /// Whether the bootstrap gave up.
    pub(crate) failed: bool,
    /// Nodes that joined the cluster whose server this is: name, address.
    pub(crate) members: BTreeMap<String, String>,
}

impl Disk {
    pub(crate) fn read(&self, path: &str, root: bool) -> Result<Vec<u8>, &'static str> {
        match self.files.get(path) {
            Some(file) if file.private && !root => Err("Permission denied"),
            Some(file) => Ok(file.content.clone()),
            None if self.is_directory(path) => Err("Is a directory"),
            None => Err("No such file or directory"),
        }
    }

    /// A file as a person would look at it: without its line break.
    pub(crate) fn line(&self, path: &str) -> Option<String> {
        let bytes = self.read(path, true).ok()?;
        Some(String::from_utf8_lossy(&bytes).trim().to_owned())
    }

    /// Writes as a program of the guest does.
    pub(crate) fn write(&mut self, path: &str, content: Vec<u8>, root: bool) -> Result<(), &'static str> {
        if self.is_directory(path) {
            return Err("Is a directory");
        }
        let parent = path.rsplit_once('/').map_or("", |(parent, _)| parent);
        if !self.is_directory(parent) {
            return Err("Directory nonexistent");
        }
        let open = ["/tmp", "/home", "/var/tmp", "/run/user"];
        if !root && !open.iter().any(|place| path.starts_with(place)) {
            return Err("Permission denied");
        }
        let private = self.files.get(path).is_some_and(|file| file.private);
        self.files.insert(path.to_owned(), File { content, private });
        Ok(())
    }

    /// Writes as the system itself does, with the directories above.
    pub(crate) fn put(&mut self, path: &str, content: Vec<u8>, private: bool) {
        if let Some((parent, _)) = path.rsplit_once('/') {
            self.make_directory(parent);
        }
        self.files.insert(path.to_owned(), File { content, private });
    }

    /// Adds to the end of a file as the system itself does.
    pub(crate) fn append(&mut self, path: &str, line: &str) {
        let mut content = self.read(path, true).unwrap_or_default();
        content.extend(format!("{line}\n").as_bytes());
        self.put(path, content, false);
    }

    /// An entry of the journal.
    pub(crate) fn journal(&mut self, unit: &str, line: &str) {
        self.append(JOURNAL, &format!("{unit}\t{line}"));
    }

    pub(crate) fn is_directory(&self, path: &str) -> bool {
        const ALWAYS: [&str; 9] = ["", "/", "/etc", "/home", "/tmp", "/var", "/var/lib", "/var/log", "/usr"];
        let path = if path == "/" { path } else { path.trim_end_matches('/') };
        ALWAYS.contains(&path) || self.directories.contains(path)
    }

    pub(crate) fn make_directory(&mut self, path: &str) {
        let mut whole = String::new();
        for part in path.split('/').filter(|part| !part.is_empty()) {
            whole = format!("{whole}/{part}");
            self.directories.insert(whole.clone());
        }
    }

    /// The names in a directory.
    pub(crate) fn names(&self, path: &str) -> BTreeSet<String> {
        let prefix = format!("{}/", path.trim_end_matches('/'));
        let all = self.files.keys().chain(&self.directories);
        all.filter_map(|p| p.strip_prefix(&prefix)?.split('/').next().map(str::to_owned))
            .filter(|name| !name.is_empty())
            .collect()
    }

    pub(crate) fn remove(&mut self, path: &str) -> bool {
        self.files.remove(path).is_some()
    }

    pub(crate) fn remove_tree(&mut self, path: &str) -> bool {
        let below = format!("{path}/");
        let before = self.files.len() + self.directories.len();
        self.files.retain(|p, _| p != path && !p.starts_with(&below));
        self.directories.retain(|p| p != path && !p.starts_with(&below));
        before != self.files.len() + self.directories.len()
    }
}
