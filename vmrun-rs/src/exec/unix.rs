//! Process groups, anonymous files and positioned reads.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use process_wrap::tokio::{ChildWrapper, CommandWrap, ProcessGroup};
use tokio::process::Command;

/// Starts the command as the leader of a process group of its own, so that it can be killed with all its children and a
/// terminal's Ctrl-C does not reach it.
pub(super) fn spawn(
    command: impl Fn() -> io::Result<Command>,
    _leaves_machine: bool,
) -> io::Result<Box<dyn ChildWrapper>> {
    CommandWrap::from(command()?).wrap(ProcessGroup::leader()).spawn()
}

pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.read_at(buffer, offset)
}

/// A file in memory where the system has such: making and dropping a file on disk costs as much as starting a program.
#[cfg(any(target_os = "linux", target_os = "android"))]
pub(super) fn anonymous_file() -> io::Result<File> {
    use rustix::fs::{MemfdFlags, memfd_create};
    match memfd_create("vmrun-output", MemfdFlags::CLOEXEC) {
        Ok(file) => Ok(file.into()),
        // A sandbox can forbid it.
        Err(_) => tempfile::tempfile(),
    }
}

#[cfg(not(any(target_os = "linux", target_os = "android")))]
pub(super) fn anonymous_file() -> io::Result<File> {
    tempfile::tempfile()
}
