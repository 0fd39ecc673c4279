//! The process in which a world lives: answers calls, listens on forwarded ports, ends by itself.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::Ipv4Addr;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;
use tokio::task::JoinHandle;

use super::config::WorldConfig;
use super::log::Log;
use super::machine::Time;
use super::ssh;
use super::vdisk;
use super::world::{End, Reply, World};

/// Where a world's server says how it is reached.
pub(crate) const SERVER_FILE: &str = "server.json";

/// `server.json`.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Contact {
    pub(crate) port: u16,
    pub(crate) token: String,
    pub(crate) pid: u32,
}

/// What a client asks.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Request {
    pub(crate) token: String,
    /// `vmrun`, `vdiskmanager` or `control`.
    pub(crate) program: String,
    pub(crate) argv: Vec<String>,
}

/// What it is told.
#[derive(Debug, Default, Serialize, Deserialize)]
pub(crate) struct Answer {
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) exit: i32,
    /// The program dies of a signal.
    pub(crate) crash: bool,
}

/// What the server's tasks share.
pub(crate) struct Shared {
    world: Mutex<World>,
    begun: Instant,
    scale: f64,
    directory: PathBuf,
    token: String,
    last_call: Mutex<Instant>,
    end: Notify,
}

impl Shared {
    pub(crate) fn world(&self) -> MutexGuard<'_, World> {
        self.world.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn now(&self) -> Time {
        self.begun.elapsed().as_secs_f64() * self.scale
    }

    pub(crate) async fn sleep(&self, seconds: Time) {
        tokio::time::sleep(Duration::from_secs_f64((seconds / self.scale).max(0.0))).await;
    }
}

/// Runs a world's server to its end: told to, idle, its directory gone, or (with `until_eof`) its standard input closed.
///
/// # Errors
///
/// If the world's file is wrong or no port can be had.
pub(crate) fn serve(directory: &Path, until_eof: bool) -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|e| e.to_string())?;
    let result = runtime.block_on(run(directory, until_eof));
    // A thread that waits for standard input would hold the process.
    runtime.shutdown_background();
    result
}

async fn run(directory: &Path, until_eof: bool) -> Result<(), String> {
    let config = WorldConfig::read(directory)?;
    let (scale, idle) = (config.scale, config.idle_exit);
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
        .await
        .map_err(|e| e.to_string())?;
    let port = listener.local_addr().map_err(|e| e.to_string())?.port();
    let contact = Contact {
        port,
        token: token(),
        pid: std::process::id(),
    };
    let shared = Arc::new(Shared {
        world: Mutex::new(World::new(config, Log::open(directory))?),
        begun: Instant::now(),
        scale,
        directory: directory.to_owned(),
        token: contact.token.clone(),
        last_call: Mutex::new(Instant::now()),
        end: Notify::new(),
    });
    publish(directory, &contact)?;
    let ports = tokio::spawn(listen_on_forwards(Arc::clone(&shared)));
    let calls = tokio::spawn(accept(listener, Arc::clone(&shared)));
    tokio::select! {
        () = shared.end.notified() => {}
        () = abandoned(&shared, &contact, idle) => {}
        () = end_of_input(), if until_eof => {}
    }
    calls.abort();
    ports.abort();
    let mine = std::fs::read(directory.join(SERVER_FILE)).ok();
    if mine
        .and_then(|b| serde_json::from_slice::<Contact>(&b).ok())
        .is_some_and(|c| c.pid == contact.pid)
    {
        let _ = std::fs::remove_file(directory.join(SERVER_FILE));
    }
    Ok(())
}

/// Only keeps a stranger's connection from being taken for a call.
fn token() -> String {
    let time = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .unwrap_or_default();
    format!("{:x}-{:x}", time.as_nanos(), std::process::id())
}

fn publish(directory: &Path, contact: &Contact) -> Result<(), String> {
    let text = serde_json::to_vec(contact).map_err(|e| e.to_string())?;
    let part = directory.join(format!("{SERVER_FILE}.{}", contact.pid));
    std::fs::write(&part, text)
        .and_then(|()| std::fs::rename(&part, directory.join(SERVER_FILE)))
        .map_err(|e| format!("{}: {e}", directory.display()))
}

async fn end_of_input() {
    let mut buffer = [0; 64];
    let mut input = tokio::io::stdin();
    while input.read(&mut buffer).await.is_ok_and(|n| n > 0) {}
}

/// Returns when nobody needs the server any more.
async fn abandoned(shared: &Shared, contact: &Contact, idle: f64) {
    loop {
        tokio::time::sleep(Duration::from_millis(500)).await;
        let file = std::fs::read(shared.directory.join(SERVER_FILE)).ok();
        let mine = file.and_then(|bytes| serde_json::from_slice::<Contact>(&bytes).ok());
        let last = *shared.last_call.lock().unwrap_or_else(PoisonError::into_inner);
        if mine.is_none_or(|c| c.pid != contact.pid) || last.elapsed().as_secs_f64() > idle {
            return;
        }
    }
}

async fn accept(listener: TcpListener, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let shared = Arc::clone(&shared);
        tokio::spawn(async move {
            // A caller that was killed in the middle is no error here.
            let _ = serve_call(stream, &shared).await;
        });
    }
}

async fn serve_call(stream: TcpStream, shared: &Shared) -> std::io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = BufReader::new(stream);
    let mut line = String::new();
    stream.read_line(&mut line).await?;
    let request: Request = serde_json::from_str(&line)?;
    if request.token != shared.token {
        return Ok(());
    }
    *shared.last_call.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    let answer = match request.program.as_str() {
        "control" => Some(control(shared, &request.argv)),
        "vdiskmanager" => {
            shared.sleep(0.3).await;
            let fault = shared.world().strike_disk(shared.now());
            match fault.as_deref() {
                Some("hang") => None,
                Some(_) => Some(vdisk::full()),
                None => Some(vdisk::run(&request.argv)),
            }
        }
        _ => call(shared, &request.argv, &mut stream).await,
    };
    let Some(answer) = answer else {
        // It hangs until the caller goes away.
        while stream.read(&mut [0; 16]).await? > 0 {}
        return Ok(());
    };
    let mut text = serde_json::to_vec(&answer)?;
    text.push(b'\n');
    let written = stream.get_mut().write_all(&text).await;
    // Whoever asked for the end has the answer first, if it is still there.
    if request.program == "control" && request.argv == ["end"] {
        shared.end.notify_one();
    }
    written
}

async fn call(shared: &Shared, argv: &[String], caller: &mut BufReader<TcpStream>) -> Option<Answer> {
    let call = shared.world().begin(shared.now(), argv);
    shared.sleep(call.latency).await;
    loop {
        let reply = shared.world().finish(shared.now(), &call);
        match reply.end {
            End::Hang => return None,
            End::Wait => {
                let mut byte = [0; 1];
                tokio::select! {
                    () = shared.sleep(0.5) => {}
                    _ = caller.read(&mut byte) => return None,
                }
            }
            End::Exit | End::Crash => return Some(answer(reply)),
        }
    }
}

fn answer(reply: Reply) -> Answer {
    Answer {
        stdout: reply.stdout,
        stderr: reply.stderr,
        exit: reply.exit,
        crash: reply.end == End::Crash,
    }
}

/// What a test asks: the truth, the end, the end of all faults.
fn control(shared: &Shared, argv: &[String]) -> Answer {
    let words: Vec<&str> = argv.iter().map(String::as_str).collect();
    let value: Value = match words.as_slice() {
        ["truth"] => shared.world().truth(shared.now()),
        ["clear-faults"] => {
            shared.world().clear_faults();
            json!({})
        }
        // It ends when this has been answered.
        ["end"] => json!({}),
        _ => json!({"error": format!("unknown control {words:?}")}),
    };
    Answer {
        stdout: format!("{value}\n").into_bytes(),
        exit: i32::from(value.get("error").is_some()),
        ..Answer::default()
    }
}

/// Keeps a listener for each forwarded port of the list.
async fn listen_on_forwards(shared: Arc<Shared>) {
    let mut tasks: HashMap<u16, JoinHandle<()>> = HashMap::new();
    loop {
        let wanted: Vec<u16> = {
            let mut world = shared.world();
            // What happens by itself also happens while nobody asks: locks go away, consoles grow.
            world.advance(shared.now());
            world.forwards.keys().copied().collect()
        };
        tasks.retain(|port, task| {
            let keep = wanted.contains(port) && !task.is_finished();
            if !keep {
                task.abort();
            }
            keep
        });
        for port in wanted {
            if let Entry::Vacant(place) = tasks.entry(port)
                && let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)).await
            {
                place.insert(tokio::spawn(forward(listener, port, Arc::clone(&shared))));
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// As a NAT does: it accepts, and closes if nothing answers behind it.
async fn forward(listener: TcpListener, port: u16, shared: Arc<Shared>) {
    while let Ok((stream, _)) = listener.accept().await {
        let guest = {
            let mut world = shared.world();
            let target = world.forwards.get(&port).cloned();
            target
                .filter(|t| t.port == 22)
                .and_then(|t| world.guest_at(shared.now(), t.guest))
        };
        if let Some(key) = guest {
            tokio::spawn(ssh::serve(stream, key, Arc::clone(&shared)));
        }
    }
}
