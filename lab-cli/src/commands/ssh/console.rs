//! A console of Windows that speaks as terminals do elsewhere.

use std::io;

use crossterm_winapi::{ConsoleMode, Handle};

/// `ENABLE_VIRTUAL_TERMINAL_INPUT`: arrows and function keys come as escape sequences.
const KEYS_AS_SEQUENCES: u32 = 0x0200;
/// `ENABLE_VIRTUAL_TERMINAL_PROCESSING`: the guest's colours and cursor movements are obeyed.
const OBEY_SEQUENCES: u32 = 0x0004;
/// `DISABLE_NEWLINE_AUTO_RETURN`: a line feed only goes down, as full-screen programs expect.
const BARE_LINE_FEED: u32 = 0x0008;

/// The console's modes as they were; they go back when this is dropped.
pub(super) struct Sequences {
    before: [(ConsoleMode, u32); 2],
}

impl Sequences {
    /// Sets what a guest's terminal needs. Consoles before Windows 10 cannot do it.
    pub(super) fn enter() -> io::Result<Self> {
        let set = |handle: Handle, flags: u32| {
            let mode = ConsoleMode::from(handle);
            let before = mode.mode()?;
            mode.set_mode(before | flags)?;
            io::Result::Ok((mode, before))
        };
        let input = set(Handle::current_in_handle()?, KEYS_AS_SEQUENCES)?;
        let output = set(Handle::current_out_handle()?, OBEY_SEQUENCES | BARE_LINE_FEED)?;
        Ok(Self {
            before: [input, output],
        })
    }
}

impl Drop for Sequences {
    fn drop(&mut self) {
        for (mode, before) in &self.before {
            // Nothing better can be done for a console that does not go back.
            let _ = mode.set_mode(*before);
        }
    }
}
