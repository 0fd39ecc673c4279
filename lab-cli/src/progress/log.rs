//! The log file of a run: the plain lines, whatever the terminal shows, and between them what the libraries say of their work.

use std::fs::File;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tracing_subscriber::fmt::MakeWriter;

/// What the libraries say goes no further than this: a run that waits for days must not fill the disk.
const ROOM: u64 = 32 << 20;

/// Writes a run's lines to `<run>.log`. A log that cannot be written never fails the run. Clones write to the same file.
#[derive(Debug, Clone, Default)]
pub(crate) struct LogFile {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    directory: Option<PathBuf>,
    open: Option<(PathBuf, File)>,
    /// Bytes that the libraries have said.
    chatter: u64,
}

impl LogFile {
    /// The logs of the next runs go to this directory.
    pub(super) fn directory(&self, directory: PathBuf) {
        self.lock().directory = Some(directory);
    }

    /// Starts the log of a run.
    pub(super) fn begin(&self, run: &str) {
        let Some(directory) = self.lock().directory.clone() else {
            return;
        };
        let path = directory.join(format!("{run}.log"));
        // For the user alone: lines can carry what guests print.
        match private_files::append(&path) {
            Ok(file) => {
                let mut inner = self.lock();
                (inner.open, inner.chatter) = (Some((path, file)), 0);
            }
            Err(error) => tracing::warn!(path = %path.display(), %error, "the run's log cannot be written"),
        }
    }

    pub(super) fn path(&self) -> Option<PathBuf> {
        self.lock().open.as_ref().map(|(path, _)| path.clone())
    }

    pub(super) fn write(&self, line: &str) {
        let mut inner = self.lock();
        let Some((path, file)) = &mut inner.open else { return };
        let Err(error) = writeln!(file, "{line}") else { return };
        let path = path.clone();
        inner.open = None;
        // What is said now comes back here.
        drop(inner);
        tracing::warn!(path = %path.display(), %error, "the run's log cannot be written any further");
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One thing that a library says, for `tracing_subscriber`.
pub(crate) struct Chatter {
    log: LogFile,
    line: Vec<u8>,
}

impl Write for Chatter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.line.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Chatter {
    fn drop(&mut self) {
        let mut inner = self.log.lock();
        inner.chatter += self.line.len() as u64;
        if inner.chatter <= ROOM
            && let Some((_, file)) = &mut inner.open
        {
            // The next line of the run itself finds out, and says so.
            let _ = file.write_all(&self.line);
        }
    }
}

impl<'a> MakeWriter<'a> for LogFile {
    type Writer = Chatter;

    fn make_writer(&'a self) -> Chatter {
        Chatter {
            log: self.clone(),
            line: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kept_for_the_user_alone() {
        let dir = tempfile::tempdir().unwrap();
        let log = LogFile::default();
        log.directory(dir.path().to_owned());
        log.write("before the run");
        log.make_writer().write_all(b"before the run\n").unwrap();
        log.begin("up-1");
        log.write("one");
        log.make_writer().write_all(b"said inside\n").unwrap();
        log.write("two");
        let path = log.path().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\nsaid inside\ntwo\n");
        assert!(!private_files::others_can_read(&path).unwrap());
    }

    #[test]
    fn what_libraries_say_without_end_does_not_fill_the_disk() {
        let dir = tempfile::tempdir().unwrap();
        let log = LogFile::default();
        log.directory(dir.path().to_owned());
        log.begin("up-1");
        let line = vec![b'x'; 1 << 20];
        for _ in 0..40 {
            log.make_writer().write_all(&line).unwrap();
        }
        log.write("the end");
        let text = std::fs::read(log.path().unwrap()).unwrap();
        assert!(
            text.len() as u64 <= ROOM + 8 && text.ends_with(b"the end\n"),
            "{}",
            text.len()
        );
    }

    #[test]
    fn a_log_that_cannot_be_opened_is_no_error() {
        let log = LogFile::default();
        log.directory(PathBuf::from("/nonexistent/directory"));
        log.begin("up-1");
        log.write("one");
        assert_eq!(log.path(), None);
    }
}
