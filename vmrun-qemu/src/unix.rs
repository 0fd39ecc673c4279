//! The two programs, where they can run.

use std::ffi::OsString;
use std::io::Write;
use std::process::ExitCode;

use crate::fault::Fault;
use crate::{cli, command, net, vdiskmanager};

/// The program `vmrun-qemu`. `arguments` come without the program's own name.
///
/// Everything vmrun would print goes to standard output, errors included; the exit code is vmrun's: 0, 1 for a guest
/// program that failed, 255 for any other failure.
pub fn vmrun_main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some((first, rest)) = arguments.split_first() {
        if first == net::relay::NAME {
            return net::relay::main(rest);
        }
        if first == net::uplink::NAME {
            return net::uplink::main(rest);
        }
    }
    match cli::parse(arguments).and_then(|invocation| command::run(&invocation)) {
        Ok(text) => {
            print(&text);
            ExitCode::SUCCESS
        }
        Err(fault) => {
            let mut text = fault.to_string();
            if !text.ends_with('\n') {
                text.push('\n');
            }
            print(text.as_bytes());
            report(&fault);
            ExitCode::from(fault.exit_code())
        }
    }
}

/// The program `vmware-vdiskmanager-qemu`. `arguments` come without the program's own name.
pub fn vdiskmanager_main(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    vdiskmanager::main(arguments.into_iter().collect())
}

/// Says on standard error what vmrun's text leaves out.
pub(crate) fn report(fault: &Fault) {
    if let Some(reason) = fault.reason() {
        let _ = writeln!(std::io::stderr(), "vmrun-qemu: {reason}");
    }
}

/// A reader that went away is no reason to fail: what was asked for is done.
fn print(text: &[u8]) {
    let mut out = std::io::stdout().lock();
    let _ = out.write_all(text).and_then(|()| out.flush());
}
