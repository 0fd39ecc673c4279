//! The `.vmsd` file: which snapshots there are, in VMware's own keys.

use std::fmt::Write as _;
use std::time::SystemTime;

use crate::dict::Dict;
use crate::fault::{Fault, OrUnknown};
use crate::machine::Vmx;

/// All snapshots of a machine.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tree {
    snapshots: Vec<Snapshot>,
    /// The snapshot that the machine's present state started from.
    pub(crate) current: Option<u64>,
    last_uid: u64,
    /// The machine that this one is a linked clone of.
    pub(crate) clone_of: Option<String>,
}

/// One snapshot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Snapshot {
    pub(crate) uid: u64,
    pub(crate) parent: Option<u64>,
    pub(crate) name: String,
    /// The file with the machine's configuration at that time.
    pub(crate) config: String,
    /// Drive and file, as written in a `.vmx`.
    pub(crate) disks: Vec<(String, String)>,
    /// Paths of linked clones.
    pub(crate) clones: Vec<String>,
    /// Microseconds since 1970.
    created: u64,
}

impl Snapshot {
    /// A snapshot of this moment.
    pub(crate) fn new(uid: u64, parent: Option<u64>, name: &str, config: String, disks: Vec<(String, String)>) -> Self {
        let since = SystemTime::now()
            .duration_since(SystemTime::UNIX_EPOCH)
            .unwrap_or_default();
        let created = u64::try_from(since.as_micros()).unwrap_or_default();
        Self {
            uid,
            parent,
            name: name.to_owned(),
            config,
            disks,
            clones: Vec::new(),
            created,
        }
    }
}

impl Tree {
    /// Reads the file beside the `.vmx`; no file means no snapshots.
    pub(crate) fn read(vmx: &Vmx) -> Result<Self, Fault> {
        let path = vmx.sibling("vmsd");
        match Dict::read(&path) {
            Ok(dict) => Ok(Self::parse(&dict)),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(Fault::unknown(format!("reading {}: {error}", path.display()))),
        }
    }

    fn parse(dict: &Dict) -> Self {
        let text = |key: String| dict.get(&key).map(str::to_owned);
        let mut tree = Self {
            current: dict.number("snapshot.current").filter(|&uid| uid != 0),
            last_uid: dict.number("snapshot.lastUID").unwrap_or_default(),
            clone_of: text("cloneOf0".to_owned()),
            snapshots: Vec::new(),
        };
        for index in 0.. {
            let key = |name: &str| format!("snapshot{index}.{name}");
            let Some(uid) = dict.number(&key("uid")) else {
                break;
            };
            let high = dict.number(&key("createTimeHigh")).unwrap_or_default();
            let low = dict.number(&key("createTimeLow")).unwrap_or_default();
            let disks = (0..dict.number(&key("numDisks")).unwrap_or_default().min(64)).filter_map(|disk| {
                text(key(&format!("disk{disk}.node"))).zip(text(key(&format!("disk{disk}.fileName"))))
            });
            let clones = (0..dict.number(&key("numClones")).unwrap_or_default().min(4096))
                .filter_map(|clone| text(key(&format!("clone{clone}"))));
            tree.snapshots.push(Snapshot {
                uid,
                parent: dict.number(&key("parent")),
                name: text(key("displayName")).unwrap_or_default(),
                config: text(key("filename")).unwrap_or_default(),
                disks: disks.collect(),
                clones: clones.collect(),
                created: high << 32 | low & 0xffff_ffff,
            });
            tree.last_uid = tree.last_uid.max(uid);
        }
        tree
    }

    /// Writes the file beside the `.vmx`.
    pub(crate) fn write(&self, vmx: &Vmx) -> Result<(), Fault> {
        let path = vmx.sibling("vmsd");
        self.to_dict()
            .write(&path)
            .or_unknown(format_args!("writing {}", path.display()))
    }

    fn to_dict(&self) -> Dict {
        let mut dict = Dict::default();
        dict.set(".encoding", "UTF-8");
        dict.set("snapshot.lastUID", &self.last_uid.to_string());
        dict.set("snapshot.current", &self.current.unwrap_or_default().to_string());
        dict.set("snapshot.numSnapshots", &self.snapshots.len().to_string());
        if let Some(parent) = &self.clone_of {
            dict.set("cloneOf0", parent);
            dict.set("numCloneOf", "1");
        }
        for (index, snapshot) in self.snapshots.iter().enumerate() {
            let mut set = |name: &str, value: &str| dict.set(&format!("snapshot{index}.{name}"), value);
            set("uid", &snapshot.uid.to_string());
            set("filename", &snapshot.config);
            if let Some(parent) = snapshot.parent {
                set("parent", &parent.to_string());
            }
            set("displayName", &snapshot.name);
            set("createTimeHigh", &(snapshot.created >> 32).to_string());
            set("createTimeLow", &(snapshot.created & 0xffff_ffff).to_string());
            set("numDisks", &snapshot.disks.len().to_string());
            for (disk, (node, file)) in snapshot.disks.iter().enumerate() {
                set(&format!("disk{disk}.fileName"), file);
                set(&format!("disk{disk}.node"), node);
            }
            if !snapshot.clones.is_empty() {
                set("numClones", &snapshot.clones.len().to_string());
            }
            for (clone, path) in snapshot.clones.iter().enumerate() {
                set(&format!("clone{clone}"), path);
            }
        }
        dict
    }

    /// The snapshot with this name, or with this path of names (`base/updated`).
    pub(crate) fn find(&self, name: &str) -> Option<u64> {
        let found = self
            .snapshots
            .iter()
            .find(|snapshot| snapshot.name == name || self.path(snapshot) == name);
        found.map(|snapshot| snapshot.uid)
    }

    fn path(&self, snapshot: &Snapshot) -> String {
        let mut names = vec![snapshot.name.as_str()];
        let mut above = snapshot.parent;
        // A broken file may have a circle in it.
        while let Some(parent) = above
            .filter(|_| names.len() <= self.snapshots.len())
            .and_then(|uid| self.get(uid))
        {
            names.insert(0, &parent.name);
            above = parent.parent;
        }
        names.join("/")
    }

    /// A snapshot.
    pub(crate) fn get(&self, uid: u64) -> Option<&Snapshot> {
        self.snapshots.iter().find(|snapshot| snapshot.uid == uid)
    }

    /// All snapshots, oldest first.
    pub(crate) fn all(&self) -> &[Snapshot] {
        &self.snapshots
    }

    /// All snapshots, to change what they say about files.
    pub(crate) fn all_mut(&mut self) -> &mut [Snapshot] {
        &mut self.snapshots
    }

    /// A number that no snapshot has had yet.
    pub(crate) fn next_uid(&self) -> u64 {
        self.last_uid + 1
    }

    /// Adds a snapshot that becomes the current one.
    pub(crate) fn add(&mut self, snapshot: Snapshot) {
        self.last_uid = self.last_uid.max(snapshot.uid);
        self.current = Some(snapshot.uid);
        self.snapshots.push(snapshot);
    }

    /// A snapshot and everything below it.
    pub(crate) fn with_descendants(&self, uid: u64) -> Vec<u64> {
        let mut found = vec![uid];
        let mut at = 0;
        while let Some(&parent) = found.get(at) {
            let children = self.snapshots.iter().filter(|snapshot| snapshot.parent == Some(parent));
            let new: Vec<u64> = children
                .map(|child| child.uid)
                .filter(|child| !found.contains(child))
                .collect();
            found.extend(new);
            at += 1;
        }
        found
    }

    /// Removes snapshots; what was below them moves up.
    pub(crate) fn remove(&mut self, uids: &[u64]) -> Vec<Snapshot> {
        let survivor = |tree: &Self, mut uid: Option<u64>| {
            for _ in 0..=tree.snapshots.len() {
                match uid {
                    Some(gone) if uids.contains(&gone) => uid = tree.get(gone).and_then(|snapshot| snapshot.parent),
                    other => return other,
                }
            }
            None
        };
        let old = self.clone();
        self.current = survivor(&old, self.current);
        for snapshot in &mut self.snapshots {
            snapshot.parent = survivor(&old, snapshot.parent);
        }
        let (gone, kept) = std::mem::take(&mut self.snapshots)
            .into_iter()
            .partition(|s| uids.contains(&s.uid));
        self.snapshots = kept;
        gone
    }

    /// Linked clones of a snapshot that still exist.
    pub(crate) fn live_clones(&self, uid: u64) -> Vec<String> {
        let clones = self
            .get(uid)
            .map(|snapshot| snapshot.clones.clone())
            .unwrap_or_default();
        clones
            .into_iter()
            .filter(|path| std::path::Path::new(path).exists())
            .collect()
    }

    /// What `listSnapshots` prints: a count, then the names, with `showTree` below each other and indented by tabs.
    pub(crate) fn listing(&self, as_tree: bool) -> String {
        let mut text = format!("Total snapshots: {}\n", self.snapshots.len());
        if as_tree {
            self.branch(None, 0, &mut text);
        } else {
            for snapshot in &self.snapshots {
                let _ = writeln!(text, "{}", snapshot.name);
            }
        }
        text
    }

    fn branch(&self, parent: Option<u64>, depth: usize, text: &mut String) {
        // A parent that is not there makes a root, so that nothing is left out.
        let of = |snapshot: &&Snapshot| snapshot.parent.filter(|&uid| self.get(uid).is_some()) == parent;
        for snapshot in self
            .snapshots
            .iter()
            .filter(of)
            .filter(|_| depth <= self.snapshots.len())
        {
            let _ = writeln!(text, "{}{}", "\t".repeat(depth), snapshot.name);
            self.branch(Some(snapshot.uid), depth + 1, text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree() -> Tree {
        let mut tree = Tree::default();
        for (parent, name) in [(None, "base"), (Some(1), "나중"), (Some(2), "leaf")] {
            let uid = tree.next_uid();
            let disks = vec![("scsi0:0".to_owned(), format!("d{uid}.vmdk"))];
            tree.add(Snapshot::new(uid, parent, name, format!("a-Snapshot{uid}.vmsn"), disks));
        }
        tree.current = Some(2);
        tree
    }

    #[test]
    fn the_file_keeps_everything() {
        let mut before = tree();
        before.snapshots[0].clones.push("/vm/클론/c.vmx".into());
        before.clone_of = Some("/vm/t.vmx".into());
        let after = Tree::parse(&Dict::parse(&before.to_dict().to_bytes()));
        assert_eq!(after.snapshots, before.snapshots);
        assert_eq!(
            (after.current, after.last_uid, after.clone_of),
            (Some(2), 3, before.clone_of)
        );
    }

    #[test]
    fn listings_have_a_count_and_tabs() {
        assert_eq!(tree().listing(false), "Total snapshots: 3\nbase\n나중\nleaf\n");
        assert_eq!(tree().listing(true), "Total snapshots: 3\nbase\n\t나중\n\t\tleaf\n");
        assert_eq!(Tree::default().listing(true), "Total snapshots: 0\n");
    }

    #[test]
    fn snapshots_are_found_by_name_and_by_path() {
        assert_eq!(
            (tree().find("leaf"), tree().find("base/나중/leaf"), tree().find("x")),
            (Some(3), Some(3), None)
        );
    }

    #[test]
    fn children_of_a_removed_snapshot_move_up() {
        let mut tree = tree();
        assert_eq!(tree.with_descendants(2), [2, 3]);
        let gone = tree.remove(&[2]);
        assert_eq!(gone.len(), 1);
        assert_eq!((tree.current, tree.get(3).and_then(|s| s.parent)), (Some(1), Some(1)));
        tree.remove(&[1, 3]);
        assert_eq!((tree.current, tree.snapshots.len()), (None, 0));
    }

    #[test]
    fn a_circle_in_a_broken_file_does_no_harm() {
        let mut tree = tree();
        tree.snapshots[0].parent = Some(3);
        assert!(tree.listing(true).starts_with("Total snapshots: 3"));
        assert!(tree.find("nothing").is_none());
        assert_eq!(tree.with_descendants(1).len(), 3);
    }
}
