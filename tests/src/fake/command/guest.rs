//! Guest operations: through VMware Tools, with the guest's user and password.

use std::fmt::Write as _;

use sha_crypt::{PasswordVerifier as _, ShaCrypt};

use super::Call;
use super::power::known;
use crate::fake::disk::Disk;
use crate::fake::machine::{Power, Time};
use crate::fake::texts;
use crate::fake::world::{Reply, World};

pub(super) fn operation(world: &mut World, now: Time, call: &Call) -> Result<Reply, String> {
    let config = world.config.clone();
    let machine = known(world, call)?;
    if machine.power != Power::Running {
        return Err(format!("{}: {}", texts::NOT_POWERED_ON, machine.vmx.display()));
    }
    if !machine.tools_run(now, &config) {
        return Err(format!("{}: {}", texts::TOOLS_NOT_RUNNING, machine.vmx.display()));
    }
    let (Some(user), Some(password)) = (&call.user, &call.password) else {
        return Err(texts::ANONYMOUS.to_owned());
    };
    let identity = machine.disk.identity.as_ref().filter(|identity| identity.user == *user);
    let hash = identity.and_then(|identity| identity.password.as_deref());
    let right = hash.is_some_and(|hash| ShaCrypt::default().verify_password(password.as_bytes(), hash).is_ok());
    if !right {
        return Err(texts::BAD_LOGIN.to_owned());
    }
    let key = machine.vmx.to_string_lossy().into_owned();
    if matches!(call.command.as_str(), "runProgramInGuest" | "runScriptInGuest") {
        return program(world, now, &key, call);
    }
    let disk = &mut world.machine(&key).ok_or(texts::NO_FILE)?.disk;
    on_disk(disk, call)
}

/// vmrun joins what stands behind the program's path into one command line; the guest splits it again.
fn program(world: &mut World, now: Time, key: &str, call: &Call) -> Result<Reply, String> {
    let words: Vec<&str> = call
        .arguments
        .iter()
        .map(String::as_str)
        .skip_while(|a| a.starts_with('-'))
        .collect();
    let line = match (call.command.as_str(), words.as_slice()) {
        ("runProgramInGuest", [_, ..]) => words.join(" "),
        ("runScriptInGuest", [_, script, ..]) => (*script).to_owned(),
        _ => return Err(texts::INVALID.to_owned()),
    };
    let outcome = world.run_in_guest(now, key, &line, b"").ok_or(texts::NEEDS_POWER)?;
    if outcome.exit == 0 || call.arguments.iter().any(|a| a == "-noWait") {
        return Ok(Reply::default());
    }
    // No `Error:` before it, exit code 1 whatever the program's was.
    Ok(Reply {
        exit: 1,
        ..Reply::ok(format!(
            "Guest program exited with non-zero exit code: {}\n",
            outcome.exit
        ))
    })
}

fn on_disk(disk: &mut Disk, call: &Call) -> Result<Reply, String> {
    let path = call.argument(0);
    let done = |found: bool| {
        if found {
            Ok(Reply::default())
        } else {
            Err(texts::NO_FILE.to_owned())
        }
    };
    let answer = |yes: bool, what: &str| {
        if yes {
            Ok(Reply::ok(format!("The {what} exists.\n")))
        } else {
            Ok(Reply {
                exit: 255,
                ..Reply::ok(format!("The {what} does not exist.\n"))
            })
        }
    };
    let refusal = |reason: &str| match reason {
        "Permission denied" => texts::NO_ACCESS.to_owned(),
        _ => texts::NO_FILE.to_owned(),
    };
    match call.command.as_str() {
        "fileExistsInGuest" => answer(disk.read(path, true).is_ok() || path == "/", "file"),
        "directoryExistsInGuest" => answer(disk.is_directory(path), "directory"),
        "createDirectoryInGuest" => {
            disk.make_directory(path);
            Ok(Reply::default())
        }
        "deleteDirectoryInGuest" => done(disk.remove_tree(path)),
        "deleteFileInGuest" => done(disk.remove(path)),
        "renameFileInGuest" => {
            let content = disk.read(path, false).map_err(refusal)?;
            disk.write(call.argument(1), content, false).map_err(refusal)?;
            done(disk.remove(path))
        }
        "CreateTempfileInGuest" => {
            let path = format!("/tmp/vmware-{}", disk.names("/tmp").len());
            disk.put(&path, Vec::new(), false);
            Ok(Reply::ok(format!("{path}\n")))
        }
        "listDirectoryInGuest" => {
            let names = disk.names(path);
            let mut text = format!("Directory list: {}\n", names.len());
            for name in names {
                let _ = writeln!(text, "{name}");
            }
            Ok(Reply::ok(text))
        }
        "listProcessesInGuest" => Ok(Reply::ok("Process list: 1\npid=1, owner=root, cmd=/sbin/init\n")),
        "CopyFileFromGuestToHost" => {
            let content = disk.read(path, false).map_err(refusal)?;
            std::fs::write(call.argument(1), content).map_err(|_| texts::NO_ACCESS.to_owned())?;
            Ok(Reply::default())
        }
        "CopyFileFromHostToGuest" => {
            let content = std::fs::read(path).map_err(|_| texts::NO_FILE.to_owned())?;
            disk.write(call.argument(1), content, false).map_err(refusal)?;
            Ok(Reply::default())
        }
        _ => Err(texts::NOT_SUPPORTED.to_owned()),
    }
}
