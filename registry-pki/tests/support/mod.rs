//! What the tests with outside programs share.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// Whether `program` is there. Where it is not, says that `what` is skipped, or fails under `LAB_TESTS_REQUIRE=1`.
pub fn have(program: impl AsRef<OsStr>, what: &str) -> bool {
    let program = Path::new(program.as_ref());
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = if program.components().count() > 1 {
        program.exists()
    } else {
        // Daemons live in sbin, which not every user has in the path.
        let extra = ["/usr/sbin", "/sbin"].map(PathBuf::from);
        std::env::split_paths(&path)
            .chain(extra)
            .any(|dir| dir.join(program).is_file())
    };
    // wine shows this system's programs, but starts none of them.
    let found = found && cfg!(unix);
    if !found {
        let message = format!(
            "{} is not installed (tests/judges/install.sh installs it)",
            program.display()
        );
        assert!(
            std::env::var_os("LAB_TESTS_REQUIRE").is_none_or(|value| value != "1"),
            "{message}"
        );
        eprintln!("skipped: {what}: {message}");
    }
    found
}

/// Where `tests/judges/install.sh` puts what is not a package.
pub fn cache() -> PathBuf {
    let root = std::env::var_os("LAB_CACHE_DIR").map_or_else(
        || {
            Path::new(env!("CARGO_MANIFEST_DIR"))
                .parent()
                .unwrap_or(Path::new("."))
                .join(".cache")
        },
        PathBuf::from,
    );
    root.join("registry-pki-judges")
}

/// Runs a program to its end and returns what it said.
pub fn run<S: AsRef<OsStr>>(program: impl AsRef<OsStr>, args: impl IntoIterator<Item = S>) -> Output {
    Command::new(program.as_ref())
        .args(args)
        .stdin(Stdio::null())
        .output()
        .unwrap_or_else(|error| panic!("{}: {error}", program.as_ref().display()))
}

/// Runs a program with this standard input.
pub fn run_with_input<S: AsRef<OsStr>>(
    program: impl AsRef<OsStr>,
    args: impl IntoIterator<Item = S>,
    input: &[u8],
) -> Output {
    let mut child = Command::new(program.as_ref())
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{}: {error}", program.as_ref().display()));
    // A program that ends before it has read everything breaks the pipe; its answer counts all the same.
    let _ = child.stdin.take().map(|mut stdin| stdin.write_all(input));
    child
        .wait_with_output()
        .unwrap_or_else(|error| panic!("{}: {error}", program.as_ref().display()))
}

/// Standard output and error of a program that must succeed.
#[track_caller]
pub fn succeed(output: &Output) -> String {
    let text = said(output);
    assert!(output.status.success(), "{}: {text}", output.status);
    text
}

/// Everything a program said.
pub fn said(output: &Output) -> String {
    format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    )
}
