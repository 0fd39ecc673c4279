//! A place for one schedule: a world, a lab, machines of somebody else, and how `lab-cli` is run there.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{Finding, Verdict};
use crate::fake::WorldConfig;
use crate::fake::lab::{FakeLab, LabShape};

/// Limits of a schedule's runs, in real seconds, and vmrun's patience in percent.
const HURRIED: &str = "[hypervisor]\npatience = 4\n\
    [timeouts]\nprerequisites = 10\ncleanup = 10\ncreate = 15\nstart = 8\nready = 12\nbootstrap = 12\ndisconnect = 8\nrestart = 15\nverify = 10\n";
const PATIENT: [(&str, &str); 10] = [
    ("LAB_HYPERVISOR_PATIENCE", "100"),
    ("LAB_TIMEOUTS_PREREQUISITES", "120"),
    ("LAB_TIMEOUTS_CLEANUP", "120"),
    ("LAB_TIMEOUTS_CREATE", "120"),
    ("LAB_TIMEOUTS_START", "120"),
    ("LAB_TIMEOUTS_READY", "120"),
    ("LAB_TIMEOUTS_BOOTSTRAP", "120"),
    ("LAB_TIMEOUTS_DISCONNECT", "120"),
    ("LAB_TIMEOUTS_RESTART", "120"),
    ("LAB_TIMEOUTS_VERIFY", "120"),
];
/// No command of a schedule may take longer.
const END: Duration = Duration::from_secs(240);

pub(super) struct Place {
    pub(super) lab: FakeLab,
    pub(super) password: bool,
    pub(super) nodes: Vec<String>,
    directory: tempfile::TempDir,
}

/// What came of a run of `lab-cli`.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) exit: Option<i32>,
    pub(super) stdout: String,
    pub(super) stderr: String,
    pub(super) took: Duration,
}

impl Ran {
    pub(super) fn answer(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_default()
    }

    pub(super) fn error(&self) -> Value {
        let last = self
            .stderr
            .lines()
            .rev()
            .find_map(|line| serde_json::from_str::<Value>(line).ok());
        last.map(|value| value["error"].clone()).unwrap_or_default()
    }

    /// In one line.
    pub(super) fn brief(&self) -> String {
        let error = self.error();
        format!(
            "exit {:?} after {:.1} s: {} {}",
            self.exit,
            self.took.as_secs_f64(),
            error["message"].as_str().unwrap_or_default(),
            if error["causes"].is_array() {
                error["causes"].to_string()
            } else {
                String::new()
            },
        )
    }
}

impl Place {
    pub(super) fn new(programs: &Path, config: &WorldConfig, workers: usize, password: bool) -> Result<Self, String> {
        let directory = tempfile::Builder::new()
            .prefix("chaos-")
            .tempdir()
            .map_err(|e| e.to_string())?;
        let shape = LabShape {
            workers,
            more: String::new(),
        };
        let lab = FakeLab::start(programs, directory.path(), config, &shape)?;
        let toml = directory.path().join("lab.toml");
        let text = std::fs::read_to_string(&toml).map_err(|e| e.to_string())?;
        std::fs::write(&toml, format!("{HURRIED}{text}")).map_err(|e| e.to_string())?;
        let place = Self {
            lab,
            password,
            nodes: (0..=workers).map(crate::fake::lab::node_name).collect(),
            directory,
        };
        place.make_foreign()?;
        Ok(place)
    }

    /// Machines of others: one beside the lab, one in the middle of the lab's own folder.
    pub(super) fn foreign(&self) -> [PathBuf; 2] {
        [
            self.directory.path().join("theirs/theirs.vmx"),
            self.lab.root().join("vms/theirs/theirs.vmx"),
        ]
    }

    fn make_foreign(&self) -> Result<(), String> {
        for vmx in self.foreign() {
            let directory = vmx.parent().unwrap_or(Path::new("."));
            std::fs::create_dir_all(directory).map_err(|e| e.to_string())?;
            std::fs::write(&vmx, FOREIGN).map_err(|e| e.to_string())?;
            self.lab
                .world
                .call(&["-T", "ws", "start", &vmx.to_string_lossy(), "nogui"])?;
        }
        Ok(())
    }

    pub(super) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(super) fn command(&self, arguments: &[&str], patient: bool) -> std::process::Command {
        let mut command = self
            .lab
            .command(&[&["--output", "json", "--progress", "none"], arguments].concat());
        if patient {
            command.envs(PATIENT);
        }
        if self.password {
            command.env("INSTALL_USER_PASSWORD", "a pass'word");
        }
        command
    }

    /// Runs `lab-cli` to its end, or to the end of all patience.
    pub(super) fn run(&self, arguments: &[&str], patient: bool) -> Result<Ran, String> {
        let out = tempfile::NamedTempFile::new().map_err(|e| e.to_string())?;
        let err = tempfile::NamedTempFile::new().map_err(|e| e.to_string())?;
        let file = |f: &tempfile::NamedTempFile| f.reopen().map(Stdio::from).map_err(|e| e.to_string());
        let begun = Instant::now();
        let mut child = self
            .command(arguments, patient)
            .stdout(file(&out)?)
            .stderr(file(&err)?)
            .spawn()
            .map_err(|e| format!("lab-cli cannot be run: {e}"))?;
        let exit = loop {
            if let Some(status) = child.try_wait().map_err(|e| e.to_string())? {
                break status.code();
            }
            if begun.elapsed() > END {
                let _ = child.kill();
                let _ = child.wait();
                break None;
            }
            std::thread::sleep(Duration::from_millis(5));
        };
        let text = |f: &tempfile::NamedTempFile| {
            let bytes = std::fs::read(f.path()).unwrap_or_default();
            String::from_utf8_lossy(&bytes).into_owned()
        };
        Ok(Ran {
            exit,
            stdout: text(&out),
            stderr: text(&err),
            took: begun.elapsed(),
        })
    }

    pub(super) fn state(&self) -> Result<Option<Value>, Finding> {
        match std::fs::read(self.lab.root().join("state.json")) {
            Ok(bytes) => serde_json::from_slice(&bytes)
                .map(Some)
                .map_err(|e| Finding::new(Verdict::Lost, format!("state.json is torn: {e}"))),
            Err(_) => Ok(None),
        }
    }
}

pub(super) const FOREIGN: &str = "config.version = \"8\"\nvirtualHW.version = \"18\"\ndisplayName = \"theirs\"\n";
