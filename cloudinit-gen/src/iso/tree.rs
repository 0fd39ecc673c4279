//! The files and directories of an image, before anything has a place.

use super::IsoError;
use super::names;
use super::source::{Inner, Source};

/// Deepest level of a directory, the root being 1 (ECMA-119 6.8.2.1).
const MAX_LEVEL: usize = 8;

/// The root's index.
pub(super) const ROOT: usize = 0;

/// A file or a directory.
#[derive(Debug, Clone)]
pub(super) struct Node {
    /// Its real name; empty for the root.
    pub(super) name: String,
    pub(super) parent: usize,
    pub(super) kind: Kind,
    /// Permission bits.
    pub(super) mode: u32,
}

#[derive(Debug, Clone)]
pub(super) enum Kind {
    Directory(Vec<usize>),
    File(Source),
}

impl Node {
    pub(super) fn children(&self) -> &[usize] {
        match &self.kind {
            Kind::Directory(children) => children,
            Kind::File(_) => &[],
        }
    }

    pub(super) fn is_directory(&self) -> bool {
        matches!(self.kind, Kind::Directory(_))
    }

    /// Whether the file's data is made last.
    pub(super) fn is_deferred(&self) -> bool {
        matches!(&self.kind, Kind::File(Source(Inner::Deferred(_))))
    }
}

/// All nodes; a node is named by its index.
#[derive(Debug, Clone)]
pub(super) struct Tree {
    pub(super) nodes: Vec<Node>,
}

impl Tree {
    pub(super) fn new() -> Self {
        let root = Node {
            name: String::new(),
            parent: ROOT,
            kind: Kind::Directory(Vec::new()),
            mode: 0o555,
        };
        Self { nodes: vec![root] }
    }

    /// Adds a file, and the directories that lead to it.
    pub(super) fn add_file(&mut self, path: &str, source: Source) -> Result<usize, IsoError> {
        let refuse = |reason| {
            Err(IsoError::Name {
                path: path.to_owned(),
                reason,
            })
        };
        let parts: Vec<&str> = path.split('/').collect();
        if parts.len() > MAX_LEVEL {
            return refuse("directories may be nested eight levels deep, the root included");
        }
        for part in &parts {
            if let Err(reason) = names::check(part) {
                return refuse(reason);
            }
        }
        let Some((name, directories)) = parts.split_last() else {
            return refuse("it is empty");
        };
        let mut parent = ROOT;
        for directory in directories {
            parent = match self.child(parent, directory) {
                Some(found) if self.nodes[found].is_directory() => found,
                Some(_) => return refuse("a file has the name of one of its directories"),
                None => self.add(parent, directory, Kind::Directory(Vec::new()), 0o555),
            };
        }
        if self.child(parent, name).is_some() {
            return refuse("it is there already");
        }
        Ok(self.add(parent, name, Kind::File(source), 0o444))
    }

    /// The node's path from the root, with `/` between names.
    pub(super) fn path(&self, mut node: usize) -> String {
        let mut path = self.nodes[node].name.clone();
        while self.nodes[node].parent != ROOT {
            node = self.nodes[node].parent;
            path.insert(0, '/');
            path.insert_str(0, &self.nodes[node].name);
        }
        path
    }

    fn child(&self, parent: usize, name: &str) -> Option<usize> {
        self.nodes[parent]
            .children()
            .iter()
            .copied()
            .find(|&child| self.nodes[child].name == name)
    }

    fn add(&mut self, parent: usize, name: &str, kind: Kind, mode: u32) -> usize {
        let index = self.nodes.len();
        self.nodes.push(Node {
            name: name.to_owned(),
            parent,
            kind,
            mode,
        });
        if let Kind::Directory(children) = &mut self.nodes[parent].kind {
            children.push(index);
        }
        index
    }
}
