//! A scripted stand-in for `vmrun`.

#![allow(dead_code, reason = "each test binary uses a part of it")]

#[cfg(feature = "ssh")]
pub(crate) mod sshd;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use vmrun_rs::vmrun::{Vmrun, VmrunBuilder};

/// A directory with the script that answers, and the calls that were made.
pub(crate) struct Fake {
    pub(crate) dir: tempfile::TempDir,
}

impl Fake {
    /// `answer` is a shell script; its arguments are `vmrun`'s, `$FAKE` is a directory to keep state in.
    pub(crate) fn new(answer: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        std::fs::write(dir.path().join("answer"), answer).unwrap();
        Self { dir }
    }

    pub(crate) fn program() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fake/vmrun")
    }

    pub(crate) fn builder(&self) -> VmrunBuilder {
        Vmrun::builder(Self::program()).env("FAKE", self.dir.path())
    }

    pub(crate) fn vmrun(&self) -> Vmrun {
        self.builder().build()
    }

    /// The calls so far, each as its words.
    pub(crate) fn calls(&self) -> Vec<Vec<String>> {
        let text = std::fs::read_to_string(self.dir.path().join("calls")).unwrap_or_default();
        text.lines()
            .map(|line| line.split('\t').map(str::to_owned).collect())
            .collect()
    }

    /// Reads a file that the script wrote, waiting a little for it.
    pub(crate) fn read(&self, name: &str) -> String {
        let path = self.dir.path().join(name);
        assert!(wait_for(|| path.exists()), "the script did not write {name}");
        std::fs::read_to_string(path).unwrap().trim().to_owned()
    }
}

/// Waits until something holds; false after 10 s.
pub(crate) fn wait_for(mut holds: impl FnMut() -> bool) -> bool {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !holds() {
        if Instant::now() > deadline {
            return false;
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    true
}

/// Whether a process exists and is no zombie.
pub(crate) fn alive(pid: &str) -> bool {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(stat) => !stat
            .rsplit(')')
            .next()
            .unwrap_or_default()
            .trim_start()
            .starts_with('Z'),
        Err(_) => false,
    }
}
