//! `vmware-vdiskmanager-qemu`: a drop-in `vmware-vdiskmanager` on top of `qemu-img`.

use std::process::ExitCode;

fn main() -> ExitCode {
    vmrun_qemu::vdiskmanager_main(std::env::args_os().skip(1))
}
