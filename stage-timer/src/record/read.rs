//! Reading a record.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::wire::{FORMAT_VERSION, Line};
use super::write::is_being_written;
use super::{RunRecord, RunState, StageId};
use crate::lane::Text;
use crate::outcome::one_line;
use crate::timeline::Book;
use crate::{Lane, Outcome};

/// A record could not be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadRecordError {
    /// The file could not be read.
    #[error("cannot read the run record {}", path.display())]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The first line does not start a run. An empty file belongs to a run that was killed in its first moment.
    #[error("not a run record: {reason}")]
    NotARecord {
        /// What is there instead.
        reason: String,
    },
    /// A newer version of this crate wrote it, in a way that this one would misunderstand.
    #[error("the run record has format {found}, this program reads up to {FORMAT_VERSION}: update the program")]
    TooNew {
        /// The version of its format.
        found: u32,
    },
}

pub(super) fn read(path: &Path) -> Result<RunRecord, ReadRecordError> {
    let fail = |source| ReadRecordError::File {
        path: path.to_owned(),
        source,
    };
    // Asked before reading: a run that ends in between is seen as finished by its own last line.
    let alive = is_being_written(path);
    let mut file = File::open(path).map_err(fail)?;
    let mut contents = Vec::new();
    file.read_to_end(&mut contents).map_err(fail)?;
    let mut record = parse(&contents)?;
    if alive && record.state == RunState::Interrupted {
        record.state = RunState::Running;
        let since = SystemTime::now()
            .duration_since(record.started.system_time())
            .unwrap_or_default();
        record.move_now(since);
    }
    Ok(record)
}

pub(super) fn parse(contents: &[u8]) -> Result<RunRecord, ReadRecordError> {
    let mut lines = contents.split(|&byte| byte == b'\n');
    let mut record = header(lines.next().unwrap_or_default())?;
    let mut reader = Reader::default();
    let mut bad: Vec<usize> = Vec::new();
    let mut last = 1;
    for (number, line) in (2..).zip(lines) {
        if line.is_empty() {
            continue;
        }
        last = number;
        match serde_json::from_slice(line) {
            Ok(event) => reader.apply(event, &mut record),
            Err(_) => bad.push(number),
        }
    }
    // Only the last line can be torn by a kill, and a torn line has no end.
    if !contents.ends_with(b"\n") && bad.last() == Some(&last) {
        bad.pop();
    }
    if let Some(first) = bad.first() {
        record.damage = Some(format!(
            "{} of {last} lines are not readable, the first is line {first}",
            bad.len()
        ));
    }
    record.wall = reader.book.now();
    record.stages = reader.book.stages();
    if let Some(outcome) = reader.book.outcome() {
        record.outcome = outcome.clone();
        record.state = RunState::Finished;
    }
    Ok(record)
}

/// The part of the header that is read first: a newer one may lack what this version needs.
#[derive(serde::Deserialize)]
struct Versioned {
    event: String,
    version: u32,
}

fn header(line: &[u8]) -> Result<RunRecord, ReadRecordError> {
    if line.is_empty() {
        return Err(ReadRecordError::NotARecord {
            reason: "it is empty".to_owned(),
        });
    }
    let shown = || one_line(&String::from_utf8_lossy(line.get(..80).unwrap_or(line)));
    match serde_json::from_slice::<Versioned>(line) {
        Ok(Versioned { event, version }) if event == "run" && version > FORMAT_VERSION => {
            return Err(ReadRecordError::TooNew { found: version });
        }
        _ => {}
    }
    match serde_json::from_slice::<Line<'_>>(line) {
        Ok(Line::Run {
            id,
            name,
            shape,
            started,
            labels,
            meta,
            ..
        }) => Ok(RunRecord {
            id: id.into_owned(),
            name: name.into_owned(),
            shape: shape.into_owned(),
            started,
            ended: None,
            labels: labels.into_owned(),
            meta: meta.into_owned(),
            wall: Duration::ZERO,
            outcome: Outcome::Aborted,
            state: RunState::Interrupted,
            stages: Vec::new(),
            recording_error: None,
            damage: None,
        }),
        Ok(_) => Err(ReadRecordError::NotARecord {
            reason: format!("its first line starts no run: {}", shown()),
        }),
        Err(error) => Err(ReadRecordError::NotARecord {
            reason: format!("its first line ({}): {error}", shown()),
        }),
    }
}

#[derive(Default)]
struct Reader {
    book: Book,
    /// The file's numbers to the book's: the same, unless lines are missing.
    ids: HashMap<u64, StageId>,
}

impl Reader {
    fn apply(&mut self, event: Line<'_>, record: &mut RunRecord) {
        if self.book.is_finished() {
            return;
        }
        match event {
            Line::Start {
                at_us,
                id,
                parent,
                name,
                kind,
                lane,
            } => {
                self.book.advance(Duration::from_micros(at_us));
                let parent = parent.and_then(|parent| self.ids.get(&parent)).copied();
                let (name, lane) = (Text::new(name.into_owned().into()), Lane::new(lane.into_owned()));
                if let Some(info) = self.book.start(parent, name, kind, lane) {
                    self.ids.insert(id, info.id());
                }
            }
            Line::Progress {
                at_us,
                id,
                fraction,
                message,
            } => {
                self.book.advance(Duration::from_micros(at_us));
                if let Some(&id) = self.ids.get(&id) {
                    self.book.progress(id, fraction, &message);
                }
            }
            Line::End { at_us, id, outcome } => {
                self.book.advance(Duration::from_micros(at_us));
                if let Some(&id) = self.ids.get(&id) {
                    self.book.end(id, &outcome, &mut |_, _| {});
                }
            }
            Line::Finish { at_us, outcome, ended } => {
                self.book.advance(Duration::from_micros(at_us));
                self.book.finish(&outcome, &mut |_, _| {});
                record.ended = Some(ended);
            }
            Line::Run { .. } | Line::RecordingFailed { .. } | Line::Unknown => {}
        }
    }
}

impl RunRecord {
    /// Moves the end of what is known of a run that goes on.
    pub(crate) fn move_now(&mut self, now: Duration) {
        self.wall = self.wall.max(Duration::from_micros(super::wire::micros(now)));
        for stage in self.stages.iter_mut().filter(|stage| stage.open) {
            stage.end = self.wall;
        }
    }
}
