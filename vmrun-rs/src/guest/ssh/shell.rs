//! Interactive sessions: what `ssh guest` and `ssh -t guest command` need.

use std::net::SocketAddr;
use std::sync::Arc;

use russh::{ChannelMsg, ChannelReadHalf};
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::OpenError;
use super::connect::Connection;
use super::exec::{self, KillOnDrop};
use crate::error::ChannelError;

/// What kind of session to open.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ShellRequest {
    /// A line for the guest's shell; without one the user's login shell.
    pub command: Option<String>,
    /// The terminal's name (`xterm-256color`), columns and rows; without one there is no terminal.
    pub terminal: Option<(String, u32, u32)>,
}

impl ShellRequest {
    /// A login shell without a terminal.
    pub fn new() -> Self {
        Self::default()
    }

    /// Runs this line instead of a login shell.
    pub fn command(mut self, line: impl Into<String>) -> Self {
        self.command = Some(line.into());
        self
    }

    /// Asks for a terminal.
    pub fn terminal(mut self, name: impl Into<String>, columns: u32, rows: u32) -> Self {
        self.terminal = Some((name.into(), columns, rows));
        self
    }
}

/// Something that came out of a session.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum ShellEvent {
    /// Standard output, or the terminal's output.
    Stdout(Vec<u8>),
    /// Standard error; a terminal has none.
    Stderr(Vec<u8>),
    /// The program ended with this exit code; 128 + n if signal n ended it. Output can still follow.
    Exit(i32),
}

/// A running session. [`split`](Self::split) it, or let [`copy`](Self::copy) drive it.
#[derive(Debug)]
pub struct SshShell {
    input: ShellInput,
    output: ShellOutput,
}

/// The way into a session. Clones write to the same session; when the last one is dropped, the session is ended.
#[derive(Clone)]
pub struct ShellInput {
    writer: Arc<KillOnDrop>,
    endpoint: SocketAddr,
}

/// The way out of a session.
pub struct ShellOutput {
    reader: ChannelReadHalf,
    /// Keeps the connection, which would close when its last user goes.
    _connection: Arc<Connection>,
}

impl std::fmt::Debug for ShellInput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShellInput")
            .field("endpoint", &self.endpoint)
            .finish_non_exhaustive()
    }
}

impl std::fmt::Debug for ShellOutput {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ShellOutput").finish_non_exhaustive()
    }
}

pub(super) async fn open(connection: &Arc<Connection>, request: &ShellRequest) -> Result<SshShell, OpenError> {
    let channel = exec::open(connection).await?;
    let endpoint = connection.endpoint;
    let dead = |error: russh::Error| {
        let what = "opening a session".to_owned();
        OpenError::Dead(ChannelError::Lost {
            endpoint,
            what,
            source: Some(Box::new(error)),
        })
    };
    if let Some((name, columns, rows)) = &request.terminal {
        channel
            .request_pty(false, name, *columns, *rows, 0, 0, &[])
            .await
            .map_err(dead)?;
    }
    match &request.command {
        Some(line) => channel.exec(true, line.as_str()).await,
        None => channel.request_shell(true).await,
    }
    .map_err(dead)?;
    let (reader, writer) = channel.split();
    let input = ShellInput {
        writer: Arc::new(KillOnDrop::new(writer)),
        endpoint,
    };
    Ok(SshShell {
        input,
        output: ShellOutput {
            reader,
            _connection: Arc::clone(connection),
        },
    })
}

impl ShellInput {
    fn lost(&self, error: russh::Error) -> ChannelError {
        let what = "writing to a session".to_owned();
        ChannelError::Lost {
            endpoint: self.endpoint,
            what,
            source: Some(Box::new(error)),
        }
    }

    /// Writes to the program's standard input.
    pub async fn write(&self, bytes: &[u8]) -> Result<(), ChannelError> {
        match self.writer.writer() {
            Some(writer) => writer
                .data_bytes(bytes.to_vec())
                .await
                .map_err(|error| self.lost(error)),
            None => Ok(()),
        }
    }

    /// Ends the program's standard input.
    pub async fn end(&self) -> Result<(), ChannelError> {
        match self.writer.writer() {
            Some(writer) => writer.eof().await.map_err(|error| self.lost(error)),
            None => Ok(()),
        }
    }

    /// Tells the terminal's new size.
    pub async fn resize(&self, columns: u32, rows: u32) -> Result<(), ChannelError> {
        match self.writer.writer() {
            Some(writer) => writer
                .window_change(columns, rows, 0, 0)
                .await
                .map_err(|error| self.lost(error)),
            None => Ok(()),
        }
    }
}

impl ShellOutput {
    /// The next thing that comes out; `None` once the session is closed. A session that closes without
    /// [`ShellEvent::Exit`] was lost.
    pub async fn next(&mut self) -> Option<ShellEvent> {
        loop {
            match self.reader.wait().await? {
                ChannelMsg::Data { data } => return Some(ShellEvent::Stdout(data.to_vec())),
                ChannelMsg::ExtendedData { data, ext: 1 } => return Some(ShellEvent::Stderr(data.to_vec())),
                ChannelMsg::ExitStatus { exit_status } => return Some(ShellEvent::Exit(exit_status.cast_signed())),
                ChannelMsg::ExitSignal { signal_name, .. } => {
                    return Some(ShellEvent::Exit(128 + exec::signal_number(&signal_name)));
                }
                _ => {}
            }
        }
    }
}

impl SshShell {
    /// The two ways, for use in different tasks.
    pub fn split(self) -> (ShellInput, ShellOutput) {
        (self.input, self.output)
    }

    /// A handle for telling the terminal's size while [`copy`](Self::copy) runs.
    pub fn input(&self) -> ShellInput {
        self.input.clone()
    }

    /// Connects the session with a local standard input, output and error until it ends; returns the exit code. The end
    /// of `stdin` ends the program's input, not the session.
    pub async fn copy(
        self,
        mut stdin: impl AsyncRead + Unpin,
        mut stdout: impl AsyncWrite + Unpin,
        mut stderr: impl AsyncWrite + Unpin,
    ) -> Result<i32, ChannelError> {
        let (input, mut output) = self.split();
        let endpoint = input.endpoint;
        let feed = async {
            let mut chunk = vec![0; 8 * 1024];
            loop {
                match stdin.read(&mut chunk).await {
                    Ok(n) if n > 0 => {
                        if input.write(&chunk[..n]).await.is_err() {
                            break;
                        }
                    }
                    _ => {
                        let _ = input.end().await;
                        break;
                    }
                }
            }
            // The session's end is what the other half waits for.
            std::future::pending::<()>().await;
        };
        let drain = async {
            let mut exit = None;
            while let Some(event) = output.next().await {
                let written = match event {
                    ShellEvent::Stdout(bytes) => write(&mut stdout, &bytes).await,
                    ShellEvent::Stderr(bytes) => write(&mut stderr, &bytes).await,
                    ShellEvent::Exit(code) => {
                        exit = Some(code);
                        Ok(())
                    }
                };
                if let Err(source) = written {
                    let path = std::path::PathBuf::from("(local output)");
                    return Err(ChannelError::Io {
                        what: "write to",
                        path,
                        source,
                    });
                }
            }
            exit.ok_or_else(|| ChannelError::Lost {
                endpoint,
                what: "in an interactive session".to_owned(),
                source: None,
            })
        };
        tokio::select! {
            () = feed => unreachable!("feeding waits for the session's end"),
            code = drain => code,
        }
    }
}

async fn write(to: &mut (impl AsyncWrite + Unpin), bytes: &[u8]) -> std::io::Result<()> {
    to.write_all(bytes).await?;
    to.flush().await
}
