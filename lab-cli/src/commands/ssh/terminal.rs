//! The local terminal while a guest's one is drawn on it.

use std::io::{self, IsTerminal as _, Read as _};

use tokio::sync::mpsc::{Receiver, channel};

/// What the guest is told where this one's name is not known.
const USUAL: &str = "xterm-256color";

/// Every key goes to the guest while this lives, Ctrl-C included.
pub(super) struct Raw {
    #[cfg(windows)]
    _console: super::console::Sequences,
}

impl Raw {
    /// Puts the terminal into raw mode; it goes back when the value is dropped.
    pub(super) fn enter() -> io::Result<Self> {
        crossterm::terminal::enable_raw_mode()?;
        Ok(Self {
            #[cfg(windows)]
            _console: super::console::Sequences::enter()?,
        })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // Nothing better can be done for a terminal that does not go back.
        let _ = crossterm::terminal::disable_raw_mode();
    }
}

/// Whether a person sits at both ends.
pub(super) fn is_interactive() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// The terminal's name.
pub(super) fn name() -> String {
    std::env::var("TERM")
        .ok()
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| USUAL.to_owned())
}

/// Columns and rows.
pub(super) fn size() -> (u32, u32) {
    let (columns, rows) = crossterm::terminal::size().unwrap_or((80, 24));
    (columns.into(), rows.into())
}

/// What comes from standard input; ends where that ends.
///
/// Read by a thread of its own that nobody waits for: a read from a terminal cannot be taken back, and one that was
/// left to the runtime would hold up the program's end until the next key.
pub(super) fn input(interactive: bool) -> Receiver<Vec<u8>> {
    let (sender, receiver) = channel(16);
    std::thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        let mut chunk = vec![0; 8 * 1024];
        loop {
            let keys = match stdin.read(&mut chunk) {
                // Ctrl-Z, which the standard library takes for the end of a Windows console. In raw mode it is a key.
                Ok(0) if cfg!(windows) && interactive => b"\x1a".to_vec(),
                Ok(0) => break,
                Ok(n) => chunk[..n].to_vec(),
                Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => break,
            };
            if sender.blocking_send(keys).is_err() {
                break;
            }
        }
    });
    receiver
}
