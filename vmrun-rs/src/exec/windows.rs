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

#[cfg(test)]
mod tests {
    //! This test program plays the commands itself, in other processes. One that sleeps holds a lock on a file for as
    //! long as it lives.

    use std::path::{Path, PathBuf};
    use std::process::Command;
    use std::time::{Duration, Instant};

    use crate::exec::{CommandSpec, ExecError, run};

    const ROLE: &str = "VMRUN_RS_TEST_ROLE";
    const PLACE: &str = "VMRUN_RS_TEST_PLACE";
    const LONG: Duration = Duration::from_secs(60);

    /// Not a test unless it is started with a role.
    #[test]
    fn a_role_in_another_process() {
        let Ok(role) = std::env::var(ROLE) else { return };
        let place = PathBuf::from(std::env::var_os(PLACE).unwrap());
        match role.as_str() {
            "sleep" => {
                let file = std::fs::File::create(place.join("lock")).unwrap();
                file.lock().unwrap();
                std::fs::write(place.join("asleep"), "").unwrap();
                std::thread::sleep(LONG);
            }
            "start-and-end" => {
                #[expect(clippy::zombie_processes, reason = "that it ends before its child is the point")]
                Command::new(std::env::current_exe().unwrap())
                    .args(arguments())
                    .env(ROLE, "sleep")
                    .spawn()
                    .unwrap();
                assert!(until(|| place.join("asleep").exists()));
            }
            "start-and-wait" => {
                let mut command = Command::new(std::env::current_exe().unwrap());
                command.args(arguments()).env(ROLE, "sleep").status().unwrap();
            }
            "run" => drop(in_runtime(run(&spec("start-and-wait", &place)))),
            _ => panic!("{role}"),
        }
    }

    fn arguments() -> [&'static str; 2] {
        ["--exact", "exec::windows::tests::a_role_in_another_process"]
    }

    fn spec(role: &str, place: &Path) -> CommandSpec {
        let mut spec = CommandSpec::new(std::env::current_exe().unwrap(), LONG);
        spec.args = arguments().map(Into::into).to_vec();
        spec.env = vec![(ROLE.into(), role.into()), (PLACE.into(), place.into())];
        spec
    }

    fn in_runtime<T>(work: impl Future<Output = T>) -> T {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        runtime.enable_all().build().unwrap().block_on(work)
    }

    fn until(mut is_so: impl FnMut() -> bool) -> bool {
        let started = Instant::now();
        while started.elapsed() < Duration::from_secs(20) {
            if is_so() {
                return true;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        false
    }

    /// Whether the one that sleeps has ended by itself or by force.
    fn is_gone(place: &Path) -> bool {
        std::fs::File::open(place.join("lock")).is_ok_and(|file| file.try_lock().is_ok())
    }

    #[test]
    fn the_whole_tree_is_gone_when_the_deadline_has_passed() {
        let place = tempfile::tempdir().unwrap();
        let mut spec = spec("start-and-wait", place.path());
        spec.deadline = Duration::from_secs(5);
        let error = in_runtime(run(&spec)).unwrap_err();
        assert!(matches!(error, ExecError::Timeout { .. }), "{error}");
        assert!(place.path().join("asleep").exists(), "it never came to that");
        assert!(until(|| is_gone(place.path())));
    }

    #[test]
    fn what_a_command_left_behind_ends_with_it_unless_it_is_a_machine() {
        for leaves_machine in [false, true] {
            let place = tempfile::tempdir().unwrap();
            let mut spec = spec("start-and-end", place.path());
            spec.leaves_machine = leaves_machine;
            let finished = in_runtime(run(&spec)).unwrap();
            assert!(
                finished.status.success(),
                "{}",
                String::from_utf8_lossy(&finished.stderr)
            );
            if leaves_machine {
                std::thread::sleep(Duration::from_millis(500));
                assert!(!is_gone(place.path()), "the machine was killed");
                // Its directory can only go after it.
                let _ = place.keep();
            } else {
                assert!(until(|| is_gone(place.path())));
            }
        }
    }

    #[test]
    fn a_command_and_its_children_end_when_this_process_is_killed() {
        let place = tempfile::tempdir().unwrap();
        let mut ours = Command::new(std::env::current_exe().unwrap())
            .args(arguments())
            .env(ROLE, "run")
            .env(PLACE, place.path())
            .spawn()
            .unwrap();
        assert!(until(|| place.path().join("asleep").exists()));
        assert!(!is_gone(place.path()));
        ours.kill().unwrap();
        ours.wait().unwrap();
        assert!(until(|| is_gone(place.path())), "it outlived the process that ran it");
    }
}
