//! The timeline of a run as a page for a browser.

use std::path::{Path, PathBuf};

use stage_timer::RunRecord;

use crate::files;

/// Writes the picture beside the record. A run is never failed for its picture.
pub(crate) fn write(record: &RunRecord, record_path: &Path) -> Option<PathBuf> {
    let path = record_path.with_extension("html");
    match files::write_private(&path, record.to_html().as_bytes()) {
        Ok(()) => Some(path),
        Err(e) => {
            tracing::warn!(error = %e.one_line(), "the timeline's picture could not be written");
            None
        }
    }
}
