//! One interactive session, from the first key to the exit code.

use std::io::{self, IsTerminal, Write};
use std::time::Duration;

use encoding_rs::{Decoder, UTF_8};
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
    connect(input, output, terminal::input(interactive), interactive).await
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
    let (mut stdout, mut stderr) = (Sink::new(io::stdout()), Sink::new(io::stderr()));
    loop {
        tokio::select! {
            event = output.next() => match event {
                Some(ShellEvent::Stdout(bytes)) => stdout.show(&bytes)?,
                Some(ShellEvent::Stderr(bytes)) => stderr.show(&bytes)?,
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

/// Where one of the guest's streams goes.
struct Sink<W> {
    to: W,
    /// A console of Windows takes whole characters only and refuses what is none; a guest's output comes in pieces, and
    /// some of it is no text.
    text: Option<Decoder>,
}

impl<W: Write + IsTerminal> Sink<W> {
    fn new(to: W) -> Self {
        let text = cfg!(windows) && to.is_terminal();
        Self {
            to,
            text: text.then(|| UTF_8.new_decoder_without_bom_handling()),
        }
    }
}

impl<W: Write> Sink<W> {
    fn show(&mut self, bytes: &[u8]) -> Result<(), LabError> {
        let written = match &mut self.text {
            None => self.to.write_all(bytes),
            Some(decoder) => {
                let mut text = String::with_capacity(decoder.max_utf8_buffer_length(bytes.len()).unwrap_or(0));
                // The text has room for everything, so that one call takes all of it.
                let _ = decoder.decode_to_string(bytes, &mut text, false);
                self.to.write_all(text.as_bytes())
            }
        };
        written
            .and_then(|()| self.to.flush())
            .context(ErrorKind::Failed, "could not write what the guest said")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: bool, pieces: &[&[u8]]) -> Vec<u8> {
        let mut sink = Sink {
            to: Vec::new(),
            text: text.then(|| UTF_8.new_decoder_without_bom_handling()),
        };
        for piece in pieces {
            sink.show(piece).unwrap();
        }
        sink.to
    }

    #[test]
    fn a_character_that_comes_in_two_pieces_is_shown_once_and_whole() {
        let word = "가나".as_bytes();
        for cut in 0..=word.len() {
            assert_eq!(shown(true, &[&word[..cut], &word[cut..]]), word);
        }
    }

    #[test]
    fn a_console_gets_text_whatever_the_guest_sends_and_anything_else_gets_the_bytes() {
        assert_eq!(
            shown(true, &[b"a\xff\xfeb", b"\x1b[31m\r\n"]),
            "a\u{fffd}\u{fffd}b\x1b[31m\r\n".as_bytes()
        );
        assert_eq!(shown(false, &[b"a\xff\xfeb"]), b"a\xff\xfeb");
    }
}
