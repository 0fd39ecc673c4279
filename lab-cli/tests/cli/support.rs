//! A directory of its own, an environment of its own, and what came out.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde_json::Value;
use tempfile::TempDir;

/// A place to run `lab-cli` in: an empty directory, with nothing of the tester's own environment.
pub(crate) struct Place {
    directory: TempDir,
    env: Vec<(String, String)>,
}

impl Place {
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        std::fs::create_dir(directory.path().join("home")).unwrap();
        Self {
            directory,
            env: Vec::new(),
        }
    }

    pub(crate) fn path(&self) -> &Path {
        self.directory.path()
    }

    pub(crate) fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    /// Writes a file and returns its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.file(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, text).unwrap();
        path
    }

    /// With this `lab.toml`.
    pub(crate) fn toml(self, text: &str) -> Self {
        self.write("lab.toml", text);
        self
    }

    /// With this environment variable.
    pub(crate) fn env(mut self, name: &str, value: impl Into<String>) -> Self {
        self.env.push((name.to_owned(), value.into()));
        self
    }

    /// The lab's own directory, with the usual name.
    pub(crate) fn lab(&self) -> PathBuf {
        self.file("data/labs/lab")
    }

    /// A file of the newest run, by its extension. Only runs on a vmrun have more than one.
    #[cfg(unix)]
    pub(crate) fn newest_run(&self, extension: &str) -> PathBuf {
        let files = std::fs::read_dir(self.lab().join("runs")).unwrap();
        let files = files.map(|entry| entry.unwrap().path());
        let newest = files
            .filter(|path| path.extension().is_some_and(|e| e == extension))
            .max();
        newest.expect("there is one")
    }

    /// `lab-cli` with these arguments, off a terminal.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_lab-cli"));
        command
            .args(arguments)
            .current_dir(self.path())
            .env_clear()
            .env("HOME", self.file("home"))
            .env("USERPROFILE", self.file("home"))
            .env("PATH", "/usr/bin:/bin")
            .env("LAB_DATA_DIR", self.file("data"))
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .stdin(Stdio::null());
        // Windows programs do not start without it.
        if let Some(root) = std::env::var_os("SYSTEMROOT") {
            command.env("SYSTEMROOT", root);
        }
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let output = self.command(arguments).output().unwrap();
        Ran::new(&output, self.path())
    }
}

/// What came out of a run, with the place's own directory written as `[DIR]`.
pub(crate) struct Ran {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ran {
    pub(crate) fn new(output: &Output, directory: &Path) -> Self {
        let text = |bytes: &[u8]| {
            let text = String::from_utf8_lossy(bytes).replace("\r\n", "\n");
            let real = directory.canonicalize().unwrap();
            let text = text
                .replace(&real.display().to_string(), "[DIR]")
                .replace(&directory.display().to_string(), "[DIR]");
            // Paths of Windows as those of the other systems, except where the backslash is JSON's own.
            let json = text.starts_with(['{', '[']) && !text.starts_with("[DIR]");
            if cfg!(windows) && !json {
                text.replace('\\', "/")
            } else {
                text
            }
        };
        Self {
            code: output.status.code().expect("it ends by itself"),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }

    /// It must have ended with this code.
    #[track_caller]
    pub(crate) fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, expected, "{self}");
        self
    }

    /// Its standard output, which must be one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.stdout).unwrap_or_else(|e| panic!("{e}: {self}"))
    }

    /// Its standard error, which must be one JSON object with an error in it.
    #[track_caller]
    pub(crate) fn error(&self) -> Value {
        let value: Value = serde_json::from_str(&self.stderr).unwrap_or_else(|e| panic!("{e}: {self}"));
        value["error"].clone()
    }
}

impl std::fmt::Display for Ran {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "exit: {}\n----- stdout\n{}----- stderr\n{}",
            self.code, self.stdout, self.stderr
        )
    }
}
