//! Whether standard error is a terminal on which lines can be painted over.

use std::io::IsTerminal as _;

/// Whether a live table can be shown.
pub(crate) fn can_paint() -> bool {
    std::io::stderr().is_terminal() && understands_sequences()
}

/// Whether it shows progress in its tab or the task bar.
pub(super) fn knows_taskbar() -> bool {
    can_paint() && stage_timer::taskbar::is_known(|name| std::env::var(name).ok())
}

#[cfg(not(windows))]
fn understands_sequences() -> bool {
    std::env::var_os("TERM").is_none_or(|name| name != "dumb")
}

/// Consoles before Windows 10 do not; later ones are told to.
#[cfg(windows)]
fn understands_sequences() -> bool {
    crossterm::ansi_support::supports_ansi()
}
