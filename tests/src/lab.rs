//! A lab in a directory of its own, driven through `lab-cli` as a user would.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;

use crate::programs::{built, said, script};

/// A lab: its directory, its `lab.toml`, and a universe of its own for the drop-in.
#[derive(Debug)]
pub struct TestLab {
    directory: PathBuf,
}

impl TestLab {
    /// A lab in `directory` with this `lab.toml`; `{dir}` in it stands for the directory.
    ///
    /// # Panics
    ///
    /// If the directory cannot be written.
    pub fn new(directory: &Path, toml: &str) -> Self {
        let toml = toml.replace("{dir}", &directory.display().to_string());
        std::fs::write(directory.join("lab.toml"), toml).expect("the test's directory is writable");
        Self {
            directory: directory.to_owned(),
        }
    }

    /// A lab of small real guests: `toml` and the guest image, the payload and the sizes that go with it.
    ///
    /// # Panics
    ///
    /// If image or payload cannot be made.
    pub fn on_guests(directory: &Path, toml: &str) -> Self {
        let image = script("tests/guest/build-image.sh", &[]);
        let payload = script(
            "tests/guest/make-payload.sh",
            &[&directory.join("payload").display().to_string()],
        );
        let guests = format!(
            "[vm]\ncpus = 1\nmemory_mib = 768\ndisk_gib = 10\n\
             [image]\ndisk = \"{image}\"\n\
             [k3s]\nbinary = \"{payload}/k3s\"\nimages = \"{payload}/k3s-airgap-images-amd64.tar.zst\"\n"
        );
        Self::new(directory, &format!("{toml}{guests}"))
    }

    /// Where the lab is.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// `lab-cli` with these arguments, ready to run.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(built("lab-cli"));
        command
            .args(arguments)
            .current_dir(&self.directory)
            .env("VMRUN_QEMU_HOME", self.directory.join("vmrun-qemu"))
            .env("LAB_DATA_DIR", self.directory.join("data"))
            .env_remove("VMRUN_PATH")
            .env("LANG", "C.UTF-8")
            .stdin(Stdio::null());
        command
    }

    /// Runs `lab-cli`; its stderr is this test's.
    ///
    /// # Panics
    ///
    /// If it cannot be started.
    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("lab-cli can be started")
    }

    /// Runs `lab-cli`, which must succeed; what it printed.
    ///
    /// # Panics
    ///
    /// If it fails.
    pub fn succeed(&self, arguments: &[&str]) -> String {
        let output = self.run(arguments);
        assert!(
            output.status.success(),
            "lab-cli {}: {}",
            arguments.join(" "),
            said(&output)
        );
        String::from_utf8_lossy(&output.stdout).into_owned()
    }

    /// Runs `lab-cli … --output json`, which must succeed.
    ///
    /// # Panics
    ///
    /// If it fails or prints something else than JSON.
    pub fn json(&self, arguments: &[&str]) -> Value {
        let mut all = vec!["--output", "json"];
        all.extend(arguments);
        let text = self.succeed(&all);
        serde_json::from_str(&text)
            .unwrap_or_else(|e| panic!("lab-cli {} printed no JSON ({e}): {text}", all.join(" ")))
    }

    /// Runs a shell line on a node, which must succeed; what it printed.
    ///
    /// # Panics
    ///
    /// If it fails.
    pub fn guest(&self, node: &str, line: &str) -> String {
        self.succeed(&["exec", node, "--", "sh", "-c", line]).trim().to_owned()
    }

    /// Runs a shell line on a node; its exit code and everything that it printed.
    ///
    /// # Panics
    ///
    /// If `lab-cli` ended without an exit code.
    pub fn guest_fails(&self, node: &str, line: &str) -> (i32, String) {
        let output = self.run(&["exec", node, "--", "sh", "-c", line]);
        (output.status.code().expect("lab-cli ends by itself"), said(&output))
    }

    /// What the lab knows about itself.
    ///
    /// # Panics
    ///
    /// If the lab does not exist.
    pub fn state(&self, name: &str) -> Value {
        let text = std::fs::read(self.root(name).join("state.json")).expect("the lab has a state");
        serde_json::from_slice(&text).expect("the lab's state is JSON")
    }

    /// The lab's own directory.
    pub fn root(&self, name: &str) -> PathBuf {
        self.directory.join("data/labs").join(name)
    }
}
