//! The first interrupt asks for a clean end, the second one ends the process.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix::Interrupts;
#[cfg(windows)]
use windows::Interrupts;

use tokio_util::sync::CancellationToken;

use crate::failure::Exit;
use crate::screen::Screen;

/// Starts to watch for interrupts. Must be called within a runtime.
pub(crate) fn watch(cancel: CancellationToken, screen: Screen, notice: Option<String>) {
    // Registered before anything is done, so that no interrupt finds the system's own handler.
    let interrupts = Interrupts::register();
    tokio::spawn(async move {
        let Ok(mut interrupts) = interrupts else {
            tracing::warn!("interrupts cannot be watched: one will end the program at once");
            return;
        };
        interrupts.next().await;
        if let Some(notice) = &notice {
            screen.line(notice);
        }
        cancel.cancel();
        interrupts.next().await;
        screen.close();
        std::process::exit(Exit::INTERRUPTED.code().into());
    });
}
