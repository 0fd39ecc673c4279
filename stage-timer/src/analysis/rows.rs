//! Rows for pictures and threads for traces: within a row, stages either follow one another or lie inside one another.

use std::cmp::Reverse;
use std::collections::{BTreeSet, BinaryHeap};

use super::{Tree, interval};
use crate::RunRecord;

/// Where a stage is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    /// The row within its lane.
    pub(crate) row: usize,
    /// How many stages of the same row enclose it.
    pub(crate) level: usize,
}

#[derive(Debug)]
pub(crate) struct Rows {
    /// By the stage's place in the record.
    pub(crate) places: Vec<Place>,
    /// For each lane, the number of levels of each of its rows.
    pub(crate) levels: Vec<Vec<usize>>,
}

/// The open stages of one row, outermost first: their ends and places in the record.
type Open = Vec<(u64, usize)>;

#[derive(Default)]
struct LaneRows {
    rows: Vec<Open>,
    /// The rows by the end of their innermost open stage; an empty row has no end.
    by_end: BTreeSet<(u64, usize)>,
    ends: BinaryHeap<Reverse<(u64, usize)>>,
    levels: Vec<usize>,
}

const NEVER: u64 = u64::MAX;

impl Rows {
    pub(crate) fn of(record: &RunRecord, tree: &Tree) -> Self {
        let mut lanes: Vec<LaneRows> = tree.lanes.iter().map(|_| LaneRows::default()).collect();
        let mut places: Vec<Place> = Vec::with_capacity(record.stages.len());
        for (index, stage) in record.stages.iter().enumerate() {
            let (from, to) = interval(stage.start, stage.end);
            let parent = stage.parent.map(crate::StageId::index).filter(|&parent| parent < index);
            let lane = &mut lanes[tree.lane_of[index]];
            let parent_row = parent
                .filter(|&p| tree.lane_of[p] == tree.lane_of[index])
                .map(|p| (p, places[p].row));
            lane.close_until(from, parent_row);
            places.push(lane.place(index, to, parent_row));
        }
        Self {
            places,
            levels: lanes.into_iter().map(|lane| lane.levels).collect(),
        }
    }
}

impl LaneRows {
    /// Forgets what ended before `from`. A parent without any length still encloses its children.
    fn close_until(&mut self, from: u64, keep: Option<(usize, usize)>) {
        while let Some(&Reverse((end, row))) = self.ends.peek()
            && end <= from
        {
            self.ends.pop();
            let top = |open: &Open| open.last().map_or(NEVER, |&(end, _)| end);
            self.by_end.remove(&(top(&self.rows[row]), row));
            while self.rows[row]
                .last()
                .is_some_and(|&(end, index)| end <= from && keep != Some((index, row)))
            {
                self.rows[row].pop();
            }
            self.by_end.insert((top(&self.rows[row]), row));
        }
    }

    fn place(&mut self, index: usize, to: u64, parent: Option<(usize, usize)>) -> Place {
        let inside_parent = parent
            .filter(|&(parent, row)| {
                self.rows[row]
                    .last()
                    .is_some_and(|&(end, top)| top == parent && end >= to)
            })
            .map(|(_, row)| row);
        let row = inside_parent.or_else(|| self.free_row()).unwrap_or_else(|| {
            self.rows.push(Vec::new());
            self.levels.push(0);
            self.rows.len() - 1
        });
        let open = &mut self.rows[row];
        self.by_end.remove(&(open.last().map_or(NEVER, |&(end, _)| end), row));
        let level = open.len();
        open.push((to, index));
        self.by_end.insert((to, row));
        self.ends.push(Reverse((to, row)));
        self.levels[row] = self.levels[row].max(level + 1);
        Place { row, level }
    }

    /// The first row in which nothing is open.
    fn free_row(&self) -> Option<usize> {
        self.by_end.range((NEVER, 0)..).next().map(|&(_, row)| row)
    }
}
