//! One command on the connection.

use std::path::Path;
use std::time::Duration;

use russh::client::Msg;
use russh::{Channel, ChannelMsg, ChannelOpenFailure, Sig};
use tokio::fs::File;
use tokio::io::AsyncReadExt;
use tokio::time::{sleep, timeout};

use super::OpenError;
use super::connect::Connection;
use crate::error::ChannelError;
use crate::guest::GuestOutput;

/// What a command finds on its standard input.
pub(super) enum Input<'a> {
    /// Its end.
    Nothing,
    /// A file of the host.
    File(File, &'a Path),
}

/// The most that one command may print: what is larger belongs into a file that is copied.
const OUTPUT_LIMIT: usize = 64 * 1024 * 1024;

/// How often a refused session is asked for again: a server frees a session only a moment after it has ended, so that the
/// next one can be one too many for it. The pauses double from 10 ms and come to about 2.5 s.
const OPEN_ATTEMPTS: u32 = 9;

/// Opens a session channel, or finds the connection dead.
pub(super) async fn open(connection: &Connection) -> Result<Channel<Msg>, OpenError> {
    let endpoint = connection.endpoint;
    let lost = |source: Option<Box<dyn std::error::Error + Send + Sync>>| {
        OpenError::Dead(ChannelError::Lost {
            endpoint,
            what: "opening a session".to_owned(),
            source,
        })
    };
    let mut attempt = 1;
    loop {
        match timeout(connection.open_timeout, connection.handle.channel_open_session()).await {
            Ok(Ok(channel)) => return Ok(channel),
            Ok(Err(russh::Error::ChannelOpenFailure(
                ChannelOpenFailure::ConnectFailed | ChannelOpenFailure::ResourceShortage,
            ))) if attempt < OPEN_ATTEMPTS => {
                sleep(Duration::from_millis(5 << attempt)).await;
                attempt += 1;
            }
            Ok(Err(russh::Error::ChannelOpenFailure(reason))) => {
                let reason = match reason {
                    ChannelOpenFailure::ResourceShortage => "it is short of resources",
                    _ => "it allows no (more) sessions on one connection",
                };
                return Err(OpenError::Failed(ChannelError::Protocol {
                    endpoint,
                    reason: reason.to_owned(),
                }));
            }
            Ok(Err(error)) => return Err(lost(Some(Box::new(error)))),
            Err(_) => return Err(lost(None)),
        }
    }
}

/// A command that was sent. Dropping it before its end kills it.
pub(super) struct Session {
    channel: Option<Channel<Msg>>,
    endpoint: std::net::SocketAddr,
}

impl Session {
    pub(super) async fn start(connection: &Connection, line: &str) -> Result<Self, OpenError> {
        let channel = open(connection).await?;
        let session = Self {
            channel: Some(channel),
            endpoint: connection.endpoint,
        };
        let sent = match &session.channel {
            Some(channel) => channel.exec(true, line).await,
            None => Ok(()),
        };
        match sent {
            Ok(()) => Ok(session),
            // The request did not leave this process.
            Err(error) => Err(OpenError::Dead(session.lost("sending a command", Some(error)))),
        }
    }

    fn lost(&self, what: &str, error: Option<russh::Error>) -> ChannelError {
        let source = error.map(|error| Box::new(error) as Box<dyn std::error::Error + Send + Sync>);
        ChannelError::Lost {
            endpoint: self.endpoint,
            what: what.to_owned(),
            source,
        }
    }

    /// Feeds the command its input and collects what it leaves behind.
    pub(super) async fn finish(mut self, what: &str, input: Input<'_>) -> Result<GuestOutput, ChannelError> {
        let Some(channel) = self.channel.take() else {
            return Err(self.lost(what, None));
        };
        let (mut reader, writer) = channel.split();
        let guard = KillOnDrop::new(writer);

        let feed = async {
            if let (Input::File(mut file, path), Some(writer)) = (input, guard.writer()) {
                let mut chunk = vec![0; 32 * 1024];
                loop {
                    let read = file.read(&mut chunk).await;
                    match read {
                        Ok(0) => break,
                        // An error means that the command has ended or the connection is lost: its answer tells.
                        Ok(n) if writer.data_bytes(chunk[..n].to_vec()).await.is_ok() => {}
                        Ok(_) => return Ok(()),
                        Err(source) => {
                            return Err(ChannelError::Io {
                                what: "read",
                                path: path.to_owned(),
                                source,
                            });
                        }
                    }
                }
            }
            if let Some(writer) = guard.writer() {
                let _ = writer.eof().await;
            }
            Ok(())
        };

        let collect = async {
            let mut output = GuestOutput {
                exit_code: 0,
                stdout: Vec::new(),
                stderr: Vec::new(),
            };
            let mut exit = None;
            while let Some(message) = reader.wait().await {
                match message {
                    ChannelMsg::Data { data } => output.stdout.extend_from_slice(&data),
                    ChannelMsg::ExtendedData { data, ext: 1 } => output.stderr.extend_from_slice(&data),
                    ChannelMsg::ExitStatus { exit_status } => exit = Some(exit_status.cast_signed()),
                    ChannelMsg::ExitSignal { signal_name, .. } => exit = Some(128 + signal_number(&signal_name)),
                    ChannelMsg::Failure => {
                        let reason = "it refused to run a command".to_owned();
                        return Err(ChannelError::Protocol {
                            endpoint: self.endpoint,
                            reason,
                        });
                    }
                    _ => {}
                }
                if output.stdout.len() + output.stderr.len() > OUTPUT_LIMIT {
                    let reason = format!("it printed more than {} MiB", OUTPUT_LIMIT / (1024 * 1024));
                    return Err(ChannelError::Guest {
                        what: what.to_owned(),
                        reason,
                    });
                }
            }
            // A channel that ends without an exit code ended with its connection.
            output.exit_code = exit.ok_or_else(|| self.lost(what, None))?;
            Ok(output)
        };

        // The answer can come before the input is consumed, and then ends the feeding.
        let collected = {
            tokio::pin!(feed, collect);
            tokio::select! {
                output = &mut collect => output,
                done = &mut feed => match done {
                    Ok(()) => collect.await,
                    Err(error) => Err(error),
                },
            }
        };
        if collected.is_ok() {
            guard.disarm();
        }
        collected
    }
}

/// Ends a command whose caller has gone, or gave up waiting.
pub(super) struct KillOnDrop(Option<russh::ChannelWriteHalf<Msg>>);

impl KillOnDrop {
    pub(super) fn new(writer: russh::ChannelWriteHalf<Msg>) -> Self {
        Self(Some(writer))
    }

    pub(super) fn writer(&self) -> Option<&russh::ChannelWriteHalf<Msg>> {
        self.0.as_ref()
    }

    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        if let (Some(writer), Ok(runtime)) = (self.0.take(), tokio::runtime::Handle::try_current()) {
            runtime.spawn(async move {
                let _ = writer.signal(Sig::KILL).await;
                let _ = writer.close().await;
            });
        }
    }
}

pub(super) fn signal_number(signal: &Sig) -> i32 {
    match signal {
        Sig::HUP => 1,
        Sig::INT => 2,
        Sig::QUIT => 3,
        Sig::ILL => 4,
        Sig::ABRT => 6,
        Sig::FPE => 8,
        Sig::KILL => 9,
        Sig::USR1 => 10,
        Sig::SEGV => 11,
        Sig::PIPE => 13,
        Sig::ALRM => 14,
        Sig::TERM => 15,
        Sig::Custom(_) => 0,
    }
}
