//! The first interrupt asks for a clean end, the second one ends the process.

#[cfg(unix)]
mod unix;
#[cfg(windows)]
mod windows;

#[cfg(unix)]
use unix as platform;
#[cfg(windows)]
use windows as platform;

use std::io;
use std::sync::mpsc::{Sender, channel};

use tokio_util::sync::{CancellationToken, DropGuard};

use crate::failure::Exit;
use crate::screen::Screen;

/// Watches for interrupts from when it returns until its value is dropped.
///
/// On a thread and a runtime of its own: the second interrupt counts most while the work's own runtime is held up, or is
/// being shut down because of the first.
pub(crate) fn watch(cancel: CancellationToken, screen: Screen, notice: Option<String>) -> DropGuard {
    let over = CancellationToken::new();
    let (registered, wait) = channel();
    let until = over.clone();
    std::thread::spawn(move || {
        if let Err(error) = run(&registered, &cancel, &screen, notice.as_deref(), &until) {
            tracing::warn!(%error, "interrupts cannot be watched: one will end the program at once");
        }
    });
    // Registered before anything is done, so that no interrupt finds the system's own handler. Also comes when it failed.
    let _ = wait.recv();
    over.drop_guard()
}

fn run(
    registered: &Sender<()>,
    cancel: &CancellationToken,
    screen: &Screen,
    notice: Option<&str>,
    until: &CancellationToken,
) -> io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime
        .block_on(until.run_until_cancelled(async {
            let mut interrupts = platform::Interrupts::register()?;
            let _ = registered.send(());
            interrupts.next().await;
            if let Some(notice) = notice {
                screen.line(notice);
            }
            cancel.cancel();
            interrupts.next().await;
            screen.close();
            std::process::exit(Exit::INTERRUPTED.code().into());
        }))
        .unwrap_or(Ok(()))
}
