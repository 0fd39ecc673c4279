//! Programs made by others that judge what this crate writes.

use std::io::Write as _;
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// A program, if it is installed. Where it is not, the test says what it lacks and is skipped; with
/// `LAB_TESTS_REQUIRE=1` in the environment it fails instead.
pub(crate) fn program(name: &str, candidates: &[&str], package: &str) -> Option<PathBuf> {
    // wine shows this system's files, but starts none of its programs.
    let mut candidates = candidates.iter().map(PathBuf::from).filter(|_| cfg!(unix));
    let found = candidates.find(|path| path.exists());
    if found.is_none() {
        missing(&format!("{name} is not installed (apt-get install {package})"));
    }
    found
}

/// Feeds a Python program; `None` where Python or a module of it is not installed. The program's name for failure is
/// its exit code; what it then says is the reason.
pub(crate) fn python(program: &str, modules: &[(&str, &str)], arguments: &[&str], input: &str) -> Option<String> {
    let python = self::program("Python 3", &["/usr/bin/python3", "/usr/local/bin/python3"], "python3")?;
    for (module, package) in modules {
        let import = Command::new(&python)
            .args(["-c", &format!("import {module}")])
            .output()
            .unwrap();
        if !import.status.success() {
            missing(&format!(
                "Python's {module} is not installed (apt-get install {package})"
            ));
            return None;
        }
    }
    let mut child = Command::new(python)
        .args(["-c", program])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let text = input.to_owned();
    let feeder = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output().unwrap();
    // A program that has seen enough may stop reading.
    let _ = feeder.join().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8(output.stdout).unwrap())
}

fn missing(what: &str) {
    assert!(
        std::env::var("LAB_TESTS_REQUIRE").as_deref() != Ok("1"),
        "LAB_TESTS_REQUIRE=1, but {what}"
    );
    eprintln!("skipped: {what}");
}
