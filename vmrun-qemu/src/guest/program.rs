//! `runProgramInGuest` and `runScriptInGuest`. What a program prints is never relayed, only how it ended.

use super::copy;
use super::operation::{Guest, refusal};
use crate::cli::grammar::RunOptions;
use crate::fault::Fault;

/// Runs a program. Its arguments are one line, which the guest's shell reads.
pub(super) fn run(guest: &Guest<'_>, options: RunOptions, program: &str, arguments: &str) -> Result<String, Fault> {
    if options.interactive {
        // Checks the login first, as vmrun does.
        guest.quiet("nothing", &[])?;
        return Err(Fault::NoInteractiveSession);
    }
    let mode = if options.no_wait { "go-on" } else { "wait" };
    let ended = guest.attempt("run", &[mode, program, arguments])?;
    // A program may end with any code, the scripts' own included; this line says that it was the program that did.
    match (ended.output == b"started\n", ended.code) {
        (true, 0) => Ok(String::new()),
        (true, code) => Err(Fault::GuestProgram(code)),
        (false, code) => Err(refusal(code, "run", program)),
    }
}

/// Runs a script: its text becomes a file in the guest, which the interpreter is given.
pub(super) fn run_script(
    guest: &Guest<'_>,
    options: RunOptions,
    interpreter: &str,
    script: &str,
) -> Result<String, Fault> {
    let interpreter = if interpreter.is_empty() { "/bin/sh" } else { interpreter };
    let file = guest.run("prepare-script", &[])?.trim().to_owned();
    let mut text = script.to_owned();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let result = copy::write(guest, &file, &mut text.as_bytes())
        .and_then(|()| guest.quiet("finish-script", &[&file]))
        .and_then(|_| run(guest, options, interpreter, &file));
    // A script that is not waited for still reads its file, so that stays, as it does with VMware.
    if !options.no_wait {
        guest.quiet("discard", &[&file])?;
    }
    result
}
