//! Ctrl-C and Ctrl-Break.

use std::io;

use tokio::signal::windows::{CtrlBreak, CtrlC, ctrl_break, ctrl_c};

/// What ends a program in good order.
pub(super) struct Interrupts {
    interrupt: CtrlC,
    stop: CtrlBreak,
}

impl Interrupts {
    pub(super) fn register() -> io::Result<Self> {
        Ok(Self {
            interrupt: ctrl_c()?,
            stop: ctrl_break()?,
        })
    }

    /// Waits for one.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.interrupt.recv() => {}
            _ = self.stop.recv() => {}
        }
    }
}
