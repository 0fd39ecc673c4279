//! What other users, or programs that live long, can see of a process: its title, and the environment that it was given.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Looks at all processes again and again. Only where the system tells (`/proc`).
pub(crate) struct Watch {
    end: Arc<AtomicBool>,
    thread: JoinHandle<Seen>,
}

/// Everything that was seen.
#[derive(Default)]
pub(crate) struct Seen {
    /// Command lines, their arguments each behind a NUL byte.
    pub(crate) titles: BTreeSet<Vec<u8>>,
    /// Command line and environment of the programs that `lab-cli` started.
    pub(crate) environments: BTreeSet<(Vec<u8>, Vec<u8>)>,
}

impl Watch {
    /// `program`: whose environment is looked at, a part of its command line.
    pub(crate) fn start(program: String) -> Self {
        let end = Arc::new(AtomicBool::new(false));
        let ended = Arc::clone(&end);
        let thread = std::thread::spawn(move || {
            let mut seen = Seen::default();
            while !ended.load(Ordering::Relaxed) {
                look(&program, &mut seen);
                std::thread::sleep(Duration::from_millis(2));
            }
            seen
        });
        Self { end, thread }
    }

    pub(crate) fn end(self) -> Seen {
        self.end.store(true, Ordering::Relaxed);
        self.thread.join().unwrap()
    }
}

fn look(program: &str, seen: &mut Seen) {
    for entry in std::fs::read_dir("/proc").into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().bytes().all(|b| b.is_ascii_digit()) {
            continue;
        }
        let Ok(title) = std::fs::read(entry.path().join("cmdline")) else {
            continue;
        };
        if String::from_utf8_lossy(&title).contains(program)
            && let Ok(environment) = std::fs::read(entry.path().join("environ"))
        {
            seen.environments.insert((title.clone(), environment));
        }
        seen.titles.insert(title);
    }
}
