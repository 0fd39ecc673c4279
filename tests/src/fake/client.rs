//! The program's side: finds its world, starts the world's server if there is none, asks, prints.

use std::fs::OpenOptions;
use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use super::config::WORLD_FILE;
use super::server::{Answer, Contact, Request, SERVER_FILE};

/// The variable that names the world's directory; else the program's own directory is one.
pub const WORLD_VARIABLE: &str = "VMRUN_FAKE_WORLD";

/// The world that this process belongs to.
pub(crate) fn world() -> Result<PathBuf, String> {
    if let Some(directory) = std::env::var_os(WORLD_VARIABLE).filter(|value| !value.is_empty()) {
        return Ok(PathBuf::from(directory));
    }
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let directory = program.parent().map(Path::to_owned).unwrap_or_default();
    if directory.join(WORLD_FILE).is_file() {
        Ok(directory)
    } else {
        Err(format!(
            "there is no {WORLD_FILE} beside {}, and {WORLD_VARIABLE} is not set",
            program.display()
        ))
    }
}

/// Asks a world's server, which is started if it does not run.
///
/// # Errors
///
/// If there is no answer.
pub(crate) fn ask(directory: &Path, program: &str, argv: &[String]) -> Result<Answer, String> {
    let (stream, contact) = connect(directory)?;
    exchange(stream, contact.token, program, argv)
}

/// Asks a server that runs; `None` where none does.
pub(crate) fn ask_running(directory: &Path, program: &str, argv: &[String]) -> Option<Result<Answer, String>> {
    let (stream, contact) = reach(directory)?;
    Some(exchange(stream, contact.token, program, argv))
}

fn exchange(mut stream: TcpStream, token: String, program: &str, argv: &[String]) -> Result<Answer, String> {
    let request = Request {
        token,
        program: program.to_owned(),
        argv: argv.to_vec(),
    };
    let mut line = serde_json::to_vec(&request).map_err(|e| e.to_string())?;
    line.push(b'\n');
    stream.write_all(&line).map_err(|e| e.to_string())?;
    let mut answer = String::new();
    BufReader::new(stream)
        .read_line(&mut answer)
        .map_err(|e| e.to_string())?;
    serde_json::from_str(&answer).map_err(|e| format!("the world ended before it answered: {e}"))
}

fn reach(directory: &Path) -> Option<(TcpStream, Contact)> {
    let contact: Contact = serde_json::from_slice(&std::fs::read(directory.join(SERVER_FILE)).ok()?).ok()?;
    let stream = TcpStream::connect((Ipv4Addr::LOCALHOST, contact.port)).ok()?;
    let _ = stream.set_nodelay(true);
    Some((stream, contact))
}

fn connect(directory: &Path) -> Result<(TcpStream, Contact), String> {
    if let Some(found) = reach(directory) {
        return Ok(found);
    }
    let lock = directory.join("server.lock");
    let lock = OpenOptions::new()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&lock)
        .map_err(|e| format!("{}: {e}", lock.display()))?;
    // One caller starts it, the others wait here.
    lock.lock().map_err(|e| e.to_string())?;
    if let Some(found) = reach(directory) {
        return Ok(found);
    }
    spawn_server(directory)?;
    let end = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = reach(directory) {
            return Ok(found);
        }
        if Instant::now() > end {
            return Err(format!("the server of {} does not answer", directory.display()));
        }
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// A process of its own, that outlives this one and whoever kills this one's group.
fn spawn_server(directory: &Path) -> Result<(), String> {
    let program = std::env::current_exe().map_err(|e| e.to_string())?;
    let log = std::fs::File::create(directory.join("server.err")).map_err(|e| e.to_string())?;
    let mut command = Command::new(program);
    command.env(WORLD_VARIABLE, directory).env("VMRUN_FAKE_SERVE", "1");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    #[cfg(windows)]
    {
        const DETACHED: u32 = 0x0000_0008;
        const NEW_GROUP: u32 = 0x0000_0200;
        const BREAKAWAY: u32 = 0x0100_0000;
        std::os::windows::process::CommandExt::creation_flags(&mut command, DETACHED | NEW_GROUP | BREAKAWAY);
    }
    command
        .spawn()
        .map(drop)
        .map_err(|e| format!("the world's server cannot be started: {e}"))
}
