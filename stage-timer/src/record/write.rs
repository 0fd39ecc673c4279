//! Writing a record: one `write` per event, so that a killed process loses at most the event it was writing, and one
//! `fdatasync` per stage end, so that a power cut loses little more.
//!
//! Syncing can take tens of milliseconds; a thread of its own does it, so that nobody who ends a stage has to wait.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::JoinHandle;

use super::wire::Line;

#[derive(Debug)]
pub(crate) struct Recorder {
    file: Arc<File>,
    line: Vec<u8>,
    syncer: Option<Syncer>,
}

impl Recorder {
    /// Creates the file, and its directory where that is missing. A file that exists already belongs to another run
    /// and is left alone: `AlreadyExists`.
    pub(crate) fn create(path: &Path) -> io::Result<Self> {
        let parent = path
            .parent()
            .filter(|parent| !parent.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        std::fs::create_dir_all(parent)?;
        let file = create_new(path)?;
        // The name of a new file is on the disk only when its directory is. Not every platform can sync one.
        if let Ok(directory) = File::open(parent) {
            let _ = directory.sync_all();
        }
        Ok(Self {
            file: Arc::new(file),
            line: Vec::with_capacity(256),
            syncer: None,
        })
    }

    pub(crate) fn write(&mut self, line: &Line<'_>) -> io::Result<()> {
        self.line.clear();
        serde_json::to_writer(&mut self.line, line)?;
        self.line.push(b'\n');
        (&*self.file).write_all(&self.line)
    }

    /// Asks for a sync without waiting for it; reports the failure of an earlier one.
    pub(crate) fn sync_soon(&mut self) -> io::Result<()> {
        if self.syncer.is_none() {
            self.syncer = Some(Syncer::spawn(&self.file)?);
        }
        self.syncer.as_ref().map_or(Ok(()), Syncer::request)
    }

    /// Writes everything to the disk and waits for it.
    pub(crate) fn close(self) -> io::Result<()> {
        let earlier = self.syncer.map_or(Ok(()), Syncer::stop);
        self.file.sync_all().and(earlier)
    }
}

/// While the lock is held a reader can tell a run that goes on from one that died.
#[cfg(not(windows))]
fn create_new(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().append(true).create_new(true).open(path)?;
    // Some network file systems know no locks; the record is worth writing all the same.
    let _ = file.try_lock();
    Ok(file)
}

/// On Windows a locked range cannot be read by others. Instead nobody else may open the file for writing.
#[cfg(windows)]
fn create_new(path: &Path) -> io::Result<File> {
    use std::os::windows::fs::OpenOptionsExt as _;
    const FILE_SHARE_READ: u32 = 1;
    const FILE_SHARE_DELETE: u32 = 4;
    OpenOptions::new()
        .append(true)
        .create_new(true)
        .share_mode(FILE_SHARE_READ | FILE_SHARE_DELETE)
        .open(path)
}

/// Whether the writer of this record is still alive, as far as can be told.
#[cfg(not(windows))]
pub(crate) fn is_being_written(path: &Path) -> bool {
    let Ok(file) = File::open(path) else { return false };
    // The lock goes away with the file.
    matches!(file.try_lock_shared(), Err(std::fs::TryLockError::WouldBlock))
}

#[cfg(windows)]
pub(crate) fn is_being_written(path: &Path) -> bool {
    const ERROR_SHARING_VIOLATION: i32 = 32;
    let opened = OpenOptions::new().append(true).open(path);
    opened.is_err_and(|error| error.raw_os_error() == Some(ERROR_SHARING_VIOLATION))
}

#[derive(Debug)]
struct Syncer {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<SyncState>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct SyncState {
    wanted: bool,
    stop: bool,
    failure: Option<io::Error>,
}

impl Syncer {
    fn spawn(file: &Arc<File>) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let (file, theirs) = (Arc::clone(file), Arc::clone(&shared));
        let thread = std::thread::Builder::new()
            .name("stage-timer-sync".to_owned())
            .spawn(move || theirs.run(&file))?;
        Ok(Self {
            shared,
            thread: Some(thread),
        })
    }

    fn request(&self) -> io::Result<()> {
        let mut state = self.shared.state.lock().unwrap_or_else(PoisonError::into_inner);
        state.wanted = true;
        self.shared.changed.notify_one();
        state.failure.take().map_or(Ok(()), Err)
    }

    fn stop(mut self) -> io::Result<()> {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).stop = true;
        self.shared.changed.notify_one();
        if let Some(thread) = self.thread.take() {
            // It cannot panic: it only waits and syncs.
            let _ = thread.join();
        }
        self.shared
            .state
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .failure
            .take()
            .map_or(Ok(()), Err)
    }
}

impl Drop for Syncer {
    fn drop(&mut self) {
        self.shared.state.lock().unwrap_or_else(PoisonError::into_inner).stop = true;
        self.shared.changed.notify_one();
    }
}

impl Shared {
    fn run(&self, file: &File) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while !state.stop {
            if !state.wanted {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
                continue;
            }
            state.wanted = false;
            drop(state);
            let result = file.sync_data();
            state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            if let Err(error) = result {
                state.failure = Some(error);
            }
        }
    }
}
