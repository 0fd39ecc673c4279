//! Where everything in the picture is.

use std::collections::HashMap;
use std::time::Duration;

use crate::RunRecord;
use crate::analysis::Tree;
use crate::analysis::rows::Rows;

/// Width of the picture in pixels.
pub(super) const WIDTH: f64 = 1200.0;
/// Height of a bar.
pub(super) const BAR: f64 = 20.0;
/// Where the bands begin.
pub(super) const TOP: f64 = 66.0;
/// Room for the time axis.
pub(super) const BOTTOM: f64 = 26.0;
/// Where the time axis begins.
const LEFT: f64 = 170.0;
const RIGHT: f64 = 24.0;
/// From one level of bars to the next.
const LEVEL: f64 = 24.0;
const PADDING: f64 = 8.0;
/// Levels that are drawn of one lane at most.
const MOST_LEVELS: usize = 120;
/// Bars closer together than this are one to the eye.
const SMALLEST: f64 = 0.4;

pub(super) struct Layout {
    pub(super) height: f64,
    pub(super) lanes: Vec<LaneBand>,
    pub(super) bars: Vec<Bar>,
    wall: Duration,
    y: Vec<Option<f64>>,
    has_children: Vec<bool>,
}

pub(super) struct LaneBand {
    pub(super) name: String,
    pub(super) y: f64,
    pub(super) height: f64,
    /// Rows that there was no room for.
    pub(super) hidden: usize,
}

pub(super) struct Bar {
    /// The stage's place in the record.
    pub(super) stage: usize,
    pub(super) x: f64,
    pub(super) y: f64,
    pub(super) width: f64,
    /// Free pixels to its right.
    pub(super) room: f64,
}

impl Layout {
    pub(super) fn of(record: &RunRecord, tree: &Tree) -> Self {
        let rows = Rows::of(record, tree);
        let mut layout = Self {
            height: 0.0,
            lanes: Vec::new(),
            bars: Vec::new(),
            wall: record.wall,
            y: vec![None; record.stages.len()],
            has_children: tree.children.iter().map(|children| !children.is_empty()).collect(),
        };
        let mut y = TOP;
        // For each lane and row, the number of its first level, or none if it is not drawn.
        let mut first_level: Vec<Vec<Option<usize>>> = Vec::new();
        for (lane, levels) in tree.lanes.iter().zip(&rows.levels) {
            let mut next = 0;
            let first: Vec<Option<usize>> = levels
                .iter()
                .map(|&levels| {
                    let first = (next < MOST_LEVELS).then_some(next);
                    next += if first.is_some() { levels } else { 0 };
                    first
                })
                .collect();
            let height = pixels(next.min(MOST_LEVELS)).mul_add(LEVEL, PADDING * 2.0 - (LEVEL - BAR));
            let hidden = first.iter().filter(|first| first.is_none()).count();
            layout.lanes.push(LaneBand {
                name: lane.to_string(),
                y,
                height,
                hidden,
            });
            first_level.push(first);
            y += height;
        }
        layout.height = (y + BOTTOM).max(TOP + BOTTOM + LEVEL);
        layout.place_bars(record, tree, &rows, &first_level);
        layout
    }

    fn place_bars(&mut self, record: &RunRecord, tree: &Tree, rows: &Rows, first_level: &[Vec<Option<usize>>]) {
        // The last bar on each level of each lane, to see how much room it has and whether the next one is visible.
        let mut last: HashMap<(usize, usize), usize> = HashMap::new();
        for (index, stage) in record.stages.iter().enumerate() {
            let (lane, place) = (tree.lane_of[index], rows.places[index]);
            let Some(level) = first_level[lane][place.row].map(|first| first + place.level) else {
                continue;
            };
            if level >= MOST_LEVELS {
                continue;
            }
            let y = pixels(level).mul_add(LEVEL, self.lanes[lane].y + PADDING);
            self.y[index] = Some(y);
            let (x, end) = (self.x(stage.start), self.x(stage.end));
            let previous = last.get(&(lane, level));
            if let Some(previous) = previous.and_then(|&bar| self.bars.get_mut(bar)) {
                previous.room = previous.room.min(x - previous.x - previous.width);
                if end - x < SMALLEST && end - previous.x - previous.width < SMALLEST && stage.outcome.is_success() {
                    continue;
                }
            }
            let width = (end - x).max(1.0);
            last.insert((lane, level), self.bars.len());
            self.bars.push(Bar {
                stage: index,
                x,
                y,
                width,
                room: WIDTH - RIGHT - x - width,
            });
        }
    }

    /// Where a moment is.
    pub(super) fn x(&self, at: Duration) -> f64 {
        super::ratio(at, self.wall).mul_add(WIDTH - LEFT - RIGHT, LEFT)
    }

    pub(super) fn has_children(&self, stage: usize) -> bool {
        self.has_children.get(stage).copied().unwrap_or(false)
    }

    /// Where a stage is, if it is drawn at all.
    pub(super) fn y_of(&self, stage: usize) -> Option<f64> {
        self.y.get(stage).copied().flatten()
    }
}

#[expect(
    clippy::cast_precision_loss,
    reason = "there are at most as many levels as the picture has room for"
)]
fn pixels(levels: usize) -> f64 {
    levels as f64
}
