//! Where there are no Unix sockets and no process groups, there is VMware's own vmrun.

use std::ffi::OsString;
use std::process::ExitCode;

/// Says that this system is not supported.
pub fn vmrun_main(_arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    unsupported("vmrun-qemu")
}

/// Says that this system is not supported.
pub fn vdiskmanager_main(_arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    unsupported("vmware-vdiskmanager-qemu")
}

fn unsupported(program: &str) -> ExitCode {
    println!("Error: The operation is not supported for the specified parameters");
    eprintln!("{program} runs on Linux and macOS; on this system use VMware's own programs");
    ExitCode::from(255)
}
