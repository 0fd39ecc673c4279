//! The programs under test and the ones that help, found where cargo and the distribution put them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Whether a program is asked what it does.
pub fn wants_help(argv: &[String]) -> bool {
    argv.iter().any(|a| matches!(a.as_str(), "-h" | "--help" | "help"))
}

/// The workspace's root.
pub fn workspace() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("this package is a directory of the workspace")
        .to_owned()
}

/// A program of this workspace, from the same build as the running test.
///
/// # Panics
///
/// If it has not been built: `cargo build --workspace --bins` does it.
pub fn built(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a test knows its own program");
    // target/<profile>/deps/<test> stands two below target/<profile>/<program>.
    let directory = test
        .parent()
        .and_then(Path::parent)
        .expect("a test lies in target/<profile>/deps");
    let program = directory.join(format!("{name}{}", std::env::consts::EXE_SUFFIX));
    assert!(
        program.is_file(),
        "{} is not built: run `cargo build --workspace --bins` first",
        program.display()
    );
    program
}

/// Runs a script of this workspace and returns the last line that it printed; its progress goes to this test's stderr.
///
/// # Panics
///
/// If the script fails.
pub fn script(path: &str, arguments: &[&str]) -> String {
    let output = Command::new(workspace().join(path))
        .args(arguments)
        .stdin(Stdio::null())
        .stderr(Stdio::inherit())
        .output()
        .unwrap_or_else(|e| panic!("{path} cannot be run: {e}"));
    assert!(output.status.success(), "{path} failed with {}", output.status);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    text.lines()
        .last()
        .unwrap_or_else(|| panic!("{path} printed nothing"))
        .to_owned()
}

/// Both streams of a finished program, for a message.
pub fn said(output: &Output) -> String {
    format!(
        "{}\n--- stdout\n{}\n--- stderr\n{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    )
}

/// The processes whose command line mentions a directory, with their command lines.
///
/// # Panics
///
/// Where there is no `/proc`.
pub fn processes_of(directory: &Path) -> Vec<(u32, String)> {
    let needle = directory.display().to_string();
    let entries = std::fs::read_dir("/proc")
        .expect("this system lists its processes in /proc")
        .flatten();
    entries
        .filter_map(|e| {
            let id = e.file_name().to_string_lossy().parse().ok()?;
            let line = std::fs::read(e.path().join("cmdline")).ok()?;
            Some((id, String::from_utf8_lossy(&line).replace('\0', " ")))
        })
        .filter(|(_, line)| line.contains(&needle))
        .collect()
}
