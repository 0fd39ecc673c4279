//! `vmrun-qemu`: a drop-in `vmrun` that runs `.vmx` machines on QEMU.

use std::process::ExitCode;

fn main() -> ExitCode {
    vmrun_qemu::vmrun_main(std::env::args_os().skip(1))
}
