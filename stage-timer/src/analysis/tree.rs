//! The stages as a tree, prepared once for everything that walks it. Nothing here recurses: a record from a file may be
//! nested as deeply as it likes.

use std::collections::HashMap;

use super::interval;
use super::intervals::{Interval, union, without};
use crate::{Lane, RunRecord};

/// Indices are those of [`RunRecord::stages`].
#[derive(Debug)]
pub(crate) struct Tree {
    /// The outermost stages in order of start.
    pub(crate) roots: Vec<usize>,
    /// The children of each stage in order of start.
    pub(crate) children: Vec<Vec<usize>>,
    /// How many stages enclose each stage.
    pub(crate) depth: Vec<usize>,
    /// The lanes in order of first use.
    pub(crate) lanes: Vec<Lane>,
    /// The place of each stage's lane in `lanes`.
    pub(crate) lane_of: Vec<usize>,
}

impl Tree {
    pub(crate) fn of(record: &RunRecord) -> Self {
        let count = record.stages.len();
        let mut tree = Self {
            roots: Vec::new(),
            children: vec![Vec::new(); count],
            depth: vec![0; count],
            lanes: Vec::new(),
            lane_of: Vec::with_capacity(count),
        };
        let mut places: HashMap<&str, usize> = HashMap::new();
        for (index, stage) in record.stages.iter().enumerate() {
            let place = *places.entry(stage.lane.as_str()).or_insert_with(|| {
                tree.lanes.push(stage.lane.clone());
                tree.lanes.len() - 1
            });
            tree.lane_of.push(place);
            // A parent comes before its children.
            match stage.parent.map(crate::StageId::index).filter(|&parent| parent < index) {
                Some(parent) => {
                    tree.children[parent].push(index);
                    tree.depth[index] = tree.depth[parent] + 1;
                }
                None => tree.roots.push(index),
            }
        }
        tree
    }

    /// All stages, each one before what is inside of it.
    pub(crate) fn preorder(&self) -> Vec<usize> {
        let mut order = Vec::with_capacity(self.children.len());
        let mut stack: Vec<usize> = self.roots.iter().rev().copied().collect();
        while let Some(index) = stack.pop() {
            order.push(index);
            stack.extend(self.children[index].iter().rev());
        }
        order
    }

    /// The moments at which a stage was open and none inside of it.
    pub(crate) fn own_time(&self, record: &RunRecord, index: usize) -> Vec<Interval> {
        let stage = &record.stages[index];
        let children = self.children[index].iter().map(|&child| {
            let child = &record.stages[child];
            interval(child.start, child.end)
        });
        without(interval(stage.start, stage.end), &union(children.collect()))
    }
}
