//! The log file of a run: the plain lines, whatever the terminal shows.

use std::fs::File;
use std::io::Write as _;
use std::path::PathBuf;

/// Writes a run's lines to `<run>.log`. A log that cannot be written never fails the run.
#[derive(Debug, Default)]
pub(super) struct LogFile {
    directory: Option<PathBuf>,
    open: Option<(PathBuf, File)>,
}

impl LogFile {
    pub(super) fn new(directory: PathBuf) -> Self {
        Self {
            directory: Some(directory),
            open: None,
        }
    }

    /// Starts the log of a run.
    pub(super) fn begin(&mut self, run: &str) {
        let Some(directory) = &self.directory else { return };
        let path = directory.join(format!("{run}.log"));
        // For the user alone: lines can carry what guests print.
        match private_files::append(&path) {
            Ok(file) => self.open = Some((path, file)),
            Err(error) => tracing::warn!(path = %path.display(), %error, "the run's log cannot be written"),
        }
    }

    pub(super) fn path(&self) -> Option<PathBuf> {
        self.open.as_ref().map(|(path, _)| path.clone())
    }

    pub(super) fn write(&mut self, line: &str) {
        let Some((path, file)) = &mut self.open else { return };
        if let Err(error) = writeln!(file, "{line}") {
            tracing::warn!(path = %path.display(), %error, "the run's log cannot be written any further");
            self.open = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_kept_for_the_user_alone() {
        let dir = tempfile::tempdir().unwrap();
        let mut log = LogFile::new(dir.path().to_owned());
        log.write("before the run");
        log.begin("up-1");
        log.write("one");
        log.write("two");
        let path = log.path().unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "one\ntwo\n");
        assert!(!private_files::others_can_read(&path).unwrap());
    }

    #[test]
    fn a_log_that_cannot_be_opened_is_no_error() {
        let mut log = LogFile::new(PathBuf::from("/nonexistent/directory"));
        log.begin("up-1");
        log.write("one");
        assert_eq!(log.path(), None);
    }
}
