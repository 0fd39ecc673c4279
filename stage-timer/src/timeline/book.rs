//! The bookkeeping of a run: which stages there are, which are open, what ends with what. It knows neither clocks nor
//! files; the live timeline and the reader of records both drive it, so both obey the same rules.

use std::sync::Arc;
use std::time::Duration;

use crate::lane::Text;
use crate::record::{Note, StageId, StageRecord};
use crate::{Lane, Outcome, StageKind};

/// What is known of a stage from its first moment on.
#[derive(Debug, Clone, PartialEq)]
pub struct StageInfo {
    pub(crate) id: StageId,
    pub(crate) parent: Option<StageId>,
    pub(crate) name: Text,
    pub(crate) kind: StageKind,
    pub(crate) lane: Lane,
    pub(crate) start: Duration,
}

impl StageInfo {
    /// Its number within the run, from 1 in order of start.
    pub fn id(&self) -> StageId {
        self.id
    }

    /// The stage that it is a part of.
    pub fn parent(&self) -> Option<StageId> {
        self.parent
    }

    /// Its stable name, the key into labels and history.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// Whether it works or waits.
    pub fn kind(&self) -> StageKind {
        self.kind
    }

    /// Its lane.
    pub fn lane(&self) -> &Lane {
        &self.lane
    }

    /// When it started, after the start of the run.
    pub fn start(&self) -> Duration {
        self.start
    }
}

/// Notes that a stage keeps at most: the first half and the latest half of them.
const NOTES: usize = 64;

/// A change of the fraction below this is no news.
const SMALLEST_STEP: f64 = 0.005;

#[derive(Debug, Default)]
pub(crate) struct Book {
    stages: Vec<Entry>,
    /// The numbers of the open stages, in no order; each entry knows its place here.
    open: Vec<StageId>,
    now: Duration,
    outcome: Option<Outcome>,
}

#[derive(Debug)]
struct Entry {
    info: Arc<StageInfo>,
    end: Option<(Duration, Outcome)>,
    place_in_open: usize,
    open_children: u32,
    notes: Vec<Note>,
}

/// Told of every stage that ends, innermost first.
pub(crate) type OnEnd<'a> = &'a mut dyn FnMut(&Arc<StageInfo>, &Outcome);

impl Book {
    /// Notes the time of an event. Time never goes back, whatever the clock or the record says.
    pub(crate) fn advance(&mut self, to: Duration) -> Duration {
        // Whole microseconds, as a record has them: what is read back must equal what was.
        let to = Duration::from_micros(u64::try_from(to.as_micros()).unwrap_or(u64::MAX));
        self.now = self.now.max(to);
        self.now
    }

    pub(crate) fn is_finished(&self) -> bool {
        self.outcome.is_some()
    }

    pub(crate) fn now(&self) -> Duration {
        self.now
    }

    pub(crate) fn is_open(&self, id: StageId) -> bool {
        self.entry(id).is_some_and(|entry| entry.end.is_none())
    }

    pub(crate) fn info(&self, id: StageId) -> Option<&Arc<StageInfo>> {
        self.entry(id).map(|entry| &entry.info)
    }

    /// Opens a stage. A parent that has ended hands the new stage on to its own parent, so that children always lie
    /// inside their parents. `None` once the run is finished.
    pub(crate) fn start(
        &mut self,
        parent: Option<StageId>,
        name: Text,
        kind: StageKind,
        lane: Lane,
    ) -> Option<Arc<StageInfo>> {
        if self.is_finished() {
            return None;
        }
        let mut parent = parent;
        while let Some(id) = parent.filter(|&id| !self.is_open(id)) {
            parent = self.info(id).and_then(|info| info.parent);
        }
        if let Some(entry) = parent.and_then(|id| self.entry_mut(id)) {
            entry.open_children += 1;
        }
        let id = StageId::from_index(self.stages.len());
        let info = Arc::new(StageInfo {
            id,
            parent,
            name,
            kind,
            lane,
            start: self.now,
        });
        self.stages.push(Entry {
            info: Arc::clone(&info),
            end: None,
            place_in_open: self.open.len(),
            open_children: 0,
            notes: Vec::new(),
        });
        self.open.push(id);
        Some(info)
    }

    /// Notes progress; tells whether it was news.
    pub(crate) fn progress(&mut self, id: StageId, fraction: Option<f64>, message: &str) -> bool {
        let at = self.now;
        let Some(entry) = self.entry_mut(id).filter(|entry| entry.end.is_none()) else {
            return false;
        };
        if let Some(last) = entry.notes.last() {
            let moved = match (last.fraction, fraction) {
                (Some(last), Some(new)) => (last - new).abs() >= SMALLEST_STEP || (new >= 1.0 && last < 1.0),
                (None, None) => false,
                _ => true,
            };
            if !moved && last.message == message {
                return false;
            }
        } else if fraction.is_none() && message.is_empty() {
            return false;
        }
        if entry.notes.len() == NOTES {
            entry.notes.remove(NOTES / 2);
        }
        entry.notes.push(Note {
            at,
            fraction,
            message: message.to_owned(),
        });
        true
    }

    /// Ends a stage and whatever is still open inside of it. Ending it again changes nothing.
    pub(crate) fn end(&mut self, id: StageId, outcome: &Outcome, on_end: OnEnd<'_>) {
        let Some(entry) = self.entry(id).filter(|entry| entry.end.is_none()) else {
            return;
        };
        if entry.open_children > 0 {
            let mut inside: Vec<StageId> = self
                .open
                .iter()
                .copied()
                .filter(|&other| self.is_inside(other, id))
                .collect();
            // A child has a higher number than its parent: from the highest down is from the inside out.
            inside.sort_unstable_by(|a, b| b.cmp(a));
            let left_open = left_open(outcome);
            for other in inside {
                self.end_one(other, left_open.clone(), on_end);
            }
        }
        self.end_one(id, outcome.clone(), on_end);
    }

    /// Ends the run and every open stage.
    pub(crate) fn finish(&mut self, outcome: &Outcome, on_end: OnEnd<'_>) {
        let mut open = self.open.clone();
        open.sort_unstable_by(|a, b| b.cmp(a));
        for id in open {
            self.end_one(id, left_open(outcome), on_end);
        }
        self.outcome = Some(outcome.clone());
    }

    /// The stages as a record has them; those still open end now, as aborted.
    pub(crate) fn stages(&self) -> Vec<StageRecord> {
        self.stages
            .iter()
            .map(|entry| {
                let (end, outcome) = entry.end.clone().unwrap_or((self.now, Outcome::Aborted));
                StageRecord {
                    id: entry.info.id,
                    parent: entry.info.parent,
                    name: entry.info.name().to_owned(),
                    kind: entry.info.kind,
                    lane: entry.info.lane.clone(),
                    start: entry.info.start,
                    end,
                    outcome,
                    open: entry.end.is_none(),
                    notes: entry.notes.clone(),
                }
            })
            .collect()
    }

    pub(crate) fn outcome(&self) -> Option<&Outcome> {
        self.outcome.as_ref()
    }

    fn end_one(&mut self, id: StageId, outcome: Outcome, on_end: OnEnd<'_>) {
        let now = self.now;
        let Some(entry) = self.entry_mut(id) else { return };
        on_end(&entry.info, &outcome);
        entry.end = Some((now, outcome));
        let (place, parent) = (entry.place_in_open, entry.info.parent);
        self.open.swap_remove(place);
        if let Some(moved) = self.open.get(place).copied().and_then(|id| self.entry_mut(id)) {
            moved.place_in_open = place;
        }
        if let Some(parent) = parent.and_then(|id| self.entry_mut(id)) {
            parent.open_children -= 1;
        }
    }

    fn is_inside(&self, id: StageId, ancestor: StageId) -> bool {
        let mut next = self.info(id).and_then(|info| info.parent);
        while let Some(parent) = next {
            if parent <= ancestor {
                return parent == ancestor;
            }
            next = self.info(parent).and_then(|info| info.parent);
        }
        false
    }

    fn entry(&self, id: StageId) -> Option<&Entry> {
        self.stages.get(id.index())
    }

    fn entry_mut(&mut self, id: StageId) -> Option<&mut Entry> {
        self.stages.get_mut(id.index())
    }
}

/// How a stage ends that is still open when what surrounds it ends.
fn left_open(surrounding: &Outcome) -> Outcome {
    match surrounding {
        Outcome::Cancelled => Outcome::Cancelled,
        _ => Outcome::Aborted,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn start(book: &mut Book, parent: Option<&Arc<StageInfo>>) -> Arc<StageInfo> {
        book.start(parent.map(|p| p.id), Text::Static("s"), StageKind::Working, Lane::MAIN)
            .unwrap()
    }

    #[test]
    fn what_is_open_inside_a_stage_ends_with_it_from_the_inside_out() {
        let mut book = Book::default();
        let a = start(&mut book, None);
        let b = start(&mut book, Some(&a));
        let c = start(&mut book, Some(&b));
        let other = start(&mut book, None);
        let mut ended = Vec::new();
        book.end(a.id, &Outcome::Ok, &mut |info, outcome| {
            ended.push((info.id, outcome.clone()));
        });
        assert_eq!(
            ended,
            [(c.id, Outcome::Aborted), (b.id, Outcome::Aborted), (a.id, Outcome::Ok)]
        );
        assert!(book.is_open(other.id));
    }

    #[test]
    fn a_child_of_an_ended_stage_goes_to_the_nearest_open_one() {
        let mut book = Book::default();
        let a = start(&mut book, None);
        let b = start(&mut book, Some(&a));
        book.end(b.id, &Outcome::Ok, &mut |_, _| {});
        assert_eq!(start(&mut book, Some(&b)).parent, Some(a.id));
        book.end(a.id, &Outcome::Ok, &mut |_, _| {});
        assert_eq!(start(&mut book, Some(&b)).parent, None);
    }

    #[test]
    fn only_news_is_progress() {
        let mut book = Book::default();
        let a = start(&mut book, None);
        assert!(!book.progress(a.id, None, ""));
        assert!(book.progress(a.id, Some(0.1), "x"));
        assert!(!book.progress(a.id, Some(0.101), "x"));
        assert!(book.progress(a.id, Some(0.101), "y"));
        for i in 0..1000 {
            assert!(book.progress(a.id, None, &i.to_string()));
        }
        assert_eq!(book.stages()[0].notes.len(), NOTES);
        assert_eq!(book.stages()[0].notes.last().unwrap().message, "999");
    }
}
