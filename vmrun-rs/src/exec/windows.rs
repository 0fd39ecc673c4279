//! Job objects, creation flags, temporary files and positioned reads.

use std::fs::File;
use std::io;
use std::os::windows::fs::FileExt;

use process_wrap::tokio::{ChildWrapper, CommandWrap, CreationFlags, JobObject, KillOnDrop};
use tokio::process::Command;
use windows::Win32::System::Threading::{CREATE_BREAKAWAY_FROM_JOB, CREATE_NO_WINDOW};

/// `ERROR_ACCESS_DENIED`: the job that we run in does not let children out.
const ACCESS_DENIED: i32 = 5;

/// Starts the command without a console window, in a job of its own.
///
/// It first tries to leave the job that this process runs in: an SSH server's job would otherwise end the machine at
/// logout. The own job kills what is in it when its last handle is closed, which the system does also for a process that
/// was killed; not so the job of a command that starts a machine, because the machine is in it.
pub(super) fn spawn(
    command: impl Fn() -> io::Result<Command>,
    leaves_machine: bool,
) -> io::Result<Box<dyn ChildWrapper>> {
    let start = |flags| {
        let mut command = CommandWrap::from(command()?);
        command.wrap(CreationFlags(flags)).wrap(JobObject);
        if !leaves_machine {
            command.wrap(KillOnDrop);
        }
        command.spawn()
    };
    match start(CREATE_NO_WINDOW | CREATE_BREAKAWAY_FROM_JOB) {
        Err(error) if error.raw_os_error() == Some(ACCESS_DENIED) => start(CREATE_NO_WINDOW),
        result => result,
    }
}

pub(super) fn read_at(file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
    file.seek_read(buffer, offset)
}

pub(super) fn anonymous_file() -> io::Result<File> {
    tempfile::tempfile()
}
