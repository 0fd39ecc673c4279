//! A world as a test holds it: made, asked, ended.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::client;
use super::config::{WORLD_FILE, WorldConfig};
use super::server::SERVER_FILE;

/// Puts the program into a directory under the names that a product has, with a `world.json` if there is none.
pub(crate) fn install(directory: &Path) -> Result<(), String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    install_from(&program, directory)
}

fn install_from(program: &Path, directory: &Path) -> Result<(), String> {
    std::fs::create_dir_all(directory).map_err(|e| format!("{}: {e}", directory.display()))?;
    if !directory.join(WORLD_FILE).exists() {
        WorldConfig::default().write(directory)?;
    }
    for name in ["vmrun", "vmware-vdiskmanager"] {
        let target = directory.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        // A second name costs nothing; across file systems it has to be a copy.
        if !target.exists() && std::fs::hard_link(program, &target).is_err() {
            std::fs::copy(program, &target).map_err(|e| format!("{}: {e}", target.display()))?;
        }
    }
    Ok(())
}

/// A world with its server; the server ends with this value, and also with this process.
#[derive(Debug)]
pub struct FakeWorld {
    directory: PathBuf,
    server: Child,
}

impl FakeWorld {
    /// Makes a world in a directory, with this `vmrun-fake` program.
    ///
    /// # Errors
    ///
    /// If the directory cannot be written or the server does not start.
    pub fn start(program: &Path, directory: &Path, config: &WorldConfig) -> Result<Self, String> {
        std::fs::create_dir_all(directory).map_err(|e| format!("{}: {e}", directory.display()))?;
        config.write(directory)?;
        install_from(program, directory)?;
        let mut server = Command::new(program)
            .arg("serve")
            .arg(directory)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .spawn()
            .map_err(|e| format!("{}: {e}", program.display()))?;
        let end = Instant::now() + Duration::from_secs(20);
        while !directory.join(SERVER_FILE).is_file() {
            let ended = server.try_wait().map_err(|e| e.to_string())?;
            if let Some(status) = ended {
                return Err(format!("the world's server ended with {status}"));
            }
            if Instant::now() > end {
                return Err("the world's server does not start".to_owned());
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        Ok(Self {
            directory: directory.to_owned(),
            server,
        })
    }

    /// The world's `vmrun`.
    pub fn vmrun(&self) -> PathBuf {
        self.directory.join(format!("vmrun{}", std::env::consts::EXE_SUFFIX))
    }

    /// The world's directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Calls vmrun without starting a process; exit code and standard output.
    ///
    /// # Errors
    ///
    /// If the world does not answer.
    pub fn call(&self, argv: &[&str]) -> Result<(i32, String), String> {
        let argv: Vec<String> = argv.iter().map(|a| (*a).to_owned()).collect();
        let answer = client::ask(&self.directory, "vmrun", &argv)?;
        Ok((answer.exit, String::from_utf8_lossy(&answer.stdout).into_owned()))
    }

    /// What is true of its machines.
    ///
    /// # Errors
    ///
    /// If the world does not answer.
    pub fn truth(&self) -> Result<Value, String> {
        self.control("truth")
    }

    /// From now on nothing goes wrong.
    ///
    /// # Errors
    ///
    /// If the world does not answer.
    pub fn clear_faults(&self) -> Result<(), String> {
        self.control("clear-faults").map(drop)
    }

    fn control(&self, word: &str) -> Result<Value, String> {
        let answer = client::ask(&self.directory, "control", &[word.to_owned()])?;
        serde_json::from_slice(&answer.stdout).map_err(|e| e.to_string())
    }
}

impl Drop for FakeWorld {
    fn drop(&mut self) {
        // The end of its input ends it; what then still runs is killed.
        drop(self.server.stdin.take());
        let end = Instant::now() + Duration::from_secs(5);
        while Instant::now() < end {
            if matches!(self.server.try_wait(), Ok(Some(_)) | Err(_)) {
                return;
            }
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}
