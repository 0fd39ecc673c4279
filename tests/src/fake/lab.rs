//! A lab on a world: `lab.toml`, small files in the place of the large ones, `lab-cli` in an environment of its own.

use std::fmt::Write as _;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::{FakeWorld, WorldConfig};

/// A lab in a directory, with a world of its own.
#[derive(Debug)]
pub struct FakeLab {
    /// The world.
    pub world: FakeWorld,
    directory: PathBuf,
    lab_cli: PathBuf,
}

/// What a lab is like.
#[derive(Debug, Clone)]
pub struct LabShape {
    /// Workers beside the one master.
    pub workers: usize,
    /// More lines for `lab.toml`, at its end.
    pub more: String,
}

impl FakeLab {
    /// Makes the world and the lab's files in an empty directory; `programs` is where `lab-cli` and `vmrun-fake` are.
    ///
    /// # Errors
    ///
    /// If the directory cannot be written or the world does not start.
    pub fn start(programs: &Path, directory: &Path, config: &WorldConfig, shape: &LabShape) -> Result<Self, String> {
        let program = |name: &str| programs.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
        let world = FakeWorld::start(&program("vmrun-fake"), &directory.join("world"), config)?;
        let failed = |e: std::io::Error| format!("{}: {e}", directory.display());
        for name in ["home", "tmp", "data"] {
            std::fs::create_dir_all(directory.join(name)).map_err(failed)?;
        }
        // The head of a growable disk: nobody reads further.
        let mut disk = b"KDMV\x01\0\0\0\x03\0\0\0".to_vec();
        disk.resize(512, 0);
        let files: [(&str, &[u8]); 3] = [
            ("image.vmdk", &disk),
            ("k3s", b"#!/bin/sh\n"),
            ("images.tar.gz", b"\x1f\x8b images"),
        ];
        for (name, content) in files {
            std::fs::write(directory.join(name), content).map_err(failed)?;
        }
        std::fs::write(directory.join("lab.toml"), toml(shape)).map_err(failed)?;
        Ok(Self {
            world,
            directory: directory.to_owned(),
            lab_cli: program("lab-cli"),
        })
    }

    /// The lab's directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// Where the lab keeps its things.
    pub fn root(&self) -> PathBuf {
        self.directory.join("data/labs/lab")
    }

    /// `lab-cli` with these arguments, off a terminal, with nothing of the tester's own environment.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.lab_cli);
        command
            .args(arguments)
            .current_dir(&self.directory)
            .env_clear()
            .env("HOME", self.directory.join("home"))
            .env("TMPDIR", self.directory.join("tmp"))
            .env("LAB_DATA_DIR", self.directory.join("data"))
            .env("VMRUN_PATH", self.world.vmrun())
            .stdin(Stdio::null());
        // Windows programs do not start without these.
        for name in [
            "SYSTEMROOT",
            "PATH",
            "TEMP",
            "TMP",
            "USERPROFILE",
            "APPDATA",
            "LOCALAPPDATA",
        ] {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command
    }
}

/// A node's name, the master first.
pub fn node_name(n: usize) -> String {
    if n == 0 { "m".to_owned() } else { format!("w{n}") }
}

fn toml(shape: &LabShape) -> String {
    let mut text = "[network]\ngateway = \"198.18.0.1\"\nprefix = 16\n\
        [registry]\nhost = \"198.18.0.1\"\nport = 1\ncheck = false\n\
        [image]\ndisk = \"image.vmdk\"\n\
        [k3s]\nbinary = \"k3s\"\nimages = \"images.tar.gz\"\n"
        .to_owned();
    for n in 0..=shape.workers {
        let role = if n == 0 { "master" } else { "worker" };
        let at = u32::from(Ipv4Addr::new(198, 18, 0, 10)) + u32::try_from(n).unwrap_or(0);
        let (name, address) = (node_name(n), Ipv4Addr::from(at));
        let _ = write!(
            text,
            "[[nodes]]\nname = \"{name}\"\nrole = \"{role}\"\naddress = \"{address}\"\n"
        );
    }
    text + &shape.more
}
