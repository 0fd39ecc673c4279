//! Starting QEMU so that it outlives this process and holds on to nothing of it.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// How long QEMU may take until it has built its machine and goes to the background.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs QEMU with `-daemonize` and waits until it is ready; the error is what it said on standard error.
///
/// A reader of this program's own output must see its end although QEMU lives on, so QEMU gets none of the standard
/// streams: it reads nothing, and what it says goes into a file.
pub(crate) fn daemon(program: &OsStr, arguments: &[OsString], scratch: &Path) -> Result<(), String> {
    let mut said =
        anonymous_file(scratch).map_err(|error| format!("making a file in {}: {error}", scratch.display()))?;
    let clone = |file: &File| file.try_clone().map(Stdio::from).map_err(|error| error.to_string());
    let mut child = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C.UTF-8")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(clone(&said)?)
        .stderr(clone(&said)?)
        .spawn()
        .map_err(|error| format!("{}: {error}", program.display()))?;
    let deadline = Instant::now() + PATIENCE;
    let status = loop {
        match child.try_wait() {
            Ok(Some(status)) => break status,
            Ok(None) if Instant::now() < deadline => std::thread::sleep(Duration::from_millis(10)),
            Ok(None) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(format!("no answer within {} seconds", PATIENCE.as_secs()));
            }
            Err(error) => return Err(error.to_string()),
        }
    };
    if status.success() {
        return Ok(());
    }
    let mut text = String::new();
    let _ = said.rewind();
    let _ = said.read_to_string(&mut text);
    let text = text.trim();
    Err(if text.is_empty() {
        format!("QEMU ended with {status}")
    } else {
        text.to_owned()
    })
}

/// A file without a name, gone with its last user.
fn anonymous_file(directory: &Path) -> std::io::Result<File> {
    let path = directory.join(format!(
        ".qemu-{}-{:?}",
        std::process::id(),
        std::thread::current().id()
    ));
    let file = File::options().create_new(true).read(true).write(true).open(&path)?;
    std::fs::remove_file(&path)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Result<(), String> {
        let directory = tempfile::tempdir().expect("a directory");
        daemon(OsStr::new("/bin/sh"), &["-c".into(), script.into()], directory.path())
    }

    #[test]
    fn what_qemu_says_is_the_error() {
        assert_eq!(shell("exit 0"), Ok(()));
        assert_eq!(
            shell("echo 'cannot open disk' >&2; exit 1"),
            Err("cannot open disk".to_owned())
        );
        assert!(shell("exit 3").expect_err("failed").contains('3'));
    }
}
