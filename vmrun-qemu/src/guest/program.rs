//! `runProgramInGuest` and `runScriptInGuest`. What a program prints is never relayed, only how it ended.

use super::copy;
use super::operation::Guest;
use crate::cli::grammar::RunOptions;
use crate::fault::Fault;

/// Runs a program. Its arguments are one line, which the guest's shell reads.
pub(super) fn run(guest: &Guest<'_>, options: RunOptions, program: &str, arguments: &str) -> Result<String, Fault> {
    if options.interactive {
        // Checks the login first, as vmrun does.
        guest.quiet("directory-exists", &["/"])?;
        return Err(Fault::NoInteractiveSession);
    }
    let mode = if options.no_wait { "go-on" } else { "wait" };
    let answer = guest.run("run", &[mode, program, arguments])?;
    if options.no_wait {
        return Ok(String::new());
    }
    match answer.strip_prefix("ended ").and_then(|code| code.trim().parse().ok()) {
        Some(0) => Ok(String::new()),
        Some(code) => Err(Fault::GuestProgram(code)),
        None => Err(Fault::unknown(format!(
            "the guest did not say how {program} ended: {answer:?}"
        ))),
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
    let file = guest.run("prepare-in", &["/tmp/vmrun-script"])?.trim().to_owned();
    let mut text = script.to_owned();
    if !text.ends_with('\n') {
        text.push('\n');
    }
    let result = copy::write(guest, &file, &mut text.as_bytes())
        .and_then(|()| guest.quiet("script", &[&file]))
        .and_then(|_| run(guest, options, interpreter, &file));
    // A script that is not waited for still reads its file, so that stays, as it does with VMware.
    if !options.no_wait {
        guest.quiet("discard", &[&file])?;
    }
    result
}
