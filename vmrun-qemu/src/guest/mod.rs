//! Guest operations, through the QEMU guest agent.

pub(crate) mod address;
pub(crate) mod agent;
mod copy;
mod operation;
mod program;

use crate::cli::GuestLogin;
use crate::cli::grammar::GuestRequest;
use crate::fault::Fault;
use crate::home::Home;
use crate::machine::Vmx;
use crate::running::{self, Record};

use agent::Agent;
pub(crate) use operation::Guest;

/// `checkToolsState`: `running` if the agent answers, `installed` if it only holds its port, else `unknown`.
pub(crate) fn state(home: &Home, vmx: &Vmx) -> Result<String, Fault> {
    let state = match running::require(home, vmx) {
        Err(Fault::NotPoweredOn(_)) => "unknown",
        Err(fault) => return Err(fault),
        Ok(record) if !agent::is_open(&record) => "unknown",
        Ok(record) if Agent::connect(home, &record).is_ok() => "running",
        Ok(_) => "installed",
    };
    Ok(format!("{state}\n"))
}

/// A running machine whose agent is there, or the fault that vmrun has for it.
fn reachable(home: &Home, vmx: &Vmx) -> Result<Record, Fault> {
    let record = running::require(home, vmx)?;
    if agent::is_open(&record) {
        return Ok(record);
    }
    Err(if record.is_alive() {
        Fault::ToolsNotRunning(vmx.given.clone())
    } else {
        Fault::NotPoweredOn(vmx.given.clone())
    })
}

/// Logs in to a running guest.
pub(crate) fn log_in<'a>(home: &'a Home, vmx: &'a Vmx, login: Option<&'a GuestLogin>) -> Result<Guest<'a>, Fault> {
    let record = reachable(home, vmx)?;
    let login = login.ok_or(Fault::AnonymousGuest)?;
    Ok(Guest {
        home,
        vmx,
        record,
        login,
    })
}

/// Carries out a guest command.
pub(crate) fn run(home: &Home, vmx: &Vmx, login: Option<&GuestLogin>, request: &GuestRequest) -> Result<String, Fault> {
    use GuestRequest as G;
    let guest = log_in(home, vmx, login)?;
    match request {
        G::RunProgram {
            options,
            program,
            arguments,
        } => program::run(&guest, *options, program, arguments),
        G::RunScript {
            options,
            interpreter,
            script,
        } => program::run_script(&guest, *options, interpreter, script),
        G::FileExists { path } => exists(guest.run("file-exists", &[path]), "file"),
        G::DirectoryExists { path } => exists(guest.run("directory-exists", &[path]), "directory"),
        G::ListProcesses => guest.run("processes", &[]).map(|listing| processes(&listing)),
        G::KillProcess { pid } => guest.quiet("kill", &[&pid.to_string()]),
        G::DeleteFile { path } => guest.quiet("delete-file", &[path]),
        G::CreateDirectory { path } => guest.quiet("make-directory", &[path]),
        G::DeleteDirectory { path } => guest.quiet("delete-directory", &[path]),
        G::CreateTempfile => guest.run("make-tempfile", &[]),
        G::ListDirectory { path } => guest.run("list-directory", &[path]).map(|listing| directory(&listing)),
        G::Rename { from, to } => guest.quiet("rename", &[from, to]),
        G::CopyIn { host, guest: to } => copy::into_guest(&guest, host, to),
        G::CopyOut { guest: from, host } => copy::out_of_guest(&guest, from, host),
    }
}

fn exists(result: Result<String, Fault>, what: &'static str) -> Result<String, Fault> {
    match result {
        Ok(_) => Ok(format!("The {what} exists.\n")),
        Err(Fault::FileNotFound { .. }) => Err(Fault::Absent(what)),
        Err(fault) => Err(fault),
    }
}

/// Lines of "PID OWNER COMMAND" as vmrun prints them.
fn processes(listing: &str) -> String {
    let mut lines = Vec::new();
    for line in listing.lines() {
        let Some((pid, rest)) = line.trim().split_once(char::is_whitespace) else {
            continue;
        };
        let (owner, command) = rest
            .trim_start()
            .split_once(char::is_whitespace)
            .unwrap_or((rest.trim(), ""));
        lines.push(format!("pid={pid}, owner={owner}, cmd={}\n", command.trim()));
    }
    format!("Process list: {}\n{}", lines.len(), lines.concat())
}

fn directory(listing: &str) -> String {
    let lines: Vec<&str> = listing.lines().collect();
    let mut text = format!("Directory list: {}\n", lines.len());
    for name in lines {
        text.push_str(name);
        text.push('\n');
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processes_are_listed_in_vmruns_form() {
        let listing = "      1 root                 /sbin/init quiet, splash\n     42 ubuntu   [kthread]\n\n";
        assert_eq!(
            processes(listing),
            "Process list: 2\npid=1, owner=root, cmd=/sbin/init quiet, splash\npid=42, owner=ubuntu, cmd=[kthread]\n"
        );
    }

    #[test]
    fn directories_are_listed_with_a_count_first() {
        assert_eq!(directory("a\n나 다\n"), "Directory list: 2\na\n나 다\n");
        assert_eq!(directory(""), "Directory list: 0\n");
    }
}
