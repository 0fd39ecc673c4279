//! One interactive session, from the first key to the exit code.

use std::io::{self, Write};
use std::time::Duration;

use lab_engine::{ErrorKind, LabError};
use tokio::sync::mpsc::Receiver;
use vmrun_rs::guest::ssh::{ShellEvent, ShellInput, ShellOutput, ShellRequest};
use vmrun_rs::guest::{SshAccess, SshChannel};

use super::terminal::{self, Raw};
use crate::failure::Context as _;

/// How often the terminal's size is looked at. Windows has no signal for a change, and a look costs nothing.
const SIZE_INTERVAL: Duration = Duration::from_millis(250);

/// Opens a login shell and connects it with this program's own input and output until it ends; its exit code.
///
/// With a terminal at both ends the guest gets one too; else the shell reads its commands from standard input.
pub(super) async fn run(access: SshAccess) -> Result<i32, LabError> {
    let channel = SshChannel::new(access);
    channel.connect().await.context(ErrorKind::Failed, "could not log in")?;
    let mut request = ShellRequest::new();
    let interactive = terminal::is_interactive();
    if interactive {
        let (columns, rows) = terminal::size();
        request = request.terminal(terminal::name(), columns, rows);
    }
    let shell = channel
        .shell(&request)
        .await
        .context(ErrorKind::Failed, "could not open a shell")?;
    let (input, output) = shell.split();
    let raw = interactive.then(Raw::enter).transpose();
    let _raw = raw.context(ErrorKind::Failed, "could not prepare the terminal")?;
    connect(input, output, terminal::input(), interactive).await
}

async fn connect(
    input: ShellInput,
    mut output: ShellOutput,
    mut keys: Receiver<Vec<u8>>,
    interactive: bool,
) -> Result<i32, LabError> {
    let lost = || LabError::new(ErrorKind::Failed, "the connection was lost");
    let mut sizes = tokio::time::interval(SIZE_INTERVAL);
    let mut size = terminal::size();
    let mut open = true;
    let mut exit = None;
    loop {
        tokio::select! {
            event = output.next() => match event {
                Some(ShellEvent::Stdout(bytes)) => show(&mut io::stdout(), &bytes)?,
                Some(ShellEvent::Stderr(bytes)) => show(&mut io::stderr(), &bytes)?,
                // Output can still follow.
                Some(ShellEvent::Exit(code)) => exit = Some(code),
                Some(_) => {}
                None => return exit.ok_or_else(lost),
            },
            typed = keys.recv(), if open => if let Some(bytes) = typed {
                input.write(&bytes).await.map_err(|e| lost().source(e))?;
            } else {
                open = false;
                input.end().await.map_err(|e| lost().source(e))?;
            },
            _ = sizes.tick(), if interactive => {
                let now = terminal::size();
                if now != size {
                    size = now;
                    input.resize(size.0, size.1).await.map_err(|e| lost().source(e))?;
                }
            }
        }
    }
}

fn show(to: &mut impl Write, bytes: &[u8]) -> Result<(), LabError> {
    to.write_all(bytes)
        .and_then(|()| to.flush())
        .context(ErrorKind::Failed, "could not write what the guest said")
}
